#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "jobs/store_private.h"

/* ---- one on its way in ---- */

struct upload_op {
	struct op op;
	struct arena arena;
	struct upload upload;
	int64_t owner_max;
	enum store_outcome outcome;
	store_done *done;
	void *ctx;
};

static bool apply_upload(struct store *s, struct op *op)
{
	struct upload_op *o = (struct upload_op *)op;
	int64_t bytes = 0;

	if (o->owner_max != 0)
		bytes = db_upload_bytes(s->db, o->upload.owner,
					o->upload.size_bytes);
	if (bytes < 0)
		return false;
	if (bytes > o->owner_max) {
		o->outcome = STORE_TOO_MANY;
		return true;
	}
	o->outcome = STORE_DONE;
	return db_add_upload(s->db, &o->upload);
}

static void finish_upload(struct store *s, struct op *op, bool committed)
{
	struct upload_op *o = (struct upload_op *)op;

	(void)s;
	o->done(o->ctx, committed ? o->outcome : STORE_FAILED, o->upload.id);
	arena_finish(&o->arena);
	free(o);
}

void store_add_upload(struct store *s, const struct upload *u,
		      int64_t owner_max_bytes, store_done *done, void *ctx)
{
	struct upload_op *o = mem_alloc(sizeof(*o));

	o->op = (struct op){.apply = apply_upload, .finish = finish_upload};
	o->upload = *u;
	o->upload.owner = arena_strdup(&o->arena, u->owner);
	o->upload.content_type = arena_strdup(&o->arena, u->content_type);
	o->upload.extension = arena_strdup(&o->arena, u->extension);
	o->owner_max = owner_max_bytes;
	o->done = done;
	o->ctx = ctx;
	store_queue(s, &o->op);
}

bool store_read_upload(struct store_reader *r, const char *id,
		       const char *owner, int64_t now, struct arena *a,
		       struct upload *out)
{
	return db_read_upload((struct db_reader *)r, id, owner, now, a, out);
}

/* ---- what a crash left ---- */

/* Blobs in one go; the rest is found the next time. As many a transaction as
 * keep nobody waiting for long. */
#define STRAYS_MAX  10000
#define STRAYS_EACH 100

struct strays {
	struct store_reader *reader;
	char (*names)[DIGEST_HEX_SIZE];
	size_t count;
};

static void look_at_blob(void *ctx, const char *sha256)
{
	struct strays *s = ctx;

	if (s->count < STRAYS_MAX &&
	    db_reader_blob_named((struct db_reader *)s->reader, sha256) ==
		    DB_NONE)
		memcpy(s->names[s->count++], sha256, DIGEST_HEX_SIZE);
}

struct dropping {
	struct work work;
	char (*names)[DIGEST_HEX_SIZE];
	size_t count;
};

/* As if each had lost a name just now: the store thread decides. */
static bool apply_dropping(struct store *s, struct op *op)
{
	const struct dropping *d = (const struct dropping *)op;

	for (size_t i = 0; i < d->count; i++)
		names_dropped(s, d->names[i]);
	return true;
}

void store_sweep(struct store *s, struct store_reader *r)
{
	struct strays found = {.reader = r};
	size_t drafts;

	if (s->o.blobs == NULL)
		return;
	found.names = mem_array(STRAYS_MAX, DIGEST_HEX_SIZE);
	drafts = blobs_sweep_drafts(s->o.blobs);
	blobs_each(s->o.blobs, look_at_blob, &found);
	for (size_t at = 0; at < found.count; at += STRAYS_EACH) {
		struct dropping d = {.names = found.names + at,
				     .count = found.count - at};

		if (d.count > STRAYS_EACH)
			d.count = STRAYS_EACH;
		if (!work_carry_out(s, &d.work, apply_dropping))
			break;
	}
	if (found.count + drafts > 0)
		log_event(LOG_INFO, "store.strays", "blobs",
			  log_num((long long)found.count), "drafts",
			  log_num((long long)drafts), NULL);
	free(found.names);
}
