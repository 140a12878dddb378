#ifndef BASE_BOX_H
#define BASE_BOX_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

/*
 * Threads: starting one with all signals blocked, and a condition variable
 * that waits by the monotonic clock. Fibers (base/fiber.h) wait in a box as
 * threads do, and give way meanwhile.
 */

/* A thread with a stack of 512 KiB and a name of at most 15 characters. Aborts
 * when the system has none left (only at start). */
pthread_t box_thread(const char *name, void *(*run)(void *), void *arg);

/* A lock with its condition. Zeroed is not enough: init it. */
struct box {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* Fibers that wait: the list is under a lock of its own, as a wake may
	 * come without the other. Counted under that other. */
	pthread_mutex_t list_lock;
	struct box_sleeper *sleepers;
	atomic_uint sleeping;
};

void box_init(struct box *b);
void box_finish(struct box *b);
void box_lock(struct box *b);
void box_unlock(struct box *b);
void box_wake(struct box *b); /* all waiters; lock held or not */
/* Lock held. Waits for a wake-up or until CLOCK_MONOTONIC ms `until_ms`; false
 * when that time is over. Wakes may be spurious: look at the state again. */
bool box_wait(struct box *b, int64_t until_ms);

#endif
