#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "jobs/store_private.h"

/* "portrait/1", and with its owner "portrait/1\niss\nsub". */
static char *name_of(struct arena *a, const char *endpoint, unsigned version,
		     const char *owner)
{
	return owner == NULL
		       ? arena_printf(a, "%s/%u", endpoint, version)
		       : arena_printf(a, "%s/%u\n%s", endpoint, version, owner);
}

void limits_count(struct store *s, const char *endpoint, unsigned version,
		  const char *owner, enum phase phase, const char *backend,
		  int change)
{
	struct arena a = {0};

	if (phase == PHASE_QUEUED) {
		tally_add(&s->queued, name_of(&a, endpoint, version, NULL),
			  change);
		s->queued_total = (size_t)((int64_t)s->queued_total + change);
	} else if (!phase_final(phase) && backend != NULL)
		tally_add(&s->busy, backend, change);
	if (!phase_final(phase))
		tally_add(&s->own, name_of(&a, endpoint, version, owner),
			  change);
	arena_finish(&a);
}

static uint32_t look(const struct tally *t, const struct job *job,
		     const char *owner)
{
	struct arena a = {0};
	uint32_t n =
		tally_get(t, name_of(&a, job->endpoint, job->version, owner));

	arena_finish(&a);
	return n;
}

uint32_t limits_queued(const struct store *s, const struct job *job)
{
	return look(&s->queued, job, NULL);
}

uint32_t limits_own(const struct store *s, const struct job *job)
{
	return look(&s->own, job, job->owner);
}

uint32_t limits_busy(const struct store *s, const char *backend)
{
	return tally_get(&s->busy, backend);
}

static void count_one(void *ctx, const struct job *job)
{
	limits_count(ctx, job->endpoint, job->version, job->owner, job->phase,
		     job->backend, 1);
}

bool limits_load(struct store *s)
{
	tally_clear(&s->queued);
	tally_clear(&s->own);
	tally_clear(&s->busy);
	s->queued_total = 0;
	return db_each_unended(s->db, count_one, s);
}
