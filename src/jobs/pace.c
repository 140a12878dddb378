#include "jobs/pace.h"

/* About as many as 16 callers leave together, each with a job that takes no
 * time: it is for them, and for more. */
#define MANY	8
#define PACE_MS 4

int64_t pace_next(int64_t begun, size_t ops)
{
	return ops >= MANY ? begun + PACE_MS : begun;
}
