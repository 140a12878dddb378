#include "base/aside.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/box.h"
#include "base/clock.h"

/* The longest without a look around. */
#define LOOK_MS 60000

/* On the stack of who asks. */
struct errand {
	struct errand *next;
	void (*work)(void *ctx);
	void *ctx;
	bool done;
};

struct aside {
	pthread_t *threads;
	unsigned count;
	struct box box; /* guards what follows, and errands that are done */
	struct errand *first, **last;
	bool closing;
};

static void look_again(struct aside *a)
{
	(void)box_wait(&a->box, clock_monotonic_ms() + LOOK_MS);
}

static struct errand *take(struct aside *a)
{
	struct errand *e = a->first;

	if (e != NULL)
		a->first = e->next;
	if (a->first == NULL)
		a->last = &a->first;
	return e;
}

static void *run(void *arg)
{
	struct aside *a = arg;

	box_lock(&a->box);
	while (!a->closing) {
		struct errand *e = take(a);

		if (e == NULL) {
			look_again(a);
			continue;
		}
		box_unlock(&a->box);
		e->work(e->ctx);
		box_lock(&a->box);
		e->done = true;
		box_wake(&a->box);
	}
	box_unlock(&a->box);
	return NULL;
}

struct aside *aside_start(unsigned threads)
{
	struct aside *a = mem_alloc(sizeof(*a));

	box_init(&a->box);
	a->last = &a->first;
	a->count = threads;
	a->threads = mem_array(threads, sizeof(a->threads[0]));
	for (unsigned i = 0; i < threads; i++)
		a->threads[i] = box_thread("aside", run, a);
	return a;
}

void aside_stop(struct aside *a)
{
	if (a == NULL)
		return;
	box_lock(&a->box);
	a->closing = true;
	box_wake(&a->box);
	box_unlock(&a->box);
	for (unsigned i = 0; i < a->count; i++)
		pthread_join(a->threads[i], NULL);
	box_finish(&a->box);
	free(a->threads);
	free(a);
}

void aside_do(struct aside *a, void (*work)(void *ctx), void *ctx)
{
	struct errand e = {.work = work, .ctx = ctx};

	box_lock(&a->box);
	*a->last = &e;
	a->last = &e.next;
	box_wake(&a->box);
	while (!e.done)
		look_again(a);
	box_unlock(&a->box);
}
