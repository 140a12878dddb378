#include "base/attr.h"
#include "run/failure.h"
#include "tap.h"

#define LEAVE  REMEDY_LEAVE
#define CANCEL REMEDY_CANCELED
#define END    REMEDY_END
#define ELSE   REMEDY_ELSEWHERE

/* The whole table by hand: what is done at the first of two attempts, and at
 * the last; whether the attempt counts, the backend is throttled, what is tried
 * first; what the caller is told in the end. */
static const struct {
	enum failure f;
	enum remedy first, last;
	bool counted, throttle;
	enum second second;
	enum problem_code code;
} want[] = {
	{FAILURE_STOP, LEAVE, LEAVE, 0, 0, SECOND_NONE, PROBLEM_NONE},
	{FAILURE_CANCELED, CANCEL, CANCEL, 0, 0, SECOND_NONE, PROBLEM_NONE},
	{FAILURE_DEADLINE, END, END, 0, 0, SECOND_NONE, PROBLEM_TIMEOUT},
	{FAILURE_UNREACHABLE, ELSE, ELSE, 0, 1, SECOND_NONE,
	 PROBLEM_NO_BACKEND},
	{FAILURE_UNCERTAIN, ELSE, END, 1, 1, SECOND_NONE, PROBLEM_NO_BACKEND},
	{FAILURE_REFUSED, ELSE, END, 1, 0, SECOND_NONE,
	 PROBLEM_WORKFLOW_REJECTED},
	{FAILURE_REJECTED, END, END, 0, 0, SECOND_NONE,
	 PROBLEM_WORKFLOW_REJECTED},
	{FAILURE_UPLOAD, ELSE, END, 1, 0, SECOND_NONE, PROBLEM_NO_BACKEND},
	{FAILURE_UNTAKEN, END, END, 0, 0, SECOND_NONE,
	 PROBLEM_WORKFLOW_REJECTED},
	{FAILURE_UNREAD, END, END, 0, 0, SECOND_UPLOAD,
	 PROBLEM_WORKFLOW_FAILED},
	{FAILURE_LOST, ELSE, END, 1, 0, SECOND_NONE, PROBLEM_NO_BACKEND},
	{FAILURE_GONE, ELSE, END, 1, 1, SECOND_NONE, PROBLEM_NO_BACKEND},
	{FAILURE_BEHIND, ELSE, ELSE, 0, 0, SECOND_NONE, PROBLEM_NO_BACKEND},
	{FAILURE_STALLED, ELSE, END, 1, 1, SECOND_NONE, PROBLEM_TIMEOUT},
	{FAILURE_RAISED, END, END, 0, 0, SECOND_NONE, PROBLEM_WORKFLOW_FAILED},
	{FAILURE_MEMORY, ELSE, END, 1, 0, SECOND_FREE, PROBLEM_OUT_OF_MEMORY},
	{FAILURE_INTERRUPTED, ELSE, END, 1, 0, SECOND_NONE,
	 PROBLEM_WORKFLOW_FAILED},
	{FAILURE_FILES_GONE, ELSE, END, 1, 0, SECOND_FREE,
	 PROBLEM_OUTPUT_MISSING},
	{FAILURE_NO_OUTPUT, END, END, 0, 0, SECOND_FREE,
	 PROBLEM_OUTPUT_MISSING},
	{FAILURE_WRONG_KIND, END, END, 0, 0, SECOND_NONE,
	 PROBLEM_OUTPUT_MISSING},
	{FAILURE_TOO_LARGE, END, END, 0, 0, SECOND_NONE,
	 PROBLEM_OUTPUT_MISSING},
	{FAILURE_UNCLEAN, END, END, 0, 0, SECOND_NONE, PROBLEM_OUTPUT_MISSING},
	{FAILURE_UNCONVERTED, END, END, 0, 0, SECOND_NONE,
	 PROBLEM_OUTPUT_MISSING},
	{FAILURE_INTERNAL, END, END, 0, 0, SECOND_NONE, PROBLEM_INTERNAL},
};

int main(void)
{
	ok(COUNT(want) == FAILURE__COUNT - 1, "every failure has a row here");
	for (size_t i = 0; i < COUNT(want); i++) {
		const struct failure_rule *r = failure_rule(want[i].f);

		ok(failure_remedy(want[i].f, 1, 2) == want[i].first,
		   "%s: first attempt", r->name);
		ok(failure_remedy(want[i].f, 2, 2) == want[i].last,
		   "%s: last attempt", r->name);
		ok(r->counted == want[i].counted, "%s: counted", r->name);
		ok(r->throttle == want[i].throttle, "%s: throttle", r->name);
		ok(r->second == want[i].second, "%s: tried first", r->name);
		ok(r->code == want[i].code, "%s: problem", r->name);
		ok((r->detail == NULL) == (r->code == PROBLEM_NONE),
		   "%s: says something to the caller", r->name);
	}
	ok(failure_remedy(FAILURE_LOST, 1, 1) == REMEDY_END,
	   "one attempt is all");
	return tap_done();
}
