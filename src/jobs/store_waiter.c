#include <stdlib.h>

#include "base/clock.h"
#include "jobs/store_private.h"

struct waiter *waiter_take(struct store *s)
{
	struct waiter *w;

	box_lock(&s->box);
	w = s->waiters;
	if (w != NULL)
		s->waiters = w->next;
	s->waiting++;
	box_unlock(&s->box);
	if (w == NULL) {
		w = mem_alloc(sizeof(*w));
		box_init(&w->box);
	}
	w->told = w->good = false;
	return w;
}

/* The last that anybody does with the store: a close may wait for it. */
void waiter_give(struct store *s, struct waiter *w)
{
	box_lock(&s->box);
	w->next = s->waiters;
	s->waiters = w;
	s->waiting--;
	if (s->over)
		box_wake(&s->box);
	box_unlock(&s->box);
}

/* By the time of the wake-up somebody else may wait here: he looks, and waits
 * on. */
void waiter_tell(struct waiter *w, bool good)
{
	box_lock(&w->box);
	w->told = true;
	w->good = good;
	box_unlock(&w->box);
	box_wake(&w->box);
}

bool waiter_await(struct waiter *w, int64_t until_ms, bool *good)
{
	bool in_time = true, told;

	box_lock(&w->box);
	while (!w->told && in_time)
		in_time = box_wait(&w->box, until_ms);
	told = w->told;
	*good = w->good;
	box_unlock(&w->box);
	return told;
}

void waiters_free(struct store *s)
{
	/* All have been told: they need no more than a moment to leave. */
	box_lock(&s->box);
	while (s->waiting > 0)
		(void)box_wait(&s->box, clock_monotonic_ms() + 1000);
	box_unlock(&s->box);
	while (s->waiters != NULL) {
		struct waiter *next = s->waiters->next;

		box_finish(&s->waiters->box);
		free(s->waiters);
		s->waiters = next;
	}
}
