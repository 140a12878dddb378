/*
 * Python's heapq, step by step: GET /queue shows its order, and two prompts
 * with equal number and equal id cannot be compared, which is an error in the
 * middle of the work and leaves what was done so far. Under the world's lock.
 */
#ifndef STANDIN_HEAP_H
#define STANDIN_HEAP_H

#include "world.h"

/* false on a tie; the job is in the heap all the same */
MUST_USE bool heap_push(struct heap *h, struct job *j);
/* false on a tie; then *out is NULL and the smallest is lost */
MUST_USE bool heap_pop(struct heap *h, struct job **out);
/* takes out the one at index i and orders the rest */
struct job *heap_remove(struct heap *h, size_t i);

#endif
