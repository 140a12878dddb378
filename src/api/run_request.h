#ifndef API_RUN_REQUEST_H
#define API_RUN_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "api/one_file.h"
#include "api/private.h"
#include "base/json.h"
#include "input/files.h"

/* Inputs are flat, arrays in them at most; deeper is no input of ours. */
#define INPUTS_DEPTH 16

/* What a POST of an endpoint asks for, besides the inputs: read from headers,
 * query and body, each with its ceiling. Loop thread. */
struct run_request {
	const struct json *inputs;   /* the exchange's, or in: */
	struct json_doc *doc;	     /* to be freed by the caller; or NULL */
	struct input_files files;    /* that came with them */
	int64_t wait_ms;	     /* 0: answer 202 at once */
	const char *preference;	     /* Preference-Applied; static, or NULL */
	const char *idempotency_key; /* in the request's arena; or NULL */
	int64_t cancel_after_ms;     /* 0: not asked */
	bool dry_run;
	struct one_file_wish wish; /* read by the caller, in one_file.c */
};

/* False: it has replied (400 or 415), and nothing is to be freed. */
MUST_USE bool run_request_read(struct call *c, const struct limits *limits,
			       struct run_request *out);

#endif
