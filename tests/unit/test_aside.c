#include <pthread.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/aside.h"
#include "base/box.h"
#include "base/clock.h"
#include "base/fiber.h"
#include "tap.h"

#define LONG_MS 60000
#define MANY	100

struct scene {
	struct aside *aside;
	struct box box;
	int turn; /* under the box */
	pthread_t asker, worker;
	char said[64];
	int done, sum; /* of many; the fibers' own */
};

static void say(struct scene *s, const char *word)
{
	strncat(s->said, word, sizeof(s->said) - strlen(s->said) - 1);
}

/* Only the other fiber sets the turn: it runs while this is done. */
static void await_turn(void *ctx)
{
	struct scene *s = ctx;

	s->worker = pthread_self();
	box_lock(&s->box);
	while (s->turn == 0)
		(void)box_wait(&s->box, clock_monotonic_ms() + LONG_MS);
	box_unlock(&s->box);
	say(s, "done ");
}

static void ask(void *arg)
{
	struct scene *s = arg;

	s->asker = pthread_self();
	aside_do(s->aside, await_turn, s);
	say(s, "back ");
}

static void meanwhile(void *arg)
{
	struct scene *s = arg;

	box_lock(&s->box);
	s->turn = 1;
	box_wake(&s->box);
	box_unlock(&s->box);
}

static void test_fibers(struct scene *s)
{
	const struct fiber_task two[] = {{ask, s}, {meanwhile, s}};

	carrier_join(carrier_start("test", two, 2));
	is_str(s->said, "done back ", "a fiber is back when the work is done");
	ok(pthread_equal(s->asker, s->worker) == 0,
	   "which was on another thread, while other fibers had their turns");
}

struct one {
	struct scene *s;
	int value;
};

static void double_it(void *ctx)
{
	struct one *o = ctx;

	o->value *= 2;
}

static void ask_for_one(void *arg)
{
	struct one *o = arg;

	aside_do(o->s->aside, double_it, o);
	o->s->sum += o->value;
	o->s->done++;
}

static void test_many(struct scene *s)
{
	struct fiber_task *tasks = mem_array(MANY, sizeof(tasks[0]));
	struct one *all = mem_array(MANY, sizeof(all[0]));

	for (int i = 0; i < MANY; i++) {
		all[i] = (struct one){s, i};
		tasks[i] = (struct fiber_task){ask_for_one, &all[i]};
	}
	carrier_join(carrier_start("many", tasks, MANY));
	ok(s->done == MANY && s->sum == MANY * (MANY - 1),
	   "%d fibers ask two threads, each gets its own back", MANY);
	free(tasks);
	free(all);
}

int main(void)
{
	struct scene s = {.turn = 0};
	struct one one = {&s, 21};

	box_init(&s.box);
	s.aside = aside_start(2);
	test_fibers(&s);
	test_many(&s);
	ask_for_one(&one);
	ok(one.value == 42, "a plain thread may ask, too");
	aside_stop(s.aside);
	aside_stop(NULL);
	box_finish(&s.box);
	return tap_done();
}
