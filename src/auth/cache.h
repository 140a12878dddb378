#ifndef AUTH_CACHE_H
#define AUTH_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "auth/principal.h"
#include "base/digest.h"

/*
 * Verified tokens by their SHA-256, so that no token is kept in memory.
 * Bounded: sets of eight, in each the one not asked for longest makes room.
 * Loop thread.
 */
struct cache;

#define CACHE_SECONDS 60

/* entries is rounded up to a power of two; 0: nothing is remembered. */
struct cache *cache_create(size_t entries);
void cache_destroy(struct cache *c);
void cache_clear(struct cache *c);

/* Borrowed; NULL when unknown or too old. */
struct principal *cache_find(struct cache *c, const unsigned char *hash,
			     int64_t now_s);
/* Keeps a reference of its own, until the token expires and at most
 * CACHE_SECONDS. */
void cache_put(struct cache *c, const unsigned char *hash, struct principal *p,
	       int64_t now_s);

#endif
