#include <stdlib.h>

#include "base/arena.h"
#include "base/timers.h"

static void put(struct timers *ts, size_t place, struct timer *t)
{
	ts->heap[place] = t;
	t->place = place;
}

static void rise(struct timers *ts, struct timer *t, size_t place)
{
	while (place > 1 && ts->heap[place / 2]->at > t->at) {
		put(ts, place, ts->heap[place / 2]);
		place /= 2;
	}
	put(ts, place, t);
}

static void sink(struct timers *ts, struct timer *t, size_t place)
{
	for (;;) {
		size_t child = 2 * place;

		if (child > ts->count)
			break;
		if (child < ts->count &&
		    ts->heap[child + 1]->at < ts->heap[child]->at)
			child++;
		if (ts->heap[child]->at >= t->at)
			break;
		put(ts, place, ts->heap[child]);
		place = child;
	}
	put(ts, place, t);
}

void timers_finish(struct timers *ts)
{
	free(ts->heap);
	*ts = (struct timers){0};
}

void timer_set(struct timers *ts, struct timer *t, int64_t at)
{
	timer_stop(ts, t);
	if (ts->count + 2 > ts->cap) {
		ts->cap = ts->cap ? 2 * ts->cap : 64;
		ts->heap = mem_resize(ts->heap, ts->cap * sizeof(*ts->heap));
	}
	t->at = at;
	rise(ts, t, ++ts->count);
}

void timer_stop(struct timers *ts, struct timer *t)
{
	size_t place = t->place;
	struct timer *last;

	if (place == 0)
		return;
	t->place = 0;
	last = ts->heap[ts->count--];
	if (last == t)
		return;
	if (place > 1 && ts->heap[place / 2]->at > last->at)
		rise(ts, last, place);
	else
		sink(ts, last, place);
}

int timers_wait(const struct timers *ts, int64_t now, int most)
{
	int64_t left;

	if (ts->count == 0)
		return most;
	left = ts->heap[1]->at - now;
	if (left < 0)
		return 0;
	return left < most ? (int)left : most;
}

void timers_run(struct timers *ts, int64_t now)
{
	while (ts->count > 0 && ts->heap[1]->at <= now) {
		struct timer *t = ts->heap[1];

		timer_stop(ts, t);
		t->fire(t);
	}
}
