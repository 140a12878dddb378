/* What nodes gave, by the content of the node and of all before it. Belongs to
 * one worker thread. Holds the last graph only. */
#ifndef STANDIN_CACHE_H
#define STANDIN_CACHE_H

#include "run.h"

struct cache_entry {
	uint64_t hash;
	struct value *out[MAX_OUT];
	char *ui; /* NULL when none */
	char *id; /* of the node that made it: the history names that one */
	bool kept;
};

struct cache {
	struct cache_entry *v;
	size_t n;
	size_t cap;
};

struct cache_entry *cache_find(struct cache *c, uint64_t hash);
void cache_store(struct cache *c, const struct enode *n);
/* drops what the nodes of this run do not name */
void cache_trim(struct cache *c, const struct run *r);
void cache_clear(struct cache *c);

#endif
