#include <assert.h>
#include <string.h>

#include "api/answer.h"
#include "api/private.h"
#include "base/text.h"

/* Who may come in before the resource looks itself. */
enum door {
	DOOR_TOKEN,
	DOOR_OPEN, /* no token, or the resource checks a signature */
};

/* Every route of the API, in the order of docs/api.md. */
enum route_id {
	ROUTE_RUN,
	ROUTE_CONTRACT,
	ROUTE_ENDPOINTS,
	ROUTE_JOBS,
	ROUTE_JOB,
	ROUTE_JOB_EVENTS,
	ROUTE_JOB_CANCEL,
	ROUTE_JOB_DELETE,
	ROUTE_UPLOADS,
	ROUTE_FILE,
	ROUTE_PROBLEM,
	ROUTE_HEALTHZ,
	ROUTE_READYZ,
	ROUTE__COUNT
};

static const struct route patterns[] = {
	{"POST", "/{}/{}", ROUTE_RUN},
	{"GET", "/{}/{}", ROUTE_CONTRACT},
	{"GET", "/v1/endpoints", ROUTE_ENDPOINTS},
	{"GET", "/v1/jobs", ROUTE_JOBS},
	{"GET", "/v1/jobs/{}", ROUTE_JOB},
	{"GET", "/v1/jobs/{}/events", ROUTE_JOB_EVENTS},
	{"POST", "/v1/jobs/{}/cancel", ROUTE_JOB_CANCEL},
	{"DELETE", "/v1/jobs/{}", ROUTE_JOB_DELETE},
	{"POST", "/v1/uploads", ROUTE_UPLOADS},
	{"GET", "/v1/files/{}/{}", ROUTE_FILE},
	{"GET", "/problems/{}", ROUTE_PROBLEM},
	{"GET", "/healthz", ROUTE_HEALTHZ},
	{"GET", "/readyz", ROUTE_READYZ},
};
_Static_assert(COUNT(patterns) == ROUTE__COUNT, "a route lacks its pattern");

static const struct {
	call_fn *serve;
	enum door door;
	body_fn *body; /* NULL: bodies are read into memory */
} resources[ROUTE__COUNT] = {
	[ROUTE_RUN] = {run_post, DOOR_TOKEN, body_of_run},
	[ROUTE_CONTRACT] = {endpoint_get, DOOR_TOKEN, NULL},
	[ROUTE_ENDPOINTS] = {endpoints_list, DOOR_TOKEN, NULL},
	[ROUTE_JOBS] = {jobs_list, DOOR_TOKEN, NULL},
	[ROUTE_JOB] = {job_get, DOOR_TOKEN, NULL},
	[ROUTE_JOB_EVENTS] = {job_events, DOOR_OPEN, NULL},
	[ROUTE_JOB_CANCEL] = {job_cancel, DOOR_TOKEN, NULL},
	[ROUTE_JOB_DELETE] = {job_delete, DOOR_TOKEN, NULL},
	[ROUTE_UPLOADS] = {upload_post, DOOR_TOKEN, body_of_upload},
	[ROUTE_FILE] = {file_get, DOOR_OPEN, NULL},
	[ROUTE_PROBLEM] = {problem_get, DOOR_OPEN, NULL},
	[ROUTE_HEALTHZ] = {health_live, DOOR_OPEN, NULL},
	[ROUTE_READYZ] = {health_ready, DOOR_OPEN, NULL},
};

static void method_not_allowed(struct call *c)
{
	struct reply r = {0};

	reply_header(&r, "Allow", c->match.allow);
	answer_problem(c->x, &r, PROBLEM_METHOD_NOT_ALLOWED,
		       "this path answers to other methods");
}

/* What is not well formed must not look like a value that was left out. */
static bool query_valid(struct call *c)
{
	const char *query = c->request->query;
	char *plain;

	return text_percent_decode(c->arena, query, strlen(query), true,
				   &plain) &&
	       text_utf8(plain, strlen(plain));
}

static struct call call_of(struct api *api, struct exchange *x)
{
	return (struct call){
		.api = api,
		.x = x,
		.request = exchange_request(x),
		.arena = exchange_arena(x),
	};
}

struct body_sink *api_head(void *api, struct exchange *x)
{
	struct call c = call_of(api, x);
	body_fn *body;

	if (route_find(patterns, COUNT(patterns), c.request->method,
		       c.request->path, c.arena, &c.match) != ROUTE_FOUND)
		return NULL;
	body = resources[c.match.id].body;
	if (body == NULL || atomic_load(&c.api->draining) ||
	    !files_have_room(c.api->o.files))
		return NULL;
	return body(&c);
}

void api_handle(void *api, struct exchange *x)
{
	struct call c = call_of(api, x);

	switch (route_find(patterns, COUNT(patterns), c.request->method,
			   c.request->path, c.arena, &c.match)) {
	case ROUTE_NO_PATH:
		answer_problem(x, NULL, PROBLEM_NOT_FOUND,
			       "there is no such path");
		return;
	case ROUTE_NO_METHOD:
		method_not_allowed(&c);
		return;
	case ROUTE_FOUND:
		break;
	}
	if (!query_valid(&c)) {
		answer_problem(x, NULL, PROBLEM_MALFORMED_REQUEST,
			       "the query is not well formed");
		return;
	}
	assert(c.match.id >= 0 && c.match.id < ROUTE__COUNT);
	if (resources[c.match.id].door == DOOR_TOKEN && !access_step(&c))
		return;
	/* Those with an intake know better why they did not get theirs. */
	if (c.request->body_too_large && resources[c.match.id].body == NULL) {
		answer_problem(x, NULL, PROBLEM_TOO_LARGE,
			       "the body is larger than this service takes");
		return;
	}
	resources[c.match.id].serve(&c);
}
