/* Runs one prompt, node after node, in the worker thread. */
#ifndef STANDIN_EXECUTE_H
#define STANDIN_EXECUTE_H

#include "cache.h"

/* false when the worker died over it (wedge); the job's results are filled in
 * otherwise. Takes the world's lock where needed. */
bool execute(struct world *w, unsigned generation, struct cache *cache,
	     struct job *j);

#endif
