#ifndef HTTP_EXCHANGE_H
#define HTTP_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"

/*
 * One request and its answer, seen from the handlers in api/. All of it
 * happens on the loop thread: a handler is called with an exchange and either
 * replies at once, or keeps the exchange and replies later from another
 * callback of the same thread. An exchange ends with its reply (or with the
 * end of its stream), or when the caller hangs up; whoever kept the pointer is
 * told through `gone` and forgets it. Nobody but http/ frees one.
 */
struct exchange;

/* What a caller sent. Lives in the exchange's arena until
 * exchange_forget_request() or the end of the exchange. */
struct request {
	const char *method; /* "GET"; "HEAD" comes as sent */
	const char *path;   /* decoded by nobody: as in the request line */
	const char *query;  /* without '?'; "" when there is none */
	const char *body;   /* NUL terminated, "" when there is none */
	size_t body_len;
	const char *request_id; /* chosen by http/request_id.h */
	const char *scheme;	/* "http" or "https", as nginx saw it */
	const char *host; /* Host header; "" where it is not well formed */
	const char *server_addr; /* the address nginx accepted the caller on */
	bool body_too_large; /* past the ceiling: read to its end, dropped */
	bool body_refused; /* too many were on their way to a sink: likewise */
};

/*
 * A body that goes elsewhere than into memory (http/server.h, server_head).
 * write and end are called on a body thread, one at a time; destroy once, on
 * any thread, also when the caller hung up before the end.
 */
struct body_sink {
	/* False: the rest of it is read and dropped. */
	bool (*write)(struct body_sink *s, const void *bytes, size_t n);
	void (*end)(struct body_sink *s); /* all of it came */
	void (*destroy)(struct body_sink *s);
};

const struct request *exchange_request(const struct exchange *x);
/* By its HTTP name ("Prefer"), case ignored; NULL when absent. */
const char *exchange_header(const struct exchange *x, const char *name);
struct arena *exchange_arena(struct exchange *x);
/* What took the body; NULL: it is in memory. Borrowed; after exchange_take_sink
 * the caller's, to be destroyed. */
struct body_sink *exchange_sink(const struct exchange *x);
struct body_sink *exchange_take_sink(struct exchange *x);
/* Counts up from 1 and is never used again: the way for another thread to name
 * an exchange that may be gone meanwhile. */
uint64_t exchange_ticket(const struct exchange *x);

/*
 * Answers: status, headers, body, in one writev without blocking, and the
 * exchange is over. Header names and values are checked (no CR, LF, NUL);
 * Content-Length, X-Request-Id and Cache-Control: no-store (unless set) are
 * added here; HEAD gets no body.
 */
struct reply {
	int status;
	const char *content_type; /* NULL: no body */
	const char *body;
	size_t body_len;
	struct {
		const char *name;
		const char *value;
	} headers[16];
	size_t header_count;
};

void reply_header(struct reply *r, const char *name, const char *value);
void exchange_reply(struct exchange *x, const struct reply *r);

/*
 * Keeping an exchange. `gone` is called (once, loop thread) when the caller
 * hangs up before the reply; the exchange is freed right after it. A second
 * call replaces gone and ctx. Returns false, having done nothing, when the
 * ceiling of waiting exchanges (server_options.max_waiting) is reached: reply
 * 503 then.
 */
typedef void exchange_gone_fn(void *ctx, struct exchange *x);
MUST_USE bool exchange_keep(struct exchange *x, exchange_gone_fn *gone,
			    void *ctx);
/* Calls `late` once at the given monotonic time unless the exchange ended. */
typedef void exchange_late_fn(void *ctx, struct exchange *x);
void exchange_deadline(struct exchange *x, int64_t monotonic_ms,
		       exchange_late_fn *late, void *ctx);
void exchange_no_deadline(struct exchange *x);
/* Frees the request (body or sink, parameters, arena), so that one who waits
 * costs a few hundred bytes. The request id and method stay. */
void exchange_forget_request(struct exchange *x);

/*
 * Server-Sent Events and the like: the headers go out at once (with
 * X-Accel-Buffering: no), then pieces, then the end. A kept exchange. A reader
 * that falls more than HTTP_STREAM_BACKLOG behind is dropped (false; `gone`
 * is not called then and the exchange is over); a single piece may be larger
 * where nothing is behind it.
 */
#define HTTP_STREAM_BACKLOG (256 * 1024)
/* Of all connections together; past it a stream that is behind is dropped. */
#define HTTP_STREAMS_HELD (64 * 1024 * 1024)
MUST_USE bool exchange_stream_begin(struct exchange *x, const struct reply *r);
MUST_USE bool exchange_stream_write(struct exchange *x, const void *bytes,
				    size_t n);
void exchange_stream_end(struct exchange *x);

#endif
