#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/answer.h"
#include "api/job_view.h"
#include "api/private.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/num.h"

#define EVENT_MAX (8 * 1024 * 1024)

/*
 * Server-Sent Events of one job:
 *
 *	id: 3
 *	event: progress
 *	data: {"id":"0193…","status":"running","progress":{…},…}
 *
 * Each event holds the whole job, so that one who comes late or again misses
 * nothing but the frames between. Ids count up in a stream; one who resumes
 * goes on after its Last-Event-ID.
 */
static bool send_job(struct waiter *w, const char *event, const struct job *job,
		     struct arena *arena)
{
	struct link_base base = {w->origin};
	struct json_writer out;
	struct buf b;
	bool sent;

	buf_init(&b, EVENT_MAX);
	buf_addf(&b, "id: %" PRIu64 "\nevent: %s\ndata: ", ++w->event_id,
		 event);
	json_writer_init(&out, &b);
	job_view_write(w->api, base, job, arena, &out);
	buf_adds(&b, "\n\n");
	sent = !buf_over(&b) && exchange_stream_write(w->x, buf_str(&b), b.len);
	buf_finish(&b);
	return sent;
}

static void stream_over(struct waiter *w)
{
	atomic_fetch_sub(&w->api->streams, 1);
}

/* A status event when the phase is news to this reader, else progress. False:
 * the reader was dropped. */
static bool tell(struct waiter *w, const struct job *job, struct arena *arena)
{
	unsigned bit = 1u << job->phase;
	bool news = (w->phases_told & bit) == 0;

	w->phases_told |= bit;
	return send_job(w, news ? "status" : "progress", job, arena);
}

void events_ended(struct waiter *w, const struct job *job, struct arena *arena)
{
	stream_over(w);
	/* While draining a stream closes before the end of its job: the client
	 * comes again and finds the next daemon. */
	if (!phase_final(job->phase) || send_job(w, "end", job, arena))
		exchange_stream_end(w->x);
}

void events_job_changed(struct api *a, const char *id)
{
	struct waiter *w = waiting_first(&a->waiting, id);
	struct arena arena = {0};
	struct job job;

	if (w == NULL)
		return;
	if (store_read(a->reader, id, NULL, &arena, &job) &&
	    !phase_final(job.phase)) {
		while (w != NULL) {
			struct waiter *next = waiting_after(w);

			if (w->kind == WAITER_STREAM &&
			    !tell(w, &job, &arena)) {
				stream_over(w);
				waiting_remove(&a->waiting, w);
				waiter_free(w);
			}
			w = next;
		}
	}
	arena_finish(&arena);
}

static void ping(void *ctx, struct waiter *w)
{
	struct api *a = ctx;

	if (w->kind != WAITER_STREAM || exchange_stream_write(w->x, ":\n\n", 3))
		return;
	stream_over(w);
	waiting_remove(&a->waiting, w);
	waiter_free(w);
}

void events_keep_open(void *api)
{
	struct api *a = api;

	if (atomic_load(&a->streams) > 0)
		waiting_each(&a->waiting, ping, a);
}

/* A token, or the signature that urls.events carries. False: replied. */
static bool may_listen(struct call *c, const char **owner)
{
	*owner = NULL;
	if (exchange_header(c->x, "Authorization") != NULL ||
	    strstr(c->request->query, "signature=") == NULL) {
		if (!access_step(c))
			return false;
		*owner = c->who->owner;
		return true;
	}
	switch (link_verify(c->api, c->request->path, c->request->query,
			    clock_wall_ms(), c->arena)) {
	case LINK_GOOD:
		return true;
	case LINK_EXPIRED:
		answer_problem(c->x, NULL, PROBLEM_GONE,
			       "this URL is over; read the job for a new one");
		return false;
	case LINK_BAD:
		break;
	}
	answer_problem(c->x, NULL, PROBLEM_FORBIDDEN,
		       "the signature of this URL is not right");
	return false;
}

/* Where one who comes again went away; 0 for a first visit. */
static uint64_t last_event(const struct call *c)
{
	const char *text = exchange_header(c->x, "Last-Event-ID");
	uint64_t id = 0;

	if (text == NULL || !num_u64(text, INT64_MAX, &id))
		return 0;
	return id;
}

static void stream(struct call *c, const struct job *job)
{
	struct reply r = {.status = 200, .content_type = "text/event-stream"};
	struct waiter *w;

	if (strcmp(c->request->method, "HEAD") == 0) {
		r.body = "";
		exchange_reply(c->x, &r);
		return;
	}
	if (parking_full(c->api, job->owner) ||
	    !exchange_keep(c->x, parking_nobody, NULL)) {
		answer_problem(c->x, NULL, PROBLEM_QUEUE_FULL,
			       "too many callers are waiting");
		return;
	}
	w = parking_waiter(c, job->id, job->owner, WAITER_STREAM);
	w->event_id = last_event(c);
	if (!exchange_stream_begin(c->x, &r)) {
		waiter_free(w);
		return;
	}
	atomic_fetch_add(&c->api->streams, 1);
	if (phase_final(job->phase)) {
		events_ended(w, job, c->arena);
		waiter_free(w);
	} else if (tell(w, job, c->arena)) {
		parking_add(w, 0);
	} else {
		stream_over(w);
		waiter_free(w);
	}
}

void job_events(struct call *c)
{
	const char *id = c->match.captures[0];
	struct reply over = {.status = 204};
	const char *owner;
	struct job job;

	if (!may_listen(c, &owner))
		return;
	if (!id_valid(id) ||
	    !store_read(c->api->reader, id, owner, c->arena, &job)) {
		answer_problem(c->x, NULL, PROBLEM_NOT_FOUND,
			       "there is no such job");
	} else if (phase_final(job.phase) && last_event(c) > 0) {
		/* A browser that comes again after the end: 204 stops it. */
		exchange_reply(c->x, &over);
	} else if (atomic_load(&c->api->draining)) {
		answer_problem(c->x, NULL, PROBLEM_SHUTTING_DOWN,
			       "the service is restarting");
	} else {
		stream(c, &job);
	}
}
