#include "cache.h"

#include <stdlib.h>

struct cache_entry *cache_find(struct cache *c, uint64_t hash)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		if (c->v[i].hash == hash)
			return &c->v[i];
	return NULL;
}

void cache_store(struct cache *c, const struct enode *n)
{
	struct cache_entry *e = cache_find(c, n->hash);
	size_t i;

	if (e)
		return;
	if (c->n == c->cap) {
		c->cap = c->cap ? c->cap * 2 : 16;
		c->v = mem_grow(c->v, c->cap * sizeof(*c->v));
	}
	e = &c->v[c->n++];
	*e = (struct cache_entry){.hash = n->hash};
	for (i = 0; i < MAX_OUT; i++)
		e->out[i] = value_ref(n->out[i]);
	e->id = mem_text(n->id);
	e->ui = n->ui.len ? mem_copy(n->ui.p, n->ui.len) : NULL;
}

static void drop(struct cache_entry *e)
{
	size_t i;

	for (i = 0; i < MAX_OUT; i++)
		value_unref(e->out[i]);
	free(e->ui);
	free(e->id);
}

void cache_trim(struct cache *c, const struct run *r)
{
	size_t i, kept = 0;

	for (i = 0; i < r->count; i++) {
		struct cache_entry *e = cache_find(c, r->nodes[i].hash);

		if (e)
			e->kept = true;
	}
	for (i = 0; i < c->n; i++) {
		if (c->v[i].kept) {
			c->v[i].kept = false;
			c->v[kept++] = c->v[i];
		} else {
			drop(&c->v[i]);
		}
	}
	c->n = kept;
}

void cache_clear(struct cache *c)
{
	while (c->n)
		drop(&c->v[--c->n]);
	free(c->v);
	*c = (struct cache){0};
}
