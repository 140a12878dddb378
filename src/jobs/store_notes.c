#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "jobs/store_private.h"

/* How long a note waits: most attempts end sooner, and then nothing but the
 * end need be written. */
#define NOTE_MS 100

static struct note **find(struct note **list, const char *id,
			  const char *prompt_id)
{
	struct note **at = list;

	while (*at != NULL && (strcmp((*at)->id, id) != 0 ||
			       strcmp((*at)->prompt_id, prompt_id) != 0))
		at = &(*at)->next;
	return at;
}

void store_note(struct store *s, const char *id, const char *prompt_id,
		enum phase phase)
{
	struct note *n;

	box_lock(&s->box);
	n = *find(&s->notes, id, prompt_id);
	if (n == NULL) {
		n = mem_alloc(sizeof(*n));
		memcpy(n->id, id, sizeof(n->id));
		memcpy(n->prompt_id, prompt_id, sizeof(n->prompt_id));
		n->phase = phase;
		n->next = s->notes;
		s->notes = n;
	} else if (phase_may_follow(n->phase, phase)) {
		n->phase = phase;
	}
	/* Not worth waking anybody for: see LOOK_MS. */
	if (s->notes_due == 0)
		s->notes_due = clock_monotonic_ms() + NOTE_MS;
	box_unlock(&s->box);
}

struct note *notes_fetch(struct store *s)
{
	struct note *fresh = s->notes;

	s->notes = NULL;
	return fresh;
}

void notes_merge(struct store *s, struct note *fresh)
{
	while (fresh != NULL) {
		struct note *n = fresh, *old;

		fresh = n->next;
		old = *find(&s->pending, n->id, n->prompt_id);
		if (old == NULL) {
			n->next = s->pending;
			s->pending = n;
			continue;
		}
		if (phase_may_follow(old->phase, n->phase))
			old->phase = n->phase;
		free(n);
	}
}

/* SUBMITTED and RAN only move a job on in its own attempt. */
static bool moves_on(const struct note *n, enum phase written)
{
	return !phase_final(written) && written != PHASE_QUEUED &&
	       n->phase > written;
}

enum phase notes_take(struct store *s, const char *id, const char *prompt_id,
		      enum phase written)
{
	struct note *n = *find(&s->pending, id, prompt_id);

	if (n == NULL)
		return written;
	n->used = true;
	return moves_on(n, written) ? n->phase : written;
}

static bool write_one(struct store *s, struct note *n)
{
	struct db_row row;
	enum db_found found = db_row(s->db, n->id, &s->scratch, &row);
	bool good = found != DB_ERROR;

	n->used = true;
	if (found == DB_FOUND && strcmp(row.job.prompt_id, n->prompt_id) == 0 &&
	    moves_on(n, row.job.phase)) {
		good = db_set_phase(s->db, row.seq, n->phase);
		store_tell(s, n->id, n->phase, row.job.cancel_asked);
	}
	return good;
}

bool notes_write(struct store *s)
{
	for (struct note *n = s->pending; n != NULL; n = n->next)
		if (!n->used && !write_one(s, n))
			return false;
	return true;
}

void notes_settle(struct store *s, bool committed)
{
	for (struct note **at = &s->pending; *at != NULL;) {
		struct note *n = *at;

		if (n->used && committed) {
			*at = n->next;
			free(n);
			continue;
		}
		n->used = false;
		at = &n->next;
	}
	box_lock(&s->box);
	if (s->pending == NULL)
		s->notes_due =
			s->notes == NULL ? 0 : clock_monotonic_ms() + NOTE_MS;
	box_unlock(&s->box);
}

void notes_free(struct store *s)
{
	notes_merge(s, notes_fetch(s));
	while (s->pending != NULL) {
		struct note *next = s->pending->next;

		free(s->pending);
		s->pending = next;
	}
}
