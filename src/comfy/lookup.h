#ifndef COMFY_LOOKUP_H
#define COMFY_LOOKUP_H

#include <stddef.h>

/*
 * Host name to addresses without blocking the events thread: the system's
 * resolver may take many seconds and cannot be called off, so it runs in a
 * thread of its own that nobody waits for. One owner; the owner may drop a
 * lookup at any time.
 */
#define LOOKUP_MAX     8
#define LOOKUP_ADDRESS 64

struct lookup;

struct lookup_result {
	size_t count;				  /* 0: not found */
	char address[LOOKUP_MAX][LOOKUP_ADDRESS]; /* numeric, in order */
};

/* Never NULL. A literal address is there at once. */
struct lookup *lookup_start(const char *host);
/* The answer, borrowed; NULL while there is none. */
const struct lookup_result *lookup_poll(struct lookup *l);
void lookup_drop(struct lookup *l); /* NULL is fine */

#endif
