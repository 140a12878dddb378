#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "api/answer.h"
#include "base/json.h"

#define BODY_MAX (256 * 1024)

/* The one place where a problem becomes an HTTP status (docs/errors.md). */
static const struct {
	int status;
	const char *title;
	const char *retry_after; /* seconds; NULL: no such header */
} table[] = {
	[PROBLEM_NONE] = {500, "", NULL},
	[PROBLEM_MALFORMED_REQUEST] = {400, "The request is malformed", NULL},
	[PROBLEM_UNAUTHORIZED] = {401, "A valid token is needed", NULL},
	[PROBLEM_FORBIDDEN] = {403, "This is not allowed", NULL},
	[PROBLEM_NOT_FOUND] = {404, "Nothing is here", NULL},
	[PROBLEM_METHOD_NOT_ALLOWED] = {405, "Another method is needed", NULL},
	[PROBLEM_NOT_ACCEPTABLE] = {406, "Nothing of these types is here",
				    NULL},
	[PROBLEM_CONFLICT] = {409, "The job's state does not allow it", NULL},
	[PROBLEM_GONE] = {410, "Its time is over", NULL},
	[PROBLEM_TOO_LARGE] = {413, "The request is too large", NULL},
	[PROBLEM_UNSUPPORTED_MEDIA_TYPE] = {415,
					    "Another content type is needed",
					    NULL},
	[PROBLEM_INVALID_INPUT] = {422, "The inputs are not valid", NULL},
	[PROBLEM_IDEMPOTENCY_MISMATCH] = {422,
					  "The key was used with another body",
					  NULL},
	[PROBLEM_RATE_LIMITED] = {429, "Too many requests", NULL},
	[PROBLEM_TOO_MANY_JOBS] = {429, "Too many jobs at once", "5"},
	[PROBLEM_INTERNAL] = {500, "Something went wrong here", NULL},
	[PROBLEM_WORKFLOW_FAILED] = {502, "The workflow failed", NULL},
	[PROBLEM_WORKFLOW_REJECTED] = {502, "The workflow was refused", NULL},
	[PROBLEM_OUTPUT_MISSING] = {502, "The workflow gave no output", NULL},
	[PROBLEM_NO_BACKEND] = {503, "No server can run this now", "30"},
	[PROBLEM_QUEUE_FULL] = {503, "The queue is full", "10"},
	[PROBLEM_OUT_OF_MEMORY] = {503, "Not enough memory to run this", "30"},
	[PROBLEM_SHUTTING_DOWN] = {503, "The service is restarting", "5"},
	[PROBLEM_TIMEOUT] = {504, "It took too long", NULL},
};
_Static_assert(COUNT(table) == PROBLEM__COUNT, "a problem lacks its status");

static int answer_status(enum problem_code code)
{
	assert(code < PROBLEM__COUNT);
	return table[code].status;
}

static const char *answer_title(enum problem_code code)
{
	assert(code < PROBLEM__COUNT);
	return table[code].title;
}

void answer_write_problem(struct buf *to, enum problem_code code,
			  const char *detail, const char *request_id,
			  const char *job, const char *errors_json)
{
	struct json_writer w;
	char type[64] = "/problems/";

	strncat(type, problem_name(code), sizeof(type) - strlen(type) - 1);
	json_writer_init(&w, to);
	json_open(&w, '{');
	json_member_string(&w, "type", type);
	json_member_string(&w, "title", answer_title(code));
	json_member_int(&w, "status", answer_status(code));
	json_member_string(&w, "detail", detail);
	if (request_id != NULL)
		json_member_string(&w, "request_id", request_id);
	if (job != NULL)
		json_member_string(&w, "job", job);
	if (errors_json != NULL)
		json_member_raw(&w, "errors", errors_json);
	json_close(&w, '}');
}

void answer_problem_of_job(struct exchange *x, struct reply *r,
			   enum problem_code code, const char *detail,
			   const char *job, const char *errors_json)
{
	struct reply own = {0};
	struct buf b;

	if (r == NULL)
		r = &own;
	buf_init(&b, BODY_MAX);
	answer_write_problem(&b, code, detail, exchange_request(x)->request_id,
			     job, errors_json);
	r->status = answer_status(code);
	r->content_type = "application/problem+json";
	r->body = buf_str(&b);
	r->body_len = b.len;
	if (table[code].retry_after != NULL)
		reply_header(r, "Retry-After", table[code].retry_after);
	exchange_reply(x, r);
	buf_finish(&b);
}

void answer_problem(struct exchange *x, struct reply *r, enum problem_code code,
		    const char *detail)
{
	answer_problem_of_job(x, r, code, detail, NULL, NULL);
}

void answer_problems(struct exchange *x, enum problem_code code,
		     const char *detail, const struct problem_list *l)
{
	struct json_writer w;
	struct buf b;

	buf_init(&b, BODY_MAX);
	json_writer_init(&w, &b);
	json_open(&w, '[');
	for (size_t i = 0; i < l->count; i++) {
		json_open(&w, '{');
		json_member_string(&w, "pointer", l->items[i].where);
		json_member_string(&w, "code", l->items[i].rule);
		json_member_string(&w, "detail", l->items[i].detail);
		json_close(&w, '}');
	}
	json_close(&w, ']');
	answer_problem_of_job(x, NULL, code, detail, NULL,
			      buf_over(&b) ? "[]" : buf_str(&b));
	buf_finish(&b);
}

void answer_json(struct exchange *x, struct reply *r, int status,
		 const struct buf *b)
{
	struct reply own = {0};

	if (buf_over(b)) {
		answer_problem(x, NULL, PROBLEM_INTERNAL,
			       "the answer is too large");
		return;
	}
	if (r == NULL)
		r = &own;
	r->status = status;
	r->content_type = "application/json";
	r->body = buf_str(b);
	r->body_len = b->len;
	exchange_reply(x, r);
}
