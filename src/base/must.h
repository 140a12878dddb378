#ifndef BASE_MUST_H
#define BASE_MUST_H

#include <stdbool.h>
#include <stdlib.h>

/*
 * For calls that fail only when the system has nothing left, or when we use
 * them wrongly: nothing could go on, and jobs are durable. Unlike assert() what
 * stands in it is always done.
 */
static inline void must(bool good)
{
	if (!good)
		abort();
}

#endif
