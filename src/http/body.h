#ifndef HTTP_BODY_H
#define HTTP_BODY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/problem.h"

/*
 * The body threads: they read bodies that go elsewhere than into memory, so
 * that neither a large one nor a slow disk holds the loop. A connection is lent
 * to one of them, with its socket and its exchange, and comes back by
 * server_post() when the body is whole or broken. Between bodies they do other
 * work that waits for the disk.
 */
struct bodies;
struct connection;
struct server;

/* At most `most` are lent at once. No thread yet. */
MUST_USE struct bodies *bodies_create(struct server *s, unsigned threads,
				      size_t most, struct problem *why);
void bodies_start(struct bodies *b);
/* Loop thread. Bodies under way are broken off, work that waits is done;
 * returns when all threads have ended. */
void bodies_stop(struct bodies *b);
void bodies_destroy(struct bodies *b); /* NULL is fine */

/* Loop thread. True: no more can be lent just now. */
bool bodies_full(struct bodies *b);
/* Loop thread. Lends it; `bytes` (copied) came already. */
void bodies_read(struct bodies *b, struct connection *c, const void *bytes,
		 size_t n);
/* Any thread. False: there is no thread to do it. */
MUST_USE bool bodies_work(struct bodies *b, void (*fn)(void *arg), void *arg);

#endif
