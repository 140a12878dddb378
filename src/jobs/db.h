#ifndef JOBS_DB_H
#define JOBS_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/problem.h"
#include "jobs/job.h"
#include "jobs/store.h"

/*
 * What the store wants of a database: jobs as rows, one transaction at a time.
 * The store thread alone uses a struct db; each struct db_reader has a
 * connection of its own and one thread. False from a writing function means
 * that the database failed (it is logged there); the store then rolls the
 * transaction back.
 */
struct db;

MUST_USE struct db *db_open(const char *path, struct problem *why);
void db_close(struct db *db);

MUST_USE bool db_begin(struct db *db);
MUST_USE bool db_commit(struct db *db); /* durable when it returns true */
void db_rollback(struct db *db);
/* False: the database has rolled back by itself, after an error. */
MUST_USE bool db_within(const struct db *db);
/* The log is written back to the database file when it has grown, when `idle`
 * earlier. */
void db_checkpoint(struct db *db, bool idle);

/* What the store must know of a row before it moves it. */
struct db_row {
	int64_t seq; /* what the functions that change it call it */
	bool names_blobs;
	struct job job; /* as by db_read(); its texts are in the arena */
};

enum db_found { DB_FOUND, DB_NONE, DB_ERROR };

enum db_found db_row(struct db *db, const char *id, struct arena *a,
		     struct db_row *out);
enum db_found db_by_key(struct db *db, const struct job *job, char id[ID_SIZE],
			struct arena *a, const char **hash);
/* The newest good result with this reuse key since then. */
enum db_found db_reusable(struct db *db, const char *reuse_key, int64_t since,
			  struct arena *a, char id[ID_SIZE],
			  const char **outputs);
MUST_USE bool db_insert(struct db *db, const struct job *job, int64_t *seq);

/* The next job for this claim is claimed; out is as by db_load(). */
enum db_found db_claim(struct db *db, const struct store_claim *c, int64_t now,
		       struct arena *a, struct job *out);
/* When the next queued job may be claimed that may not yet; 0: none. */
int64_t db_next_not_before(struct db *db, int64_t now);
MUST_USE bool db_set_phase(struct db *db, int64_t seq, enum phase phase);
MUST_USE bool db_requeue(struct db *db, int64_t seq, int64_t not_before,
			 bool counted);
MUST_USE bool db_set_cancel(struct db *db, int64_t seq);
/* bytes: what the files in the outputs take. */
MUST_USE bool db_end(struct db *db, int64_t seq, enum phase phase,
		     const char *outputs, int64_t bytes, const char *problem,
		     int64_t now);
/* The same, SUCCEEDED, where the job is in work in this attempt, has come as
 * far as `least` and was not asked to cancel; DB_NONE where not. */
enum db_found db_succeed(struct db *db, int64_t seq, const char *prompt_id,
			 enum phase least, const char *outputs, int64_t bytes,
			 int64_t now);
MUST_USE bool db_delete(struct db *db, const char *id);
/* Everything, seq, prompt, recipe and files too (NULL where they are missing).
 */
enum db_found db_load(struct db *db, const char *id, struct arena *a,
		      struct job *out);

/* At start: every job that has not ended. */
typedef void db_each_fn(void *ctx, const struct job *job);
MUST_USE bool db_each_unended(struct db *db, db_each_fn *fn, void *ctx);

/* Lists of ids for the janitor, at most `max` each; returns how many. */
size_t db_overdue(struct db *db, int64_t now, char (*ids)[ID_SIZE], size_t max);
size_t db_files_due(struct db *db, int64_t now, char (*ids)[ID_SIZE],
		    size_t max);
size_t db_forgettable(struct db *db, int64_t before, char (*ids)[ID_SIZE],
		      size_t max);
/* Wall ms of the next deadline or end of files or of an upload; 0: none. */
int64_t db_next_due(struct db *db);

/* ---- how long output files live (db_sqlite_retention.c) ---- */

MUST_USE bool db_set_files_gone(struct db *db, const char *id);
/* Before a row with files is deleted: where other jobs share them, their size
 * counts with one of those from now on. */
MUST_USE bool db_hand_on_files(struct db *db, const char *id);
/* No job keeps its files longer, those that have ended neither. */
MUST_USE bool db_limit_keep(struct db *db, int64_t keep_ms);

/* ---- small output files (db_sqlite_small.c) ---- */

#define DB_SMALL_MAX 8 /* of one job */
/* The job's file of that name has these bytes; which: 0 to DB_SMALL_MAX - 1,
 * each once. */
MUST_USE bool db_add_small(struct db *db, int64_t seq, unsigned which,
			   const char *name, const void *bytes, size_t size);
enum db_found db_has_small(struct db *db, const char *id, const char *name);
/* The job, just inserted, gets those of the other one, and they count. */
MUST_USE bool db_share_small(struct db *db, const char *from, int64_t seq);
/* The job has none any more; for db_delete() and db_set_files_gone(). */
MUST_USE bool db_drop_small(struct db *db, const char *id);

/* ---- input files (db_sqlite_inputs.c) ---- */

/* The job names this blob; once more is fine. */
MUST_USE bool db_add_job_file(struct db *db, int64_t seq, const char *sha256);
/* Told of each blob that a row named which is gone now. */
typedef void db_dropped_fn(void *ctx, const char *sha256);
/* The job names none any more. */
MUST_USE bool db_drop_job_files(struct db *db, int64_t seq, db_dropped_fn *fn,
				void *ctx);
/* The files are all there: the job waits for a backend. */
MUST_USE bool db_set_fetched(struct db *db, int64_t seq, const char *files);
MUST_USE bool db_add_upload(struct db *db, const struct upload *u);
/* What the owner's uploads take with one more of that size, those that expired
 * too while their row is there; -1: failed. */
int64_t db_upload_bytes(struct db *db, const char *owner, int64_t one_more);
MUST_USE bool db_expire_uploads(struct db *db, int64_t now, size_t max,
				db_dropped_fn *fn, void *ctx);
/* Does any row name it? */
enum db_found db_blob_named(struct db *db, const char *sha256);

struct db_reader;
MUST_USE struct db_reader *db_reader_open(const char *path,
					  struct problem *why);
void db_reader_close(struct db_reader *r);
enum db_found db_read(struct db_reader *r, const char *id, const char *owner,
		      struct arena *a, struct job *out);
unsigned db_position(struct db_reader *r, const struct job *job);
size_t db_list(struct db_reader *r, const struct store_query *q,
	       struct arena *a, struct job *jobs);
/* A small file of a job that succeeded, while its files are there; *bytes in
 * the arena. */
MUST_USE bool db_read_small(struct db_reader *r, const char *id,
			    const char *name, struct arena *a,
			    const char **bytes, size_t *size);
MUST_USE bool db_read_upload(struct db_reader *r, const char *id,
			     const char *owner, int64_t now, struct arena *a,
			     struct upload *out);
size_t db_fetching(struct db_reader *r, const char *after, struct arena *a,
		   struct job *jobs, size_t max);
/* What the output files of all jobs take, small ones too; -1: failed. */
int64_t db_kept_bytes(struct db_reader *r);
struct db_kept {
	char id[ID_SIZE];
	int64_t bytes;
};
/* Jobs that have files and ended until then, the oldest first. */
size_t db_kept_oldest(struct db_reader *r, int64_t until, struct db_kept *out,
		      size_t max);
enum db_found db_reader_blob_named(struct db_reader *r, const char *sha256);

#endif
