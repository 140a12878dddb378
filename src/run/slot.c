#include "run/slot.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/aside.h"
#include "base/clock.h"
#include "base/log.h"
#include "run/prepare.h"
#include "run/steps.h"

/* The longest a slot waits for a backend or a job before it looks around. */
#define CLAIM_WAIT_MS 5000
#define UP_WAIT_MS    500

bool slot_leaving(const struct slot *s)
{
	return atomic_load(&s->shared->leaving);
}

bool slot_canceled(struct slot *s)
{
	return inbox_is_canceled(&s->inbox);
}

int64_t slot_time_left(const struct slot *s)
{
	if (s->job.deadline_at == 0)
		return INT64_MAX / 2;
	return s->job.deadline_at - clock_wall_ms();
}

int64_t slot_time_for(const struct slot *s, int64_t most)
{
	int64_t left = slot_time_left(s);

	if (left > most)
		left = most;
	return left > 0 ? left : 1;
}

void slot_pause(struct slot *s, int64_t ms)
{
	struct mail mail;

	inbox_wait(&s->inbox, clock_monotonic_ms() + ms, true, &mail);
}

void slot_work(struct slot *s, bool aside, void (*work)(void *ctx), void *ctx)
{
	if (aside)
		aside_do(s->shared->aside, work, ctx);
	else
		work(ctx);
}

const struct prompt *slot_prompt(struct slot *s)
{
	if (!s->prompt_tried)
		s->prompt = prompt_create(s->text);
	s->prompt_tried = true;
	return s->prompt;
}

/* ---- cancel ---- */

void slot_cancel_job(struct shared *sh, struct slot *slots, size_t count,
		     const char *job_id)
{
	size_t at;

	/* Into the list first, then to the slots: a slot opens its inbox first
	 * and then looks at the list, so one of the two meets. */
	box_lock(&sh->box);
	at = sh->cancel_at++ % COUNT(sh->cancels);
	(void)snprintf(sh->cancels[at], ID_SIZE, "%s", job_id);
	box_unlock(&sh->box);
	for (size_t i = 0; i < count; i++)
		inbox_cancel(&slots[i].inbox, job_id);
}

static bool cancel_came_before(struct shared *sh, const char *job_id)
{
	bool found = false;

	box_lock(&sh->box);
	for (size_t i = 0; i < COUNT(sh->cancels) && i < sh->cancel_at; i++)
		found = found || strcmp(sh->cancels[i], job_id) == 0;
	box_unlock(&sh->box);
	return found;
}

/* ---- one job ---- */

static bool abandon_call(void *ctx)
{
	struct slot *s = ctx;

	return slot_leaving(s) || (s->breakable && slot_canceled(s));
}

static void forget_recipe(struct slot *s)
{
	arena_finish(&s->known.arena);
	arena_init(&s->known.arena);
	s->known.text = NULL;
}

static bool take_recipe(struct slot *s, struct problem *why)
{
	const char *text = s->job.recipe;

	if (text == NULL || s->known.text == NULL ||
	    strcmp(text, s->known.text) != 0) {
		forget_recipe(s);
		if (!recipe_read(text, &s->known.arena, &s->known.recipe, why))
			return false;
		s->known.text = arena_strdup(&s->known.arena, text);
	}
	s->recipe = s->known.recipe;
	return true;
}

static void job_begin(struct slot *s)
{
	struct problem why = {0};

	inbox_open(&s->inbox, s->job.id, s->job.prompt_id);
	if (s->job.cancel_asked || cancel_came_before(s->shared, s->job.id))
		inbox_cancel(&s->inbox, s->job.id);
	backend_busy(s->backend, 1);
	log_event(LOG_INFO, "job.claimed", "job", s->job.id, "backend",
		  s->backend->name, "prompt", s->job.prompt_id, "attempt",
		  log_num(s->job.attempts), "phase", phase_name(s->job.phase),
		  NULL);
	if (take_recipe(s, &why) && prepare_names(s))
		return;
	log_event(LOG_ERROR, "job.unreadable", "job", s->job.id, "why",
		  why.detail, NULL);
	s->problem = submit_problem(s, PROBLEM_INTERNAL,
				    "the job could not be read", NULL, 0);
	if (store_end(s->shared->store, s->job.id, s->job.prompt_id,
		      PHASE_FAILED, s->problem))
		s->job.phase = PHASE_FAILED;
}

static void remove_files(void *ctx)
{
	struct slot *s = ctx;
	struct problem why = {0};

	if (!files_remove_job(s->shared->files, s->job.id, &why))
		log_event(LOG_WARN, "files.not_removed", "job", s->job.id,
			  "why", why.detail, NULL);
}

/* After the end is stored: nobody waits for what happens here. */
static void job_end(struct slot *s)
{
	enum phase p = s->job.phase;

	inbox_close(&s->inbox);
	backend_busy(s->backend, -1);
	board_clear(s->shared->board, s->job.id);
	if (p == PHASE_QUEUED || phase_final(p))
		backend_forget(s->backend, s->job.prompt_id);
	if (p == PHASE_SUCCEEDED)
		backend_ran_well(s->backend);
	files_given_drop(&s->given);
	/* It looks through the folder that a minute's jobs share. */
	if (s->has_files && phase_final(p) && p != PHASE_SUCCEEDED)
		slot_work(s, true, remove_files, s);
	if (phase_final(p))
		log_event(LOG_INFO, "job.ended", "job", s->job.id, "backend",
			  s->backend->name, "phase", phase_name(p), NULL);
	prompt_destroy(s->prompt);
}

static void job_run(struct slot *s)
{
	job_begin(s);
	steps_run(s);
	job_end(s);
}

/* ---- one after another ---- */

static bool alone(const struct slot *s)
{
	struct shared *sh = s->shared;

	for (size_t i = 0; i < sh->backend_count; i++) {
		struct backend *b = &sh->backends[i];

		if (b != s->backend && strcmp(b->pool, s->backend->pool) == 0 &&
		    backend_is_up(b))
			return false;
	}
	return true;
}

void slot_claim_ahead(struct slot *s)
{
	struct store_claim want = {.backend = s->backend->name,
				   .pool = s->backend->pool};

	if (s->ahead.claim != NULL || atomic_load(&s->shared->stopping) ||
	    !backend_is_up(s->backend))
		return;
	want.alone = alone(s);
	id_v4(want.prompt_id);
	memcpy(s->ahead.prompt_id, want.prompt_id, ID_SIZE);
	s->ahead.claim = store_claim(s->shared->store, &want, &s->ahead.arena,
				     &s->ahead.job);
}

/* True: s->job is one to be run. */
static bool claim(struct slot *s)
{
	int64_t until = clock_monotonic_ms();
	bool got;

	slot_claim_ahead(s);
	if (s->ahead.claim == NULL)
		return false;
	/* One that was asked for when things were better is given up, unless
	 * there it is. */
	if (!atomic_load(&s->shared->stopping) && backend_is_up(s->backend))
		until += CLAIM_WAIT_MS;
	got = store_claimed(s->shared->store, s->ahead.claim, until);
	s->ahead.claim = NULL;
	s->arena = s->ahead.arena;
	s->job = s->ahead.job;
	arena_init(&s->ahead.arena);
	s->ahead.job = (struct job){0};
	s->resumed = got && strcmp(s->ahead.prompt_id, s->job.prompt_id) != 0;
	s->has_files = s->resumed || s->job.attempts > 1;
	return got;
}

static void between_jobs(struct slot *s)
{
	arena_finish(&s->arena);
	arena_init(&s->arena);
	s->job = (struct job){0};
	s->recipe = (struct recipe){0};
	s->history = (struct history){0};
	s->resumed = s->posted = s->have_history = false;
	s->freed = s->put_again = false;
	s->prompt_tried = s->counted = s->breakable = false;
	s->prompt = NULL;
	s->given = (struct files_given){0};
	s->outputs = s->problem = s->detail = s->text = NULL;
	s->outputs_bytes = 0;
	s->inputs = NULL;
	s->input_count = 0;
	s->has_files = false;
}

void slot_run(void *arg)
{
	struct slot *s = arg;
	struct shared *sh = s->shared;

	s->scratch = -1;
	s->client = comfy_client_create(&s->backend->server);
	comfy_client_stop_when(s->client, abandon_call, s);
	while (s->ahead.claim != NULL || !atomic_load(&sh->stopping)) {
		int64_t until = clock_monotonic_ms() + UP_WAIT_MS;

		if (s->ahead.claim == NULL &&
		    !backend_wait_up(s->backend, until))
			continue;
		between_jobs(s);
		if (claim(s))
			job_run(s);
	}
	between_jobs(s);
	forget_recipe(s);
	comfy_client_destroy(s->client);
	if (s->scratch >= 0)
		close(s->scratch);
	box_lock(&sh->box);
	sh->alive--;
	box_wake(&sh->box);
	box_unlock(&sh->box);
}
