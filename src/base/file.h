#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/problem.h"

/*
 * Whole files and folders; names are ours, never from outside. Any thread, and
 * it may wait for the disk. A problem's `where` is the path, its detail the
 * reason in words; the code is PROBLEM_INTERNAL (NOT_FOUND where the file is
 * missing, TOO_LARGE past the ceiling).
 */

/* The whole file, NUL terminated (the NUL not counted); the caller frees. */
MUST_USE char *file_read(const char *path, size_t max, size_t *len,
			 struct problem *why);
/* Whole or not at all: temporary name beside it, fsync, rename, fsync of the
 * folder. */
MUST_USE bool file_write(const char *path, const void *bytes, size_t len,
			 mode_t mode, struct problem *why);
/* Of an open file: all of them, where it stands, or at that offset, which
 * leaves it standing where it does. False: errno says why. */
MUST_USE bool file_write_all(int fd, const void *bytes, size_t n);
MUST_USE bool file_write_at(int fd, const void *bytes, size_t n,
			    int64_t offset);
MUST_USE bool file_make_dirs(const char *path, mode_t mode,
			     struct problem *why);
MUST_USE bool file_sync_dir(const char *path, struct problem *why);
#define FILE_BUCKETS 256
/* The folder and 256 more in it, "00" to "ff", all durable at once, so that
 * nothing that is stored there ever waits for one. Fine when they are there. */
MUST_USE bool file_make_buckets(const char *root, mode_t mode,
				struct problem *why);
/* Bytes free for us on the file system that holds path; -1 unknown. */
int64_t file_free_bytes(const char *path);

#endif
