#ifndef AUTH_RATE_H
#define AUTH_RATE_H

#include <stddef.h>
#include <stdint.h>

#include "auth/access.h"

/*
 * Token buckets by the generic cell rate algorithm: of each bucket only the
 * moment is kept at which it will be full again. Bounded memory. Loop thread.
 */
struct rate;

/* buckets is rounded up to a power of two, at least 8. */
struct rate *rate_create(size_t buckets);
void rate_destroy(struct rate *r);

/* Takes one from the bucket of (owner, endpoint) where one is left. A count of
 * 0 allows none. now_ms is monotonic. */
struct rate_state rate_take(struct rate *r, const char *owner,
			    const char *endpoint, uint32_t count,
			    int64_t window_ms, int64_t now_ms);

#endif
