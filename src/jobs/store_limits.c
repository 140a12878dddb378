#include <string.h>

#include "jobs/store_private.h"

#define VERSION_DIGITS 10

/* "portrait/1", and with its owner "portrait/1\niss\nsub". The digits of the
 * version are the wrong way round: told apart they are as well. */
static char *name_of(struct arena *a, const char *endpoint, unsigned version,
		     const char *owner)
{
	size_t n = strlen(endpoint), m = owner != NULL ? strlen(owner) : 0;
	char *name = arena_alloc(a, n + m + VERSION_DIGITS + 3), *at = name + n;

	memcpy(name, endpoint, n + 1);
	*at++ = '/';
	do
		*at++ = (char)('0' + version % 10);
	while ((version /= 10) != 0);
	if (owner == NULL)
		return name;
	*at++ = '\n';
	memcpy(at, owner, m + 1);
	return name;
}

static void add(struct store *s, struct tally *of, const char *name, int by)
{
	tally_add(of, name, by);
	if (of == &s->queued)
		s->queued_total = (size_t)((int64_t)s->queued_total + by);
}

static void change(struct store *s, struct tally *of, const char *name, int by)
{
	if (s->change_count == s->change_cap) {
		s->change_cap = s->change_cap != 0 ? s->change_cap * 2 : 64;
		s->changes = mem_resize(s->changes,
					s->change_cap * sizeof(*s->changes));
	}
	s->changes[s->change_count++] =
		(struct change){.of = of, .name = name, .by = by};
	add(s, of, name, by);
}

/* In line, or in work. */
static void count_place(struct store *s, const struct job *job,
			enum phase phase, int by)
{
	struct arena *a = &s->scratch;

	if (phase == PHASE_QUEUED)
		change(s, &s->queued,
		       name_of(a, job->endpoint, job->version, NULL), by);
	else if (phase == PHASE_FETCHING)
		change(s, &s->fetching,
		       name_of(a, job->endpoint, job->version, NULL), by);
	else if (job->backend != NULL)
		change(s, &s->busy, arena_strdup(a, job->backend), by);
}

void limits_count(struct store *s, const struct job *job, int by)
{
	if (phase_final(job->phase))
		return;
	count_place(s, job, job->phase, by);
	change(s, &s->own,
	       name_of(&s->scratch, job->endpoint, job->version, job->owner),
	       by);
}

void limits_move(struct store *s, const struct job *job, enum phase from,
		 enum phase to)
{
	count_place(s, job, from, -1);
	count_place(s, job, to, 1);
}

void limits_settle(struct store *s, bool committed)
{
	while (s->change_count > 0) {
		const struct change *c = &s->changes[--s->change_count];

		if (!committed)
			add(s, c->of, c->name, -c->by);
	}
	arena_finish(&s->scratch);
}

uint32_t limits_queued(struct store *s, const struct job *job)
{
	const char *name =
		name_of(&s->scratch, job->endpoint, job->version, NULL);

	return tally_get(&s->queued, name) + tally_get(&s->fetching, name);
}

uint32_t limits_own(struct store *s, const struct job *job)
{
	return tally_get(&s->own, name_of(&s->scratch, job->endpoint,
					  job->version, job->owner));
}

uint32_t limits_busy(const struct store *s, const char *backend)
{
	return tally_get(&s->busy, backend);
}
