#include "api/problem_table.h"

#include <assert.h>

/* The one place where a problem becomes an HTTP status. docs/errors.md has the
 * same texts. */
static const struct problem_kind table[] = {
	[PROBLEM_NONE] = {500, "", NULL, "", ""},
	[PROBLEM_MALFORMED_REQUEST] =
		{400, "The request is malformed", NULL,
		 "the body is not strict JSON or no form, or a header or query "
		 "value is not well formed",
		 "mend the request"},
	[PROBLEM_UNAUTHORIZED] = {401, "A valid token is needed", NULL,
				  "no token, or one that is not valid; "
				  "`WWW-Authenticate` says why",
				  "get a token"},
	[PROBLEM_FORBIDDEN] = {403, "This is not allowed", NULL,
			       "the token lacks the endpoint's scope; the "
			       "signature of a URL is not right",
			       "ask for the scope; read the job for a new URL"},
	[PROBLEM_NOT_FOUND] =
		{404, "Nothing is here", NULL,
		 "no such path, endpoint or job, or it is somebody else's",
		 "look at the URL, and whose token it is"},
	[PROBLEM_METHOD_NOT_ALLOWED] =
		{405, "Another method is needed", NULL,
		 "the path answers to other methods, named in `Allow`",
		 "use one of those"},
	[PROBLEM_NOT_ACCEPTABLE] =
		{406, "Nothing of these types is here", NULL,
		 "`Accept` allows neither JSON nor what the endpoint gives; "
		 "with `job`, the job has run and its file is of another type, "
		 "or there are several",
		 "accept `application/json`, or read the job"},
	[PROBLEM_CONFLICT] =
		{409, "The job's state does not allow it", NULL,
		 "the job has ended (cancel), has not ended (delete), was "
		 "canceled (run), or has not just one file (`redirect`)",
		 "read the job"},
	[PROBLEM_GONE] =
		{410, "Its time is over", NULL,
		 "the time of a signed URL is over, or its file was deleted",
		 "read the job; run again"},
	[PROBLEM_TOO_LARGE] =
		{413, "The request is too large", NULL,
		 "the body, or the texts of a form together, are past "
		 "their ceiling",
		 "send less; large files by `POST /v1/uploads`"},
	[PROBLEM_UNSUPPORTED_MEDIA_TYPE] = {415,
					    "Another content type is needed",
					    NULL,
					    "the body is neither JSON nor a "
					    "form; `Accept-Post` names what "
					    "is taken",
					    "send one of those"},
	[PROBLEM_INVALID_INPUT] =
		{422, "The inputs are not valid", NULL,
		 "inputs that the endpoint does not take, or a URL that led to "
		 "no file, all in `errors`",
		 "mend them"},
	[PROBLEM_IDEMPOTENCY_MISMATCH] =
		{422, "The key was used with another body", NULL,
		 "the `Idempotency-Key` came with another body before",
		 "use a new key"},
	[PROBLEM_RATE_LIMITED] =
		{429, "Too many requests", NULL,
		 "more requests than `limits.rate` allows, or more "
		 "uploads than one owner may have",
		 "wait for `Retry-After`; an upload goes at its "
		 "`expires_at`"},
	[PROBLEM_TOO_MANY_JOBS] = {429, "Too many jobs at once", "5",
				   "as many jobs of this endpoint in work as "
				   "`limits.concurrency` allows",
				   "wait for one to end"},
	[PROBLEM_INTERNAL] = {500, "Something went wrong here", NULL,
			      "our fault",
			      "tell the operator, with `request_id`"},
	[PROBLEM_WORKFLOW_FAILED] =
		{502, "The workflow failed", NULL,
		 "ComfyUI ran the workflow and a node failed; `errors` names "
		 "the field of a file that could not be read",
		 "another file, or tell the operator"},
	[PROBLEM_WORKFLOW_REJECTED] =
		{502, "The workflow was refused", NULL,
		 "ComfyUI refused the workflow; `errors` names the caller's "
		 "own field where it was the cause",
		 "another value, or tell the operator"},
	[PROBLEM_OUTPUT_MISSING] =
		{502, "The workflow gave no output", NULL,
		 "the run gave no file or text that the endpoint promises, or "
		 "one that cannot be cleaned or converted",
		 "tell the operator"},
	[PROBLEM_NO_BACKEND] = {503, "No server can run this now", "30",
				"no server is set up for the endpoint, or none "
				"could be reached in all attempts",
				"wait for `Retry-After`"},
	[PROBLEM_QUEUE_FULL] =
		{503, "The queue is full", "10",
		 "too many jobs or callers wait, too many files are "
		 "on their way, or there is no room for them",
		 "wait for `Retry-After`"},
	[PROBLEM_OUT_OF_MEMORY] = {503, "Not enough memory to run this", "30",
				   "the GPU's memory did not suffice, on any "
				   "server that was tried",
				   "smaller inputs; later"},
	[PROBLEM_SHUTTING_DOWN] = {503, "The service is restarting", "5",
				   "the service restarts; nothing was accepted",
				   "wait for `Retry-After`"},
	[PROBLEM_TIMEOUT] =
		{504, "It took too long", NULL,
		 "the job took longer than `limits.timeout` or `Cancel-After`",
		 "smaller inputs, or ask for more time"},
};
_Static_assert(COUNT(table) == PROBLEM__COUNT, "a problem lacks its status");

const struct problem_kind *problem_kind(enum problem_code code)
{
	assert(code < PROBLEM__COUNT);
	return &table[code];
}
