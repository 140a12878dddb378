#ifndef JOBS_BLOBS_H
#define JOBS_BLOBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/digest.h"
#include "base/problem.h"
#include "jobs/files.h"

/*
 * Input files on disk, each content once: ROOT/<first two of it>/<sha256>.
 * Written under a name of its own and synced before it is renamed, so a blob
 * is there whole or not at all. Nobody but us reads them (0600).
 *
 * A blob stays while an upload or a job that has not ended names it in the
 * database, or somebody holds a pin. Only the store thread removes one, as it
 * alone knows what the database names; a pin covers the time before the row is
 * committed and any other time in which the file must not go.
 *
 * Any thread; a draft belongs to one at a time. The lock inside guards the
 * pins and the moment in which a name goes, never a read, write or sync.
 */
struct blobs;
struct blob_draft;

/* `room` says whether the disk has room; it outlives the blobs. */
MUST_USE struct blobs *blobs_open(const char *root, struct files *room,
				  struct problem *why);
void blobs_close(struct blobs *b); /* NULL is fine; no draft is left */

/* ---- writing one ---- */

/* NULL: PROBLEM_INTERNAL, also while the disk is as good as full. */
MUST_USE struct blob_draft *blob_begin(struct blobs *b, int64_t max_bytes,
				       struct problem *why);
/* A sink: bool (*)(void *, const void *, size_t). False past the ceiling or on
 * a disk error, and from then on. */
MUST_USE bool blob_write(void *draft, const void *bytes, size_t n);
/* It was the ceiling. */
bool blob_too_large(const struct blob_draft *d);
/* For pread() of what was written so far. */
int blob_fd(const struct blob_draft *d);
/* What it will be called; nothing can be written after this. */
void blob_digest(struct blob_draft *d, char sha256[DIGEST_HEX_SIZE],
		 int64_t *size);
/* Durable when true, and pinned once for the caller, who unpins it after its
 * row is stored (or refused). What is there already under that name and in that
 * size is not written again. False: PROBLEM_TOO_LARGE past the ceiling, else
 * PROBLEM_INTERNAL. Frees the draft in both cases. */
MUST_USE bool blob_commit(struct blob_draft *d, char sha256[DIGEST_HEX_SIZE],
			  int64_t *size, struct problem *why);
void blob_abort(struct blob_draft *d); /* NULL is fine */

/* ---- keeping and reading one; sha256 is text of digest_hex() ---- */

/* False, and no pin: it is not there. Each pin is taken back once. */
MUST_USE bool blobs_pin(struct blobs *b, const char *sha256);
void blobs_unpin(struct blobs *b, const char *sha256);
/* Open for reading, -1: it is not there. The caller closes it. */
MUST_USE int blobs_file(struct blobs *b, const char *sha256);

/* ---- the store's and the janitor's ---- */

/* True: it is not there any more. False: somebody holds a pin (logged: or the
 * disk refused). */
bool blobs_remove_unpinned(struct blobs *b, const char *sha256);
/* Those whose last pin went since the last call, at most max; the rest comes
 * with the next call. Perhaps no row names them. */
size_t blobs_take_loose(struct blobs *b, char (*names)[DIGEST_HEX_SIZE],
			size_t max);
/* Calls fn for each blob on disk. */
void blobs_each(struct blobs *b, void (*fn)(void *ctx, const char *sha256),
		void *ctx);
/* Removes drafts that a process before this one left; returns how many. */
size_t blobs_sweep_drafts(struct blobs *b);

#endif
