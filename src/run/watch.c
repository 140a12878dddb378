#include "base/clock.h"
#include "base/log.h"
#include "run/convert_step.h"
#include "run/prepare.h"
#include "run/steps.h"

/* A short run costs no wake-up before its end; after it, progress is shown at
 * most so often. */
#define QUIET_MS 20
#define SHOW_MS	 50
/* Looks that are due sooner than by the slow pace begin with this pause. */
#define SOON_MS 10
/* Without a socket: looks at first so often. */
#define DEAF_MS	    50
#define DEAF_MAX_MS 500
/* Without events a run shows no sign of life but its place. */
#define DEAF_PATIENCE 4
/* It is lost when it was nowhere so often in a row. */
#define NOWHERE_LOOKS 4
/* It ended, and what the history says cannot be read (s36): likewise. */
#define UNREADABLE_LOOKS 8
/* For a canceled prompt to be out: a node that blocks stops only when it is
 * through (s14). Asked again every second, too. */
#define CANCEL_MS	10000
#define CANCEL_AGAIN_MS 1000

struct watch {
	int64_t began;
	int64_t sign_at; /* the last sign of life */
	int64_t look_at; /* the next look */
	int64_t soon;	 /* pause until a sooner look; 0: the usual pace */
	int64_t refused; /* nobody listens since; 0: somebody does */
	enum comfy_place place;
	bool placed;	  /* place was told at least once */
	unsigned nowhere; /* looks in a row */
	unsigned unreadable;
	bool show; /* progress that the board does not have yet */
};

enum failure watch_verdict(const struct history *h)
{
	switch (h->ending) {
	case HISTORY_SUCCESS:
		return FAILURE_NONE;
	case HISTORY_OUT_OF_MEMORY:
		return FAILURE_MEMORY;
	case HISTORY_INTERRUPTED:
		return FAILURE_INTERRUPTED;
	case HISTORY_ERROR:
		break;
	}
	return FAILURE_RAISED;
}

static void log_error(const struct slot *s)
{
	const struct history *h = &s->history;

	if (h->ending == HISTORY_SUCCESS)
		return;
	log_event(LOG_WARN, "prompt.failed", "job", s->job.id, "backend",
		  s->backend->name, "node", h->error_node, "class",
		  h->error_class, "type", h->error_type, "message",
		  h->error_message, "traceback", h->error_traceback, NULL);
}

static int64_t sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* The next look: soon, and then at pauses that double up to the usual pace. */
static void plan(struct slot *s, struct watch *w, int64_t now)
{
	int64_t pace = s->shared->poll_ms;

	if (w->soon == 0 && inbox_is_deaf(&s->inbox))
		w->soon = DEAF_MS;
	if (w->soon == 0) {
		w->look_at = now + pace;
		return;
	}
	if (inbox_is_deaf(&s->inbox))
		pace = sooner(pace, DEAF_MAX_MS);
	w->look_at = now + sooner(w->soon, pace);
	w->soon = w->soon < pace ? w->soon * 2 : pace;
}

static void show(struct slot *s, struct watch *w, int64_t now)
{
	struct progress p;

	if (!w->show)
		return;
	w->show = false;
	progress_show(&s->track, slot_prompt(s), now, &p);
	board_set(s->shared->board, s->job.id, &p);
}

static void take(struct slot *s, struct watch *w, const struct mail *m,
		 int64_t now)
{
	for (unsigned i = 0; i < m->count; i++) {
		if (progress_note(&s->track, &m->notes[i], now))
			w->show = true;
	}
	if (m->count > 0) {
		w->sign_at = now;
		w->place = PLACE_RUNNING;
		w->placed = true;
	}
	if (m->nearly && !m->ended) {
		w->soon = SOON_MS;
		w->look_at = sooner(w->look_at, now + SOON_MS);
	}
}

/* The look at the history. COMFY_OK: it ended, s->history is filled. */
static enum comfy_outcome look_history(struct slot *s)
{
	enum comfy_outcome o =
		comfy_history(s->client, s->job.prompt_id, s->shared->call_ms,
			      &s->arena, &s->history);

	s->have_history = o == COMFY_OK;
	return o;
}

/* ComfyUI waits for us behind a prompt that never ends, or nothing runs there
 * though something waits: its worker is dead (s19, s41). */
static enum failure look_pending(struct slot *s, struct watch *w, int64_t now)
{
	struct comfy_status st;

	if (backend_is_stuck(s->backend)) {
		(void)comfy_cancel(s->client, s->job.prompt_id,
				   s->shared->call_ms);
		return FAILURE_BEHIND;
	}
	if (now - w->sign_at < s->shared->stall_ms)
		return FAILURE_NONE;
	if (comfy_probe(s->client, s->shared->call_ms, &st) == COMFY_OK &&
	    st.running > 0)
		w->sign_at = now; /* other people's prompts: no stall */
	return FAILURE_NONE;
}

static enum failure look_place(struct slot *s, struct watch *w,
			       enum comfy_place place, int64_t now)
{
	w->refused = 0;
	w->nowhere = place == PLACE_NOWHERE ? w->nowhere + 1 : 0;
	if (!w->placed || place != w->place)
		w->sign_at = now;
	w->placed = true;
	w->place = place;
	if (place == PLACE_PENDING)
		return look_pending(s, w, now);
	if (place == PLACE_NOWHERE) {
		if (w->nowhere >= NOWHERE_LOOKS)
			return FAILURE_LOST;
		if (w->soon == 0 || w->nowhere == 1)
			w->soon = SOON_MS;
	}
	return FAILURE_NONE;
}

static enum failure look_refused(struct slot *s, struct watch *w, int64_t now)
{
	if (w->refused == 0) {
		w->refused = now;
		w->soon = SOON_MS;
	}
	/* Nobody listens: the process is gone, and its queue with it. */
	if (now - w->refused >=
	    sooner(2 * s->shared->poll_ms, s->shared->stall_ms))
		return FAILURE_GONE;
	return FAILURE_NONE;
}

/* The entry of a prompt that is said to have ended. */
static enum failure look_ended(struct slot *s, struct watch *w, int64_t now)
{
	enum comfy_outcome o = look_history(s);

	if (s->have_history)
		return FAILURE_NONE;
	if (w->soon == 0)
		w->soon = SOON_MS;
	if (o == COMFY_MISSING) /* somebody deleted it meanwhile */
		return look_place(s, w, PLACE_NOWHERE, now);
	if (o == COMFY_UNCERTAIN && ++w->unreadable >= UNREADABLE_LOOKS)
		return FAILURE_FILES_GONE;
	return FAILURE_NONE;
}

/* One look. NONE with s->have_history: it ended; NONE without: go on. */
static enum failure look(struct slot *s, struct watch *w, bool ended)
{
	enum comfy_place place = PLACE_NOWHERE;
	enum failure f = FAILURE_NONE;
	enum comfy_outcome o;
	int64_t now;

	if (ended && look_history(s) == COMFY_OK)
		return FAILURE_NONE;
	o = comfy_where(s->client, s->job.prompt_id, s->shared->call_ms,
			&place);
	now = clock_monotonic_ms();
	if (o == COMFY_OK && place == PLACE_ENDED)
		f = look_ended(s, w, now);
	else if (o == COMFY_OK)
		f = look_place(s, w, place, now);
	else if (o == COMFY_UNREACHABLE)
		f = look_refused(s, w, now);
	if (ended && w->soon == 0)
		w->soon = SOON_MS;
	plan(s, w, now);
	return f;
}

void watch_cancel(struct slot *s)
{
	int64_t now = clock_monotonic_ms(), until = now + CANCEL_MS;
	int64_t again = now, pause = SOON_MS;

	while (now < until && !slot_leaving(s)) {
		enum comfy_place place;
		enum comfy_outcome o;
		struct mail mail;

		if (now >= again) {
			(void)comfy_cancel(s->client, s->job.prompt_id,
					   s->shared->call_ms);
			again = now + CANCEL_AGAIN_MS;
		}
		o = comfy_where(s->client, s->job.prompt_id, s->shared->call_ms,
				&place);
		if (o == COMFY_UNREACHABLE ||
		    (o == COMFY_OK &&
		     (place == PLACE_NOWHERE || place == PLACE_ENDED)))
			return;
		inbox_wait(&s->inbox, clock_monotonic_ms() + pause, true,
			   &mail);
		pause = sooner(pause * 2, DEAF_MAX_MS);
		now = clock_monotonic_ms();
	}
}

static enum failure told_to_end(struct slot *s)
{
	if (slot_leaving(s))
		return FAILURE_STOP;
	if (slot_canceled(s)) {
		watch_cancel(s);
		/* The end is written down by the next start, if not here. */
		return slot_leaving(s) ? FAILURE_STOP : FAILURE_CANCELED;
	}
	if (slot_time_left(s) > 0)
		return FAILURE_NONE;
	(void)comfy_cancel(s->client, s->job.prompt_id, s->shared->call_ms);
	return FAILURE_DEADLINE;
}

/* When silence has lasted too long. */
static int64_t silent_at(struct slot *s, const struct watch *w)
{
	int64_t patience = s->shared->stall_ms;

	if (inbox_is_deaf(&s->inbox) && w->place == PLACE_RUNNING)
		patience *= DEAF_PATIENCE;
	return w->sign_at + patience;
}

/* The last look at a run that gives no sign of life, then it is taken out. */
static enum failure end_stall(struct slot *s, struct watch *w)
{
	enum comfy_place was = w->place;
	enum failure f = look(s, w, false);

	if (s->have_history || f != FAILURE_NONE)
		return f;
	if (w->place != was || clock_monotonic_ms() < silent_at(s, w))
		return FAILURE_NONE;
	(void)comfy_cancel(s->client, s->job.prompt_id, s->shared->call_ms);
	return FAILURE_STALLED;
}

static enum failure watch_step(struct slot *s, struct watch *w)
{
	int64_t now = clock_monotonic_ms();
	int64_t left = slot_time_left(s);
	int64_t until = sooner(w->look_at, now + left);
	bool quiet = now - w->began < QUIET_MS;
	struct mail mail;

	until = sooner(until, silent_at(s, w));
	if (quiet)
		until = sooner(until, w->began + QUIET_MS);
	else if (w->show)
		until = sooner(until, now + SHOW_MS);
	inbox_wait(&s->inbox, until, quiet || w->show, &mail);
	now = clock_monotonic_ms();
	if (!mail.ended)
		show(s, w, now);
	take(s, w, &mail, now);
	if (mail.ended || now >= w->look_at)
		return look(s, w, mail.ended);
	if (inbox_is_deaf(&s->inbox) && w->soon == 0)
		plan(s, w, now);
	return now >= silent_at(s, w) ? end_stall(s, w) : FAILURE_NONE;
}

enum failure watch_prompt(struct slot *s)
{
	int64_t now = clock_monotonic_ms();
	struct watch w = {.began = now, .sign_at = now, .look_at = now};
	enum failure f = FAILURE_NONE;

	progress_begin(&s->track, now);
	s->have_history = false;
	/* What this process posted itself is heard of; else look at once. */
	if (s->posted) {
		plan(s, &w, now);
		convert_prepare(s);
	} else {
		inbox_deaf(&s->inbox);
	}
	while (f == FAILURE_NONE && !s->have_history) {
		f = told_to_end(s);
		if (f == FAILURE_NONE)
			f = watch_step(s, &w);
	}
	if (f != FAILURE_NONE)
		return f;
	log_error(s);
	f = watch_verdict(&s->history);
	return f == FAILURE_RAISED ? prepare_blame_run(s) : f;
}
