#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "auth/rate.h"
#include "base/arena.h"
#include "base/digest.h"

#define WAYS	  8
#define NS_PER_MS 1000000
/* 366 days, the longest duration there is: in ns it fits int64_t 290 times. */
#define WINDOW_MAX_MS (366LL * 24 * 3600 * 1000)

struct bucket {
	unsigned char key[16]; /* of the SHA-256 of owner and endpoint */
	int64_t full_ns;       /* when it is full again; 0: free */
};

struct rate {
	struct bucket *buckets;
	size_t sets; /* a power of two */
};

struct rate *rate_create(size_t buckets)
{
	struct rate *r = mem_alloc(sizeof(*r));

	r->sets = 1;
	while (r->sets * WAYS < buckets)
		r->sets *= 2;
	r->buckets = mem_array(r->sets * WAYS, sizeof(*r->buckets));
	return r;
}

void rate_destroy(struct rate *r)
{
	if (r == NULL)
		return;
	free(r->buckets);
	free(r);
}

/* The bucket of that key; a full one, or the one nearest to full, makes room
 * for a new one. */
static struct bucket *find(struct rate *r, const unsigned char *hash)
{
	struct bucket *set, *victim;
	uint64_t n;

	memcpy(&n, hash, sizeof(n));
	set = victim = &r->buckets[(n & (r->sets - 1)) * WAYS];
	for (size_t i = 0; i < WAYS; i++) {
		if (memcmp(set[i].key, hash, sizeof(set[i].key)) == 0)
			return &set[i];
		if (set[i].full_ns < victim->full_ns)
			victim = &set[i];
	}
	memcpy(victim->key, hash, sizeof(victim->key));
	victim->full_ns = 0;
	return victim;
}

static int64_t ms_up(int64_t ns)
{
	return (ns + NS_PER_MS - 1) / NS_PER_MS;
}

static struct bucket *bucket_of(struct rate *r, const char *owner,
				const char *endpoint)
{
	unsigned char hash[DIGEST_SIZE];
	struct arena a = {0};
	const char *name = arena_printf(&a, "%s\n\n%s", owner, endpoint);

	digest_sha256(name, strlen(name), hash);
	arena_finish(&a);
	return find(r, hash);
}

struct rate_state rate_take(struct rate *r, const char *owner,
			    const char *endpoint, uint32_t count,
			    int64_t window_ms, int64_t now_ms)
{
	struct rate_state s = {0};
	int64_t window = window_ms * NS_PER_MS, now = now_ms * NS_PER_MS;
	int64_t step, missing;
	struct bucket *b;

	assert(window_ms > 0 && window_ms <= WINDOW_MAX_MS);
	if (count == 0) {
		s.retry_ms = s.reset_ms = window_ms;
		return s;
	}
	b = bucket_of(r, owner, endpoint);
	step = window / count > 0 ? window / count : 1;
	/* What was taken and has not come back, as time. A bucket of another,
	 * longer window counts as empty, no more. */
	missing = b->full_ns > now ? b->full_ns - now : 0;
	if (missing > window)
		missing = window;
	s.allowed = missing + step <= window;
	if (s.allowed)
		missing += step;
	else
		s.retry_ms = ms_up(missing + step - window);
	b->full_ns = now + missing;
	s.reset_ms = ms_up(missing);
	s.remaining = (uint32_t)((window - missing) / step);
	return s;
}
