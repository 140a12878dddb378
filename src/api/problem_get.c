#include "api/answer.h"
#include "api/private.h"
#include "api/problem_table.h"
#include "base/json.h"

#define PAGE_MAX (16 * 1024)

/* What the `type` of a problem leads to: the same for everybody, for long. */
void problem_get(struct call *c)
{
	const char *name = c->match.captures[0];
	enum problem_code code = problem_from_name(name);
	const struct problem_kind *kind = problem_kind(code);
	struct json_writer w;
	struct reply r = {0};
	struct buf b;

	if (code == PROBLEM_NONE) {
		answer_problem(c->x, NULL, PROBLEM_NOT_FOUND,
			       "there is no such type of problem");
		return;
	}
	buf_init(&b, PAGE_MAX);
	json_writer_init(&w, &b);
	json_open(&w, '{');
	json_member_string(&w, "type",
			   arena_printf(c->arena, "/problems/%s", name));
	json_member_string(&w, "title", kind->title);
	json_member_int(&w, "status", kind->status);
	json_member_string(&w, "when", kind->when);
	json_member_string(&w, "help", kind->help);
	json_close(&w, '}');
	reply_header(&r, "Cache-Control", "public, max-age=3600");
	answer_json(c->x, &r, 200, &b);
	buf_finish(&b);
}
