#ifndef HTTP_FRAMES_H
#define HTTP_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

/*
 * Cuts the bytes of one FastCGI connection into records and gathers one
 * request from them: its parameters (not yet looked into) and its body. Pure:
 * it is fed whatever has arrived, byte by byte if need be, so that no thread
 * ever waits in read() for the rest of a request. What the parameters say is
 * for libfcgi (http/fastcgi.c) once the head is whole.
 *
 *	01 01 00 01 00 08 00 00   BEGIN_REQUEST, id 1, 8 bytes
 *	00 01 01 00 00 00 00 00   responder, keep the connection
 *	01 04 00 01 00 19 07 00   PARAMS, 25 bytes and 7 of padding
 *	...
 *	01 04 00 01 00 00 00 00   PARAMS, empty: that was all
 *	01 05 00 01 00 00 00 00   STDIN, empty: no body, request complete
 *
 * The body goes into memory, or to a sink that is set when the head is whole.
 *
 * One request at a time: a second id, an unknown or a management record, a
 * record out of order break the connection, as nginx sends none of these.
 */
#define FRAMES_PARAMS_MAX (60 * 1024)

enum frames_stage {
	FRAMES_EMPTY, /* not a byte of a request has come */
	FRAMES_BEGIN,
	FRAMES_PARAMS,
	FRAMES_BODY,
	FRAMES_WHOLE,
	FRAMES_BROKEN,
};

struct frames {
	enum frames_stage stage;
	/* Where the body goes in pieces; NULL: memory. False: no more of it. */
	bool (*sink)(void *ctx, const void *bytes, size_t n);
	void *sink_ctx;
	bool sink_full; /* it has said so */
	uint8_t type;	/* of the record that is being read */
	uint8_t have;	/* bytes of head[] */
	uint8_t padding;
	uint8_t begin_len;
	uint16_t content; /* bytes of the record still to come */
	uint16_t id;
	bool too_large; /* the body went past body_max and was dropped */
	bool too_long;	/* the parameters likewise, past FRAMES_PARAMS_MAX */
	unsigned char head[8];
	unsigned char begin[8]; /* the body of BEGIN_REQUEST */
	char *params;
	size_t params_len;
	size_t params_cap;
	char *body;
	size_t body_len;
	size_t body_cap;
	size_t body_max;
};

void frames_init(struct frames *f, size_t body_max);
void frames_finish(struct frames *f);
/* Ready for the next request; frees what it holds. */
void frames_reset(struct frames *f);
/* The parameters have been read: frees them. */
void frames_forget_params(struct frames *f);
/* Takes bytes up to the end of the head (the stage is FRAMES_BODY then) or, in
 * further calls, of the request, and returns how many. Look at f->stage
 * afterwards. */
size_t frames_feed(struct frames *f, const unsigned char *bytes, size_t n);

#endif
