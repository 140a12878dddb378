#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/problem.h"

/*
 * Files, with the care that names from outside need. A problem's `where` is
 * the path, its detail the reason in words; the code is PROBLEM_INTERNAL
 * (NOT_FOUND where the file is missing, TOO_LARGE past the ceiling).
 */

/* The whole file, NUL terminated (the NUL not counted); the caller frees. */
MUST_USE char *file_read(const char *path, size_t max, size_t *len,
			 struct problem *why);
/* Whole or not at all: temporary name beside it, fsync, rename, fsync of the
 * folder. */
MUST_USE bool file_write(const char *path, const void *bytes, size_t len,
			 mode_t mode, struct problem *why);
MUST_USE bool file_make_dirs(const char *path, mode_t mode,
			     struct problem *why);
MUST_USE bool file_sync_dir(const char *path, struct problem *why);
/* Removes a file or a folder with all in it; missing is fine. Follows no
 * symbolic link. */
MUST_USE bool file_remove_tree(const char *path, struct problem *why);
/*
 * Opens `name` below the folder `dirfd`, and nowhere else: "..", absolute
 * names and symbolic links that lead out are refused (openat2,
 * RESOLVE_BENEATH; by checking each component where the kernel lacks it).
 * -1 and errno on failure. Always close-on-exec.
 */
MUST_USE int file_open_beneath(int dirfd, const char *name, int flags,
			       mode_t mode);
/* Bytes free for us on the file system that holds path; -1 unknown. */
int64_t file_free_bytes(const char *path);

#endif
