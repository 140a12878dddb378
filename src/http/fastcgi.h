#ifndef HTTP_FASTCGI_H
#define HTTP_FASTCGI_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/problem.h"
#include "http/frames.h"

/*
 * The only user of libfcgi. It reads requests from a descriptor and waits
 * there for what is missing, so it is never given a connection: once the
 * head is whole (http/frames.h), BEGIN_REQUEST and the parameters are put
 * into a pipe and libfcgi parses what comes out. All is in there before it
 * looks and the pipe never waits, so it cannot either; its buffers are freed
 * before the request is handled. One per loop thread.
 */
struct fastcgi {
	int in, out; /* the pipe's ends, empty between requests; -1: none */
};

/* libfcgi takes SIGTERM, SIGUSR1 and SIGPIPE for itself when it starts; what
 * they did before is put back. */
MUST_USE bool fastcgi_open(struct fastcgi *f, struct problem *why);
void fastcgi_close(struct fastcgi *f);

/* One parameter: name is "REQUEST_METHOD" or "HTTP_PREFER". */
struct fastcgi_param {
	const char *name;
	const char *value;
};

struct fastcgi_request {
	struct fastcgi_param *params; /* in the arena */
	size_t count;
	bool keep_conn;
};

/* False where the parameters are not well formed. */
MUST_USE bool fastcgi_parse(struct fastcgi *f, const struct frames *whole,
			    struct arena *arena, struct fastcgi_request *out);

#endif
