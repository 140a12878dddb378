#ifndef TESTS_HTTP_RIG_H
#define TESTS_HTTP_RIG_H

#include <stdatomic.h>
#include <sched.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/box.h"
#include "base/clock.h"
#include "base/log.h"
#include "fcgi_client.h"
#include "http/server.h"
#include "tap.h"

/*
 * A server for the tests of http/, with a handler for each thing that a
 * handler can do, chosen by the path. What happens on its loop is counted
 * under a lock, and a test waits for a count, never for time.
 */
#define RIG_WAITING 16384

struct rig {
	char folder[64];
	char path[128];
	struct server *server;
	struct box box;
	unsigned parked, gone, late, dropped; /* under the box */
	/* Loop thread only. */
	uint64_t waiting[RIG_WAITING];
	size_t waiting_count;
	uint64_t last_ticket;
	bool tickets_rise;
};

static inline void rig_count(struct rig *g, unsigned *what)
{
	box_lock(&g->box);
	(*what)++;
	box_wake(&g->box);
	box_unlock(&g->box);
}

static inline bool rig_await(struct rig *g, const unsigned *what, unsigned n)
{
	int64_t until = clock_monotonic_ms() + FCGI_PATIENCE_MS;
	bool there, in_time = true;

	box_lock(&g->box);
	while (*what < n && in_time)
		in_time = box_wait(&g->box, until);
	there = *what == n;
	box_unlock(&g->box);
	return there;
}

static inline void rig_text(struct exchange *x, int status, const char *text)
{
	struct reply r = {.status = status,
			  .content_type = "text/plain",
			  .body = text,
			  .body_len = strlen(text)};

	exchange_reply(x, &r);
}

static inline void rig_gone(void *ctx, struct exchange *x)
{
	struct rig *g = ctx;

	rig_count(g, exchange_ticket(x) ? &g->gone : &g->dropped);
}

static inline void rig_late(void *ctx, struct exchange *x)
{
	struct rig *g = ctx;

	rig_text(x, 504, "late");
	rig_count(g, &g->late);
}

static inline void rig_park(struct rig *g, struct exchange *x)
{
	if (!exchange_keep(x, rig_gone, g)) {
		rig_text(x, 503, "full");
		return;
	}
	exchange_forget_request(x);
	g->waiting[g->waiting_count++] = exchange_ticket(x);
	rig_count(g, &g->parked);
}

/* Posted: answers all that wait with their own request id. */
static inline void rig_release(void *arg)
{
	struct rig *g = arg;

	for (size_t i = 0; i < g->waiting_count; i++) {
		struct exchange *x = server_exchange(g->server, g->waiting[i]);

		if (x != NULL)
			rig_text(x, 200, exchange_request(x)->request_id);
	}
	g->waiting_count = 0;
}

static inline void rig_describe(struct exchange *x)
{
	static const char *const names[] = {"Prefer", "content-type", "X-Two",
					    "Absent"};
	const struct request *q = exchange_request(x);
	struct buf b;

	buf_init(&b, 65536);
	buf_addf(&b, "%s|%s|%s|%s|%s|%s|%s\n", q->method, q->path, q->query,
		 q->scheme, q->host, q->server_addr, q->request_id);
	for (size_t i = 0; i < COUNT(names); i++) {
		const char *value = exchange_header(x, names[i]);

		buf_addf(&b, "%s=%s\n", names[i], value ? value : "(none)");
	}
	rig_text(x, 200, buf_str(&b));
	buf_finish(&b);
}

static inline void rig_big(struct exchange *x)
{
	struct reply r = {.status = 200, .content_type = "text/plain"};
	char *body;

	r.body_len = strtoul(exchange_request(x)->query, NULL, 10);
	body = mem_alloc(r.body_len + 1);
	for (size_t i = 0; i < r.body_len; i++)
		body[i] = (char)('a' + i % 23);
	r.body = body;
	exchange_reply(x, &r);
	free(body);
}

static inline void rig_stream(struct rig *g, struct exchange *x)
{
	struct reply r = {.status = 200, .content_type = "text/event-stream"};
	static char piece[65536];
	bool open;

	memset(piece, 's', sizeof(piece));
	open = exchange_keep(x, rig_gone, g) && exchange_stream_begin(x, &r) &&
	       exchange_stream_write(x, "one,", 4) &&
	       exchange_stream_write(x, "two,", 4);
	if (strcmp(exchange_request(x)->query, "flood") == 0) {
		/* The reader does not read: it is dropped in the end. */
		for (int i = 0; i < 100 && open; i++)
			open = exchange_stream_write(x, piece, sizeof(piece));
		if (!open)
			rig_count(g, &g->dropped);
		return;
	}
	if (open && strcmp(exchange_request(x)->query, "hold") == 0) {
		g->waiting[g->waiting_count++] = exchange_ticket(x);
		rig_count(g, &g->parked);
		return;
	}
	if (open)
		exchange_stream_end(x);
}

static inline void rig_inject(struct exchange *x)
{
	static const struct {
		const char *query, *name, *value;
	} bad[] = {
		{"lf", "X-A", "b\nSet-Cookie: c"},
		{"cr", "X-A", "b\rSet-Cookie: c"},
		{"crlf", "X-A", "b\r\n\r\nSet-Cookie: c"},
		{"name", "X-A\r\nSet-Cookie", "c"},
		{"colon", "X-A: b", "c"},
		{"empty", "", "c"},
	};
	struct reply r = {.status = 200,
			  .content_type = "text/plain",
			  .body = "secret",
			  .body_len = 6};

	for (size_t i = 0; i < COUNT(bad); i++) {
		if (strcmp(bad[i].query, exchange_request(x)->query) == 0)
			reply_header(&r, bad[i].name, bad[i].value);
	}
	if (strcmp(exchange_request(x)->query, "type") == 0)
		r.content_type = "text/plain\r\nSet-Cookie: c";
	exchange_reply(x, &r);
}

static inline void rig_special(struct rig *g, struct exchange *x,
			       const char *path)
{
	struct reply r = {.status = 200};

	if (strcmp(path, "/status") == 0) {
		r.status = (int)strtol(exchange_request(x)->query, NULL, 10);
	} else if (strcmp(path, "/cached") == 0) {
		reply_header(&r, "cache-control", "max-age=60");
	} else if (strcmp(path, "/file") == 0) {
		reply_header(&r, "X-Accel-Redirect", "/_files/x");
	} else if (strcmp(path, "/late") == 0) {
		if (exchange_keep(x, rig_gone, g))
			exchange_deadline(x, clock_monotonic_ms() + 5, rig_late,
					  g);
		return;
	} else if (strcmp(path, "/early") == 0) {
		/* Answered before its deadline, which must not come then. */
		exchange_deadline(x, clock_monotonic_ms() + 1, rig_late, g);
	}
	exchange_reply(x, &r);
}

static inline void rig_handle(void *ctx, struct exchange *x)
{
	struct rig *g = ctx;
	const struct request *q = exchange_request(x);

	g->tickets_rise &= exchange_ticket(x) > g->last_ticket;
	g->last_ticket = exchange_ticket(x);
	if (strcmp(q->path, "/park") == 0)
		rig_park(g, x);
	else if (strcmp(q->path, "/hello") == 0)
		rig_text(x, 200, q->request_id);
	else if (strcmp(q->path, "/echo") == 0)
		rig_text(x, q->body_too_large ? 413 : 200, q->body);
	else if (strcmp(q->path, "/describe") == 0)
		rig_describe(x);
	else if (strcmp(q->path, "/big") == 0)
		rig_big(x);
	else if (strcmp(q->path, "/stream") == 0)
		rig_stream(g, x);
	else if (strcmp(q->path, "/inject") == 0)
		rig_inject(x);
	else
		rig_special(g, x, q->path);
}

static inline struct server_options rig_options(void)
{
	return (struct server_options){
		.inherited_fd = -1,
		.max_body_bytes = 8 << 20,
		.max_waiting = RIG_WAITING,
		.max_connections = RIG_WAITING,
		.read_timeout_ms = FCGI_PATIENCE_MS,
	};
}

static inline struct rig *rig_start_with(const struct server_options *o,
					 server_handler *handle)
{
	struct rig *g = mem_alloc(sizeof(*g));
	struct server_options mine = *o;
	struct problem why = {0};

	log_set_level(LOG_NONE);
	box_init(&g->box);
	g->tickets_rise = true;
	snprintf(g->folder, sizeof(g->folder), "/tmp/test_http.XXXXXX");
	if (mkdtemp(g->folder) == NULL)
		abort();
	snprintf(g->path, sizeof(g->path), "%s/s", g->folder);
	mine.socket_path = g->path;
	g->server = server_create(&mine, handle, g, &why);
	if (g->server == NULL) {
		fprintf(stderr, "# %s: %s\n", why.where, why.detail);
		abort();
	}
	server_start(g->server);
	return g;
}

static inline struct rig *rig_start(const struct server_options *o)
{
	return rig_start_with(o, rig_handle);
}

static inline void rig_stop(struct rig *g)
{
	server_finish(g->server, FCGI_PATIENCE_MS);
	box_finish(&g->box);
	unlink(g->path);
	rmdir(g->folder);
	free(g);
}

static inline int rig_connect(const struct rig *g)
{
	return fcgi_connect(g->path);
}

/* Sends one request; `more` as for fcgi_request(). */
static inline void rig_send(int fd, unsigned id, bool keep, const char *method,
			    const char *uri, const char *const *more,
			    const char *body, size_t n)
{
	struct buf wire;

	buf_init(&wire, 1 << 26);
	fcgi_request(&wire, id, keep, method, uri, more, body, n);
	fcgi_send(fd, wire.at, wire.len);
	buf_finish(&wire);
}

static inline void rig_get(int fd, unsigned id, const char *uri,
			   const char *request_id)
{
	rig_send(fd, id, true, "GET", uri,
		 (const char *const[]){"HTTP_X_REQUEST_ID", request_id, NULL},
		 "", 0);
}

/* The answer to the request sent before is `status` with that body. */
static inline bool rig_expect(int fd, unsigned id, int status, const char *body)
{
	struct fcgi_answer a;
	bool right;

	fcgi_read(fd, &a);
	right = a.ended && a.id == id && fcgi_status(&a) == status &&
		strcmp(fcgi_body(&a), body) == 0;
	if (!right)
		fprintf(stderr, "# got: id %u ended %d closed %d: %s\n", a.id,
			a.ended, a.closed, buf_str(&a.text));
	fcgi_answer_finish(&a);
	return right;
}

/* Holds the loop until told, so that what a test sends meanwhile is there
 * when it goes on. */
struct rig_hold {
	struct box box;
	bool held, let_go;
};

static inline void rig_hold_loop(void *arg)
{
	struct rig_hold *h = arg;

	box_lock(&h->box);
	h->held = true;
	box_wake(&h->box);
	while (!h->let_go)
		(void)box_wait(&h->box, clock_monotonic_ms() + 1000);
	box_unlock(&h->box);
}

static inline void rig_hold_begin(struct rig_hold *h, struct rig *g)
{
	box_init(&h->box);
	h->held = h->let_go = false;
	server_post(g->server, rig_hold_loop, h);
	box_lock(&h->box);
	while (!h->held)
		(void)box_wait(&h->box, clock_monotonic_ms() + 1000);
	box_unlock(&h->box);
}

static inline void rig_hold_end(struct rig_hold *h)
{
	box_lock(&h->box);
	h->let_go = true;
	box_wake(&h->box);
	box_unlock(&h->box);
}

#endif
