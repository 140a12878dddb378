#include "jobs/job.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#define TO(phase) (1u << PHASE_##phase)
#define ENDS	  (TO(FAILED) | TO(CANCELED))

/*
 * The only place that says which phase may follow which. CLAIMED and later
 * return to QUEUED when their backend is lost and attempts are left.
 */
static const struct {
	const char *name;
	const char *status;
	unsigned next;
} phases[] = {
	[PHASE_QUEUED] = {"queued", "queued", TO(CLAIMED) | ENDS},
	[PHASE_CLAIMED] = {"claimed", "running",
			   TO(SUBMITTED) | TO(QUEUED) | ENDS},
	[PHASE_SUBMITTED] = {"submitted", "running",
			     TO(RAN) | TO(QUEUED) | ENDS},
	[PHASE_RAN] = {"ran", "running", TO(SUCCEEDED) | TO(QUEUED) | ENDS},
	[PHASE_SUCCEEDED] = {"succeeded", "succeeded", 0},
	[PHASE_FAILED] = {"failed", "failed", 0},
	[PHASE_CANCELED] = {"canceled", "canceled", 0},
	[PHASE_FETCHING] = {"fetching", "queued", TO(QUEUED) | ENDS},
};
static_assert(COUNT(phases) == PHASE__COUNT, "a phase lacks its row");

const char *phase_name(enum phase p)
{
	assert(p < PHASE__COUNT);
	return phases[p].name;
}

bool phase_final(enum phase p)
{
	assert(p < PHASE__COUNT);
	return phases[p].next == 0;
}

bool phase_waits(enum phase p)
{
	return p == PHASE_QUEUED || p == PHASE_FETCHING;
}

bool phase_may_follow(enum phase from, enum phase to)
{
	assert(from < PHASE__COUNT && to < PHASE__COUNT);
	return (phases[from].next & (1u << to)) != 0;
}

const char *phase_status(enum phase p)
{
	assert(p < PHASE__COUNT);
	return phases[p].status;
}

unsigned phase_set_of_status(const char *status)
{
	unsigned set = 0;

	for (size_t i = 0; i < COUNT(phases); i++)
		if (strcmp(phases[i].status, status) == 0)
			set |= 1u << i;
	return set;
}
