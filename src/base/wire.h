#ifndef BASE_WIRE_H
#define BASE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"

/*
 * A connection to one server, TCP or TLS, for base/web.c: libcurl looks up the
 * name, tries the addresses, checks the certificate, and carries the bytes of
 * TLS; what they mean is not known here. It belongs to one thread or fiber, and
 * stays open between calls: whoever waits on one in a fiber gives way.
 */
struct wire;

struct wire *wire_create(void);
void wire_destroy(struct wire *w);

/* How long a wait may last. stop() is asked about every 200 ms and before each
 * wait; NULL: never. */
struct wire_limit {
	int64_t until_ms; /* CLOCK_MONOTONIC */
	bool (*stop)(void *ctx);
	void *ctx;
};

enum wire_state {
	WIRE_GOOD,
	WIRE_BROKEN,	/* or could not be made */
	WIRE_TIMED_OUT, /* the limit's time is over */
	WIRE_STOPPED,	/* by the limit's stop() */
};

#define WIRE_ORIGIN 512 /* bytes of "https://host:port", with the NUL */

/* Connects to there; one that is open is closed before. */
MUST_USE enum wire_state wire_open(struct wire *w, const char *origin,
				   const struct wire_limit *limit);
/* Is it open to there, and silent, as it must be between two calls? `sure` asks
 * the kernel, which knows a moment earlier that the server has closed it. */
MUST_USE bool wire_kept(const struct wire *w, const char *origin, bool sure);
void wire_close(struct wire *w);

/* For the log: what libcurl said of the last failure. */
const char *wire_why(const struct wire *w);

#define WIRE_AGAIN (-1) /* not before wire_wait() */
#define WIRE_LOST  (-2)
/* Up to n bytes; how many, or one of these. */
MUST_USE ssize_t wire_send(struct wire *w, const void *bytes, size_t n);
/* Likewise; 0 at the end of what the server sends. */
MUST_USE ssize_t wire_receive(struct wire *w, void *to, size_t n);
/* Waits until something can be received, or with `sending` that or sent. */
MUST_USE enum wire_state wire_wait(struct wire *w, bool sending,
				   const struct wire_limit *limit);
/* Waits for nothing, but lets other fibers have their turn: for those who go on
 * and on, as there is always something to receive or room to send. */
MUST_USE enum wire_state wire_pause(struct wire *w,
				    const struct wire_limit *limit);

#endif
