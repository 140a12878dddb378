#ifndef RUN_JANITOR_H
#define RUN_JANITOR_H

#include <stdint.h>

#include "jobs/files.h"
#include "jobs/store.h"

/*
 * One thread that keeps house: ends jobs that still wait at their deadline,
 * removes files whose time is over, and the oldest when all together take more
 * than keep_files_bytes (0: no limit), forgets old rows and uploads, and
 * removes files of jobs that nobody knows any more and input files that nothing
 * names.
 */
struct janitor;

struct janitor *janitor_start(struct store *store, struct files *files,
			      int64_t forget_after_ms,
			      int64_t keep_files_bytes);
void janitor_stop(struct janitor *j);

#endif
