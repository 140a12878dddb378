#include <stdlib.h>

#include "jobs/store_private.h"

struct waiter *waiter_take(struct store *s)
{
	struct waiter *w;

	box_lock(&s->box);
	w = s->waiters;
	if (w != NULL)
		s->waiters = w->next;
	box_unlock(&s->box);
	if (w == NULL) {
		w = mem_alloc(sizeof(*w));
		box_init(&w->box);
	}
	w->told = w->good = false;
	return w;
}

void waiter_give(struct store *s, struct waiter *w)
{
	box_lock(&s->box);
	w->next = s->waiters;
	s->waiters = w;
	box_unlock(&s->box);
}

/* By the time of the wake-up another thread may wait here: it looks, and
 * waits on. */
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
	while (s->waiters != NULL) {
		struct waiter *next = s->waiters->next;

		box_finish(&s->waiters->box);
		free(s->waiters);
		s->waiters = next;
	}
}
