#ifndef JOBS_JOURNAL_H
#define JOBS_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/digest.h"
#include "base/id.h"
#include "base/problem.h"

/*
 * The bytes of small outputs, once more, in one file: a sync of that makes all
 * outputs of all jobs that end together durable, where each file's own sync
 * would be a journey to the disk. The files themselves are written without one;
 * the kernel brings them to the disk when it likes. After a power cut what is
 * missing of them is taken from here (jobs/recover.h).
 *
 * Two halves take turns. When one is full the other is begun, and the first is
 * free again when the whole file system was synced, which nobody waits for.
 * What stands in a half that is free, or was written over in part, does no
 * harm: a record counts only where a job's row asks for those very bytes.
 *
 * The store's thread adds, the janitor's settles; opened and read before both
 * and closed after them. Only jobs/files.c uses it.
 */
#define JOURNAL_HALF ((size_t)8 * 1024 * 1024)

struct journal;

/* What a crash left in it stays there until it is emptied, or added to. */
MUST_USE struct journal *journal_open(const char *path, struct problem *why);
/* Emptied, too, where it was added to. NULL is fine. */
void journal_close(struct journal *j);
/* Syncs the file system, so that nothing in it is needed any more; while
 * nobody adds. False: it stays as after a crash. */
bool journal_empty(struct journal *j);

/* After that: gives it blocks for all that it may hold. A sync then writes no
 * more than what was added, on ext4 in half the time. Where there is no room
 * for them it grows as it is written. */
void journal_fill(struct journal *j);

/* One output, appended to `to`. */
struct journal_record {
	char job[ID_SIZE];
	const char *name; /* below 97 bytes */
	const void *bytes;
	size_t n; /* below 2^31 */
	unsigned char sha256[DIGEST_SIZE];
};
void journal_put(const struct journal_record *r, struct buf *to);

/* Records as put: durable, or false, for want of room or by a failure of the
 * disk, and then the files must be synced themselves. */
MUST_USE bool journal_add(struct journal *j, const void *records, size_t n);
/* Makes the half that is full free again, if there is one. Where the disk fails
 * at that, neither half is written over any more, nor emptied by the close. */
void journal_settle(struct journal *j);

/* The record at the beginning of these bytes; its size, 0 where there is none
 * that is whole. What it points to is in the bytes, but for the name, which is
 * in `name`. */
#define JOURNAL_NAME_SIZE 97
MUST_USE size_t journal_get(const unsigned char *bytes, size_t n,
			    struct journal_record *out,
			    char name[JOURNAL_NAME_SIZE]);
/* Each record. False as soon as fn is, which says why, or where they cannot be
 * read. */
typedef bool journal_fn(void *ctx, const struct journal_record *r);
MUST_USE bool journal_each(struct journal *j, journal_fn *fn, void *ctx,
			   struct problem *why);

#endif
