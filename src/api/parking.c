#include <stdlib.h>
#include <string.h>

#include "api/answer.h"
#include "api/etag.h"
#include "api/job_view.h"
#include "api/one_file.h"
#include "api/private.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"

#define JOB_TEXT_MAX (8 * 1024 * 1024)
#define ETAG_BYTES   12

struct waiter *parking_waiter(const struct call *c, const char *job,
			      const char *owner, enum waiter_kind kind)
{
	struct link_base base = link_base(c->api, c->x, c->arena);
	struct waiter *w = mem_alloc(sizeof(*w));

	w->api = c->api;
	w->x = c->x;
	w->kind = kind;
	memcpy(w->job, job, sizeof(w->job));
	w->origin = mem_strdup(base.origin);
	w->owner = mem_strdup(owner);
	return w;
}

void parking_wish(struct waiter *w, const struct one_file_wish *wish)
{
	if (wish->accept != NULL)
		w->accept = mem_strdup(wish->accept);
	if (wish->redirect != NULL)
		w->redirect = mem_strdup(wish->redirect);
}

void parking_nobody(void *ctx, struct exchange *x)
{
	(void)ctx;
	(void)x;
}

static void cancel_said(void *ctx, enum store_outcome outcome, const char *id)
{
	(void)ctx;
	(void)outcome; /* it may have ended meanwhile: as good */
	(void)id;
}

void parking_abandoned(struct waiter *w)
{
	/* When we stop it is we who hang up. */
	if (w->kind == WAITER_RUN && w->cancel_on_disconnect &&
	    !atomic_load(&w->api->draining)) {
		log_event(LOG_INFO, "job.caller_gone", "job", w->job, NULL);
		store_cancel(w->api->o.store, w->job, w->owner, cancel_said,
			     NULL);
	}
	waiter_free(w);
}

static char *etag_of(const struct buf *b, struct arena *arena)
{
	unsigned char digest[DIGEST_SIZE];

	digest_sha256(buf_str(b), b->len, digest);
	return arena_printf(arena, "\"%s\"",
			    digest_base64url(arena, digest, ETAG_BYTES));
}

static bool ended(const struct job *job)
{
	return phase_final(job->phase);
}

void parking_reply_job(struct exchange *x, struct api *a, struct link_base base,
		       const struct job *job, const char *preference,
		       const char *if_none_match, int status,
		       struct arena *arena)
{
	struct reply r = {0};
	struct json_writer w;
	const char *etag;
	struct buf b;

	buf_init(&b, JOB_TEXT_MAX);
	json_writer_init(&w, &b);
	job_view_write(a, base, job, arena, &w);
	if (preference != NULL)
		reply_header(&r, "Preference-Applied", preference);
	if (status == 202)
		reply_header(&r, "Location", job_path(job, arena));
	if (!ended(job))
		reply_header(&r, "Retry-After", "1");
	if (status == 200) {
		etag = etag_of(&b, arena);
		reply_header(&r, "ETag", etag);
		if (etag_listed(if_none_match, etag)) {
			r.status = 304;
			exchange_reply(x, &r);
			buf_finish(&b);
			return;
		}
	}
	answer_json(x, &r, status, &b);
	buf_finish(&b);
}

/* False: nothing but the job is wished; *r has what both ways have. */
static bool reply_wish(struct waiter *w, const struct job *job, struct reply *r,
		       struct arena *arena)
{
	struct one_file_wish wish = {w->accept, w->redirect};
	struct link_base base = {w->origin};

	if (w->preference != NULL)
		reply_header(r, "Preference-Applied", w->preference);
	if (w->replayed)
		reply_header(r, "Idempotent-Replayed", "true");
	if (w->kind == WAITER_RUN)
		reply_header(r, "Vary", "Accept");
	return one_file_reply(w->x, w->api, base, job, &wish, r, arena);
}

/* A job that did not end well, as the answer of the run route. */
static void reply_failure(struct waiter *w, const struct job *job,
			  struct arena *arena)
{
	struct job_failure f = job_failure_read(job, arena);
	struct reply r = {0};

	if (job->phase == PHASE_CANCELED)
		f = (struct job_failure){PROBLEM_CONFLICT,
					 "the job was canceled", NULL};
	reply_header(&r, "Content-Location", job_path(job, arena));
	if (w->replayed)
		reply_header(&r, "Idempotent-Replayed", "true");
	answer_problem_of_job(w->x, &r, f.code, f.detail, job->id, f.errors);
}

static void reply_run(struct waiter *w, const struct job *job,
		      struct arena *arena)
{
	struct link_base base = {w->origin};
	struct reply r = {0};
	struct json_writer out;
	struct buf b;

	if (ended(job) && job->phase != PHASE_SUCCEEDED) {
		reply_failure(w, job, arena);
		return;
	}
	if (reply_wish(w, job, &r, arena))
		return;
	buf_init(&b, JOB_TEXT_MAX);
	json_writer_init(&out, &b);
	job_view_write(w->api, base, job, arena, &out);
	reply_header(&r, ended(job) ? "Content-Location" : "Location",
		     job_path(job, arena));
	if (!ended(job))
		reply_header(&r, "Retry-After", "1");
	answer_json(w->x, &r, ended(job) ? 200 : 202, &b);
	buf_finish(&b);
}

/* Answers one who waits with the job as it is, and frees the waiter. */
static void answer(struct waiter *w, const struct job *job, struct arena *arena)
{
	struct link_base base = {w->origin};
	struct reply r = {0};

	switch (w->kind) {
	case WAITER_RUN:
		reply_run(w, job, arena);
		break;
	case WAITER_JOB:
		if (reply_wish(w, job, &r, arena))
			break;
		parking_reply_job(w->x, w->api, base, job, w->preference, NULL,
				  200, arena);
		break;
	case WAITER_STREAM:
		events_ended(w, job, arena);
		break;
	}
	waiter_free(w);
}

static void answer_lost(struct waiter *w)
{
	log_event(LOG_ERROR, "job.unreadable", "job", w->job, NULL);
	if (w->kind == WAITER_STREAM)
		exchange_stream_end(w->x);
	else
		answer_problem(w->x, NULL, PROBLEM_NOT_FOUND,
			       "the job is gone");
	waiter_free(w);
}

static void gone(void *ctx, struct exchange *x)
{
	struct waiter *w = ctx;

	(void)x;
	if (w->kind == WAITER_STREAM)
		atomic_fetch_sub(&w->api->streams, 1);
	waiting_remove(&w->api->waiting, w);
	parking_abandoned(w);
}

/* Answers w, which is in no list any more, with what the store has. */
static void answer_now(struct waiter *w)
{
	struct arena arena = {0};
	struct job job;

	if (store_read(w->api->reader, w->job, NULL, &arena, &job))
		answer(w, &job, &arena);
	else
		answer_lost(w);
	arena_finish(&arena);
}

static void late(void *ctx, struct exchange *x)
{
	struct waiter *w = ctx;

	(void)x;
	waiting_remove(&w->api->waiting, w);
	answer_now(w);
}

static void park(struct waiter *w, int64_t wait_ms)
{
	if (!exchange_keep(w->x, gone, w)) {
		answer_now(w);
		return;
	}
	exchange_forget_request(w->x);
	waiting_add(&w->api->waiting, w);
	if (wait_ms > 0)
		exchange_deadline(w->x, clock_monotonic_ms() + wait_ms, late,
				  w);
}

bool parking_full(const struct api *a, const char *owner)
{
	return tally_get(&a->waiting.owners, owner) >= a->o.max_waiting_each;
}

void parking_add(struct waiter *w, int64_t wait_ms)
{
	bool at_once = atomic_load(&w->api->draining) ||
		       parking_full(w->api, w->owner);
	struct arena arena = {0};
	struct job job;

	/* The usual way costs no look at the store: the end will be told. */
	if (w->kind == WAITER_RUN && !w->replayed && wait_ms > 0 && !at_once) {
		park(w, wait_ms);
		return;
	}
	if (at_once)
		wait_ms = 0;
	if (!store_read(w->api->reader, w->job, NULL, &arena, &job))
		answer_lost(w);
	else if (ended(&job) || (wait_ms <= 0 && w->kind != WAITER_STREAM))
		answer(w, &job, &arena);
	else
		park(w, wait_ms);
	arena_finish(&arena);
}

void parking_ended(struct api *a, const char *id, const struct job *job)
{
	struct waiter *w = waiting_first(&a->waiting, id);
	struct arena arena = {0};
	struct job stored;

	if (w != NULL && job == NULL &&
	    store_read(a->reader, id, NULL, &arena, &stored))
		job = &stored;
	while (w != NULL) {
		struct waiter *next = waiting_after(w);

		waiting_remove(&a->waiting, w);
		if (job != NULL)
			answer(w, job, &arena);
		else
			answer_lost(w);
		w = next;
	}
	arena_finish(&arena);
}

void parking_release(struct api *a)
{
	struct waiter *w;

	while ((w = waiting_any(&a->waiting)) != NULL) {
		waiting_remove(&a->waiting, w);
		answer_now(w);
	}
}
