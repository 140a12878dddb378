#include <stdlib.h>
#include <string.h>

#include "api/answer.h"
#include "api/job_view.h"
#include "api/private.h"
#include "base/id.h"

/* Canceling and deleting: asked of the store, answered after its commit. */
struct action {
	struct api *api;
	uint64_t ticket;
	enum store_outcome outcome;
	char job[ID_SIZE];
	char *origin;
	void (*answer)(struct action *a, struct exchange *x);
};

static void action_done(void *arg)
{
	struct action *a = arg;
	struct exchange *x = server_exchange(a->api->server, a->ticket);

	if (x != NULL)
		a->answer(a, x);
	free(a->origin);
	free(a);
}

static void store_said(void *ctx, enum store_outcome outcome, const char *id)
{
	struct action *a = ctx;

	(void)id;
	a->outcome = outcome;
	server_post(a->api->server, action_done, a);
}

/* NULL: it has replied. */
static struct action *begin(struct call *c,
			    void (*answer)(struct action *, struct exchange *))
{
	const char *id = c->match.captures[0];
	struct action *a;

	if (!id_valid(id)) {
		answer_problem(c->x, NULL, PROBLEM_NOT_FOUND,
			       "there is no such job");
		return NULL;
	}
	if (!exchange_keep(c->x, parking_nobody, NULL)) {
		answer_problem(c->x, NULL, PROBLEM_QUEUE_FULL,
			       "too many callers are waiting");
		return NULL;
	}
	a = mem_alloc(sizeof(*a));
	a->api = c->api;
	a->ticket = exchange_ticket(c->x);
	a->origin = mem_strdup(link_base(c->api, c->x, c->arena).origin);
	a->answer = answer;
	memcpy(a->job, id, sizeof(a->job));
	return a;
}

static void answer_job(struct action *a, struct exchange *x, int status)
{
	struct link_base base = {a->origin};
	struct arena arena = {0};
	struct job job;

	if (store_read(a->api->reader, a->job, NULL, &arena, &job))
		parking_reply_job(x, a->api, base, &job, NULL, NULL, status,
				  &arena);
	else
		answer_problem(x, NULL, PROBLEM_NOT_FOUND,
			       "there is no such job");
	arena_finish(&arena);
}

/* What is the same for every action that did not work. */
static void answer_undone(struct action *a, struct exchange *x)
{
	if (a->outcome == STORE_UNKNOWN)
		answer_problem(x, NULL, PROBLEM_NOT_FOUND,
			       "there is no such job");
	else
		answer_problem(x, NULL, PROBLEM_QUEUE_FULL,
			       "this could not be stored; try again");
}

static void answer_cancel(struct action *a, struct exchange *x)
{
	switch (a->outcome) {
	case STORE_DONE:
		answer_job(a, x, 200);
		return;
	case STORE_CANCELING:
		answer_job(a, x, 202);
		return;
	case STORE_ENDED:
		answer_problem(x, NULL, PROBLEM_CONFLICT,
			       "the job has ended already");
		return;
	default:
		answer_undone(a, x);
	}
}

static void answer_delete(struct action *a, struct exchange *x)
{
	struct reply r = {.status = 204};

	switch (a->outcome) {
	case STORE_DONE:
	case STORE_ENDED:
		exchange_reply(x, &r);
		return;
	case STORE_RUNNING:
		answer_problem(x, NULL, PROBLEM_CONFLICT,
			       "the job has not ended; cancel it first");
		return;
	default:
		answer_undone(a, x);
	}
}

void job_cancel(struct call *c)
{
	struct action *a = begin(c, answer_cancel);

	if (a != NULL)
		store_cancel(c->api->o.store, a->job, c->who->owner, store_said,
			     a);
}

void job_delete(struct call *c)
{
	struct action *a = begin(c, answer_delete);

	if (a != NULL)
		store_delete(c->api->o.store, a->job, c->who->owner, store_said,
			     a);
}
