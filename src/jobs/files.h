#ifndef JOBS_FILES_H
#define JOBS_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/digest.h"
#include "base/problem.h"

/*
 * Output files on disk: ROOT/<two of id>/<job id>-<name>. Names are ours. A
 * file has its name and is durable, synced with its folder, when its job's end
 * is stored, and nobody looks at it before that, so it is there whole or not at
 * all. What a crash leaves of a job that has not ended is written anew by its
 * next attempt, or goes with the job. A job has no folder of its own: making
 * one would cost more than its file. Any thread; each file has one writer.
 *
 * What is small is no file on disk at all: it is a row of the database, stored
 * with its job's end (struct files_given; store_read_small(),
 * db_sqlite_small.h).
 *
 * The folder is named by the time in the job's id (bits 16 to 23 of its
 * milliseconds): jobs of the same minute share one, so that one sync serves
 * all that end together, and each gets its turn every 4.7 hours.
 */
struct files;

MUST_USE struct files *files_open(const char *root, int64_t min_free_bytes,
				  struct problem *why);
void files_close(struct files *f);

#define FILES_NAME_MAX 96

/*
 * A file on its way in. Up to so many bytes it stays in memory until it has its
 * name, and is kept as a row or written in one go; a larger one, and one whose
 * descriptor was asked for, is written under a temporary name and renamed. The
 * bound is where that saves nothing any more: larger buffers come fresh from
 * the kernel each time.
 */
#define FILES_MEMORY_MAX ((size_t)64 * 1024 - 1) /* a buffer of 64 KiB */
struct file_sink;

/* PROBLEM_INTERNAL and a detail when the disk is full or below min_free. */
MUST_USE struct file_sink *files_begin(struct files *f, const char *job,
				       int64_t max_bytes, struct problem *why);
/* An unlinked file on the same disk for bytes that are looked at before they
 * are stored: to be used again and again, as deleting a file for each job is
 * dear. -1 on failure; the caller closes it. */
MUST_USE int files_scratch(struct files *f, struct problem *why);
/* A web_call sink: bool (*)(void *, const void *, size_t). False past the
 * ceiling or on a write error. */
bool file_sink_write(void *sink, const void *bytes, size_t n);
/* What was written, while it is in memory; NULL: it is in a file. */
const void *file_sink_memory(const struct file_sink *s, size_t *n);
/* Its file, to read what was written, or to write it by other means; after
 * that file_sink_reread() takes size and digest from what is there, and a
 * failure is told by the commit. -1: it cannot be made. */
int file_sink_fd(struct file_sink *s);
void file_sink_reread(struct file_sink *s);
void file_sink_abort(struct file_sink *s);

/*
 * What a job has given that a power cut would still take. Small files gather
 * here whole: they become rows of the database, in the transaction of the job's
 * end, so that one sync makes both durable, and nothing is ever made, looked
 * for or deleted on disk. Of larger ones that have their names the descriptors
 * are here: the store syncs those of all jobs that end together before it
 * stores the ends, as one commit of the file system's journal serves them all.
 * It belongs to one slot, but for a call of store_succeed(), which lends it to
 * the store. Zeroed, it is empty.
 */
#define FILES_ROWS_MAX	 8
#define FILES_ROWS_BYTES ((size_t)32 * 1024) /* of one job; then: on disk */
#define FILES_OPEN_MAX	 8
#define FILES_OPEN_BYTES ((int64_t)1 << 20) /* of one; then: synced at once */
struct files_given {
	struct files_given *next; /* for files_sync() */
	unsigned row_count;
	struct {
		size_t size;
		char name[FILES_NAME_MAX + 1];
	} rows[FILES_ROWS_MAX];
	struct buf bytes; /* of one after the other */
	char folder[3];	  /* of what is open */
	unsigned open_count;
	int open[FILES_OPEN_MAX];
	bool failed; /* a sync did: the files must not be relied on */
};

/* Frees the sink in both cases. The name is checked: ^[a-z0-9_-]+\.[a-z0-9]+$
 * It is durable after this, or, where it went into `given` (which is not NULL
 * then), with the job's end. All of one `given` are of one job. */
MUST_USE bool file_sink_commit(struct file_sink *s, const char *name,
			       struct files_given *given, int64_t *size,
			       char sha256[DIGEST_HEX_SIZE],
			       struct problem *why);
/* Whether that will sync it itself, which may take long. */
bool file_sink_syncs(const struct file_sink *s,
		     const struct files_given *given);
/* Makes what is open of a whole list durable and closes it; says so in `failed`
 * where it could not. */
void files_sync(struct files *f, struct files_given *list);
/* Empties it: all is durable, or of no use after all. */
void files_given_drop(struct files_given *g);

/* "ab/0193…-image.png" for X-Accel-Redirect; false for a name or id that is
 * not of our making. */
#define FILES_PATH_MAX 160
MUST_USE bool files_path(const char *job, const char *name,
			 char out[FILES_PATH_MAX]);
bool files_exists(struct files *f, const char *job, const char *name);
MUST_USE bool files_remove_job(struct files *f, const char *job,
			       struct problem *why);
/* Hard links every file of one job as one of another (run.reuse), durable. */
MUST_USE bool files_share_job(struct files *f, const char *from, const char *to,
			      struct problem *why);
/* True while the disk has min_free left; looked at often, so it is cheap (one
 * statvfs a second). */
bool files_have_room(struct files *f);
/* Calls fn for each file on disk with the job's id, so more than once for a job
 * with several (the janitor looks for strays). */
void files_each_job(struct files *f, void (*fn)(void *ctx, const char *job),
		    void *ctx);

#endif
