#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "jobs/store_private.h"

/* How often a claim that is past its time looks whether the match that it is
 * part of is over. */
#define MATCH_MS 100

/* ---- the list ---- */

/* The slot goes its way: nothing of the claim may be used after this. */
static void tell(struct claim *c, bool filled)
{
	waiter_tell(c->waiter, filled);
}

static void tell_all(struct claim *list)
{
	while (list != NULL) {
		struct claim *next = list->next;

		tell(list, false);
		list = next;
	}
}

/* The waiting claims, as a list of the store thread's own. */
static struct claim *take_all(struct store *s)
{
	struct claim *all;

	box_lock(&s->box);
	all = s->claims;
	s->claims = NULL;
	box_unlock(&s->box);
	return all;
}

/* Behind those that came meanwhile, as these have waited longer. One that was
 * to be woken while it was away ends now. */
static void give_back(struct store *s, struct claim *list)
{
	struct claim **end, *woken = NULL;

	if (list == NULL)
		return;
	box_lock(&s->box);
	for (end = &s->claims; *end != NULL;)
		end = &(*end)->next;
	while (list != NULL) {
		struct claim *c = list;

		list = c->next;
		if (c->wakes != s->wakes) {
			c->next = woken;
			woken = c;
		} else {
			c->next = NULL;
			*end = c;
			end = &c->next;
		}
	}
	box_unlock(&s->box);
	tell_all(woken);
}

void claims_close(struct store *s)
{
	tell_all(take_all(s));
}

/* ---- matching ---- */

static bool take_queued(struct store *s, struct claim *c, bool *got)
{
	const struct job *job = c->out;

	*got = false;
	switch (db_claim(s->db, &c->want, clock_wall_ms(), c->arena, c->out)) {
	case DB_NONE:
		return true;
	case DB_ERROR:
		return false;
	case DB_FOUND:
		break;
	}
	limits_move(s, job, PHASE_QUEUED, PHASE_CLAIMED);
	store_tell(s, job->id, PHASE_CLAIMED, job->cancel_asked);
	*got = true;
	return true;
}

static bool match_one(struct store *s, struct claim *c, bool *got)
{
	struct orphan *o;

	while ((o = orphans_of(s, c->want.backend)) != NULL) {
		o->taken = true;
		switch (db_load(s->db, o->id, c->arena, c->out)) {
		case DB_FOUND:
			*got = true;
			return true;
		case DB_NONE: /* somebody edited the database */
			break;
		case DB_ERROR:
			return false;
		}
	}
	return take_queued(s, c, got);
}

static bool same_want(const struct claim *a, const struct claim *b)
{
	return a->want.alone == b->want.alone &&
	       strcmp(a->want.pool, b->want.pool) == 0 &&
	       strcmp(a->want.backend, b->want.backend) == 0;
}

static void count_busy(struct store *s)
{
	for (struct claim *c = s->free; c != NULL && !s->counted; c = c->next)
		c->busy = limits_busy(s, c->want.backend);
	s->counted = true;
}

/*
 * The claim to serve next: of the backend with the least in work, so that no
 * second slot gets a job while another backend is idle; among equals the one
 * that waits longest, which stands last. Of one pool, or (NULL) of any. NULL:
 * there is none, or all were tried.
 */
static struct claim *idlest(struct store *s, const char *pool)
{
	struct claim *best = NULL;

	count_busy(s);
	for (struct claim *c = s->free; c != NULL; c = c->next)
		if (!c->tried &&
		    (pool == NULL || strcmp(c->want.pool, pool) == 0) &&
		    (best == NULL || c->busy <= best->busy))
			best = c;
	return best;
}

/* Out of the list and into the other; its backend has one more. */
static void move_matched(struct store *s, struct claim *c)
{
	struct claim **at = &s->free;

	while (*at != NULL) {
		if (strcmp((*at)->want.backend, c->want.backend) == 0)
			(*at)->busy++;
		if (*at == c)
			*at = c->next;
		else
			at = &(*at)->next;
	}
	c->next = s->matched;
	s->matched = c;
}

/* Nothing was there for it, so there is nothing for those like it. */
static void set_tried(struct claim *all, const struct claim *like)
{
	for (struct claim *c = all; c != NULL; c = c->next)
		if (!c->tried && same_want(c, like))
			c->tried = true;
}

static bool somebody_in_line(const struct store *s)
{
	return s->queued_total > 0 || orphans_waiting(s);
}

void claims_begin(struct store *s)
{
	s->free = take_all(s);
	s->counted = false;
	for (struct claim *c = s->free; c != NULL; c = c->next)
		c->tried = false;
}

/* What db_claim() would find next, and do. */
struct job *claims_take(struct store *s, struct job *job)
{
	int64_t now = clock_wall_ms();
	struct claim *c;

	if (somebody_in_line(s) ||
	    (job->deadline_at != 0 && job->deadline_at <= now) ||
	    (c = idlest(s, job->pool)) == NULL)
		return NULL;
	move_matched(s, c);
	job->phase = PHASE_CLAIMED;
	job->backend = c->want.backend;
	memcpy(job->prompt_id, c->want.prompt_id, sizeof(job->prompt_id));
	job->attempts = 1;
	job->started_at = now;
	job_copy(c->arena, job, c->out);
	return c->out;
}

bool claims_match(struct store *s)
{
	struct claim *c;
	bool good = true;

	while (good && somebody_in_line(s) && (c = idlest(s, NULL)) != NULL) {
		bool got = false;

		good = match_one(s, c, &got);
		if (got || !good)
			move_matched(s, c);
		else
			set_tried(s->free, c);
	}
	return good;
}

/* What they were given was never stored; while nothing can be, that comes again
 * and again. */
static void empty(struct claim *list)
{
	for (; list != NULL; list = list->next)
		arena_finish(list->arena);
}

void claims_settle(struct store *s, bool committed)
{
	struct claim *served = s->matched;

	give_back(s, s->free);
	s->free = s->matched = NULL;
	if (!committed) {
		empty(served);
		give_back(s, served);
		return;
	}
	while (served != NULL) {
		struct claim *next = served->next;

		tell(served, true);
		served = next;
	}
}

/* ---- the slots' side ---- */

/* False: the store thread has it, and will tell. */
static bool leave(struct store *s, struct claim *c)
{
	struct claim **at;
	bool there;

	box_lock(&s->box);
	at = &s->claims;
	while (*at != NULL && *at != c)
		at = &(*at)->next;
	there = *at != NULL;
	if (there)
		*at = c->next;
	box_unlock(&s->box);
	return there;
}

struct claim *store_claim(struct store *s, const struct store_claim *want,
			  struct arena *a, struct job *out)
{
	struct claim *c = mem_alloc(sizeof(*c));
	bool closing;

	c->want = *want;
	c->arena = a;
	c->out = out;
	c->waiter = waiter_take(s);
	box_lock(&s->box);
	closing = s->closing;
	if (!closing) {
		c->wakes = s->wakes;
		c->next = s->claims;
		s->claims = c;
		s->claims_new = true;
	}
	box_unlock(&s->box);
	if (closing)
		tell(c, false);
	return c;
}

bool store_claimed(struct store *s, struct claim *c, int64_t until_ms)
{
	bool filled = false;

	box_wake(&s->box);
	while (!waiter_await(c->waiter, until_ms, &filled)) {
		if (leave(s, c))
			break;
		/* A match under way is waited for: the commit is short. */
		until_ms = clock_monotonic_ms() + MATCH_MS;
	}
	waiter_give(s, c->waiter);
	free(c);
	return filled;
}

void store_wake_claims(struct store *s)
{
	struct claim *all;

	box_lock(&s->box);
	s->wakes++;
	all = s->claims;
	s->claims = NULL;
	box_unlock(&s->box);
	tell_all(all);
}
