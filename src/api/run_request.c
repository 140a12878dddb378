#include <string.h>

#include "api/answer.h"
#include "api/intake.h"
#include "api/prefer.h"
#include "api/run_request.h"
#include "base/text.h"

#define KEY_MAX 255

/* A body that an intake has read: a form, or JSON that may hold files. */
static bool read_intake(struct call *c, const struct intake *in,
			struct run_request *out)
{
	const struct problem *why = intake_problem(in);

	if (why != NULL) {
		answer_problem(c->x, NULL, why->code, why->detail);
		return false;
	}
	out->inputs = intake_json(in);
	out->files.given = intake_files(in, &out->files.count);
	return true;
}

static bool read_body(struct call *c, struct run_request *out)
{
	const struct intake *in = intake_of(exchange_sink(c->x));
	struct problem why = {0};
	struct reply r = {0};

	if (!body_came(c))
		return false;
	if (in != NULL)
		return read_intake(c, in, out);
	if (!body_is(c, "application/json")) {
		reply_header(&r, "Accept-Post",
			     "application/json, multipart/form-data");
		answer_problem(c->x, &r, PROBLEM_UNSUPPORTED_MEDIA_TYPE,
			       "send the inputs as application/json or "
			       "multipart/form-data");
		return false;
	}
	out->doc = json_parse(c->request->body, c->request->body_len,
			      INPUTS_DEPTH, &why);
	if (out->doc == NULL) {
		answer_problem(c->x, NULL, PROBLEM_MALFORMED_REQUEST,
			       why.detail);
		return false;
	}
	out->inputs = json_root(out->doc);
	return true;
}

/* Idempotency-Key: a structured-field String "…", or bare as most send it. */
static bool read_key(struct call *c, struct run_request *out)
{
	const char *key = exchange_header(c->x, "Idempotency-Key");
	size_t n = key != NULL ? strlen(key) : 0;
	bool good = true;

	if (key == NULL)
		return true;
	if (n >= 2 && key[0] == '"' && key[n - 1] == '"') {
		key++;
		n -= 2;
	}
	for (size_t i = 0; i < n; i++)
		good = good && key[i] > 0x20 && key[i] < 0x7f &&
		       key[i] != '"' && key[i] != '\\';
	if (!good || n == 0 || n > KEY_MAX) {
		answer_problem(c->x, NULL, PROBLEM_MALFORMED_REQUEST,
			       "Idempotency-Key must be 1 to 255 printable "
			       "characters without spaces or quotes");
		return false;
	}
	out->idempotency_key = arena_strndup(c->arena, key, n);
	return true;
}

static bool read_cancel_after(struct call *c, struct run_request *out)
{
	const char *text = exchange_header(c->x, "Cancel-After");

	if (text == NULL)
		return true;
	if (text_duration(text, &out->cancel_after_ms) &&
	    out->cancel_after_ms > 0)
		return true;
	answer_problem(c->x, NULL, PROBLEM_MALFORMED_REQUEST,
		       "Cancel-After must be a duration like 30s or 5m");
	return false;
}

static bool read_query(struct call *c, struct run_request *out)
{
	const char *dry = text_query(c->arena, c->request->query, "dry_run");

	out->dry_run = dry != NULL &&
		       (strcmp(dry, "1") == 0 || strcmp(dry, "true") == 0);
	if (text_query(c->arena, c->request->query, "webhook") == NULL)
		return true;
	answer_problem(c->x, NULL, PROBLEM_MALFORMED_REQUEST,
		       "webhooks are not supported by this version");
	return false;
}

static void read_wait(struct call *c, const struct limits *limits,
		      struct run_request *out)
{
	struct prefer p = prefer_read(exchange_header(c->x, "Prefer"));

	out->wait_ms = limits->wait_ms;
	if (p.respond_async) {
		out->wait_ms = 0;
		out->preference = "respond-async";
	} else if (p.wait_given) {
		out->wait_ms = p.wait_ms;
		out->preference = "wait";
	}
	if (out->wait_ms > c->api->o.max_wait_ms)
		out->wait_ms = c->api->o.max_wait_ms;
}

bool run_request_read(struct call *c, const struct limits *limits,
		      struct run_request *out)
{
	*out = (struct run_request){.files.http = c->api->o.url_http};
	read_wait(c, limits, out);
	return read_key(c, out) && read_cancel_after(c, out) &&
	       read_query(c, out) && read_body(c, out);
}
