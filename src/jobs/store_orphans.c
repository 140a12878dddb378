#include <stdlib.h>
#include <string.h>

#include "jobs/store_private.h"

/* Jobs that the last process had in work. */

void orphans_load(struct store *s, const struct job *job)
{
	struct orphan *o = mem_alloc(sizeof(*o)), **at = &s->orphans;

	memcpy(o->id, job->id, sizeof(o->id));
	o->backend = mem_strdup(job->backend != NULL ? job->backend : "");
	while (*at != NULL)
		at = &(*at)->next;
	*at = o;
}

struct orphan *orphans_of(const struct store *s, const char *backend)
{
	struct orphan *o = s->orphans;

	while (o != NULL && (o->taken || strcmp(o->backend, backend) != 0))
		o = o->next;
	return o;
}

bool orphans_waiting(const struct store *s)
{
	const struct orphan *o = s->orphans;

	while (o != NULL && o->taken)
		o = o->next;
	return o != NULL;
}

void orphans_settle(struct store *s, bool committed)
{
	for (struct orphan **at = &s->orphans; *at != NULL;) {
		struct orphan *o = *at;

		if (!o->taken || !committed) {
			o->taken = false;
			at = &o->next;
			continue;
		}
		*at = o->next;
		free(o->backend);
		free(o);
	}
}

void orphans_free(struct store *s)
{
	for (struct orphan *o = s->orphans; o != NULL; o = o->next)
		o->taken = true;
	orphans_settle(s, true);
}
