#include <stdlib.h>
#include <string.h>

#include "api/answer.h"
#include "api/problem_table.h"
#include "base/json.h"

#define BODY_MAX (256 * 1024)

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
	json_member_string(&w, "title", problem_kind(code)->title);
	json_member_int(&w, "status", problem_kind(code)->status);
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
	const struct problem_kind *kind = problem_kind(code);
	struct reply own = {0};
	struct buf b;

	if (r == NULL)
		r = &own;
	buf_init(&b, BODY_MAX);
	answer_write_problem(&b, code, detail, exchange_request(x)->request_id,
			     job, errors_json);
	r->status = kind->status;
	r->content_type = "application/problem+json";
	r->body = buf_str(&b);
	r->body_len = b.len;
	if (kind->retry_after != NULL)
		reply_header(r, "Retry-After", kind->retry_after);
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
