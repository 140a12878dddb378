#ifndef BASE_TIMERS_H
#define BASE_TIMERS_H

#include <stddef.h>
#include <stdint.h>

/*
 * Deadlines, as a heap of pointers to timers that live in what they time.
 * Setting, moving and stopping one cost log n; 10,000 are nothing. They belong
 * to one thread.
 */
struct timer {
	int64_t at;		       /* monotonic ms */
	size_t place;		       /* in the heap, from 1; 0: not set */
	void (*fire)(struct timer *t); /* the timer is unset before the call */
};

struct timers {
	struct timer **heap; /* heap[1] is the earliest */
	size_t count;
	size_t cap;
};

void timers_finish(struct timers *ts);
void timer_set(struct timers *ts, struct timer *t, int64_t at);
void timer_stop(struct timers *ts, struct timer *t);
/* Milliseconds until the first is due, at most `most`. */
int timers_wait(const struct timers *ts, int64_t now, int most);
/* Fires all that are due. */
void timers_run(struct timers *ts, int64_t now);

#endif
