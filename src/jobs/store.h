#ifndef JOBS_STORE_H
#define JOBS_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/digest.h"
#include "base/problem.h"
#include "jobs/blobs.h"
#include "jobs/files.h"
#include "jobs/job.h"

/*
 * The jobs on disk. One thread writes: it takes whatever has queued up, makes
 * one transaction of it, syncs once, and tells everybody after COMMIT (group
 * commit). A job that waits for a backend and a slot that waits for a job are
 * matched in that same transaction, so an idle gateway stores and claims a job
 * with one sync. Readers have connections of their own.
 */
struct store;

/* A job that has ended, as store_read() gives it, with the memory of its texts:
 * given away whole. */
struct store_ended {
	struct arena arena;
	struct job job;
};
void store_ended_free(struct store_ended *e); /* NULL is fine */

/*
 * Called by the store thread after each commit, once for every job whose phase
 * changed or whose cancellation was asked for. Must not block: it hands the
 * news on (server_post, a wake-up). `ended` is the listener's from then on;
 * NULL where the job goes on, where its result was there when it came in, and
 * where very much ends together.
 */
typedef void store_listener(void *ctx, const char *id, enum phase phase,
			    bool cancel_asked, struct store_ended *ended);

struct store_options {
	const char *path;
	struct files *files;
	struct blobs *blobs;	/* NULL: no files come in */
	store_listener *listen; /* NULL: nobody */
	void *listen_ctx;
};

/* Opens or creates the database (mode 0600, WAL, synchronous=FULL), brings an
 * older schema up, refuses a newer one; takes a lock so that a second daemon
 * on the same file is refused. Starts the store thread. */
MUST_USE struct store *store_open(const struct store_options *o,
				  struct problem *why);
/* An end or a release that cannot be written now is given up, not insisted
 * on: for a stop while the disk is full. The next start finds those jobs. */
void store_leave(struct store *s);
/* Lets what is queued be written; wakes blocked claims empty-handed. All others
 * that use the store have stopped when this is called. */
void store_close(struct store *s);

/* ---- the answering half: asynchronous, called back on the store thread ----
 * (while the store closes perhaps on the caller's own, with STORE_FAILED) */

enum store_outcome {
	STORE_DONE,
	STORE_REPLAYED,	  /* insert: the key is known; id is the first job's */
	STORE_MISMATCH,	  /* insert: same key, another body */
	STORE_QUEUE_FULL, /* insert */
	STORE_TOO_MANY,	  /* insert: own_limit; upload: the owner's bytes */
	STORE_CANCELING,  /* cancel: it runs; the end will come */
	STORE_ENDED,	  /* cancel: it had ended; delete: done */
	STORE_RUNNING,	  /* delete: it has not ended */
	STORE_UNKNOWN,	  /* no such job of that owner */
	STORE_FAILED,	  /* the database said no (disk full, …): logged */
};

typedef void store_done(void *ctx, enum store_outcome outcome, const char *id);

/* Copies *job. Its phase is FETCHING where a file is still to be fetched, else
 * QUEUED, and where a claim waits for it it is stored as CLAIMED. The blobs
 * that its files name are pinned by the caller until `done`. Durable when
 * `done` says STORE_DONE; the listener hears of it after done. Where a finished
 * job with the same reuse_key exists, the new one is stored as succeeded with
 * its outputs (reused = true). */
void store_insert(struct store *s, const struct job *job, store_done *done,
		  void *ctx);
/* Queued or fetching: ended at once (STORE_DONE). Running: flagged
 * (STORE_CANCELING). */
void store_cancel(struct store *s, const char *id, const char *owner,
		  store_done *done, void *ctx);
/* Forgets an ended job; its files are removed after the commit. */
void store_delete(struct store *s, const char *id, const char *owner,
		  store_done *done, void *ctx);

/* A file that came in ahead of the jobs that name it. Strings as in a job. */
struct upload {
	char id[ID_SIZE];
	const char *owner;
	char sha256[DIGEST_HEX_SIZE]; /* of jobs/blobs.h */
	const char *content_type;     /* "image/png" */
	const char *extension;	      /* "png" */
	int64_t size_bytes;
	int64_t width, height, duration_ms, frames; /* 0: unknown, or none */
	bool alpha;
	int64_t created_at, expires_at; /* wall ms */
};

/* Copies *u; its blob is pinned by the caller until `done`. STORE_TOO_MANY
 * where the owner's uploads together would take more than owner_max_bytes (0:
 * no limit); each counts as 4096 at least. */
void store_add_upload(struct store *s, const struct upload *u,
		      int64_t owner_max_bytes, store_done *done, void *ctx);

/* ---- the running half: blocking until committed, but for store_claim() and
 * store_note(); a fiber gives way meanwhile ---- */

struct store_claim {
	const char *backend; /* its name */
	const char *pool;
	/* The attempt's id, chosen by the slot, stored before it is posted. */
	char prompt_id[ID_SIZE];
	/* Take jobs that this backend has failed, too: nobody else is there. */
	bool alone;
};

/*
 * Asks for a job of the pool: highest priority first, oldest first. After a
 * restart, jobs that this backend had in work come first, in their stored phase
 * and with their own prompt_id (they are not counted as another attempt). The
 * names in *want, *a and *out are kept until store_claimed() has returned; the
 * arena is the claim's alone, and emptied where a job that was found cannot be
 * written.
 */
struct claim;
MUST_USE struct claim *store_claim(struct store *s,
				   const struct store_claim *want,
				   struct arena *a, struct job *out);
/* Waits for it, at most until `until_ms` (monotonic), and frees the claim.
 * True: *out is filled from the arena (prompt and files included), its phase
 * CLAIMED or later. False: time over or closing. */
MUST_USE bool store_claimed(struct store *s, struct claim *c, int64_t until_ms);
/* All that wait for a claim are told false soon (a backend was throttled, a
 * stop). */
void store_wake_claims(struct store *s);

/* The attempt (job id and prompt_id) goes on; not waited for, and written only
 * when the attempt has not ended within a moment. Ignored when it is no longer
 * the job's attempt. */
void store_note(struct store *s, const char *id, const char *prompt_id,
		enum phase phase);
/* Back to the queue: for another attempt, not before `not_before` (wall ms),
 * elsewhere where there is an elsewhere. `counted` false gives the attempt
 * back (nothing was run: no connection). False: it was not this attempt's any
 * more, or the store is left or closing. Waits while nothing can be written. */
MUST_USE bool store_release(struct store *s, const char *id,
			    const char *prompt_id, int64_t not_before,
			    bool counted);
/* The end: FAILED with problem, or CANCELED. Exactly one caller ever gets true
 * for a job. Waits while nothing can be written. */
MUST_USE bool store_end(struct store *s, const char *id, const char *prompt_id,
			enum phase phase, const char *problem);
/* The other end: SUCCEEDED with outputs, whose files take so many bytes, and
 * these are durable, too: small ones as rows of the same commit, others by a
 * sync before it, together with those of others. The job is the one that
 * store_claim() gave, its arena still there, so that it need not be read again.
 * *files is empty after that. False with files->failed: they could not be
 * synced, and nothing has changed. */
MUST_USE bool store_succeed(struct store *s, const struct job *job,
			    const char *outputs, int64_t bytes,
			    struct files_given *files);
/* All files of a job in PHASE_FETCHING are there: it is queued, with `files` in
 * place of those it had; the caller pins their blobs until this returns. False:
 * it was not fetching any more (canceled, overdue), or the store is left or
 * closing. Where they cannot be had, store_end() with "" for the prompt id ends
 * the job. Waits while nothing can be written. */
MUST_USE bool store_fetched(struct store *s, const char *id, const char *files);
/* A job that the last process had in work, that no claim has taken since and
 * whose backend is not in the list goes back to the queue. */
void store_adopt(struct store *s, const char *const *backends, size_t count);

/* ---- the janitor ---- */

/* Ends jobs that still wait at their deadline (problem `timeout`), marks files
 * of ended jobs as gone when their time is over and removes them, forgets
 * rows ended before `forget_before` and uploads that are expired. Blocking; now
 * is wall ms. Returns the wall ms of the next thing due, at most one minute
 * ahead. */
int64_t store_tidy(struct store *s, int64_t now, int64_t forget_before);

struct store_reader;
/* Removes blobs that nothing names or pins, and drafts of a process before this
 * one: what a crash left. Blocking; the reader is the caller's. */
void store_sweep(struct store *s, struct store_reader *r);

/* When the output files of all jobs together take more than max_bytes, those of
 * the jobs that ended first go, until they do not; but none of a job that ended
 * within the last minute. What several jobs share counts once, and goes when
 * all of them have. Blocking; the reader is the caller's own. */
void store_cap_files(struct store *s, struct store_reader *reader, int64_t now,
		     int64_t max_bytes);
/* At start: no job that is stored keeps its files longer than this after its
 * end. False: it could not be written (logged). */
MUST_USE bool store_limit_keep(struct store *s, int64_t keep_ms);

/* ---- readers: one per thread, never blocked by the writer ---- */

MUST_USE struct store_reader *store_reader_open(struct store *s,
						struct problem *why);
void store_reader_close(struct store_reader *r);

/* Everything but the prompt, the recipe and the files. owner NULL: whosever. */
MUST_USE bool store_read(struct store_reader *r, const char *id,
			 const char *owner, struct arena *a, struct job *out);
/* Do files of that job's id belong to nobody? Only a job that succeeded, or has
 * not ended, has some. False also where the database cannot be read. */
MUST_USE bool store_has_strays(struct store_reader *r, const char *job);
/* A small output file of a job that succeeded, while its files are there: its
 * bytes, in the arena. False: there is none; it may be a larger one, on disk
 * (files.h). */
MUST_USE bool store_read_small(struct store_reader *r, const char *job,
			       const char *name, struct arena *a,
			       const char **bytes, size_t *size);
/* 1 for the next to run; 0 when it does not wait; at most 1,000 is counted.
 * Jobs whose files are being fetched stand in line like those that are queued.
 */
unsigned store_position(struct store_reader *r, const struct job *job);

struct store_query {
	const char *owner;
	unsigned phases;      /* bits; 0: all */
	const char *endpoint; /* or NULL */
	const char *before;   /* job id: only older ones; or NULL */
	size_t limit;	      /* 1 to 100 */
};

/* Newest first. Returns the number filled; jobs has room for limit. */
size_t store_list(struct store_reader *r, const struct store_query *q,
		  struct arena *a, struct job *jobs);
/* One of that owner that is not expired at `now` (wall ms). Its blob may go at
 * any time: pin it, and see whether it was there. */
MUST_USE bool store_read_upload(struct store_reader *r, const char *id,
				const char *owner, int64_t now, struct arena *a,
				struct upload *out);
/* Jobs in PHASE_FETCHING in the order in which they came in, after the job
 * `after` ("": from the start; also where that job is forgotten), with recipe
 * and files, without prompt. Returns the number filled, at most max. */
size_t store_fetching(struct store_reader *r, const char *after,
		      struct arena *a, struct job *jobs, size_t max);

#endif
