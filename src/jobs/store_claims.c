#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "jobs/store_private.h"

/* ---- jobs that the last process had in work ---- */

void orphans_load(struct store *s, const struct job *job)
{
	struct orphan *o = mem_alloc(sizeof(*o)), **at = &s->orphans;

	memcpy(o->id, job->id, sizeof(o->id));
	o->backend = mem_strdup(job->backend != NULL ? job->backend : "");
	while (*at != NULL)
		at = &(*at)->next;
	*at = o;
}

static void drop_at(struct orphan **at)
{
	struct orphan *o = *at;

	*at = o->next;
	free(o->backend);
	free(o);
}

void orphans_drop(struct store *s, const char *id)
{
	for (struct orphan **at = &s->orphans; *at != NULL; at = &(*at)->next) {
		if (strcmp((*at)->id, id) == 0) {
			drop_at(at);
			return;
		}
	}
}

void orphans_free(struct store *s)
{
	while (s->orphans != NULL)
		drop_at(&s->orphans);
}

static const struct orphan *orphan_of(const struct store *s,
				      const struct claim *c,
				      const struct claim *matched)
{
	const struct orphan *o = s->orphans;

	for (; o != NULL; o = o->next) {
		const struct claim *m = matched;

		if (strcmp(o->backend, c->want->backend) != 0)
			continue;
		while (m != NULL && strcmp(m->out->id, o->id) != 0)
			m = m->next;
		if (m == NULL)
			return o;
	}
	return NULL;
}

/* ---- matching ---- */

static bool take_queued(struct store *s, struct claim *c, bool *got)
{
	int64_t now = clock_wall_ms();
	char id[ID_SIZE];

	switch (db_next_queued(s->db, c->want, now, id)) {
	case DB_NONE:
		*got = false;
		return true;
	case DB_ERROR:
		return false;
	case DB_FOUND:
		break;
	}
	if (!db_set_claimed(s->db, id, c->want, now) ||
	    !db_load(s->db, id, c->arena, c->out))
		return false;
	limits_count(s, c->out->endpoint, c->out->version, c->out->owner,
		     PHASE_QUEUED, NULL, -1);
	limits_count(s, c->out->endpoint, c->out->version, c->out->owner,
		     PHASE_CLAIMED, c->want->backend, 1);
	store_tell(s, id, PHASE_CLAIMED, c->out->cancel_asked);
	*got = true;
	return true;
}

static bool match_one(struct store *s, struct claim *c,
		      const struct claim *matched, bool *got)
{
	const struct orphan *o = orphan_of(s, c, matched);

	c->orphan = o != NULL;
	if (o == NULL)
		return take_queued(s, c, got);
	*got = db_load(s->db, o->id, c->arena, c->out);
	return *got;
}

/* The waiting claims, as a list of the store thread's own: nobody else takes
 * one away while it is MATCHED. */
static struct claim *take_all(struct store *s)
{
	struct claim *all;

	box_lock(&s->box);
	all = s->claims;
	s->claims = NULL;
	for (struct claim *c = all; c != NULL; c = c->next)
		c->state = CLAIM_MATCHED;
	box_unlock(&s->box);
	return all;
}

static void give_back(struct store *s, struct claim *c)
{
	box_lock(&s->box);
	c->state = CLAIM_WAITS;
	c->next = s->claims;
	s->claims = c;
	box_unlock(&s->box);
	box_wake(&s->box);
}

/*
 * Takes the claim to serve next out of the list: of the backend with the least
 * in work, so that no second slot gets a job while another backend is idle;
 * among equals the one that waits longest, which stands last.
 */
static struct claim *take_idlest(const struct store *s, struct claim **list)
{
	struct claim **best = list, *c;

	for (struct claim **at = list; *at != NULL; at = &(*at)->next)
		if (limits_busy(s, (*at)->want->backend) <=
		    limits_busy(s, (*best)->want->backend))
			best = at;
	c = *best;
	*best = c->next;
	return c;
}

bool claims_match(struct store *s, struct claim **matched)
{
	bool good = true;
	struct claim *all;

	*matched = NULL;
	if (s->queued_total == 0 && s->orphans == NULL)
		return true;
	all = take_all(s);
	while (all != NULL) {
		struct claim *c = take_idlest(s, &all);
		bool got = false;

		if (good && (s->queued_total > 0 || s->orphans != NULL))
			good = match_one(s, c, *matched, &got);
		if (got) {
			c->next = *matched;
			*matched = c;
		} else {
			give_back(s, c);
		}
	}
	return good;
}

void claims_settle(struct store *s, struct claim *matched, bool committed)
{
	while (matched != NULL) {
		struct claim *c = matched;

		matched = c->next;
		if (!committed) {
			give_back(s, c);
			continue;
		}
		if (c->orphan)
			orphans_drop(s, c->out->id);
		box_lock(&s->box);
		c->state = CLAIM_FILLED;
		box_unlock(&s->box);
		box_wake(&s->box);
	}
}

void claims_close(struct store *s)
{
	box_lock(&s->box);
	for (struct claim *c = s->claims; c != NULL; c = c->next)
		c->state = CLAIM_OVER;
	s->claims = NULL;
	box_unlock(&s->box);
	box_wake(&s->box);
}

/* ---- the slots' side ---- */

static void leave(struct store *s, struct claim *c)
{
	struct claim **at = &s->claims;

	while (*at != NULL && *at != c)
		at = &(*at)->next;
	if (*at != NULL)
		*at = c->next;
}

bool store_wait_claim(struct store *s, const struct store_claim *want,
		      int64_t until_ms, struct arena *a, struct job *out)
{
	struct claim c = {.want = want, .arena = a, .out = out};

	box_lock(&s->box);
	if (s->closing) {
		box_unlock(&s->box);
		return false;
	}
	c.next = s->claims;
	s->claims = &c;
	s->claims_new = true;
	box_wake(&s->box);
	while (c.state == CLAIM_WAITS || c.state == CLAIM_MATCHED) {
		bool in_time = box_wait(&s->box, until_ms);

		/* A match under way is waited for: the commit is short. */
		if (!in_time && c.state == CLAIM_WAITS) {
			leave(s, &c);
			c.state = CLAIM_OVER;
		} else if (!in_time) {
			until_ms = clock_monotonic_ms() + 100;
		}
	}
	box_unlock(&s->box);
	return c.state == CLAIM_FILLED;
}

void store_wake_claims(struct store *s)
{
	claims_close(s);
}

/* ---- notes ---- */

void store_note(struct store *s, const char *id, const char *prompt_id,
		enum phase phase)
{
	struct note *n;

	box_lock(&s->box);
	for (n = s->notes; n != NULL; n = n->next)
		if (strcmp(n->id, id) == 0 &&
		    strcmp(n->prompt_id, prompt_id) == 0)
			break;
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
	box_unlock(&s->box);
}

enum phase notes_take(struct store *s, const char *id, const char *prompt_id,
		      enum phase written)
{
	struct note **at, *found = NULL;
	enum phase phase = written;

	box_lock(&s->box);
	for (at = &s->notes; *at != NULL && found == NULL;) {
		if (strcmp((*at)->id, id) != 0) {
			at = &(*at)->next;
			continue;
		}
		found = *at;
		*at = found->next;
	}
	box_unlock(&s->box);
	/* SUBMITTED and RAN only move a job on in its own attempt. */
	if (found != NULL && strcmp(found->prompt_id, prompt_id) == 0 &&
	    !phase_final(written) && written != PHASE_QUEUED &&
	    found->phase > written)
		phase = found->phase;
	free(found);
	return phase;
}

bool notes_write(struct store *s)
{
	struct note *all, *next;
	bool good = true;

	box_lock(&s->box);
	all = s->notes;
	s->notes = NULL;
	box_unlock(&s->box);
	for (struct note *n = all; n != NULL; n = next) {
		struct arena a = {0};
		struct db_row row;

		next = n->next;
		if (good && db_row(s->db, n->id, &a, &row) == DB_FOUND &&
		    strcmp(row.prompt_id, n->prompt_id) == 0 &&
		    !phase_final(row.phase) && row.phase != PHASE_QUEUED &&
		    n->phase > row.phase) {
			good = db_set_phase(s->db, n->id, n->phase);
			store_tell(s, n->id, n->phase, row.cancel_asked);
		}
		arena_finish(&a);
		free(n);
	}
	return good;
}

void notes_free(struct store *s)
{
	while (s->notes != NULL) {
		struct note *next = s->notes->next;

		free(s->notes);
		s->notes = next;
	}
}
