#ifndef JOBS_FILES_PRIVATE_H
#define JOBS_FILES_PRIVATE_H

#include <stdatomic.h>

#include "jobs/files.h"

/* What files.c and files_sync.c share. */
struct files {
	char *root;
	int root_fd;
	int64_t min_free;
	atomic_llong asked_at; /* monotonic ms of the last statvfs */
	atomic_bool room;
};

/* Makes names in "ab" durable; false: errno says why. */
MUST_USE bool files_sync_folder(const struct files *f, const char *folder);

#endif
