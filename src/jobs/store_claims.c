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

/*
 * The claim to serve next: of the backend with the least in work, so that no
 * second slot gets a job while another backend is idle; among equals the one
 * that waits longest, which stands last. NULL: all were tried.
 */
static struct claim **idlest(struct claim **list)
{
	struct claim **best = NULL;

	for (struct claim **at = list; *at != NULL; at = &(*at)->next)
		if (!(*at)->tried &&
		    (best == NULL || (*at)->busy <= (*best)->busy))
			best = at;
	return best;
}

/* Out of the list and into the other; its backend has one more. */
static void move_matched(struct claim **at, struct claim *all,
			 struct claim **matched)
{
	struct claim *c = *at;

	for (struct claim *o = all; o != NULL; o = o->next)
		if (strcmp(o->want.backend, c->want.backend) == 0)
			o->busy++;
	*at = c->next;
	c->next = *matched;
	*matched = c;
}

/* Nothing was there for it, so there is nothing for those like it. */
static void set_tried(struct claim *all, const struct claim *like)
{
	for (struct claim *c = all; c != NULL; c = c->next)
		if (!c->tried && same_want(c, like))
			c->tried = true;
}

bool claims_match(struct store *s, struct claim **matched)
{
	struct claim *all, **at;
	bool good = true;

	*matched = NULL;
	if (s->queued_total == 0 && !orphans_waiting(s))
		return true;
	all = take_all(s);
	for (struct claim *c = all; c != NULL; c = c->next) {
		c->busy = limits_busy(s, c->want.backend);
		c->tried = false;
	}
	while (good && (s->queued_total > 0 || orphans_waiting(s)) &&
	       (at = idlest(&all)) != NULL) {
		bool got = false;

		good = match_one(s, *at, &got);
		if (got)
			move_matched(at, all, matched);
		else
			set_tried(all, *at);
	}
	give_back(s, all);
	return good;
}

void claims_settle(struct store *s, struct claim *matched, bool committed)
{
	if (!committed) {
		give_back(s, matched);
		return;
	}
	while (matched != NULL) {
		struct claim *next = matched->next;

		tell(matched, true);
		matched = next;
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
