/* Bodies that go to a sink: read on threads of their own, whole or not at all,
 * while the loop serves everybody else. */
#include "base/digest.h"
#include "http_rig.h"

#define CALLERS 24

/* What became of all sinks: a test waits for a count. */
static struct {
	struct box box;
	unsigned made, ended, destroyed;
	unsigned elsewhere; /* broken off, not destroyed where it was read */
	bool hold;	    /* the first write waits until this falls */
	unsigned held;
} seen;

struct counting {
	struct body_sink sink;
	size_t most; /* more is refused */
	size_t bytes;
	unsigned long sum;
	pthread_t reader;
	bool ended;
};

static void count(unsigned *what)
{
	box_lock(&seen.box);
	(*what)++;
	box_wake(&seen.box);
	box_unlock(&seen.box);
}

static bool await(const unsigned *what, unsigned n)
{
	int64_t until = clock_monotonic_ms() + FCGI_PATIENCE_MS;
	bool in_time = true, there;

	box_lock(&seen.box);
	while (*what < n && in_time)
		in_time = box_wait(&seen.box, until);
	there = *what >= n;
	box_unlock(&seen.box);
	return there;
}

static void wait_while_held(void)
{
	int64_t until = clock_monotonic_ms() + FCGI_PATIENCE_MS;
	bool in_time = true;

	box_lock(&seen.box);
	if (seen.hold) {
		seen.held++;
		box_wake(&seen.box);
	}
	while (seen.hold && in_time)
		in_time = box_wait(&seen.box, until);
	box_unlock(&seen.box);
}

static void set_hold(bool hold)
{
	box_lock(&seen.box);
	seen.hold = hold;
	box_wake(&seen.box);
	box_unlock(&seen.box);
}

static bool sink_write(struct body_sink *s, const void *bytes, size_t n)
{
	struct counting *c = (struct counting *)(void *)s;
	const unsigned char *at = bytes;

	wait_while_held();
	c->reader = pthread_self();
	c->bytes += n;
	for (size_t i = 0; i < n; i++)
		c->sum += at[i];
	return c->bytes <= c->most;
}

static void sink_end(struct body_sink *s)
{
	((struct counting *)(void *)s)->ended = true;
	count(&seen.ended);
}

static void sink_destroy(struct body_sink *s)
{
	const struct counting *c = (struct counting *)(void *)s;

	if (!c->ended && c->bytes > 0 &&
	    !pthread_equal(c->reader, pthread_self()))
		count(&seen.elsewhere);
	free(s);
	count(&seen.destroyed);
}

static struct body_sink *head(void *ctx, struct exchange *x)
{
	struct counting *c;

	(void)ctx;
	if (strcmp(exchange_request(x)->path, "/sink") != 0)
		return NULL;
	c = mem_alloc(sizeof(*c));
	c->sink = (struct body_sink){sink_write, sink_end, sink_destroy};
	c->most = strcmp(exchange_request(x)->query, "few") == 0 ? 1000
								 : SIZE_MAX;
	count(&seen.made);
	return &c->sink;
}

static void handle(void *ctx, struct exchange *x)
{
	const struct counting *c =
		(const struct counting *)(const void *)exchange_sink(x);
	char text[100];

	if (exchange_request(x)->body_refused) {
		rig_text(x, 503, "refused");
	} else if (c == NULL) {
		rig_handle(ctx, x);
	} else {
		snprintf(text, sizeof(text), "%zu %lu %d", c->bytes, c->sum,
			 c->ended);
		rig_text(x, 200, text);
	}
}

static struct rig *start(size_t most, int64_t timeout_ms)
{
	struct server_options o = rig_options();

	o.head = head;
	o.body_threads = 2;
	o.max_bodies = most;
	o.read_timeout_ms = timeout_ms;
	o.max_body_bytes = 1000;
	return rig_start_with(&o, handle);
}

static char *make_body(size_t n, char answer[100])
{
	char *body = mem_alloc(n + 1);
	unsigned long sum = 0;

	for (size_t i = 0; i < n; i++) {
		body[i] = (char)('a' + i % 23);
		sum += (unsigned char)body[i];
	}
	snprintf(answer, 100, "%zu %lu 1", n, sum);
	return body;
}

static void test_sizes(struct rig *g)
{
	static const size_t sizes[] = {0, 1, 32768, 32769, 65536, 3 << 20};
	int fd = rig_connect(g);

	for (size_t i = 0; i < COUNT(sizes); i++) {
		char want[100], *body = make_body(sizes[i], want);

		rig_send(fd, 1, true, "POST", "/sink", NULL, body, sizes[i]);
		ok(rig_expect(fd, 1, 200, want), "a body of %zu bytes",
		   sizes[i]);
		rig_get(fd, 2, "/hello", "between");
		ok(rig_expect(fd, 2, 200, "between"), "the next on it");
		free(body);
	}
	close(fd);
	ok(await(&seen.destroyed, seen.made), "every sink is destroyed");
}

static void test_bytewise(struct rig *g)
{
	char want[100], *body = make_body(50, want);
	int fd = rig_connect(g);
	struct buf wire;

	buf_init(&wire, 65536);
	fcgi_request(&wire, 1, true, "POST", "/sink", NULL, body, 50);
	for (size_t i = 0; i < wire.len; i++)
		fcgi_send(fd, wire.at + i, 1);
	ok(rig_expect(fd, 1, 200, want), "byte by byte");
	buf_finish(&wire);
	free(body);
	close(fd);
}

/* One who says enough is sent no more, and the caller still hears. */
static void test_enough(struct rig *g)
{
	char want[100], *body = make_body(200000, want);
	struct fcgi_answer a;
	int fd = rig_connect(g);

	rig_send(fd, 1, true, "POST", "/sink?few", NULL, body, 200000);
	fcgi_read(fd, &a);
	ok(fcgi_status(&a) == 200 && strcmp(fcgi_body(&a), want) != 0 &&
		   strtoul(fcgi_body(&a), NULL, 10) < 200000,
	   "no more after enough: %s", fcgi_body(&a));
	fcgi_answer_finish(&a);
	free(body);
	close(fd);
}

static void test_memory_as_ever(struct rig *g)
{
	char want[100], *body = make_body(2000, want);
	int fd = rig_connect(g);

	rig_send(fd, 1, true, "POST", "/echo", NULL, "in memory", 9);
	ok(rig_expect(fd, 1, 200, "in memory"), "a body without a sink");
	rig_send(fd, 2, true, "POST", "/echo", NULL, body, 2000);
	ok(rig_expect(fd, 2, 413, ""), "… and one past its ceiling");
	free(body);
	close(fd);
}

static void *call(void *arg)
{
	struct rig *g = arg;
	char want[100], *body = make_body(1 << 20, want);
	int fd = rig_connect(g);
	size_t right = 0;

	for (int i = 0; i < 4; i++) {
		rig_send(fd, 7, true, "POST", "/sink", NULL, body, 1 << 20);
		right += rig_expect(fd, 7, 200, want);
	}
	close(fd);
	free(body);
	return (void *)right;
}

static void test_parallel(struct rig *g)
{
	pthread_t t[CALLERS];
	size_t right = 0;

	for (size_t i = 0; i < CALLERS; i++)
		pthread_create(&t[i], NULL, call, g);
	for (size_t i = 0; i < CALLERS; i++) {
		void *mine;

		pthread_join(t[i], &mine);
		right += (size_t)mine;
	}
	ok(right == (size_t)CALLERS * 4, "%d callers, 4 MiB each", CALLERS);
}

/* The head of a request and `n` bytes of a body that says no end. */
static int send_part(struct rig *g, size_t n)
{
	char want[100], *body = make_body(n, want);
	int fd = rig_connect(g);
	struct buf wire;

	buf_init(&wire, 1 << 20);
	fcgi_request(&wire, 1, true, "POST", "/sink", NULL, body, n);
	fcgi_send(fd, wire.at, wire.len - 8);
	buf_finish(&wire);
	free(body);
	return fd;
}

static void test_hang_up(struct rig *g)
{
	unsigned made = seen.made;
	int fd = send_part(g, 100000);

	ok(await(&seen.made, made + 1), "a body begins");
	close(fd);
	ok(await(&seen.destroyed, made + 1), "its caller hangs up: it is gone");
	fd = rig_connect(g);
	rig_get(fd, 1, "/hello", "after");
	ok(rig_expect(fd, 1, 200, "after"), "the others do not notice");
	close(fd);
}

/* The beginning of a body and the hang-up are found at once. */
static void test_hang_up_at_once(struct rig *g)
{
	unsigned made = seen.made;
	struct rig_hold h;

	rig_hold_begin(&h, g);
	close(send_part(g, 100000));
	rig_hold_end(&h);
	ok(await(&seen.destroyed, made + 1) && seen.ended < seen.made,
	   "one who is gone already when his body begins");
	box_finish(&h.box);
}

static void test_garbage(struct rig *g)
{
	unsigned made = seen.made;
	int fd = send_part(g, 70000);
	char byte;

	fcgi_send(fd, "\1\1\0\1\0\10\0\0", 8);
	ok(fcgi_take(fd, &byte, 1) == 0, "garbage in a body ends it");
	ok(await(&seen.destroyed, made + 1), "… and its sink");
	close(fd);
}

/* While every body thread is held, the loop serves, and what is too much is
 * turned away. */
static void test_full(struct rig *g)
{
	char want[100], *body = make_body(100, want);
	char more[100], *large = make_body(100000, more);
	unsigned made = seen.made;
	int fd[4], one = rig_connect(g);

	set_hold(true);
	for (int i = 0; i < 4; i++)
		fd[i] = send_part(g, 100);
	ok(await(&seen.made, made + 4) && await(&seen.held, 2),
	   "two are read, two wait");
	rig_get(one, 1, "/hello", "served");
	ok(rig_expect(one, 1, 200, "served"), "the loop serves meanwhile");
	rig_send(one, 2, true, "POST", "/sink", NULL, body, 100);
	ok(rig_expect(one, 2, 503, "refused"), "a fifth is turned away");
	rig_send(one, 2, true, "POST", "/sink", NULL, large, 100000);
	ok(rig_expect(one, 2, 503, "refused"), "… however large");
	set_hold(false);
	for (int i = 0; i < 4; i++) {
		fcgi_send(fd[i], "\1\5\0\1\0\0\0\0", 8);
		ok(rig_expect(fd[i], 1, 200, want), "one that waited");
		close(fd[i]);
	}
	rig_send(one, 3, true, "POST", "/sink", NULL, body, 100);
	ok(rig_expect(one, 3, 200, want), "then there is room again");
	close(one);
	free(large);
	free(body);
}

static void test_slow(void)
{
	struct rig *g = start(64, 50);
	unsigned made = seen.made;
	int fd = send_part(g, 1000);
	char byte;

	ok(fcgi_take(fd, &byte, 1) == 0 && await(&seen.destroyed, made + 1),
	   "a body whose rest does not come is given up");
	close(fd);
	rig_stop(g);
}

static void work(void *arg)
{
	count(arg);
}

static void test_stop(void)
{
	struct rig *g = start(64, FCGI_PATIENCE_MS);
	unsigned made = seen.made, worked = 0;
	int64_t began;
	int fd[3];

	for (int i = 0; i < 3; i++)
		fd[i] = send_part(g, 1000);
	ok(await(&seen.made, made + 3), "three bodies under way");
	for (int i = 0; i < 10; i++)
		server_work(g->server, work, &worked);
	began = clock_monotonic_ms();
	rig_stop(g);
	ok(clock_monotonic_ms() - began < FCGI_PATIENCE_MS / 2,
	   "a stop does not wait for them");
	ok(seen.destroyed == seen.made && worked == 10,
	   "and leaves neither sinks nor work");
	for (int i = 0; i < 3; i++)
		close(fd[i]);
}

/* A sender who never pauses is broken off, too. */
static void *send_on(void *arg)
{
	static const char zeros[32768];
	struct buf record;
	int fd = *(int *)arg;

	buf_init(&record, 40000);
	fcgi_record(&record, 5, 1, zeros, sizeof(zeros), 0);
	while (fcgi_send(fd, record.at, record.len))
		;
	buf_finish(&record);
	return NULL;
}

static void test_stop_endless(void)
{
	struct rig *g = start(64, FCGI_PATIENCE_MS);
	unsigned made = seen.made, ended = seen.ended;
	int fd = send_part(g, 1000);
	pthread_t sender;

	pthread_create(&sender, NULL, send_on, &fd);
	ok(await(&seen.made, made + 1), "a body without an end");
	rig_stop(g);
	pthread_join(sender, NULL);
	ok(seen.ended == ended && seen.destroyed == seen.made,
	   "a stop ends it");
	close(fd);
}

int main(void)
{
	struct rig *g;
	unsigned worked = 0;

	box_init(&seen.box);
	g = start(64, FCGI_PATIENCE_MS);
	test_sizes(g);
	test_bytewise(g);
	test_enough(g);
	test_memory_as_ever(g);
	test_parallel(g);
	test_hang_up(g);
	test_hang_up_at_once(g);
	test_garbage(g);
	server_work(g->server, work, &worked);
	ok(await(&worked, 1), "other work");
	rig_stop(g);
	g = start(4, FCGI_PATIENCE_MS);
	test_full(g);
	rig_stop(g);
	test_slow();
	test_stop();
	test_stop_endless();
	ok(seen.elsewhere == 0, "what is broken off goes on its own thread");
	ok(seen.made == seen.destroyed, "%u sinks, all destroyed", seen.made);
	box_finish(&seen.box);
	return tap_done();
}
