#include "base/web.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/must.h"
#include "base/num.h"
#include "base/web_message.h"
#include "base/wire.h"

#define CONNECT_MS 10000 /* a server that does not even take the connection */
#define URL_MOST   65536
#define REQUEST_MOST                                                           \
	((size_t)128 * 1024)	       /* its head, and a body that is small */
#define SMALL_BODY ((size_t)16 * 1024) /* so small that it is worth a copy */
#define MOVES	   16		       /* of bytes without a pause */
#define ROOM	   ((size_t)64 * 1024) /* the largest head of an answer */

struct web {
	struct wire *wire;
	struct buf request;
	char room[ROOM]; /* what comes */
	char part[ROOM]; /* of a file, that goes */
};

/* Where a call goes; `host` and `target` are parts of its URL. */
struct address {
	char origin[WIRE_ORIGIN];
	const char *host, *target;
	size_t host_len, target_len;
};

/* One call while it runs. */
struct transfer {
	struct web *web;
	const struct web_call *call;
	struct web_answer *answer;
	struct wire_limit limit;
	struct web_piece whole; /* a body that is one */
	const struct web_piece *pieces;
	size_t piece_count;
	size_t total, sent; /* bytes of the request */
	/* What goes next; it stays until it has gone, as TLS wants to be given
	 * the very same bytes again. */
	const char *next;
	size_t next_len;
	size_t have; /* of an answer's head that is not whole yet */
	struct web_head head;
	struct web_body body;
	size_t body_bytes;
	unsigned moves; /* of bytes, in either direction */
	bool heard;	/* a byte of an answer has come */
	bool answered;	/* its head has */
	bool done;	/* all of it has */
	bool stopped;
	const char *why; /* what was wrong with the answer; NULL: the wire */
};

struct web *web_create(void)
{
	struct web *w = mem_alloc(sizeof(*w));

	w->wire = wire_create();
	buf_init(&w->request, REQUEST_MOST);
	return w;
}

void web_destroy(struct web *w)
{
	if (w == NULL)
		return;
	wire_destroy(w->wire);
	buf_finish(&w->request);
	free(w);
}

static bool stop_now(void *ctx)
{
	struct transfer *t = ctx;

	if (!t->stopped && t->call->stop != NULL)
		t->stopped = t->call->stop(t->call->stop_ctx);
	return t->stopped;
}

/* ---- the request ---- */

static bool host_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       (c >= 'A' && c <= 'Z') ||
	       (c != '\0' && strchr("-._:[]", c) != NULL);
}

/* "http://host:8188/a?b#c"; false for what is not plainly that. */
static bool take_address(const char *url, struct address *out)
{
	const char *at = strstr(url, "://");
	size_t n = at != NULL ? (size_t)(at - url) : 0;

	if (!(n == 4 && strncasecmp(url, "http", 4) == 0) &&
	    !(n == 5 && strncasecmp(url, "https", 5) == 0))
		return false;
	out->host = at + 3;
	out->host_len = 0;
	while (host_character(out->host[out->host_len]))
		out->host_len++;
	out->target = out->host + out->host_len;
	out->target_len = strcspn(out->target, "#");
	if (out->host_len == 0 || strchr("/?#", *out->target) == NULL)
		return false;
	for (size_t i = 0; i < out->target_len; i++)
		if (out->target[i] <= ' ' || out->target[i] > '~')
			return false;
	n = (size_t)(out->target - url);
	if (n >= sizeof(out->origin))
		return false;
	memcpy(out->origin, url, n);
	out->origin[n] = '\0';
	return true;
}

static bool has_body(const struct web_call *call)
{
	return call->body != NULL || call->piece_count > 0 ||
	       strcmp(call->method, "POST") == 0 ||
	       strcmp(call->method, "PUT") == 0;
}

static size_t length_of(const struct transfer *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->piece_count; i++)
		n += t->pieces[i].len;
	return n;
}

/* A header of ours, but where the call brings its own of that name. */
static void put_field(const struct web_call *call, struct buf *to,
		      const char *name, const char *value, size_t n)
{
	size_t name_len = strlen(name);

	for (size_t i = 0; call->headers != NULL && call->headers[i]; i++)
		if (strncasecmp(call->headers[i], name, name_len) == 0 &&
		    call->headers[i][name_len] == ':')
			return;
	buf_add(to, name, name_len);
	buf_adds(to, ": ");
	buf_add(to, value, n);
	buf_adds(to, "\r\n");
}

static void put_text(const struct web_call *call, struct buf *to,
		     const char *name, const char *value)
{
	put_field(call, to, name, value, strlen(value));
}

static void put_head(const struct transfer *t, const struct address *a,
		     struct buf *to)
{
	const struct web_call *call = t->call;
	char length[NUM_INTEGER_TEXT];

	buf_adds(to, call->method);
	buf_addc(to, ' ');
	if (*a->target != '/')
		buf_addc(to, '/');
	buf_add(to, a->target, a->target_len);
	buf_adds(to, " HTTP/1.1\r\n");
	put_field(call, to, "Host", a->host, a->host_len);
	put_text(call, to, "User-Agent", "comfygate");
	put_text(call, to, "Accept", "*/*");
	if (call->content_type != NULL && has_body(call))
		put_text(call, to, "Content-Type", call->content_type);
	if (has_body(call)) {
		num_integer_print((struct integer){.magnitude = length_of(t)},
				  length);
		put_text(call, to, "Content-Length", length);
	}
	for (size_t i = 0; call->headers != NULL && call->headers[i]; i++) {
		buf_adds(to, call->headers[i]);
		buf_adds(to, "\r\n");
	}
	buf_adds(to, "\r\n");
}

/* False: it is too long. */
static bool put_request(struct transfer *t, const struct address *a)
{
	struct buf *to = &t->web->request;

	buf_clear(to);
	put_head(t, a, to);
	if (t->pieces == &t->whole && t->whole.len <= SMALL_BODY) {
		buf_add(to, t->whole.bytes, t->whole.len);
		t->piece_count = 0; /* it goes with the head */
	}
	t->total = to->len + length_of(t);
	return !buf_over(to);
}

/* Sees to it that there is something to go next; false where a file does not
 * give what was promised. */
static bool load_next(struct transfer *t)
{
	const struct buf *request = &t->web->request;
	const struct web_piece *p = t->pieces;
	size_t at = t->sent;
	ssize_t got;

	if (t->next_len > 0)
		return true;
	if (at < request->len) {
		t->next = request->at + at;
		t->next_len = request->len - at;
		return true;
	}
	for (at -= request->len; at >= p->len; p++)
		at -= p->len;
	t->next_len = p->len - at;
	if (p->bytes != NULL) {
		t->next = (const char *)p->bytes + at;
		return true;
	}
	t->next = t->web->part;
	if (t->next_len > ROOM)
		t->next_len = ROOM;
	do
		got = pread(p->fd, t->web->part, t->next_len,
			    (off_t)(p->offset + (int64_t)at));
	while (got < 0 && errno == EINTR);
	t->next_len = got > 0 ? (size_t)got : 0;
	return got > 0;
}

/* ---- the answer ---- */

static enum web_outcome broken(struct transfer *t, const char *why)
{
	t->why = why;
	return WEB_BROKEN;
}

static enum web_outcome take_piece(struct transfer *t, const char *bytes,
				   size_t n)
{
	const struct web_call *call = t->call;

	if (stop_now(t))
		return WEB_STOPPED;
	if (n > call->max_bytes - t->body_bytes)
		return WEB_TOO_LARGE;
	t->body_bytes += n;
	if (call->sink != NULL && t->head.status <= 299)
		return call->sink(call->sink_ctx, bytes, n) ? WEB_ANSWERED
							    : WEB_STOPPED;
	if (call->sink != NULL && n > WEB_SAID - t->answer->body.len)
		n = WEB_SAID - t->answer->body.len;
	buf_add(&t->answer->body, bytes, n);
	return WEB_ANSWERED;
}

static enum web_outcome take_body(struct transfer *t, const char *bytes,
				  size_t n)
{
	const char *piece;
	size_t len, used;

	while (n > 0 &&
	       (used = web_body_take(&t->body, bytes, n, &piece, &len)) > 0) {
		enum web_outcome o = WEB_ANSWERED;

		if (len > 0)
			o = take_piece(t, piece, len);
		if (o != WEB_ANSWERED)
			return o;
		bytes += used;
		n -= used;
	}
	if (t->body.state == WEB_BODY_BAD)
		return broken(t, "its body is not by the rules");
	t->done = t->body.state == WEB_BODY_DONE;
	t->head.last = t->head.last || n > 0; /* nobody asked for that */
	return WEB_ANSWERED;
}

static void keep_head(struct transfer *t)
{
	struct web_answer *a = t->answer;

	a->status = t->head.status;
	a->length = t->head.length;
	a->max_age_s = t->head.max_age_s;
	memcpy(a->content_type, t->head.content_type, sizeof(a->content_type));
	web_body_begin(&t->body, &t->head,
		       strcmp(t->call->method, "HEAD") == 0);
	t->answered = true;
}

/* Heads that only say that another follows are passed over. There may be
 * thousands, and what stands behind them is moved once. */
static enum web_outcome take_head(struct transfer *t)
{
	char *at = t->web->room;
	ssize_t size;

	while (t->have > 0 &&
	       (size = web_head_read(at, t->have, &t->head)) != 0) {
		if (size < 0)
			return broken(t, "it is no HTTP");
		if (t->head.status == 101)
			return broken(t, "it changes the protocol");
		t->have -= (size_t)size;
		at += size;
		if (t->head.status > 199) {
			size_t rest = t->have;

			t->have = 0;
			keep_head(t);
			return take_body(t, at, rest);
		}
	}
	if (t->have == ROOM)
		return broken(t, "it has no end");
	memmove(t->web->room, at, t->have);
	return WEB_ANSWERED;
}

/* Takes what has come, if anything has: *again where there is no more now. */
static enum web_outcome receive(struct transfer *t, bool *again)
{
	char *room = t->web->room;
	ssize_t n = wire_receive(t->web->wire, room + t->have, ROOM - t->have);

	*again = n == WIRE_AGAIN;
	if (*again)
		return WEB_ANSWERED;
	if (n == 0 && t->answered && t->body.state == WEB_BODY_TO_CLOSE) {
		t->done = t->head.last = true;
		return WEB_ANSWERED;
	}
	if (n <= 0)
		return broken(t, n == 0 ? "it was closed" : NULL);
	t->heard = true;
	if (t->answered)
		return take_body(t, room, (size_t)n);
	t->have += (size_t)n;
	return take_head(t);
}

/* ---- the call ---- */

static enum web_outcome outcome_of(enum wire_state s)
{
	switch (s) {
	case WIRE_GOOD:
		return WEB_ANSWERED;
	case WIRE_STOPPED:
		return WEB_STOPPED;
	case WIRE_TIMED_OUT:
		return WEB_TIMED_OUT;
	case WIRE_BROKEN:
		break;
	}
	return WEB_BROKEN;
}

/*
 * A server that is as fast as we are leaves nothing to wait for. Neither may it
 * so go on past the call's time, nor other fibers wait for their turn until the
 * last byte is there.
 */
static enum web_outcome breathe(struct transfer *t)
{
	if (++t->moves % MOVES != 0)
		return WEB_ANSWERED;
	return outcome_of(wire_pause(t->web->wire, &t->limit));
}

/* Between two sends: all that has come, as it may have been decrypted already,
 * and nobody is told of that. */
static enum web_outcome listen_early(struct transfer *t)
{
	enum web_outcome o = WEB_ANSWERED;
	bool again = false;

	while (o == WEB_ANSWERED && !again && !t->answered) {
		o = receive(t, &again);
		if (o == WEB_ANSWERED)
			o = breathe(t);
	}
	return o;
}

/* WEB_ANSWERED: all is sent; or as much as the server wants, which has answered
 * or closed before the end (as ComfyUI does with an upload that is too large).
 */
static enum web_outcome send_request(struct transfer *t)
{
	struct wire *wire = t->web->wire;
	enum web_outcome o = WEB_ANSWERED;

	while (o == WEB_ANSWERED && t->sent < t->total && !t->answered) {
		ssize_t n;

		if (stop_now(t))
			return WEB_STOPPED;
		if (!load_next(t))
			return WEB_UNREAD;
		n = wire_send(wire, t->next, t->next_len);
		if (n == WIRE_LOST)
			break;
		if (n > 0) {
			t->sent += (size_t)n;
			t->next += n;
			t->next_len -= (size_t)n;
			o = breathe(t);
			continue;
		}
		o = outcome_of(wire_wait(wire, true, &t->limit));
		if (o == WEB_ANSWERED)
			o = listen_early(t);
	}
	return o;
}

static enum web_outcome receive_answer(struct transfer *t)
{
	enum web_outcome o = WEB_ANSWERED;
	/* It has hardly come yet; but what follows a head that came early may
	 * have been decrypted with it, and nobody is told of that. */
	bool again = !t->answered;

	while (o == WEB_ANSWERED && !t->done) {
		o = again ? outcome_of(
				    wire_wait(t->web->wire, false, &t->limit))
			  : breathe(t);
		if (o == WEB_ANSWERED)
			o = receive(t, &again);
	}
	return o;
}

static enum web_outcome exchange(struct transfer *t)
{
	enum web_outcome o = send_request(t);

	if (o == WEB_ANSWERED)
		o = receive_answer(t);
	if (o != WEB_ANSWERED || t->head.last || t->sent < t->total)
		wire_close(t->web->wire);
	return o;
}

static enum web_outcome connect_to(struct transfer *t, const char *origin)
{
	struct wire_limit limit = t->limit;
	int64_t most = clock_monotonic_ms() + CONNECT_MS;
	enum wire_state s;

	if (limit.until_ms > most)
		limit.until_ms = most;
	s = wire_open(t->web->wire, origin, &limit);
	if (s == WIRE_GOOD)
		return WEB_ANSWERED;
	return s == WIRE_STOPPED ? WEB_STOPPED : WEB_REFUSED;
}

/*
 * A server may close a kept connection at any time, so also while our request
 * is on its way (RFC 9112, 9.3.1): that one goes out again, unless it must not
 * and some of it may have been read.
 */
static enum web_outcome carry_out(struct transfer *t, const char *origin)
{
	bool once = t->call->once;
	enum web_outcome o = WEB_ANSWERED;

	if (wire_kept(t->web->wire, origin, once)) {
		o = exchange(t);
		if (o != WEB_BROKEN || t->heard || (once && t->sent > 0))
			return o;
		t->sent = t->next_len = 0;
		t->why = NULL;
	}
	o = connect_to(t, origin);
	return o == WEB_ANSWERED ? exchange(t) : o;
}

static void explain(const struct transfer *t, enum web_outcome outcome)
{
	static const char *const words[] = {
		[WEB_REFUSED] = "no connection",
		[WEB_BROKEN] = "the connection broke",
		[WEB_TIMED_OUT] = "no answer in time",
		[WEB_TOO_LARGE] = "the answer is too large",
		[WEB_STOPPED] = "stopped by the caller",
		[WEB_UNREAD] = "a file to be sent could not be read",
	};
	const char *why = "";

	if (outcome == WEB_ANSWERED)
		return;
	if (outcome == WEB_REFUSED || outcome == WEB_BROKEN)
		why = t->why != NULL ? t->why : wire_why(t->web->wire);
	snprintf(t->answer->detail, sizeof(t->answer->detail), "%s%s%s",
		 words[outcome], *why ? ": " : "", why);
}

enum web_outcome web_do(struct web *w, const struct web_call *call,
			struct web_answer *answer)
{
	struct transfer t = {.web = w, .call = call, .answer = answer};
	enum web_outcome outcome = WEB_REFUSED;
	struct address address;

	must(call->timeout_ms > 0 && call->max_bytes > 0);
	*answer = (struct web_answer){.max_age_s = -1, .length = -1};
	buf_init(&answer->body, call->max_bytes);
	t.whole =
		(struct web_piece){.bytes = call->body, .len = call->body_len};
	t.pieces = call->piece_count > 0 ? call->pieces : &t.whole;
	t.piece_count = call->piece_count > 0 ? call->piece_count : 1;
	t.limit = (struct wire_limit){.until_ms = clock_monotonic_ms() +
						  call->timeout_ms,
				      .stop = stop_now,
				      .ctx = &t};
	if (strlen(call->url) <= URL_MOST &&
	    take_address(call->url, &address) && put_request(&t, &address))
		outcome = carry_out(&t, address.origin);
	else
		t.why = "the address is none";
	explain(&t, outcome);
	return outcome;
}

void web_answer_finish(struct web_answer *a)
{
	buf_finish(&a->body);
}
