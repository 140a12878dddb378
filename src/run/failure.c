#include "run/failure.h"

#include <assert.h>
#include <stddef.h>

static const struct failure_rule rules[FAILURE__COUNT] = {
	[FAILURE_NONE] = {.name = "none"},
	[FAILURE_STOP] = {.name = "stop", .remedy = REMEDY_LEAVE},
	[FAILURE_CANCELED] = {.name = "canceled", .remedy = REMEDY_CANCELED},
	[FAILURE_DEADLINE] = {.name = "deadline",
			      .remedy = REMEDY_END,
			      .code = PROBLEM_TIMEOUT,
			      .detail = "the job took longer than its limit"},
	[FAILURE_UNREACHABLE] = {.name = "unreachable",
				 .remedy = REMEDY_ELSEWHERE,
				 .throttle = true,
				 .code = PROBLEM_NO_BACKEND,
				 .detail = "no server could be reached"},
	[FAILURE_UNCERTAIN] = {.name = "uncertain",
			       .remedy = REMEDY_ELSEWHERE,
			       .counted = true,
			       .throttle = true,
			       .code = PROBLEM_NO_BACKEND,
			       .detail = "the server does not answer"},
	/* Not throttled: some wrong graphs get a bare 500 (recording s08), and
	 * one bad endpoint must not take the server from all others. */
	[FAILURE_REFUSED] = {.name = "refused",
			     .remedy = REMEDY_ELSEWHERE,
			     .counted = true,
			     .code = PROBLEM_WORKFLOW_REJECTED,
			     .detail = "the server did not take the workflow"},
	[FAILURE_REJECTED] = {.name = "rejected",
			      .remedy = REMEDY_END,
			      .code = PROBLEM_WORKFLOW_REJECTED,
			      .detail = "the server did not take the workflow"},
	/* Counted, though nothing was run: a server that takes no file (its
	 * disk is full) takes none of the next attempt, either. */
	[FAILURE_UPLOAD] = {.name = "upload",
			    .remedy = REMEDY_ELSEWHERE,
			    .counted = true,
			    .code = PROBLEM_NO_BACKEND,
			    .detail = "the server did not take a file of the "
				      "request"},
	[FAILURE_UNTAKEN] = {.name = "untaken",
			     .remedy = REMEDY_END,
			     .code = PROBLEM_WORKFLOW_REJECTED,
			     .detail = "the server did not take a file of the "
				       "request"},
	[FAILURE_UNREAD] = {.name = "unread",
			    .remedy = REMEDY_END,
			    .second = SECOND_UPLOAD,
			    .code = PROBLEM_WORKFLOW_FAILED,
			    .detail = "the workflow failed"},
	/* Counted: the prompt itself may be what ends the server (s36). */
	[FAILURE_LOST] = {.name = "lost",
			  .remedy = REMEDY_ELSEWHERE,
			  .counted = true,
			  .code = PROBLEM_NO_BACKEND,
			  .detail = "the server lost the job"},
	[FAILURE_GONE] = {.name = "gone",
			  .remedy = REMEDY_ELSEWHERE,
			  .counted = true,
			  .throttle = true,
			  .code = PROBLEM_NO_BACKEND,
			  .detail = "the server went away during the run"},
	[FAILURE_BEHIND] = {.name = "behind",
			    .remedy = REMEDY_ELSEWHERE,
			    .code = PROBLEM_NO_BACKEND,
			    .detail = "the server is stuck"},
	[FAILURE_STALLED] = {.name = "stalled",
			     .remedy = REMEDY_ELSEWHERE,
			     .counted = true,
			     .throttle = true,
			     .code = PROBLEM_TIMEOUT,
			     .detail = "the workflow gave no sign of life"},
	[FAILURE_RAISED] = {.name = "raised",
			    .remedy = REMEDY_END,
			    .code = PROBLEM_WORKFLOW_FAILED,
			    .detail = "the workflow failed"},
	[FAILURE_MEMORY] = {.name = "memory",
			    .remedy = REMEDY_ELSEWHERE,
			    .counted = true,
			    .second = SECOND_FREE,
			    .code = PROBLEM_OUT_OF_MEMORY,
			    .detail = "the workflow needs more GPU memory "
				      "than there is"},
	[FAILURE_INTERRUPTED] = {.name = "interrupted",
				 .remedy = REMEDY_ELSEWHERE,
				 .counted = true,
				 .code = PROBLEM_WORKFLOW_FAILED,
				 .detail = "the workflow was interrupted"},
	[FAILURE_FILES_GONE] = {.name = "files-gone",
				.remedy = REMEDY_ELSEWHERE,
				.counted = true,
				.second = SECOND_FREE,
				.code = PROBLEM_OUTPUT_MISSING,
				.detail = "an output file could not be read"},
	[FAILURE_NO_OUTPUT] = {.name = "no-output",
			       .remedy = REMEDY_END,
			       .second = SECOND_FREE,
			       .code = PROBLEM_OUTPUT_MISSING,
			       .detail = "the workflow gave no output"},
	[FAILURE_WRONG_KIND] = {.name = "wrong-kind",
				.remedy = REMEDY_END,
				.code = PROBLEM_OUTPUT_MISSING,
				.detail = "an output is of another kind"},
	[FAILURE_TOO_LARGE] = {.name = "too-large",
			       .remedy = REMEDY_END,
			       .code = PROBLEM_OUTPUT_MISSING,
			       .detail = "an output is larger than allowed"},
	[FAILURE_UNCLEAN] = {.name = "unclean",
			     .remedy = REMEDY_END,
			     .code = PROBLEM_OUTPUT_MISSING,
			     .detail = "an output cannot be cleaned of its "
				       "metadata"},
	[FAILURE_UNCONVERTED] = {.name = "unconverted",
				 .remedy = REMEDY_END,
				 .code = PROBLEM_OUTPUT_MISSING,
				 .detail = "an output cannot be converted"},
	[FAILURE_INTERNAL] = {.name = "internal",
			      .remedy = REMEDY_END,
			      .code = PROBLEM_INTERNAL,
			      .detail = "the outputs could not be stored"},
};

const struct failure_rule *failure_rule(enum failure f)
{
	assert(f < FAILURE__COUNT && rules[f].name != NULL);
	return &rules[f];
}

enum remedy failure_remedy(enum failure f, unsigned attempts,
			   unsigned max_attempts)
{
	const struct failure_rule *r = failure_rule(f);

	/* What is not counted is bounded by the job's deadline. */
	if (r->remedy == REMEDY_ELSEWHERE && r->counted &&
	    attempts >= max_attempts)
		return REMEDY_END;
	return r->remedy;
}
