#ifndef JOBS_PACE_H
#define JOBS_PACE_H

#include <stddef.h>
#include <stdint.h>

/*
 * How far apart transactions are while much comes in. Each costs a request to
 * the disk, and for everybody who waits for it a wake-up, in which he finds
 * little else to do. So after a transaction of many ops the next one does not
 * begin at once, but takes what comes in the meantime. After one of few ops it
 * does: a caller alone, or a farm with long jobs, never waits for it.
 *
 * Known elsewhere as commit_delay with commit_siblings (PostgreSQL), and as
 * interrupt moderation in network cards. Pure; called by the store's thread.
 */

/* When the next transaction may begin, where one of so many ops has begun then
 * (monotonic ms). It counts from the beginning, so nothing is added where the
 * disk itself takes that long. */
int64_t pace_next(int64_t begun, size_t ops);

#endif
