#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/num.h"
#include "base/text.h"
#include "http/loop.h"
#include "http/records.h"

/* nginx reads an answer's head into one buffer (fastcgi_buffer_size, 16k). */
#define HEAD_MAX 15000

/* The kept exchanges. Tickets count up, so the low bits spread them evenly. */

static struct exchange **bucket(const struct tickets *t, uint64_t ticket)
{
	return &t->bucket[ticket & (t->size - 1)];
}

struct exchange *tickets_find(const struct tickets *t, uint64_t ticket)
{
	struct exchange *x;

	if (t->size == 0)
		return NULL;
	for (x = *bucket(t, ticket); x != NULL; x = x->next) {
		if (x->ticket == ticket)
			return x;
	}
	return NULL;
}

static void put(struct tickets *t, struct exchange *x)
{
	struct exchange **at = bucket(t, x->ticket);

	x->next = *at;
	*at = x;
}

void tickets_add(struct tickets *t, struct exchange *x)
{
	struct tickets old = *t;

	if (t->count == t->size) {
		t->size = t->size ? 2 * t->size : 64;
		t->bucket = mem_array(t->size, sizeof(*t->bucket));
		for (size_t i = 0; i < old.size; i++) {
			while (old.bucket[i] != NULL) {
				struct exchange *moved = old.bucket[i];

				old.bucket[i] = moved->next;
				put(t, moved);
			}
		}
		free(old.bucket);
	}
	put(t, x);
	t->count++;
}

void tickets_remove(struct tickets *t, struct exchange *x)
{
	struct exchange **at = bucket(t, x->ticket);

	while (*at != x)
		at = &(*at)->next;
	*at = x->next;
	t->count--;
}

const struct request *exchange_request(const struct exchange *x)
{
	return &x->request;
}

struct arena *exchange_arena(struct exchange *x)
{
	return &x->arena;
}

uint64_t exchange_ticket(const struct exchange *x)
{
	return x->ticket;
}

struct body_sink *exchange_sink(const struct exchange *x)
{
	return x->sink;
}

struct body_sink *exchange_take_sink(struct exchange *x)
{
	struct body_sink *sink = x->sink;

	x->sink = NULL;
	return sink;
}

void exchange_drop_sink(struct exchange *x)
{
	if (x->sink != NULL)
		x->sink->destroy(x->sink);
	x->sink = NULL;
}

void exchange_forget_request(struct exchange *x)
{
	x->request.path = x->request.query = x->request.body = "";
	x->request.host = x->request.server_addr = "";
	x->request.body_len = 0;
	free(x->body);
	x->body = NULL;
	x->headers = NULL;
	x->header_count = 0;
	exchange_drop_sink(x);
	arena_finish(&x->arena);
}

void exchange_free(struct exchange *x)
{
	struct server *s = x->connection->server;

	if (x->kept)
		tickets_remove(&s->kept, x);
	atomic_fetch_sub(&s->open, 1);
	exchange_drop_sink(x);
	free(x->body);
	free(x->kept_text);
	arena_finish(&x->arena);
	free(x);
}

void exchange_hang_up(struct exchange *x)
{
	x->ending = true;
	if (x->gone != NULL)
		x->gone(x->gone_ctx, x);
	exchange_free(x);
}

bool exchange_keep(struct exchange *x, exchange_gone_fn *gone, void *ctx)
{
	struct server *s = x->connection->server;

	assert(!x->ending);
	if (!x->kept) {
		if (s->kept.count >= s->options.max_waiting)
			return false;
		x->kept = true;
		tickets_add(&s->kept, x);
	}
	x->gone = gone;
	x->gone_ctx = ctx;
	return true;
}

void exchange_deadline(struct exchange *x, int64_t monotonic_ms,
		       exchange_late_fn *late, void *ctx)
{
	assert(!x->ending);
	x->late = late;
	x->late_ctx = ctx;
	timer_set(&x->connection->server->timers, &x->connection->timer,
		  monotonic_ms);
}

void exchange_no_deadline(struct exchange *x)
{
	timer_stop(&x->connection->server->timers, &x->connection->timer);
	x->late = NULL;
}

/* Answers. */

static const char *reason(int status)
{
	static const struct {
		int status;
		const char *text;
	} known[] = {
		{200, "OK"},
		{201, "Created"},
		{202, "Accepted"},
		{204, "No Content"},
		{206, "Partial Content"},
		{301, "Moved Permanently"},
		{302, "Found"},
		{303, "See Other"},
		{304, "Not Modified"},
		{307, "Temporary Redirect"},
		{308, "Permanent Redirect"},
		{400, "Bad Request"},
		{401, "Unauthorized"},
		{403, "Forbidden"},
		{404, "Not Found"},
		{405, "Method Not Allowed"},
		{406, "Not Acceptable"},
		{409, "Conflict"},
		{410, "Gone"},
		{411, "Length Required"},
		{412, "Precondition Failed"},
		{413, "Content Too Large"},
		{415, "Unsupported Media Type"},
		{416, "Range Not Satisfiable"},
		{422, "Unprocessable Content"},
		{425, "Too Early"},
		{428, "Precondition Required"},
		{429, "Too Many Requests"},
		{431, "Request Header Fields Too Large"},
		{500, "Internal Server Error"},
		{501, "Not Implemented"},
		{502, "Bad Gateway"},
		{503, "Service Unavailable"},
		{504, "Gateway Timeout"},
		{507, "Insufficient Storage"},
	};

	for (size_t i = 0; i < COUNT(known); i++) {
		if (known[i].status == status)
			return known[i].text;
	}
	return "Status";
}

void reply_header(struct reply *r, const char *name, const char *value)
{
	assert(r->header_count < COUNT(r->headers));
	r->headers[r->header_count].name = name;
	r->headers[r->header_count].value = value;
	r->header_count++;
}

static bool name_valid(const char *name)
{
	const char *at = name;

	while ((*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
	       (*at >= '0' && *at <= '9') || *at == '-' || *at == '_')
		at++;
	return at > name && *at == '\0';
}

static bool value_valid(const char *value)
{
	for (; *value != '\0'; value++) {
		unsigned char c = (unsigned char)*value;

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

static bool reply_valid(const struct reply *r)
{
	if (r->status < 200 || r->status > 599)
		return false;
	if (r->content_type != NULL && !value_valid(r->content_type))
		return false;
	for (size_t i = 0; i < r->header_count; i++) {
		if (!name_valid(r->headers[i].name) ||
		    !value_valid(r->headers[i].value))
			return false;
	}
	return true;
}

static bool has(const struct reply *r, const char *name)
{
	for (size_t i = 0; i < r->header_count; i++) {
		if (text_same_nocase(r->headers[i].name, name))
			return true;
	}
	return false;
}

static bool carries_body(const struct reply *r)
{
	return r->content_type != NULL && r->status != 204 && r->status != 304;
}

static void put_header(struct buf *to, const char *name, const char *value)
{
	buf_adds(to, name);
	buf_add(to, ": ", 2);
	buf_adds(to, value);
	buf_add(to, "\r\n", 2);
}

static void put_length(struct buf *to, size_t n)
{
	char text[NUM_INTEGER_TEXT];

	num_integer_print((struct integer){.magnitude = n}, text);
	put_header(to, "Content-Length", text);
}

static void put_status(struct buf *to, int status)
{
	char text[NUM_INTEGER_TEXT];

	num_integer_print((struct integer){.magnitude = (unsigned)status},
			  text);
	buf_adds(to, "Status: ");
	buf_adds(to, text);
	buf_addc(to, ' ');
	buf_adds(to, reason(status));
	buf_add(to, "\r\n", 2);
}

static void put_head(struct buf *to, const struct exchange *x,
		     const struct reply *r)
{
	put_status(to, r->status);
	if (carries_body(r))
		put_header(to, "Content-Type", r->content_type);
	for (size_t i = 0; i < r->header_count; i++)
		put_header(to, r->headers[i].name, r->headers[i].value);
	/* A file that nginx sends in our place is cached as nginx says. */
	if (!has(r, "Cache-Control") && !has(r, "X-Accel-Redirect"))
		put_header(to, "Cache-Control", "no-store");
	put_header(to, "X-Request-Id", x->request.request_id);
}

static void put_end(struct buf *to, const struct reply *r, bool stream)
{
	if (stream)
		put_header(to, "X-Accel-Buffering", "no");
	else if (carries_body(r))
		put_length(to, r->body_len);
	else if (r->status != 204 && r->status != 304)
		put_length(to, 0);
	buf_add(to, "\r\n", 2);
}

/* The only two problems that http/ tells by itself. */
static const struct own_problem {
	int status;
	const char *type, *title, *detail;
} internal = {500, "internal", "Internal error",
	      "the answer could not be written"},
  too_long = {431, "malformed-request", "Malformed request",
	      "the request has too many header fields, or too long ones"};

static void put_problem(struct buf *to, const struct own_problem *p,
			const struct exchange *x)
{
	buf_addf(to,
		 "{\"type\": \"/problems/%s\", \"title\": \"%s\", "
		 "\"status\": %d, \"detail\": \"%s\", "
		 "\"request_id\": \"%s\"}",
		 p->type, p->title, p->status, p->detail,
		 x->request.request_id);
}

static struct reply problem_reply(const struct own_problem *p,
				  const struct buf *body)
{
	return (struct reply){
		.status = p->status,
		.content_type = "application/problem+json",
		.body = buf_str(body),
		.body_len = body->len,
	};
}

/* An answer that cannot be sent as it is: our mistake, and the caller is told
 * no more than that. */
static void put_internal(struct buf *head, struct buf *body,
			 const struct exchange *x, struct reply *r)
{
	log_event(LOG_ERROR, "http.reply", "request", x->request.request_id,
		  "why", "a header is not well formed or too long", NULL);
	buf_clear(head);
	put_problem(body, &internal, x);
	*r = problem_reply(&internal, body);
	put_head(head, x, r);
	put_end(head, r, false);
}

static bool is_head(const struct exchange *x)
{
	return strcmp(x->request.method, "HEAD") == 0;
}

static bool write_records(struct connection *c, const void *head, size_t n,
			  const void *body, size_t len, bool end)
{
	/* An iovec knows no const, but sendmsg() only reads. */
	struct iovec h = {.iov_base = (void *)head, .iov_len = n};
	struct iovec b = {.iov_base = (void *)body, .iov_len = len};
	struct records out;
	bool sent;

	records_init(&out, c->id, &h, &b, end);
	sent = connection_write(c, out.iov, out.count);
	/* The end of the connection goes out right behind that of the answer:
	 * nginx, which finds both at once, does not keep it for a next request
	 * that nobody would read. */
	if (sent && end && c->server->draining && connection_backlog(c) == 0)
		shutdown(c->fd, SHUT_WR);
	records_finish(&out);
	return sent;
}

/* The exchange is over; its connection lives on. */
static struct connection *detach(struct exchange *x)
{
	struct connection *c = x->connection;

	c->exchange = NULL;
	timer_stop(&c->server->timers, &c->timer);
	exchange_free(x);
	return c;
}

void exchange_reply(struct exchange *x, const struct reply *r)
{
	struct reply out = *r;
	struct buf head, body;
	struct connection *c;
	size_t len;

	assert(!x->ending && !x->streaming);
	buf_init(&head, HEAD_MAX);
	buf_init(&body, HEAD_MAX);
	put_head(&head, x, &out);
	put_end(&head, &out, false);
	if (!reply_valid(&out) || buf_over(&head))
		put_internal(&head, &body, x, &out);
	len = carries_body(&out) && !is_head(x) ? out.body_len : 0;
	/* Written before the exchange is freed: the body may lie in its
	 * arena. A peer that is gone now is not told about as gone. */
	x->gone = NULL;
	c = x->connection;
	if (write_records(c, head.at, head.len, out.body, len, true))
		connection_done(detach(x));
	buf_finish(&head);
	buf_finish(&body);
}

void exchange_refuse(struct exchange *x)
{
	struct reply r;
	struct buf body;

	buf_init(&body, HEAD_MAX);
	put_problem(&body, &too_long, x);
	r = problem_reply(&too_long, &body);
	exchange_reply(x, &r);
	buf_finish(&body);
}

/* A peer that turns out to be gone ends the exchange without `gone`: the
 * caller learns it from the false. */
static bool write_quietly(struct exchange *x, const void *head, size_t n,
			  const void *body, size_t len, bool end)
{
	exchange_gone_fn *gone = x->gone;

	x->gone = NULL;
	if (!write_records(x->connection, head, n, body, len, end))
		return false;
	x->gone = gone;
	return true;
}

bool exchange_stream_begin(struct exchange *x, const struct reply *r)
{
	struct reply out = *r;
	struct buf head, body;
	size_t len;
	bool right, sent;

	assert(!x->ending && !x->streaming && x->kept);
	buf_init(&head, HEAD_MAX);
	buf_init(&body, HEAD_MAX);
	put_head(&head, x, &out);
	put_end(&head, &out, true);
	right = reply_valid(&out) && !buf_over(&head);
	if (!right)
		put_internal(&head, &body, x, &out);
	len = carries_body(&out) && !is_head(x) ? out.body_len : 0;
	x->streaming = true;
	sent = write_quietly(x, head.at, head.len, out.body, len, !right);
	buf_finish(&head);
	buf_finish(&body);
	if (sent && !right)
		connection_done(detach(x));
	return sent && right;
}

static bool drop_slow(struct exchange *x)
{
	log_event(LOG_INFO, "http.slow", "request", x->request.request_id,
		  NULL);
	x->gone = NULL;
	connection_close(x->connection);
	return false;
}

bool exchange_stream_write(struct exchange *x, const void *bytes, size_t n)
{
	struct connection *c = x->connection;
	size_t behind = connection_backlog(c);

	assert(!x->ending && x->streaming);
	if (is_head(x) || n == 0)
		return true;
	/* One who has read all so far is sent a large piece, too. */
	if (behind > 0 && behind + n > HTTP_STREAM_BACKLOG)
		return drop_slow(x);
	if (!write_quietly(x, bytes, n, NULL, 0, false))
		return false;
	/* Many who do not read must not fill the memory together. */
	if (connection_backlog(c) > 0 && c->server->held > HTTP_STREAMS_HELD)
		return drop_slow(x);
	return true;
}

void exchange_stream_end(struct exchange *x)
{
	assert(!x->ending && x->streaming);
	x->gone = NULL;
	if (write_records(x->connection, NULL, 0, NULL, 0, true))
		connection_done(detach(x));
}
