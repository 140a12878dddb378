#ifndef BASE_FIBER_H
#define BASE_FIBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/timers.h"

/*
 * Fibers: functions with a stack of their own that take turns on one thread,
 * the carrier. Each is written from top to bottom, as a thread's function is,
 * and gives way where it waits: in box_wait(), web_do(), aside_do(),
 * fiber_readable(), fiber_pause(). So many can wait at once, and one that is
 * woken costs no switch of threads. The slots are fibers (run/pool.c starts
 * their carrier); all other threads are plain ones.
 *
 * What does not wait in one of these ways holds up all fibers of the carrier:
 * long work goes aside (base/aside.h). A lock must not be held while a fiber
 * gives way, but for the box that it waits on.
 *
 * "Carrier's own" below: to be called by one of its fibers, or by a timer or a
 * watch of it.
 */
struct carrier;
struct fiber;

struct fiber_task {
	void (*run)(void *arg);
	void *arg;
};

/* A thread of that name (at most 15 characters) which runs these, until all
 * have returned; each has a stack of 512 KiB. The array is copied, the args are
 * borrowed. Aborts when the system has no thread, memory or descriptor left
 * (only at start). */
struct carrier *carrier_start(const char *name, const struct fiber_task *tasks,
			      size_t count);
/* Waits for its end, and frees it. */
void carrier_join(struct carrier *c);

/* The fiber that runs here; NULL: this is a plain thread. */
struct fiber *fiber_self(void);
/* In a fiber: gives way until somebody wakes it, or until CLOCK_MONOTONIC ms
 * `until_ms`; false when that time is over. A wake that came before is not
 * lost, and some come from what was waited for earlier: look at the state. */
bool fiber_sleep(int64_t until_ms);
/* Any thread, while the fiber runs. */
void fiber_wake(struct fiber *f);

/* Sleeps until then, whoever wakes it. In a fiber and in a plain thread. */
void fiber_pause(int64_t until_ms);
/* poll() of one descriptor for reading: false when the time is over first.
 * In a fiber and in a plain thread. */
bool fiber_readable(int fd, int64_t until_ms);

/* ---- for base/wire.c and wire_dial.c: what is not a fiber's ---- */

/* A descriptor that the carrier looks at between the turns of its fibers.
 * events: EPOLLIN, EPOLLOUT. Carrier's own. */
struct carrier_watch {
	void (*ready)(struct carrier_watch *w, uint32_t events);
	int fd;
	uint32_t events; /* 0: not watched */
};

/* *w is the caller's, zeroed but for `ready`, and stays where it is while it is
 * watched. events 0: not any more. What was reported in the same round may
 * still come for another watch, never for this one. Aborts when the kernel has
 * no memory left for it. */
void carrier_watch(struct carrier_watch *w, int fd, uint32_t events);
/* *t is the caller's likewise; `fire` is called at CLOCK_MONOTONIC ms at_ms. */
void carrier_timer(struct timer *t, int64_t at_ms);
void carrier_timer_stop(struct timer *t);

#endif
