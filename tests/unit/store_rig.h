#ifndef TESTS_UNIT_STORE_RIG_H
#define TESTS_UNIT_STORE_RIG_H

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/arena.h"
#include "base/box.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "base/log.h"
#include "jobs/blobs.h"
#include "jobs/files.h"
#include "jobs/job_files.h"
#include "jobs/store.h"
#include "remove_tree.h"
#include "tap.h"

/*
 * A store in a folder of its own, and its asynchronous half made to wait. What
 * the rig itself cannot do aborts. Every wait ends after RIG_MS at the latest:
 * that is a failure, never part of what is tested.
 */
#define RIG_MS 60000

#define rig_must(cond)                                                         \
	do {                                                                   \
		if (!(cond)) {                                                 \
			fprintf(stderr, "# %s:%d: %s\n", __FILE__, __LINE__,   \
				#cond);                                        \
			abort();                                               \
		}                                                              \
	} while (0)

struct rig {
	char folder[64], path[96], root[96], inputs[96];
	struct files *files;
	struct blobs *blobs; /* while the store is open */
	struct store *store;
	struct store_reader *reader;
	struct arena arena;
	store_listener *listen;
	void *listen_ctx;
};

static inline bool rig_try_open(struct rig *r, struct problem *why)
{
	struct store_options o = {.path = r->path,
				  .files = r->files,
				  .listen = r->listen,
				  .listen_ctx = r->listen_ctx};

	o.blobs = r->blobs = blobs_open(r->inputs, r->files, why);
	rig_must(r->blobs != NULL);
	r->store = store_open(&o, why);
	if (r->store == NULL) {
		blobs_close(r->blobs);
		return false;
	}
	r->reader = store_reader_open(r->store, why);
	rig_must(r->reader != NULL);
	return true;
}

static inline void rig_open(struct rig *r)
{
	struct problem why = {0};

	if (!rig_try_open(r, &why)) {
		fprintf(stderr, "# %s: %s\n", why.where, why.detail);
		abort();
	}
}

static inline void rig_close(struct rig *r)
{
	store_reader_close(r->reader);
	store_close(r->store);
	blobs_close(r->blobs);
	r->reader = NULL;
	r->store = NULL;
}

static inline void rig_reopen(struct rig *r)
{
	rig_close(r);
	rig_open(r);
}

/* The folder and the files, no store yet. */
static inline void rig_folder(struct rig *r)
{
	struct problem why = {0};

	*r = (struct rig){0};
	snprintf(r->folder, sizeof(r->folder), "/tmp/comfygate-store-XXXXXX");
	rig_must(mkdtemp(r->folder) != NULL);
	snprintf(r->path, sizeof(r->path), "%s/jobs.db", r->folder);
	snprintf(r->root, sizeof(r->root), "%s/files", r->folder);
	snprintf(r->inputs, sizeof(r->inputs), "%s/blobs", r->folder);
	r->files = files_open(r->root, 0, &why);
	rig_must(r->files != NULL);
	log_set_level(LOG_NONE);
}

static inline void rig_init(struct rig *r)
{
	rig_folder(r);
	rig_open(r);
}

static inline void rig_finish(struct rig *r)
{
	if (r->store != NULL)
		rig_close(r);
	files_close(r->files);
	arena_finish(&r->arena);
	remove_tree(r->folder);
}

/* ---- jobs ---- */

static inline struct job rig_job(void)
{
	struct job j = {.owner = "me",
			.endpoint = "portrait",
			.version = 1,
			.inputs = "{\"steps\":20}",
			.prompt = "{\"3\":{}}",
			.recipe = "{\"outputs\":[]}",
			.pool = "default",
			.max_attempts = 3,
			.keep_ms = 3600000};

	id_v7(j.id);
	j.created_at = clock_wall_ms();
	j.deadline_at = j.created_at + 600000;
	return j;
}

/* ---- answers, waited for ---- */

struct rig_answer {
	struct box box;
	unsigned count;
	enum store_outcome outcome;
	char id[ID_SIZE];
};

static inline void rig_answered(void *ctx, enum store_outcome outcome,
				const char *id)
{
	struct rig_answer *a = ctx;

	box_lock(&a->box);
	a->count++;
	a->outcome = outcome;
	memcpy(a->id, id, sizeof(a->id));
	box_wake(&a->box);
	box_unlock(&a->box);
}

static inline enum store_outcome rig_await(struct rig_answer *a)
{
	int64_t until = clock_monotonic_ms() + RIG_MS;

	box_lock(&a->box);
	while (a->count == 0)
		rig_must(box_wait(&a->box, until) || a->count > 0);
	box_unlock(&a->box);
	box_finish(&a->box);
	return a->outcome;
}

static inline enum store_outcome
rig_insert_as(struct rig *r, const struct job *job, char id[ID_SIZE])
{
	struct rig_answer a = {0};
	enum store_outcome got;

	box_init(&a.box);
	store_insert(r->store, job, rig_answered, &a);
	got = rig_await(&a);
	if (id != NULL)
		memcpy(id, a.id, ID_SIZE);
	return got;
}

static inline enum store_outcome rig_insert(struct rig *r,
					    const struct job *job)
{
	return rig_insert_as(r, job, NULL);
}

static inline enum store_outcome rig_cancel(struct rig *r, const char *id,
					    const char *owner)
{
	struct rig_answer a = {0};

	box_init(&a.box);
	store_cancel(r->store, id, owner, rig_answered, &a);
	return rig_await(&a);
}

static inline enum store_outcome rig_delete(struct rig *r, const char *id,
					    const char *owner)
{
	struct rig_answer a = {0};

	box_init(&a.box);
	store_delete(r->store, id, owner, rig_answered, &a);
	return rig_await(&a);
}

/* ---- the running half ---- */

static inline struct store_claim rig_want(const char *backend)
{
	struct store_claim c = {.backend = backend, .pool = "default"};

	id_v4(c.prompt_id);
	return c;
}

/* A job that must be there. */
static inline bool rig_claim(struct rig *r, const char *backend,
			     struct job *out)
{
	struct store_claim c = rig_want(backend);

	return store_claimed(r->store,
			     store_claim(r->store, &c, &r->arena, out),
			     clock_monotonic_ms() + RIG_MS);
}

/* A job that only has to be ended. */
static inline struct job rig_running(struct rig *r)
{
	struct job j = rig_job(), mine;

	rig_must(rig_insert(r, &j) == STORE_DONE);
	rig_must(rig_claim(r, "gpu", &mine));
	store_note(r->store, mine.id, mine.prompt_id, PHASE_SUBMITTED);
	store_note(r->store, mine.id, mine.prompt_id, PHASE_RAN);
	return mine;
}

/* A claim in a thread of its own. */
struct rig_asking {
	struct rig *r;
	struct store_claim want;
	struct job job;
	struct arena arena;
	pthread_t thread;
	bool got;
	atomic_bool over;
};

static inline void *rig_ask_thread(void *arg)
{
	struct rig_asking *k = arg;
	bool got = store_claimed(
		k->r->store,
		store_claim(k->r->store, &k->want, &k->arena, &k->job),
		clock_monotonic_ms() + RIG_MS);

	k->got = got;
	atomic_store(&k->over, true);
	return NULL;
}

static inline void rig_ask(struct rig *r, struct rig_asking *k,
			   const struct store_claim *want)
{
	*k = (struct rig_asking){.r = r, .want = *want};
	k->thread = box_thread("ask", rig_ask_thread, k);
}

static inline bool rig_is_over(struct rig_asking *k)
{
	return atomic_load(&k->over);
}

/* Whether it got one. */
static inline bool rig_asked(struct rig_asking *k)
{
	struct job theirs;

	pthread_join(k->thread, NULL);
	theirs = k->job;
	job_copy(&k->r->arena, &theirs, &k->job);
	arena_finish(&k->arena);
	return k->got;
}

/* One batch through the store that does nothing. */
static inline void rig_batch(struct rig *r)
{
	char id[ID_SIZE];

	id_v7(id);
	rig_must(rig_cancel(r, id, "nobody") == STORE_UNKNOWN);
}

/* ---- a batch of our making: the store thread is held while we queue ---- */

struct rig_gate {
	struct box box;
	bool in, open;
};

static inline void rig_hold(void *ctx, enum store_outcome outcome,
			    const char *id)
{
	struct rig_gate *g = ctx;

	(void)outcome;
	(void)id;
	box_lock(&g->box);
	g->in = true;
	box_wake(&g->box);
	while (!g->open)
		(void)box_wait(&g->box, clock_monotonic_ms() + RIG_MS);
	box_unlock(&g->box);
}

static inline void rig_gate_close(struct rig *r, struct rig_gate *g)
{
	char id[ID_SIZE];

	id_v7(id);
	*g = (struct rig_gate){0};
	box_init(&g->box);
	store_cancel(r->store, id, "nobody", rig_hold, g);
	box_lock(&g->box);
	while (!g->in)
		(void)box_wait(&g->box, clock_monotonic_ms() + RIG_MS);
	box_unlock(&g->box);
}

static inline void rig_gate_open(struct rig *r, struct rig_gate *g)
{
	box_lock(&g->box);
	g->open = true;
	box_wake(&g->box);
	box_unlock(&g->box);
	rig_batch(r); /* it has left rig_hold() */
	rig_batch(r);
	box_finish(&g->box);
}

/* ---- looking ---- */

static inline bool rig_read(struct rig *r, const char *id, struct job *out)
{
	return store_read(r->reader, id, NULL, &r->arena, out);
}

static inline enum phase rig_phase(struct rig *r, const char *id)
{
	struct job j;

	return rig_read(r, id, &j) ? j.phase : PHASE__COUNT;
}

/* With no file that is still to be made durable. */
static inline bool rig_succeed(struct rig *r, const struct job *j,
			       const char *outputs, int64_t bytes)
{
	struct files_given none = {0};

	return store_succeed(r->store, j, outputs, bytes, &none);
}

static inline bool rig_end(struct rig *r, const struct job *j, enum phase to)
{
	if (to != PHASE_SUCCEEDED)
		return store_end(r->store, j->id, j->prompt_id, to,
				 to == PHASE_FAILED ? "{\"code\":\"timeout\"}"
						    : NULL);
	store_note(r->store, j->id, j->prompt_id, PHASE_SUBMITTED);
	store_note(r->store, j->id, j->prompt_id, PHASE_RAN);
	return rig_succeed(r, j, "{}", 0);
}

static inline void rig_file(struct rig *r, const char *job, const char *name)
{
	char sha[DIGEST_HEX_SIZE];
	struct problem why = {0};
	struct file_sink *s = files_begin(r->files, job, 100, &why);
	int64_t size;

	rig_must(s != NULL && file_sink_write(s, "bytes", 5));
	rig_must(file_sink_commit(s, name, NULL, &size, sha, &why));
}

/* ---- input files ---- */

/* Committed, and pinned once. */
static inline void rig_blob(struct rig *r, const char *text,
			    char sha256[DIGEST_HEX_SIZE])
{
	struct problem why = {0};
	struct blob_draft *d = blob_begin(r->blobs, 1 << 20, &why);
	int64_t size;

	rig_must(d != NULL && blob_write(d, text, strlen(text)));
	rig_must(blob_commit(d, sha256, &size, &why));
}

static inline bool rig_blob_there(struct rig *r, const char *sha256)
{
	int fd = blobs_file(r->blobs, sha256);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* job.files of one file: of that blob, or one that is to be fetched. */
static inline const char *rig_files(struct arena *a, const char *sha256)
{
	static const size_t at[] = {3};
	struct job_file f = {.field = "/photo",
			     .sha256 = sha256,
			     .url = sha256 == NULL ? "https://a/b" : NULL,
			     .at = at,
			     .at_count = 1};
	struct buf b;
	const char *text;

	buf_init(&b, 4096);
	job_files_write(&f, 1, &b);
	text = arena_strdup(a, buf_str(&b));
	buf_finish(&b);
	return text;
}

/* By another connection, as an administrator would. */
static inline bool rig_sql(struct rig *r, const char *sql)
{
	sqlite3 *db;
	bool good = sqlite3_open(r->path, &db) == SQLITE_OK &&
		    sqlite3_busy_timeout(db, RIG_MS) == SQLITE_OK &&
		    sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;

	sqlite3_close(db);
	return good;
}

static inline int rig_number(struct rig *r, const char *sql)
{
	sqlite3_stmt *s = NULL;
	sqlite3 *db;
	int n = -1;

	if (sqlite3_open(r->path, &db) == SQLITE_OK &&
	    sqlite3_busy_timeout(db, RIG_MS) == SQLITE_OK &&
	    sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK &&
	    sqlite3_step(s) == SQLITE_ROW)
		n = sqlite3_column_int(s, 0);
	sqlite3_finalize(s);
	sqlite3_close(db);
	return n;
}

#endif
