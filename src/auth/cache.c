#include <stdlib.h>
#include <string.h>

#include "auth/cache.h"
#include "base/arena.h"

#define WAYS 8

struct entry {
	unsigned char hash[DIGEST_SIZE];
	struct principal *who; /* NULL: free */
	int64_t from_s, until_s;
	uint64_t used; /* the cache's count when it was last asked for */
};

struct cache {
	struct entry *entries;
	size_t sets; /* a power of two, or 0 */
	uint64_t uses;
};

struct cache *cache_create(size_t entries)
{
	struct cache *c = mem_alloc(sizeof(*c));

	if (entries > 0) {
		c->sets = 1;
		while (c->sets * WAYS < entries)
			c->sets *= 2;
		c->entries = mem_array(c->sets * WAYS, sizeof(*c->entries));
	}
	return c;
}

static void forget(struct entry *e)
{
	principal_drop(e->who);
	*e = (struct entry){0};
}

void cache_clear(struct cache *c)
{
	for (size_t i = 0; i < c->sets * WAYS; i++)
		forget(&c->entries[i]);
}

void cache_destroy(struct cache *c)
{
	if (c == NULL)
		return;
	cache_clear(c);
	free(c->entries);
	free(c);
}

static struct entry *set_of(struct cache *c, const unsigned char *hash)
{
	uint64_t n;

	memcpy(&n, hash, sizeof(n));
	return &c->entries[(n & (c->sets - 1)) * WAYS];
}

/* Also false when the clock was set back past the moment of verification. */
static bool fresh(const struct entry *e, int64_t now_s)
{
	return e->who != NULL && now_s >= e->from_s && now_s < e->until_s;
}

struct principal *cache_find(struct cache *c, const unsigned char *hash,
			     int64_t now_s)
{
	struct entry *set;

	if (c->sets == 0)
		return NULL;
	set = set_of(c, hash);
	for (size_t i = 0; i < WAYS; i++) {
		if (!fresh(&set[i], now_s) ||
		    memcmp(set[i].hash, hash, DIGEST_SIZE) != 0)
			continue;
		set[i].used = ++c->uses;
		return set[i].who;
	}
	return NULL;
}

void cache_put(struct cache *c, const unsigned char *hash, struct principal *p,
	       int64_t now_s)
{
	struct entry *set, *victim;
	int64_t until_s = now_s + CACHE_SECONDS;

	if (p->expires_s < until_s)
		until_s = p->expires_s;
	if (c->sets == 0 || until_s <= now_s)
		return;
	set = victim = set_of(c, hash);
	for (size_t i = 0; i < WAYS; i++) {
		if (memcmp(set[i].hash, hash, DIGEST_SIZE) == 0 ||
		    !fresh(&set[i], now_s)) {
			victim = &set[i];
			break;
		}
		if (set[i].used < victim->used)
			victim = &set[i];
	}
	principal_keep(p);
	forget(victim);
	memcpy(victim->hash, hash, DIGEST_SIZE);
	victim->who = p;
	victim->from_s = now_s;
	victim->until_s = until_s;
	victim->used = ++c->uses;
}
