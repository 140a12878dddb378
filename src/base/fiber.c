#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/box.h"
#include "base/clock.h"
#include "base/fiber.h"
#include "base/fiber_switch.h"
#include "base/must.h"

/* As a thread's: see base/box.h. */
#define STACK	((size_t)512 * 1024)
#define ROUND	64    /* descriptors looked at between two turns */
#define IDLE_MS 60000 /* the longest without a look around */

struct fiber {
	struct carrier *carrier;
	struct fiber_task task;
	struct fiber_stack stack;
	struct timer timer; /* while it sleeps */
	bool over;	    /* its task has returned */
	/* Under the carrier's lock: */
	struct fiber *next; /* in the line of those to run */
	bool woken;	    /* since it slept last */
	bool asleep;	    /* and in no line */
};

struct carrier {
	pthread_t thread;
	struct fiber *fibers;
	size_t count, alive;
	struct timers timers;
	struct fiber_stack stack; /* the thread's own */
	struct fiber *running;
	int epoll;
	struct carrier_watch bell; /* an eventfd: somebody woke a fiber */
	struct epoll_event round[ROUND];
	int round_at, round_count;

	pthread_mutex_t lock;	     /* guards what follows */
	struct fiber *first, **last; /* those to run */
	bool waits;		     /* for descriptors: a wake has to ring */
};

static _Thread_local struct carrier *here;

static void lock(struct carrier *c)
{
	must(pthread_mutex_lock(&c->lock) == 0);
}

static void unlock(struct carrier *c)
{
	must(pthread_mutex_unlock(&c->lock) == 0);
}

struct fiber *fiber_self(void)
{
	return here != NULL ? here->running : NULL;
}

/* ---- the line of those to run; under the lock ---- */

static void line_up(struct carrier *c, struct fiber *f)
{
	f->asleep = false;
	f->next = NULL;
	*c->last = f;
	c->last = &f->next;
}

static struct fiber *take_line(struct carrier *c)
{
	struct fiber *all = c->first;

	c->first = NULL;
	c->last = &c->first;
	return all;
}

static void ring(struct carrier *c)
{
	const uint64_t one = 1;

	must(write(c->bell.fd, &one, sizeof(one)) == (ssize_t)sizeof(one));
}

/* Heard already: it is edge-triggered, so nobody has to read it. */
static void bell_ready(struct carrier_watch *w, uint32_t events)
{
	(void)w;
	(void)events;
}

void fiber_wake(struct fiber *f)
{
	struct carrier *c = f->carrier;
	bool rings = false;

	lock(c);
	f->woken = true;
	if (f->asleep) {
		line_up(c, f);
		rings = c->waits;
		c->waits = false;
	}
	unlock(c);
	if (rings)
		ring(c);
}

static void slept_enough(struct timer *t)
{
	struct fiber *f =
		(struct fiber *)((char *)t - offsetof(struct fiber, timer));
	struct carrier *c = f->carrier;

	lock(c);
	if (f->asleep)
		line_up(c, f);
	unlock(c);
}

bool fiber_sleep(int64_t until_ms)
{
	struct fiber *f = fiber_self();
	struct carrier *c;
	bool woken;

	must(f != NULL);
	c = f->carrier;
	lock(c);
	woken = f->woken;
	f->asleep = !woken;
	f->woken = false;
	unlock(c);
	if (woken)
		return true;
	f->timer.fire = slept_enough;
	timer_set(&c->timers, &f->timer, until_ms);
	fiber_stack_go(&f->stack, &c->stack);
	timer_stop(&c->timers, &f->timer);
	lock(c);
	woken = f->woken;
	f->woken = false;
	unlock(c);
	return woken;
}

/* ---- descriptors ---- */

static void forget_reports(struct carrier *c, const struct carrier_watch *w)
{
	for (int i = c->round_at; i < c->round_count; i++)
		if (c->round[i].data.ptr == w)
			c->round[i].data.ptr = NULL;
}

void carrier_watch(struct carrier_watch *w, int fd, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.ptr = w};
	int how = w->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;

	if (events == w->events)
		return;
	w->fd = fd;
	w->events = events;
	if (events != 0) {
		must(epoll_ctl(here->epoll, how, fd, &e) == 0);
		return;
	}
	forget_reports(here, w);
	/* Where it is closed already it is not watched any more either. */
	(void)epoll_ctl(here->epoll, EPOLL_CTL_DEL, fd, &e);
}

void carrier_timer(struct timer *t, int64_t at_ms)
{
	timer_set(&here->timers, t, at_ms);
}

void carrier_timer_stop(struct timer *t)
{
	timer_stop(&here->timers, t);
}

struct reader {
	struct carrier_watch watch;
	struct fiber *fiber;
	bool ready;
};

static void reader_ready(struct carrier_watch *w, uint32_t events)
{
	struct reader *r = (struct reader *)w;

	(void)events;
	r->ready = true;
	carrier_watch(w, w->fd, 0);
	fiber_wake(r->fiber);
}

/* Milliseconds from now, as poll() takes them. */
static int left_until(int64_t until_ms)
{
	int64_t left = until_ms - clock_monotonic_ms();

	if (left < 0)
		return 0;
	return left < IDLE_MS ? (int)left : IDLE_MS;
}

static bool poll_readable(int fd, int64_t until_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, left_until(until_ms)) > 0;
}

void fiber_pause(int64_t until_ms)
{
	while (clock_monotonic_ms() < until_ms) {
		if (fiber_self() != NULL)
			(void)fiber_sleep(until_ms);
		else
			(void)poll(NULL, 0, left_until(until_ms));
	}
}

bool fiber_readable(int fd, int64_t until_ms)
{
	struct reader r = {.watch.ready = reader_ready, .fiber = fiber_self()};

	if (r.fiber == NULL)
		return poll_readable(fd, until_ms);
	carrier_watch(&r.watch, fd, EPOLLIN);
	while (!r.ready && clock_monotonic_ms() < until_ms)
		(void)fiber_sleep(until_ms);
	carrier_watch(&r.watch, fd, 0);
	return r.ready;
}

/* ---- the carrier ---- */

static void fiber_begin(void *arg)
{
	struct fiber *f = arg;

	fiber_stack_begin(&f->carrier->stack);
	f->task.run(f->task.arg);
	f->over = true;
	fiber_stack_leave(&f->stack, &f->carrier->stack);
}

static void give_turns(struct carrier *c)
{
	struct fiber *f;

	lock(c);
	f = take_line(c);
	unlock(c);
	while (f != NULL) {
		struct fiber *next = f->next;

		c->running = f;
		fiber_stack_go(&c->stack, &f->stack);
		c->running = NULL;
		if (f->over) {
			fiber_stack_free(&f->stack);
			c->alive--;
		}
		f = next;
	}
}

/* How long to wait for descriptors: not at all where somebody is to run. */
static int may_wait(struct carrier *c)
{
	int ms = timers_wait(&c->timers, clock_monotonic_ms(), IDLE_MS);

	lock(c);
	if (c->first != NULL || c->alive == 0)
		ms = 0;
	c->waits = ms > 0;
	unlock(c);
	return ms;
}

static void look_around(struct carrier *c)
{
	int n = epoll_wait(c->epoll, c->round, ROUND, may_wait(c));

	must(n >= 0 || errno == EINTR);
	lock(c);
	c->waits = false;
	unlock(c);
	c->round_count = n > 0 ? n : 0;
	for (c->round_at = 0; c->round_at < c->round_count;) {
		struct epoll_event e = c->round[c->round_at++];
		struct carrier_watch *w = e.data.ptr;

		if (w != NULL)
			w->ready(w, e.events);
	}
	timers_run(&c->timers, clock_monotonic_ms());
}

static void *run(void *arg)
{
	struct carrier *c = arg;

	here = c;
	fiber_stack_here(&c->stack);
	for (size_t i = 0; i < c->count; i++)
		fiber_stack_make(&c->fibers[i].stack, STACK, fiber_begin,
				 &c->fibers[i]);
	carrier_watch(&c->bell, c->bell.fd, EPOLLIN | EPOLLET);
	while (c->alive > 0) {
		give_turns(c);
		look_around(c);
	}
	return NULL;
}

struct carrier *carrier_start(const char *name, const struct fiber_task *tasks,
			      size_t count)
{
	struct carrier *c = mem_alloc(sizeof(*c));

	c->fibers = mem_array(count, sizeof(c->fibers[0]));
	c->count = c->alive = count;
	c->last = &c->first;
	c->epoll = epoll_create1(EPOLL_CLOEXEC);
	c->bell.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	c->bell.ready = bell_ready;
	must(c->epoll >= 0 && c->bell.fd >= 0);
	must(pthread_mutex_init(&c->lock, NULL) == 0);
	for (size_t i = 0; i < count; i++) {
		struct fiber *f = &c->fibers[i];

		f->carrier = c;
		f->task = tasks[i];
		line_up(c, f);
	}
	c->thread = box_thread(name, run, c);
	return c;
}

void carrier_join(struct carrier *c)
{
	must(pthread_join(c->thread, NULL) == 0);
	timers_finish(&c->timers);
	must(pthread_mutex_destroy(&c->lock) == 0);
	close(c->bell.fd);
	close(c->epoll);
	free(c->fibers);
	free(c);
}
