#ifndef BASE_WEB_MESSAGE_H
#define BASE_WEB_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"

/*
 * Answers of HTTP/1.1 as they come over a connection (RFC 9112): the head, and
 * the body in whatever way its end is told. The server is not trusted: what is
 * not by the rules is no answer, and nothing here waits or allocates. Pure; for
 * base/web.c.
 */
struct web_head {
	int status;		/* 100 to 999 */
	int64_t length;		/* Content-Length; -1 none */
	int64_t max_age_s;	/* of Cache-Control; -1 none */
	char content_type[128]; /* lower case, without parameters; "" none */
	bool chunked;
	bool last; /* the server closes the connection after it */
};

/*
 * The head at the beginning of n bytes: its size with the empty line; 0 where
 * more must come; -1 where it is none. Refused, as they hide where an answer
 * ends: folded lines, a NUL, lengths that differ, a length and chunks at once,
 * codings other than chunks (RFC 9112, 5.2 and 6.3).
 */
MUST_USE ssize_t web_head_read(const char *bytes, size_t n,
			       struct web_head *out);

enum web_body_state {
	WEB_BODY_LENGTH,
	WEB_BODY_TO_CLOSE, /* its end is that of the connection */
	WEB_BODY_SIZE,	   /* the line before a chunk */
	WEB_BODY_CHUNK,
	WEB_BODY_CHUNK_END,
	WEB_BODY_TRAILER, /* lines after the last chunk */
	WEB_BODY_DONE,
	WEB_BODY_BAD,
};

/* Where in its body an answer is. */
struct web_body {
	enum web_body_state state;
	uint64_t left;	 /* of the length, or of this chunk */
	unsigned digits; /* of a chunk's size, so far */
	size_t line;	 /* bytes of a line, or of all trailers, so far */
};

/* `bare`: of a HEAD, whose answer has a length and no body. */
void web_body_begin(struct web_body *b, const struct web_head *head, bool bare);
/* Reads on, n at least 1: returns how many bytes it took, of which the last
 * *piece_len at *piece are the body's. It takes none where it is done, or bad.
 */
size_t web_body_take(struct web_body *b, const char *bytes, size_t n,
		     const char **piece, size_t *piece_len);

#endif
