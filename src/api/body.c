#include <string.h>

#include "api/answer.h"
#include "api/intake.h"
#include "api/private.h"

/* Which bodies are read by an intake: asked when the head of a request is
 * there. NULL: it is read into memory, or, where it is too large for that,
 * dropped; then the handler says what is wrong. */

bool body_is(const struct call *c, const char *type)
{
	const char *said = exchange_header(c->x, "Content-Type");
	size_t n = strlen(type);

	return said != NULL && strcspn(said, "; \t") == n &&
	       strncasecmp(said, type, n) == 0;
}

static bool has_files(const struct endpoint *e)
{
	for (size_t i = 0; i < e->input_count; i++)
		if (input_is_file(input_element(&e->inputs[i])->type))
			return true;
	return false;
}

struct body_sink *body_of_run(struct call *c)
{
	const struct api_options *o = &c->api->o;
	struct intake_options in = {
		.content_type = exchange_header(c->x, "Content-Type"),
		.blobs = o->blobs,
		.endpoint = endpoint_named(c),
	};

	if (in.endpoint == NULL)
		return NULL;
	/* First what is seen at a look: most bodies are small JSON. */
	if (body_is(c, "multipart/form-data")) {
		in.kind = INTAKE_FORM;
		in.max_text = o->max_text_bytes;
		in.max_bytes = o->max_upload_bytes;
	} else if (body_is(c, "application/json") && has_files(in.endpoint)) {
		in.kind = INTAKE_JSON;
		in.max_text = o->max_text_bytes;
		in.max_bytes = (int64_t)o->max_inline_bytes;
	} else {
		return NULL;
	}
	if (!access_known(c) ||
	    (c->who != NULL &&
	     !principal_has_scope(c->who, in.endpoint->scope)))
		return NULL;
	in.plan = endpoint_plan(in.endpoint, c->who);
	return intake_create(&in);
}

struct body_sink *body_of_upload(struct call *c)
{
	const struct api_options *o = &c->api->o;
	bool form = body_is(c, "multipart/form-data");
	struct intake_options in = {
		.kind = form ? INTAKE_FORM : INTAKE_FILE,
		.content_type = exchange_header(c->x, "Content-Type"),
		.blobs = o->blobs,
		.max_text = o->max_text_bytes,
		.max_bytes = o->max_upload_bytes,
	};

	return access_known(c) ? intake_create(&in) : NULL;
}

bool body_came(struct call *c)
{
	if (c->request->body_refused)
		answer_problem(c->x, NULL, PROBLEM_QUEUE_FULL,
			       "too many files are on their way just now");
	else if (c->request->body_too_large)
		answer_problem(c->x, NULL, PROBLEM_TOO_LARGE,
			       "the body is larger than this path takes");
	else
		return true;
	return false;
}
