#include "http/body.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/box.h"
#include "base/clock.h"
#include "base/log.h"
#include "http/loop.h"

/* How long an idle thread sleeps where nobody wakes it. */
#define LOOK_MS 60000

/* One body to read, or another thing to do. */
struct task {
	struct task *next;
	struct connection *c; /* NULL: fn(arg) */
	unsigned char *bytes; /* of the body, that the loop had read */
	size_t n;
	void (*fn)(void *arg);
	void *arg;
};

struct bodies {
	struct server *server;
	unsigned threads;
	size_t most;
	size_t lent; /* the loop thread's count */
	int wake;    /* an eventfd: readable for good when it is time */
	atomic_bool stop;
	pthread_t *thread;

	struct box box;
	/* Below: under the lock. */
	struct task *first, **last;
	bool running;
};

struct bodies *bodies_create(struct server *s, unsigned threads, size_t most,
			     struct problem *why)
{
	struct bodies *b = mem_alloc(sizeof(*b));

	assert(threads > 0 && most > 0);
	b->server = s;
	b->threads = threads;
	b->most = most;
	b->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	b->thread = mem_array(threads, sizeof(*b->thread));
	b->last = &b->first;
	box_init(&b->box);
	if (b->wake >= 0)
		return b;
	problem_set(why, PROBLEM_INTERNAL, "", "eventfd: %s", strerror(errno));
	bodies_destroy(b);
	return NULL;
}

void bodies_destroy(struct bodies *b)
{
	if (b == NULL)
		return;
	if (b->wake >= 0)
		close(b->wake);
	box_finish(&b->box);
	free(b->thread);
	free(b);
}

/* ---- on a body thread ---- */

static bool sink_write(void *ctx, const void *bytes, size_t n)
{
	struct body_sink *sink = ctx;

	return sink->write(sink, bytes, n);
}

/* False when the rest of the body does not come in time, or we stop. */
static bool await_bytes(const struct bodies *b, int fd)
{
	struct pollfd fds[] = {{.fd = fd, .events = POLLIN},
			       {.fd = b->wake, .events = POLLIN}};
	int64_t until =
		clock_monotonic_ms() + b->server->options.read_timeout_ms;

	for (;;) {
		int64_t left = until - clock_monotonic_ms();
		int n = poll(fds, 2, left > 0 ? (int)left : 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			log_event(LOG_WARN, "http.timeout", "while", "reading",
				  NULL);
		return n > 0 && fds[1].revents == 0;
	}
}

/* A piece of the body. False: nothing more comes of this connection. */
static bool take(struct frames *in, const unsigned char *bytes, size_t n)
{
	if (frames_feed(in, bytes, n) == n && in->stage != FRAMES_BROKEN)
		return true;
	in->stage = FRAMES_BROKEN;
	log_event(LOG_WARN, "http.garbage", "in", "records", NULL);
	return false;
}

static void read_body(const struct bodies *b, struct connection *c,
		      unsigned char *chunk)
{
	while (c->in.stage == FRAMES_BODY && !atomic_load(&b->stop)) {
		ssize_t n = recv(c->fd, chunk, HTTP_READ_CHUNK, 0);

		if (n > 0) {
			if (!take(&c->in, chunk, (size_t)n))
				return;
		} else if (n < 0 && errno == EINTR) {
			continue;
		} else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			if (!await_bytes(b, c->fd))
				return;
		} else {
			return; /* the caller hung up */
		}
	}
}

static void came_back(void *arg)
{
	struct connection *c = arg;

	c->server->bodies->lent--;
	connection_body_read(c);
}

static void serve(struct bodies *b, struct task *t, unsigned char *chunk)
{
	struct connection *c = t->c;
	struct body_sink *sink;

	if (c == NULL) {
		t->fn(t->arg);
		return;
	}
	sink = c->exchange->sink;
	c->in.sink = sink_write;
	c->in.sink_ctx = sink;
	if (t->n == 0 || take(&c->in, t->bytes, t->n))
		read_body(b, c, chunk);
	if (c->in.stage == FRAMES_WHOLE)
		sink->end(sink);
	else
		exchange_drop_sink(c->exchange); /* its files go here */
	server_post(b->server, came_back, c);
}

static struct task *next_task(struct bodies *b)
{
	struct task *t;

	box_lock(&b->box);
	while (b->first == NULL && b->running)
		(void)box_wait(&b->box, clock_monotonic_ms() + LOOK_MS);
	t = b->first;
	if (t != NULL) {
		b->first = t->next;
		if (b->first == NULL)
			b->last = &b->first;
	}
	box_unlock(&b->box);
	return t;
}

static void *run(void *arg)
{
	struct bodies *b = arg;
	unsigned char *chunk = mem_alloc(HTTP_READ_CHUNK);
	struct task *t;

	while ((t = next_task(b)) != NULL) {
		serve(b, t, chunk);
		free(t->bytes);
		free(t);
	}
	free(chunk);
	return NULL;
}

/* ---- on the others ---- */

void bodies_start(struct bodies *b)
{
	box_lock(&b->box);
	b->running = true;
	box_unlock(&b->box);
	for (unsigned i = 0; i < b->threads; i++)
		b->thread[i] = box_thread("body", run, b);
}

void bodies_stop(struct bodies *b)
{
	uint64_t one = 1;
	bool was;

	if (b == NULL)
		return;
	box_lock(&b->box);
	was = b->running;
	b->running = false;
	box_wake(&b->box);
	box_unlock(&b->box);
	if (!was)
		return;
	atomic_store(&b->stop, true);
	while (write(b->wake, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	for (unsigned i = 0; i < b->threads; i++)
		pthread_join(b->thread[i], NULL);
}

static bool add(struct bodies *b, struct task *t)
{
	bool running;

	box_lock(&b->box);
	running = b->running;
	if (running) {
		*b->last = t;
		b->last = &t->next;
		box_wake(&b->box);
	}
	box_unlock(&b->box);
	return running;
}

bool bodies_full(struct bodies *b)
{
	return b == NULL || b->lent >= b->most;
}

void bodies_read(struct bodies *b, struct connection *c, const void *bytes,
		 size_t n)
{
	struct task *t = mem_alloc(sizeof(*t));

	t->c = c;
	t->n = n;
	t->bytes = mem_alloc(n);
	memcpy(t->bytes, bytes, n);
	b->lent++;
	if (!add(b, t)) { /* the end has begun: it is broken off */
		free(t->bytes);
		free(t);
		server_post(b->server, came_back, c);
	}
}

bool bodies_work(struct bodies *b, void (*fn)(void *arg), void *arg)
{
	struct task *t;

	if (b == NULL)
		return false;
	t = mem_alloc(sizeof(*t));
	t->fn = fn;
	t->arg = arg;
	if (add(b, t))
		return true;
	free(t);
	return false;
}
