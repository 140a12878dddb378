#include <signal.h>
#include <string.h>

#include "base/box.h"
#include "base/clock.h"
#include "tap.h"

struct shared {
	struct box box;
	int turns;
	bool all_blocked;
	size_t stack;
	char name[16];
};

static void *look(void *arg)
{
	struct shared *s = arg;
	pthread_attr_t attr;
	sigset_t set;

	pthread_sigmask(SIG_SETMASK, NULL, &set);
	pthread_getattr_np(pthread_self(), &attr);
	box_lock(&s->box);
	s->all_blocked =
		sigismember(&set, SIGTERM) && sigismember(&set, SIGHUP);
	pthread_attr_getstacksize(&attr, &s->stack);
	pthread_attr_destroy(&attr);
	s->turns = 1;
	box_wake(&s->box);
	while (s->turns != 2)
		if (!box_wait(&s->box, clock_monotonic_ms() + 60000))
			break;
	pthread_getname_np(pthread_self(), s->name, sizeof(s->name));
	s->turns++;
	box_unlock(&s->box);
	box_wake(&s->box);
	return NULL;
}

int main(void)
{
	struct shared s = {.turns = 0};
	int64_t before = clock_monotonic_ms();
	pthread_t thread;
	sigset_t set;
	bool woken = true;

	box_init(&s.box);
	box_lock(&s.box);
	while (box_wait(&s.box, before + 30))
		;
	ok(clock_monotonic_ms() >= before + 30, "waits until its time");
	ok(!box_wait(&s.box, before), "a time gone by: at once");
	ok(!box_wait(&s.box, -7), "a time below zero: at once");
	thread = box_thread("test-thread", look, &s);
	while (s.turns != 1 && woken)
		woken = box_wait(&s.box, clock_monotonic_ms() + 60000);
	ok(s.turns == 1, "woken by the other thread");
	s.turns = 2;
	box_wake(&s.box);
	while (s.turns != 3 && woken)
		woken = box_wait(&s.box, clock_monotonic_ms() + 60000);
	ok(s.turns == 3, "and the other by us");
	box_unlock(&s.box);
	pthread_join(thread, NULL);
	ok(s.all_blocked, "signals are blocked in the thread");
	ok(s.stack >= 512 * 1024, "it has its stack");
	is_str(s.name, "test-thread", "and its name");
	pthread_sigmask(SIG_SETMASK, NULL, &set);
	ok(!sigismember(&set, SIGTERM), "but not blocked here");
	box_finish(&s.box);
	return tap_done();
}
