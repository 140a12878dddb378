#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/box.h"
#include "base/clock.h"
#include "base/fiber.h"
#include "tap.h"

#define LONG_MS 60000

/* What the fibers of one test share; they run on one thread, so only what
 * others touch is under a lock. */
struct scene {
	struct box box;
	int turn;
	char said[256];
	int pipe[2];
	pthread_t threads[2];
	atomic_int count;
	bool good, late;
};

static void say(struct scene *s, const char *word)
{
	strncat(s->said, word, sizeof(s->said) - strlen(s->said) - 1);
}

static void scene_init(struct scene *s)
{
	*s = (struct scene){.turn = 0};
	box_init(&s->box);
}

static void play(struct scene *s, void (*first)(void *), void (*second)(void *))
{
	const struct fiber_task tasks[] = {{first, s}, {second, s}};

	carrier_join(carrier_start("test", tasks, second != NULL ? 2 : 1));
	box_finish(&s->box);
}

/* ---- turns ---- */

static void await_turn(struct scene *s, int turn)
{
	box_lock(&s->box);
	while (s->turn != turn)
		if (!box_wait(&s->box, clock_monotonic_ms() + LONG_MS))
			s->late = true;
	box_unlock(&s->box);
}

static void set_turn(struct scene *s, int turn)
{
	box_lock(&s->box);
	s->turn = turn;
	box_wake(&s->box);
	box_unlock(&s->box);
}

static void ping(void *arg)
{
	struct scene *s = arg;

	s->threads[0] = pthread_self();
	for (int i = 0; i < 3; i++) {
		await_turn(s, 2 * i);
		say(s, "ping ");
		set_turn(s, 2 * i + 1);
	}
}

static void pong(void *arg)
{
	struct scene *s = arg;

	s->threads[1] = pthread_self();
	for (int i = 0; i < 3; i++) {
		await_turn(s, 2 * i + 1);
		say(s, "pong ");
		set_turn(s, 2 * i + 2);
	}
}

static void test_turns(void)
{
	struct scene s;

	scene_init(&s);
	play(&s, ping, pong);
	is_str(s.said, "ping pong ping pong ping pong ",
	       "two fibers take turns by a box");
	ok(pthread_equal(s.threads[0], s.threads[1]) != 0, "on one thread");
	ok(!s.late, "and none waited in vain");
	ok(fiber_self() == NULL, "a plain thread is no fiber");
}

/* ---- a thread and a fiber ---- */

static void *answer_from_thread(void *arg)
{
	struct scene *s = arg;

	for (int i = 0; i < 1000; i++) {
		await_turn(s, 2 * i + 1);
		set_turn(s, 2 * i + 2);
	}
	return NULL;
}

static void ask_thread(void *arg)
{
	struct scene *s = arg;
	pthread_t thread = box_thread("other", answer_from_thread, s);

	for (int i = 0; i < 1000; i++) {
		set_turn(s, 2 * i + 1);
		await_turn(s, 2 * i + 2);
	}
	pthread_join(thread, NULL);
	s->good = true;
}

static void test_thread(void)
{
	struct scene s;

	scene_init(&s);
	play(&s, ask_thread, NULL);
	ok(s.good && !s.late, "a fiber and a thread wake each other");
}

/* ---- time ---- */

static void sleep_long(void *arg)
{
	struct scene *s = arg;

	fiber_pause(clock_monotonic_ms() + 40);
	say(s, "long ");
}

static void sleep_short(void *arg)
{
	struct scene *s = arg;
	int64_t until = clock_monotonic_ms() + 10;

	box_lock(&s->box);
	while (box_wait(&s->box, until))
		;
	box_unlock(&s->box);
	s->good = clock_monotonic_ms() >= until;
	say(s, "short ");
}

static void test_time(void)
{
	struct scene s;

	scene_init(&s);
	play(&s, sleep_long, sleep_short);
	is_str(s.said, "short long ", "who sleeps less wakes first");
	ok(s.good, "a box says when the time is over, not before");
}

/* ---- wakes ---- */

static void sleep_woken(void *arg)
{
	struct scene *s = arg;
	struct fiber *me = fiber_self();

	fiber_wake(me);
	fiber_wake(me);
	s->good = fiber_sleep(clock_monotonic_ms() + LONG_MS);
	s->late = fiber_sleep(clock_monotonic_ms());
}

static void test_early_wake(void)
{
	struct scene s;

	scene_init(&s);
	play(&s, sleep_woken, NULL);
	ok(s.good, "a wake that comes before the sleep is not lost");
	ok(!s.late, "two of them are one");
}

/* ---- descriptors ---- */

static void read_pipe(void *arg)
{
	struct scene *s = arg;
	char c;

	s->late = fiber_readable(s->pipe[0], clock_monotonic_ms() + 5);
	set_turn(s, 1);
	s->good = fiber_readable(s->pipe[0], clock_monotonic_ms() + LONG_MS) &&
		  read(s->pipe[0], &c, 1) == 1 && c == 'x';
}

static void write_pipe(void *arg)
{
	struct scene *s = arg;

	await_turn(s, 1);
	s->good = write(s->pipe[1], "x", 1) == 1;
}

static void test_descriptor(void)
{
	struct scene s;

	scene_init(&s);
	ok(pipe(s.pipe) == 0, "a pipe");
	play(&s, read_pipe, write_pipe);
	ok(!s.late, "nothing to read: false when the time is over");
	ok(s.good, "woken by what another fiber writes");
	ok(!fiber_readable(s.pipe[0], clock_monotonic_ms() + 1),
	   "a plain thread may ask, too: nothing");
	ok(write(s.pipe[1], "y", 1) == 1 &&
		   fiber_readable(s.pipe[0], clock_monotonic_ms() + LONG_MS),
	   "… something");
	close(s.pipe[0]);
	close(s.pipe[1]);
}

/* Two watches whose descriptors are ready in the same round: each takes the
 * other out. */
struct rivals {
	struct carrier_watch watch[2];
	struct fiber *fiber;
	int calls;
};

static struct rivals rivals;

static void rival_ready(struct carrier_watch *w, uint32_t events)
{
	rivals.calls += events == EPOLLIN;
	carrier_watch(&rivals.watch[0], rivals.watch[0].fd, 0);
	carrier_watch(&rivals.watch[1], rivals.watch[1].fd, 0);
	(void)w;
	fiber_wake(rivals.fiber);
}

static void watch_rivals(void *arg)
{
	struct scene *s = arg;

	rivals = (struct rivals){.fiber = fiber_self()};
	for (int i = 0; i < 2; i++) {
		rivals.watch[i].ready = rival_ready;
		carrier_watch(&rivals.watch[i], s->pipe[i], EPOLLIN);
	}
	(void)fiber_sleep(clock_monotonic_ms() + LONG_MS);
	fiber_pause(clock_monotonic_ms() + 2);
}

static void test_rivals(void)
{
	struct scene s;
	int a[2] = {-1, -1}, b[2] = {-1, -1};

	scene_init(&s);
	ok(pipe(a) == 0 && pipe(b) == 0 && write(a[1], "x", 1) == 1 &&
		   write(b[1], "x", 1) == 1,
	   "two pipes with something in them");
	s.pipe[0] = a[0];
	s.pipe[1] = b[0];
	play(&s, watch_rivals, NULL);
	ok(rivals.calls == 1,
	   "a watch that was taken out in the same round is not called");
	for (int i = 0; i < 2; i++) {
		close(a[i]);
		close(b[i]);
	}
}

/* ---- many ---- */

#define MANY 500

static void use_stack(void *arg)
{
	struct scene *s = arg;
	volatile char much[300 * 1024];

	for (size_t i = 0; i < sizeof(much); i += 4096)
		much[i] = 1;
	fiber_pause(clock_monotonic_ms() + 1);
	atomic_fetch_add(&s->count, much[4096]);
}

static void test_many(void)
{
	struct fiber_task *tasks = mem_array(MANY, sizeof(tasks[0]));
	struct scene s;

	scene_init(&s);
	for (int i = 0; i < MANY; i++)
		tasks[i] = (struct fiber_task){use_stack, &s};
	carrier_join(carrier_start("many", tasks, MANY));
	ok(atomic_load(&s.count) == MANY, "%d at once, with 300 KB of stack",
	   MANY);
	box_finish(&s.box);
	free(tasks);
}

int main(void)
{
	test_turns();
	test_thread();
	test_time();
	test_early_wake();
	test_descriptor();
	test_rivals();
	test_many();
	return tap_done();
}
