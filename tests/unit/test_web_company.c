/* Many fibers that call at the same time: each gets its own answers, and no
 * call of one holds up the others. */
#include "unit/web_rig.h"

#define FIBERS	20
#define CALLS	15
#define FLOODED ((size_t)16 << 20)

static struct web_rig server;

/* ---- the server ---- */

static void flood(int fd)
{
	size_t n = (size_t)1 << 20;
	char *block = mem_alloc(n);

	if (raw_say(fd, "HTTP/1.1 200 OK\r\n\r\n"))
		while (raw_write(fd, block, n))
			;
	free(block);
}

static bool serve(struct web_rig *r, int fd, const char *request,
		  const char *path)
{
	const char *body = strstr(request, "\r\n\r\n") + 4;

	(void)r;
	if (text_starts(path, "/echo/"))
		return rig_reply(fd, "200 OK", path, strlen(path));
	if (text_starts(path, "/mirror/"))
		return rig_reply(fd, "200 OK", body, strlen(body));
	if (text_starts(path, "/close/")) {
		(void)rig_reply(fd, "200 OK\r\nConnection: close", path,
				strlen(path));
		return false;
	}
	if (text_starts(path, "/flood"))
		flood(fd);
	if (text_starts(path, "/silent/"))
		raw_drain(fd);
	return false;
}

/* ---- each with its own ---- */

struct one {
	size_t number;
	size_t wrong;
	int patience;
	struct caller caller;
};

static bool lose_patience(void *ctx)
{
	struct one *o = ctx;

	return --o->patience < 0;
}

/* Its own path, and where there is a body, its own letter. */
static bool is_own(struct one *o, const char *kind, size_t i)
{
	char path[64], body[3000];
	struct web_call call;
	bool sends = strcmp(kind, "mirror") == 0;
	const char *want = sends ? body : path;

	snprintf(path, sizeof(path), "/%s/%zu.%zu", kind, o->number, i);
	memset(body, (int)('a' + o->number), sizeof(body));
	body[sizeof(body) - 1 - o->number] = '\0';
	call = call_of(&o->caller, sends ? "POST" : "GET", server.port, path);
	if (sends) {
		call.body = body;
		call.body_len = strlen(body);
		call.once = i % 2 == 0;
	}
	return run(&o->caller, &call) == WEB_ANSWERED &&
	       strcmp(buf_str(&o->caller.answer.body), want) == 0;
}

static bool is_given_up(struct one *o, bool by_time)
{
	struct web_call call =
		call_of(&o->caller, "GET", server.port, "/silent/");

	if (by_time) {
		/* So early that there may be no connection yet. */
		enum web_outcome outcome;

		call.timeout_ms = 20 + (int64_t)o->number;
		outcome = run(&o->caller, &call);
		return outcome == WEB_TIMED_OUT || outcome == WEB_REFUSED;
	}
	o->patience = 2;
	call.stop = lose_patience;
	call.stop_ctx = o;
	return run(&o->caller, &call) == WEB_STOPPED;
}

static void call_often(void *ctx)
{
	static const char *const kinds[] = {"echo", "mirror", "close"};
	struct one *o = ctx;

	caller_begin(&o->caller);
	for (size_t i = 0; i < CALLS; i++) {
		size_t what = i + o->number;

		if (what % 7 == 3 && o->number % 3 > 0)
			o->wrong += !is_given_up(o, o->number % 3 == 1);
		o->wrong += !is_own(o, kinds[what % COUNT(kinds)], i);
	}
	caller_finish(&o->caller);
}

static void test_many(void)
{
	static struct one all[FIBERS];
	struct fiber_task tasks[FIBERS];

	for (size_t i = 0; i < FIBERS; i++) {
		all[i] = (struct one){.number = i};
		tasks[i] = (struct fiber_task){call_often, &all[i]};
	}
	carrier_join(carrier_start("many", tasks, FIBERS));
	for (size_t i = 0; i < FIBERS; i++)
		ok(all[i].wrong == 0, "fiber %zu: its own answers", i);
}

/* ---- both before one ---- */

/* By fibers of one carrier. */
static unsigned at_once;

static void call_in_vain(void *ctx)
{
	struct caller *c = ctx;
	struct web_call call;

	caller_begin(c);
	call = call_of(c, "GET", server.port, "/silent/");
	call.timeout_ms = 300;
	at_once++;
	(void)run(c, &call);
	ok(at_once == 2, "both are on their way before the first comes back");
	caller_finish(c);
}

static void test_two(void)
{
	static struct caller callers[2];
	const struct fiber_task two[] = {{call_in_vain, &callers[0]},
					 {call_in_vain, &callers[1]}};

	carrier_join(carrier_start("two", two, COUNT(two)));
}

/* ---- one that receives on and on ---- */

static unsigned turns;
static bool over;

struct thirst {
	size_t left;
	unsigned turns; /* when the flood had come */
};

/* So slow that more waits whenever it is done; until others had their turn. */
static bool drink(void *ctx, const void *bytes, size_t n)
{
	struct thirst *t = ctx;

	(void)bytes;
	(void)poll(NULL, 0, 1);
	t->left -= n < t->left ? n : t->left;
	if (t->left > FLOODED / 2)
		t->turns = turns;
	return turns < t->turns + 3 && t->left > 0;
}

static void receive_flood(void *ctx)
{
	static struct caller c;
	struct thirst t = {.left = FLOODED};
	struct web_call call;

	(void)ctx;
	caller_begin(&c);
	call = call_of(&c, "GET", server.port, "/flood");
	call.max_bytes = (size_t)1 << 60;
	call.sink = drink;
	call.sink_ctx = &t;
	ok(run(&c, &call) == WEB_STOPPED && t.left > 0,
	   "others have their turn meanwhile");
	over = true;
	caller_finish(&c);
}

static void take_turns(void *ctx)
{
	(void)ctx;
	for (; !over; turns++)
		fiber_pause(clock_monotonic_ms() + 1);
}

static void test_turns(void)
{
	const struct fiber_task two[] = {{receive_flood, NULL},
					 {take_turns, NULL}};

	carrier_join(carrier_start("two", two, COUNT(two)));
}

int main(void)
{
	rig_start(&server, serve);
	test_two();
	test_many();
	test_turns();
	rig_finish(&server);
	return tap_done();
}
