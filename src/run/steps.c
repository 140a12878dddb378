#include "run/steps.h"

#include <assert.h>
#include <stddef.h>

#include "base/clock.h"
#include "base/log.h"

/* For ComfyUI's worker to take the order to free before the next prompt. */
#define FREE_SETTLE_MS 50
/* The same backend is not asked again at once by a job it turned away. */
#define TURNED_AWAY_MS 1000

/*
 * Freed memory and an empty cache help against two things: too little memory,
 * and a cached run whose files are gone; files uploaded anew against an input
 * folder that was emptied. The attempt keeps its prompt id: its entry is
 * dropped first, so the id is as unknown as before the first post and a restart
 * of ours right here finds it NOWHERE and posts.
 */
static enum failure post_again(struct slot *s, enum failure f)
{
	bool free = failure_rule(f)->second == SECOND_FREE;

	s->freed |= free;
	s->put_again |= !free;
	s->have_history = false;
	s->problem = NULL;
	log_event(LOG_INFO, "job.again", "job", s->job.id, "why",
		  failure_rule(f)->name, "backend", s->backend->name, NULL);
	if (free)
		(void)comfy_free(s->client, s->shared->call_ms);
	(void)comfy_forget(s->client, (const char(*)[ID_SIZE])s->job.prompt_id,
			   1, s->shared->call_ms);
	if (free)
		slot_pause(s, FREE_SETTLE_MS);
	return submit_prompt(s);
}

static bool second_chance(const struct slot *s, enum failure f)
{
	enum second second = failure_rule(f)->second;

	return (second == SECOND_FREE && !s->freed) ||
	       (second == SECOND_UPLOAD && !s->put_again);
}

/* Goes on with `step` after each second chance that there is. */
static enum failure with_second_chances(struct slot *s, enum failure f,
					enum failure (*step)(struct slot *))
{
	while (second_chance(s, f)) {
		f = post_again(s, f);
		if (f == FAILURE_NONE && step != NULL)
			f = step(s);
	}
	return f;
}

/* Where a failed attempt goes from here. */
static enum phase give_up(struct slot *s, enum failure f)
{
	const struct failure_rule *r = failure_rule(f);
	enum remedy remedy =
		failure_remedy(f, s->job.attempts, s->job.max_attempts);

	log_event(f == FAILURE_STOP || f == FAILURE_CANCELED ? LOG_INFO
							     : LOG_WARN,
		  "attempt.failed", "job", s->job.id, "why", r->name, "backend",
		  s->backend->name, "attempt", log_num(s->job.attempts),
		  "detail", comfy_detail(s->client), NULL);
	if (r->throttle) {
		backend_throttle(s->backend, r->name,
				 f == FAILURE_STALLED ? s->job.prompt_id
						      : NULL);
		/* Others may now be the only ones left. */
		store_wake_claims(s->shared->store);
	}
	s->counted = r->counted;
	switch (remedy) {
	case REMEDY_LEAVE:
		return s->job.phase;
	case REMEDY_CANCELED:
		return PHASE_CANCELED;
	case REMEDY_ELSEWHERE:
		return PHASE_QUEUED;
	case REMEDY_END:
		break;
	}
	if (s->problem == NULL)
		s->problem = submit_problem(
			s, r->code, s->detail != NULL ? s->detail : r->detail,
			NULL, 0);
	return PHASE_FAILED;
}

static enum phase step_submit(struct slot *s)
{
	enum failure f = with_second_chances(s, submit_prompt(s), NULL);

	return f == FAILURE_NONE ? PHASE_SUBMITTED : give_up(s, f);
}

static enum phase step_watch(struct slot *s)
{
	enum failure f = with_second_chances(s, watch_prompt(s), watch_prompt);

	return f == FAILURE_NONE ? PHASE_RAN : give_up(s, f);
}

/* Watches first where the history is not at hand: after a restart, or when the
 * prompt was posted again. */
static enum failure watch_and_collect(struct slot *s)
{
	enum failure f = FAILURE_NONE;

	if (!s->have_history)
		f = watch_prompt(s);
	return f == FAILURE_NONE ? collect_outputs(s) : f;
}

static enum phase step_collect(struct slot *s)
{
	enum failure f =
		with_second_chances(s, watch_and_collect(s), watch_and_collect);

	return f == FAILURE_NONE ? PHASE_SUCCEEDED : give_up(s, f);
}

typedef enum phase step_fn(struct slot *);

static step_fn *const steps[PHASE__COUNT] = {
	[PHASE_CLAIMED] = step_submit,
	[PHASE_SUBMITTED] = step_watch,
	[PHASE_RAN] = step_collect,
};

/* Writes the new phase. False: the attempt is not ours any more. */
static bool move(struct slot *s, enum phase to)
{
	struct store *st = s->shared->store;
	int64_t later = s->counted ? 0 : clock_wall_ms() + TURNED_AWAY_MS;
	bool ours = true;

	if (phase_final(to))
		slot_claim_ahead(s);
	if (to == PHASE_QUEUED)
		ours = store_release(st, s->job.id, s->job.prompt_id,
				     backend_is_up(s->backend) ? later : 0,
				     s->counted);
	else if (to == PHASE_SUCCEEDED)
		ours = store_succeed(st, &s->job, s->outputs, s->outputs_bytes,
				     &s->given);
	else if (phase_final(to))
		ours = store_end(st, s->job.id, s->job.prompt_id, to,
				 s->problem);
	else
		store_note(st, s->job.id, s->job.prompt_id, to);
	if (ours)
		s->job.phase = to;
	else if (s->given.failed)
		log_event(LOG_ERROR, "files.not_synced", "job", s->job.id,
			  NULL);
	else
		log_event(LOG_WARN, "job.not_ours", "job", s->job.id, "phase",
			  phase_name(to), NULL);
	return ours;
}

void steps_run(struct slot *s)
{
	while (steps[s->job.phase] != NULL) {
		enum phase next = steps[s->job.phase](s);

		assert(next == s->job.phase ||
		       phase_may_follow(s->job.phase, next));
		if (next == s->job.phase)
			return; /* told to stop: the next start goes on here */
		if (move(s, next))
			continue;
		if (!s->given.failed)
			return;
		s->given.failed = false;
		if (!move(s, give_up(s, FAILURE_INTERNAL)))
			return;
	}
}
