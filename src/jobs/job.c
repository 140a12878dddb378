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

static const char *copy(struct arena *a, const char *s)
{
	return s != NULL ? arena_strdup(a, s) : NULL;
}

void job_copy(struct arena *a, const struct job *from, struct job *to)
{
	*to = *from;
	to->owner = copy(a, from->owner);
	to->endpoint = copy(a, from->endpoint);
	to->inputs = copy(a, from->inputs);
	to->prompt = copy(a, from->prompt);
	to->recipe = copy(a, from->recipe);
	to->files = copy(a, from->files);
	to->pool = copy(a, from->pool);
	to->backend = copy(a, from->backend);
	to->outputs = copy(a, from->outputs);
	to->problem = copy(a, from->problem);
	to->idempotency_key = copy(a, from->idempotency_key);
	to->request_hash = copy(a, from->request_hash);
	to->reuse_key = copy(a, from->reuse_key);
	to->shared_from = copy(a, from->shared_from);
}

struct job job_as_read(const struct job *from)
{
	struct job job = *from;

	job.prompt = job.recipe = job.files = NULL;
	job.idempotency_key = job.request_hash = NULL;
	job.reuse_key = job.shared_from = NULL;
	return job;
}

unsigned phase_set_of_status(const char *status)
{
	unsigned set = 0;

	for (size_t i = 0; i < COUNT(phases); i++)
		if (strcmp(phases[i].status, status) == 0)
			set |= 1u << i;
	return set;
}
