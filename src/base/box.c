#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "base/box.h"

#define STACK (512 * 1024)

/* None of these calls fails unless we use it wrongly. */
static void must(int rc)
{
	if (rc != 0)
		abort();
}

pthread_t box_thread(const char *name, void *(*run)(void *), void *arg)
{
	sigset_t all, before;
	pthread_attr_t attr;
	pthread_t thread;

	sigfillset(&all);
	must(pthread_attr_init(&attr));
	must(pthread_attr_setstacksize(&attr, STACK));
	must(pthread_sigmask(SIG_SETMASK, &all, &before));
	must(pthread_create(&thread, &attr, run, arg));
	must(pthread_sigmask(SIG_SETMASK, &before, NULL));
	must(pthread_attr_destroy(&attr));
	pthread_setname_np(thread, name); /* only for who looks with top */
	return thread;
}

void box_init(struct box *b)
{
	pthread_condattr_t attr;

	must(pthread_mutex_init(&b->lock, NULL));
	must(pthread_condattr_init(&attr));
	must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC));
	must(pthread_cond_init(&b->changed, &attr));
	must(pthread_condattr_destroy(&attr));
}

void box_finish(struct box *b)
{
	must(pthread_cond_destroy(&b->changed));
	must(pthread_mutex_destroy(&b->lock));
}

void box_lock(struct box *b)
{
	must(pthread_mutex_lock(&b->lock));
}

void box_unlock(struct box *b)
{
	must(pthread_mutex_unlock(&b->lock));
}

void box_wake(struct box *b)
{
	must(pthread_cond_broadcast(&b->changed));
}

bool box_wait(struct box *b, int64_t until_ms)
{
	struct timespec until;
	int rc;

	if (until_ms < 0)
		until_ms = 0;
	until.tv_sec = (time_t)(until_ms / 1000);
	until.tv_nsec = (long)(until_ms % 1000) * 1000000;
	rc = pthread_cond_timedwait(&b->changed, &b->lock, &until);
	if (rc != ETIMEDOUT)
		must(rc);
	return rc == 0;
}
