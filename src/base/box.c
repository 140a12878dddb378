#include <errno.h>
#include <signal.h>
#include <time.h>

#include "base/box.h"
#include "base/fiber.h"
#include "base/must.h"

#define STACK (512 * 1024)

/* On the stack of the fiber that waits. */
struct box_sleeper {
	struct box_sleeper *next;
	struct fiber *fiber;
};

pthread_t box_thread(const char *name, void *(*run)(void *), void *arg)
{
	sigset_t all, before;
	pthread_attr_t attr;
	pthread_t thread;

	sigfillset(&all);
	must(pthread_attr_init(&attr) == 0);
	must(pthread_attr_setstacksize(&attr, STACK) == 0);
	must(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
	must(pthread_create(&thread, &attr, run, arg) == 0);
	must(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
	must(pthread_attr_destroy(&attr) == 0);
	pthread_setname_np(thread, name); /* only for who looks with top */
	return thread;
}

void box_init(struct box *b)
{
	pthread_condattr_t attr;

	must(pthread_mutex_init(&b->lock, NULL) == 0);
	must(pthread_mutex_init(&b->list_lock, NULL) == 0);
	b->sleepers = NULL;
	atomic_init(&b->sleeping, 0);
	must(pthread_condattr_init(&attr) == 0);
	must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
	must(pthread_cond_init(&b->changed, &attr) == 0);
	must(pthread_condattr_destroy(&attr) == 0);
}

void box_finish(struct box *b)
{
	must(pthread_cond_destroy(&b->changed) == 0);
	must(pthread_mutex_destroy(&b->list_lock) == 0);
	must(pthread_mutex_destroy(&b->lock) == 0);
}

void box_lock(struct box *b)
{
	must(pthread_mutex_lock(&b->lock) == 0);
}

void box_unlock(struct box *b)
{
	must(pthread_mutex_unlock(&b->lock) == 0);
}

static void wake_fibers(struct box *b)
{
	must(pthread_mutex_lock(&b->list_lock) == 0);
	for (struct box_sleeper *s = b->sleepers; s != NULL; s = s->next)
		fiber_wake(s->fiber);
	must(pthread_mutex_unlock(&b->list_lock) == 0);
}

void box_wake(struct box *b)
{
	must(pthread_cond_broadcast(&b->changed) == 0);
	/* Who waits was counted before it let the lock go, under which the news
	 * was made: so it has seen the news, or is seen here. */
	if (atomic_load(&b->sleeping) > 0)
		wake_fibers(b);
}

static void join_sleepers(struct box *b, struct box_sleeper *me)
{
	must(pthread_mutex_lock(&b->list_lock) == 0);
	me->next = b->sleepers;
	b->sleepers = me;
	must(pthread_mutex_unlock(&b->list_lock) == 0);
	atomic_fetch_add(&b->sleeping, 1);
}

static void leave_sleepers(struct box *b, const struct box_sleeper *me)
{
	struct box_sleeper **at;

	must(pthread_mutex_lock(&b->list_lock) == 0);
	for (at = &b->sleepers; *at != me;)
		at = &(*at)->next;
	*at = me->next;
	must(pthread_mutex_unlock(&b->list_lock) == 0);
	atomic_fetch_sub(&b->sleeping, 1);
}

static bool wait_as_fiber(struct box *b, struct fiber *f, int64_t until_ms)
{
	struct box_sleeper me = {.fiber = f};
	bool woken;

	join_sleepers(b, &me);
	box_unlock(b);
	woken = fiber_sleep(until_ms);
	leave_sleepers(b, &me);
	box_lock(b);
	return woken;
}

static bool wait_as_thread(struct box *b, int64_t until_ms)
{
	struct timespec until;
	int rc;

	if (until_ms < 0)
		until_ms = 0;
	until.tv_sec = (time_t)(until_ms / 1000);
	until.tv_nsec = (long)(until_ms % 1000) * 1000000;
	rc = pthread_cond_timedwait(&b->changed, &b->lock, &until);
	must(rc == 0 || rc == ETIMEDOUT);
	return rc == 0;
}

bool box_wait(struct box *b, int64_t until_ms)
{
	struct fiber *f = fiber_self();

	return f != NULL ? wait_as_fiber(b, f, until_ms)
			 : wait_as_thread(b, until_ms);
}
