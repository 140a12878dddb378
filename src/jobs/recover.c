#include "jobs/recover.h"

#include "base/log.h"
#include "jobs/outputs.h"

struct recovery {
	struct files *files;
	struct problem *why;
	long long seen, written;
};

static bool promised(const struct db_copy *c)
{
	unsigned char sha[DIGEST_SIZE];
	char hex[DIGEST_HEX_SIZE];

	if (c->job[0] == '\0')
		return false;
	digest_sha256(c->bytes, c->size, sha);
	digest_hex(sha, hex);
	return outputs_names(c->outputs, c->name, hex);
}

static bool recover(void *ctx, const struct db_copy *c)
{
	struct recovery *r = ctx;

	r->seen++;
	if (!promised(c) ||
	    files_holds(r->files, c->job, c->name, c->bytes, c->size))
		return true;
	if (!files_restore(r->files, c->job, c->name, c->bytes, c->size,
			   r->why))
		return false;
	r->written++;
	return true;
}

static bool drop_all(struct db *db)
{
	bool good =
		db_begin(db) && db_drop_copies(db, INT64_MAX) && db_commit(db);

	if (!good)
		db_rollback(db);
	return good;
}

bool recover_files(struct files *f, struct db *db, struct problem *why)
{
	struct recovery r = {.files = f, .why = why};
	bool good = db_each_copy(db, recover, &r);

	files_forget_journal(f);
	if (r.written > 0)
		log_event(LOG_WARN, "files.recovered", "count",
			  log_num(r.written), NULL);
	/* What was there as a whole may be in memory alone. */
	if (good && (r.seen == 0 || (files_sync_all(f) && drop_all(db))))
		return true;
	if (why->code == PROBLEM_NONE)
		problem_set(why, PROBLEM_INTERNAL, "output files",
			    "they cannot be made durable");
	return false;
}
