#ifndef API_PREFER_H
#define API_PREFER_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The Prefer header (RFC 7240), as far as it is for us. Pure.
 *
 *	Prefer: respond-async, wait=10
 */
struct prefer {
	bool respond_async;
	bool wait_given;
	int64_t wait_ms;
};

/* NULL: no header. Unknown preferences and malformed ones are ignored, as
 * section 2 wants; the first of two alike counts. */
struct prefer prefer_read(const char *header);

#endif
