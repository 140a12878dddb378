#include "api/insertion.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/answer.h"
#include "base/clock.h"
#include "base/log.h"

/* As many uploads as one request may name. */
#define PINS_MAX 256

struct insertion *insertion_create(struct call *c, struct endpoint *e)
{
	struct insertion *i = mem_alloc(sizeof(*i));

	i->api = c->api;
	i->endpoint = endpoint_keep(e);
	i->ticket = exchange_ticket(c->x);
	return i;
}

void insertion_free(struct insertion *i)
{
	for (size_t p = 0; p < i->pin_count; p++)
		blobs_unpin(i->api->o.blobs, i->pins[p]);
	free(i->pins);
	intake_destroy(i->intake);
	endpoint_drop(i->endpoint);
	waiter_free(i->waiter);
	arena_finish(&i->arena);
	free(i);
}

/* ---- uploads ---- */

static bool pin(struct insertion *i, const char *sha256)
{
	if (i->pins == NULL)
		i->pins = mem_array(PINS_MAX, sizeof(*i->pins));
	if (i->pin_count == PINS_MAX || !blobs_pin(i->api->o.blobs, sha256))
		return false;
	i->pins[i->pin_count++] = arena_strdup(&i->arena, sha256);
	return true;
}

bool insertion_upload(void *insertion, const char *id, struct arena *a,
		      struct given_file *out)
{
	struct insertion *i = insertion;
	struct upload u;

	if (!store_read_upload(i->api->reader, id, i->job.owner,
			       clock_wall_ms(), a, &u))
		return false;
	out->sha256 = arena_strdup(a, u.sha256);
	out->size_bytes = u.size_bytes;
	out->facts = (struct media_facts){
		.kind = media_type_of_extension(u.extension)->kind,
		.width = u.width,
		.height = u.height,
		.frames = u.frames,
		.duration_ms = u.duration_ms,
		.alpha = u.alpha,
	};
	return pin(i, out->sha256);
}

/* ---- into the store, and back ---- */

static void reply_refused(struct exchange *x, enum store_outcome outcome)
{
	switch (outcome) {
	case STORE_QUEUE_FULL:
		answer_problem(x, NULL, PROBLEM_QUEUE_FULL,
			       "too many jobs of this endpoint are waiting");
		return;
	case STORE_TOO_MANY:
		answer_problem(x, NULL, PROBLEM_TOO_MANY_JOBS,
			       "you have as many jobs of this endpoint in work "
			       "as you may");
		return;
	case STORE_MISMATCH:
		answer_problem(x, NULL, PROBLEM_IDEMPOTENCY_MISMATCH,
			       "this Idempotency-Key came with another body "
			       "before");
		return;
	default:
		answer_problem(x, NULL, PROBLEM_QUEUE_FULL,
			       "the job could not be stored; nothing was run");
	}
}

/* Loop thread: the store has said what became of the job. */
static void inserted(void *arg)
{
	struct insertion *i = arg;
	struct exchange *x = server_exchange(i->api->server, i->ticket);
	bool accepted =
		i->outcome == STORE_DONE || i->outcome == STORE_REPLAYED;

	memcpy(i->waiter->job, i->id, sizeof(i->waiter->job));
	i->waiter->replayed = i->outcome == STORE_REPLAYED;
	if (x == NULL && accepted) {
		parking_abandoned(i->waiter);
		i->waiter = NULL;
	} else if (x != NULL && accepted) {
		parking_add(i->waiter, i->wait_ms);
		i->waiter = NULL;
	} else if (x != NULL) {
		reply_refused(x, i->outcome);
	}
	insertion_free(i);
}

static void store_said(void *ctx, enum store_outcome outcome, const char *id)
{
	struct insertion *i = ctx;

	i->outcome = outcome;
	if (id != NULL)
		snprintf(i->id, sizeof(i->id), "%s", id);
	server_post(i->api->server, inserted, i);
}

/* Body thread: what the job names is on disk before the job is. */
static void store_files(void *arg)
{
	struct insertion *i = arg;
	struct problem why = {0};

	if (intake_commit(i->intake, &why)) {
		store_insert(i->api->o.store, &i->job, store_said, i);
		return;
	}
	log_event(LOG_ERROR, "job.files_not_stored", "job", i->job.id, "why",
		  why.detail, NULL);
	store_said(i, STORE_FAILED, i->job.id);
}

void insertion_start(struct insertion *i)
{
	if (i->intake != NULL)
		server_work(i->api->server, store_files, i);
	else
		store_insert(i->api->o.store, &i->job, store_said, i);
}
