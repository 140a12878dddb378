#ifndef BASE_WEB_H
#define BASE_WEB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/*
 * HTTP requests with a deadline to servers that the operator named, for those
 * that may wait for an answer: the threads health and keys, the fibers of
 * slots. One struct web for each, made and used there; its connection
 * (base/wire.h) is kept open for the next call to the same server.
 *
 * No proxy from the environment, no redirects, http and https only, HTTP/1.1,
 * no `Expect`, no codings but chunks. A URL goes out as it stands, without its
 * fragment; one with a user name, a space or a character beyond ASCII is
 * refused.
 */
struct web;

struct web *web_create(void);
void web_destroy(struct web *w);

/* A part of a body that is put together while it is sent: memory, or a range
 * of an open file, read by pread(), so the file's own position stays. */
struct web_piece {
	const void *bytes; /* NULL: of the file */
	int fd;
	int64_t offset;
	size_t len;
};

#define WEB_SAID ((size_t)64 * 1024)

struct web_call {
	const char *method; /* "GET", "HEAD", "POST", "PUT", "DELETE" */
	const char *url;
	const char *content_type; /* of the body; NULL when there is none */
	const void *body;	  /* borrowed until the call returns */
	size_t body_len;
	/* In place of body: these one after another, never whole in memory. */
	const struct web_piece *pieces;
	size_t piece_count;
	/* "Name: value", ended by NULL, without line ends; or NULL. One that we
	 * would send as well takes its place. */
	const char *const *headers;
	int64_t timeout_ms; /* of the whole call; required */
	size_t max_bytes;   /* ceiling of the answer's body; required */
	/*
	 * Where a kept connection dies before an answer comes, the request goes
	 * out again on another. True forbids that, for calls that must not
	 * happen twice: the outcome is WEB_BROKEN then.
	 */
	bool once;
	/* Where the body of a 2xx answer goes in pieces; false ends the call.
	 * Of others WEB_SAID bytes are kept in the answer: max_bytes may be
	 * more than there is memory then. NULL: all is kept there. */
	bool (*sink)(void *ctx, const void *bytes, size_t n);
	void *sink_ctx;
	/* Looked at while waiting, about every 200 ms and at each piece of
	 * data; true abandons the call. NULL: never. */
	bool (*stop)(void *ctx);
	void *stop_ctx;
};

enum web_outcome {
	WEB_ANSWERED,  /* status and body are there, whatever they say */
	WEB_REFUSED,   /* no connection was made: nothing has been sent */
	WEB_BROKEN,    /* it may have arrived all the same */
	WEB_TIMED_OUT, /* likewise */
	WEB_TOO_LARGE, /* the body went past max_bytes */
	WEB_STOPPED,   /* by stop() or the sink */
	WEB_UNREAD, /* a piece's file ended too early, or could not be read */
};

struct web_answer {
	int status;		/* 0 when none came */
	struct buf body;	/* buf_finish() it */
	char content_type[128]; /* lower case, without parameters; "" none */
	char detail[256];	/* what failed, for the log */
	int64_t max_age_s;	/* of Cache-Control; -1 none */
	int64_t length;		/* Content-Length, of a HEAD too; -1 none */
};

/* Fills *answer whatever happens; the caller calls web_answer_finish(). */
enum web_outcome web_do(struct web *w, const struct web_call *call,
			struct web_answer *answer);
void web_answer_finish(struct web_answer *a);

#endif
