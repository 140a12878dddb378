#ifndef UNIT_WEB_RIG_H
#define UNIT_WEB_RIG_H

#include <netinet/tcp.h>

#include "base/arena.h"
#include "base/box.h"
#include "base/clock.h"
#include "base/fiber.h"
#include "base/must.h"
#include "base/text.h"
#include "base/web.h"
#include "raw.h"
#include "tap.h"

/*
 * A server for tests of base/web: a thread for each connection, which hands
 * each request, but for the body of an early one, to answer(). It counts what
 * happens to it, for those who wait for that.
 */
#define RIG_CONNS    512
#define PATIENCE_MS  20000
#define RIG_IS_EARLY "/early"

struct web_rig {
	/* False closes the connection. */
	bool (*answer)(struct web_rig *r, int fd, const char *request,
		       const char *path);
	int listener, port;
	pthread_t acceptor;
	struct box box; /* guards the rest */
	unsigned connections, requests, closed;
	bool told; /* what an answer waits for */
	unsigned started;
	struct web_rig_conn {
		struct web_rig *rig;
		pthread_t thread;
		int fd;
	} conns[RIG_CONNS];
};

static inline unsigned rig_count(struct web_rig *r, unsigned *what,
				 unsigned more)
{
	unsigned n;

	box_lock(&r->box);
	n = *what += more;
	box_wake(&r->box);
	box_unlock(&r->box);
	return n;
}

/* Until *what is n; false when that does not come. */
static inline bool rig_await(struct web_rig *r, const unsigned *what,
			     unsigned n)
{
	int64_t until = clock_monotonic_ms() + PATIENCE_MS;
	bool there;

	box_lock(&r->box);
	while (*what < n && box_wait(&r->box, until))
		;
	there = *what >= n;
	box_unlock(&r->box);
	return there;
}

static inline void rig_tell(struct web_rig *r, bool told)
{
	box_lock(&r->box);
	r->told = told;
	box_wake(&r->box);
	box_unlock(&r->box);
}

static inline void rig_await_told(struct web_rig *r)
{
	int64_t until = clock_monotonic_ms() + PATIENCE_MS;

	box_lock(&r->box);
	while (!r->told && box_wait(&r->box, until))
		;
	box_unlock(&r->box);
}

static inline bool rig_read_head(int fd, char *to)
{
	size_t len = 0;

	do {
		ssize_t n = recv(fd, to + len, 1, 0);

		if (n <= 0)
			return false;
		to[++len] = '\0';
	} while (len < 4 || strcmp(to + len - 4, "\r\n\r\n") != 0);
	return true;
}

/* With its body, if it is not early. */
static inline bool rig_read(int fd, char *to)
{
	size_t head, len, body;

	if (!rig_read_head(fd, to))
		return false;
	if (strstr(to, " " RIG_IS_EARLY) != NULL)
		return true;
	head = len = strlen(to);
	body = raw_content_length(to);
	while (len < head + body) {
		ssize_t n = recv(fd, to + len, head + body - len, 0);

		if (n <= 0)
			return false;
		len += (size_t)n;
	}
	to[len] = '\0';
	return true;
}

static inline void *rig_serve(void *arg)
{
	struct web_rig_conn *c = arg;
	char *request = mem_alloc(RAW_REQUEST_MAX + 4096), path[1024];
	bool more = true;

	while (more && rig_read(c->fd, request)) {
		const char *from = strchr(request, ' ') + 1;

		rig_count(c->rig, &c->rig->requests, 1);
		snprintf(path, sizeof(path), "%.*s", (int)strcspn(from, " "),
			 from);
		more = c->rig->answer(c->rig, c->fd, request, path);
	}
	free(request);
	close(c->fd);
	rig_count(c->rig, &c->rig->closed, 1);
	return NULL;
}

static inline void *rig_accept(void *arg)
{
	struct web_rig *r = arg;
	const int one = 1;
	int fd;

	while ((fd = accept(r->listener, NULL, NULL)) >= 0) {
		struct web_rig_conn *c = &r->conns[r->started++];

		must(r->started <= RIG_CONNS);
		c->rig = r;
		c->fd = fd;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		rig_count(r, &r->connections, 1);
		c->thread = box_thread("conn", rig_serve, c);
	}
	return NULL;
}

/* `listener` and `port` are there already. */
static inline void rig_begin(struct web_rig *r)
{
	box_init(&r->box);
	r->acceptor = box_thread("accept", rig_accept, r);
}

/* All clients have hung up. */
static inline void rig_finish(struct web_rig *r)
{
	shutdown(r->listener, SHUT_RDWR);
	pthread_join(r->acceptor, NULL);
	close(r->listener);
	for (unsigned i = 0; i < r->started; i++)
		pthread_join(r->conns[i].thread, NULL);
	box_finish(&r->box);
}

static inline void rig_start(struct web_rig *r,
			     bool (*answer)(struct web_rig *, int, const char *,
					    const char *))
{
	*r = (struct web_rig){.answer = answer};
	r->listener = raw_listen(&r->port);
	rig_begin(r);
}

/* ---- what a server says ---- */

static inline bool rig_reply(int fd, const char *head, const char *body,
			     size_t n)
{
	char text[1024];

	snprintf(text, sizeof(text),
		 "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n", head, n);
	return raw_say(fd, text) && raw_write(fd, body, n);
}

/* ---- the client ---- */

/* One that calls, a thread or a fiber. */
struct caller {
	struct web *web;
	struct web_answer answer;
	char url[1024];
};

static inline void caller_begin(struct caller *c)
{
	*c = (struct caller){.web = web_create()};
}

static inline void caller_finish(struct caller *c)
{
	web_answer_finish(&c->answer);
	web_destroy(c->web);
}

static inline struct web_call call_of(struct caller *c, const char *method,
				      int port, const char *path)
{
	snprintf(c->url, sizeof(c->url), "http://127.0.0.1:%d%s", port, path);
	return (struct web_call){.method = method,
				 .url = c->url,
				 .timeout_ms = 60000,
				 .max_bytes = (size_t)2 << 20};
}

static inline enum web_outcome run(struct caller *c,
				   const struct web_call *call)
{
	web_answer_finish(&c->answer);
	return web_do(c->web, call, &c->answer);
}

/* The test on a plain thread, and then in a fiber. */
static inline void run_both_ways(void (*test)(void *), void *ctx)
{
	const struct fiber_task fiber = {test, ctx};

	test(ctx);
	carrier_join(carrier_start("fiber", &fiber, 1));
}

#endif
