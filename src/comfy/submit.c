#include "comfy/client_private.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

#define ERRORS_MAX  1000
#define MESSAGE_MAX 2000

static const char *copy(struct arena *a, const char *s)
{
	return s == NULL ? "" : arena_strdup(a, s);
}

/* "Value not in list: ckpt_name: 'x' not in […]", with a ceiling: a list of
 * models can be long. */
static const char *message_of(const struct json *error, struct arena *a)
{
	const char *message = json_string(json_get(error, "message"));
	const char *details = json_string(json_get(error, "details"));

	if (message == NULL)
		message = "";
	if (details == NULL || details[0] == '\0')
		return arena_printf(a, "%.*s", MESSAGE_MAX, message);
	return arena_printf(a, "%.*s: %.*s", MESSAGE_MAX, message, MESSAGE_MAX,
			    details);
}

static void fill(struct node_error *e, const struct json *error,
		 struct arena *a)
{
	const struct json *extra = json_get(error, "extra_info");
	const char *input = json_string(json_get(extra, "input_name"));

	e->type = copy(a, json_string(json_get(error, "type")));
	e->input = input != NULL ? arena_strdup(a, input) : NULL;
	e->message = message_of(error, a);
}

static size_t count_errors(const struct json *node_errors)
{
	size_t n = 0;

	json_each (node, node_errors)
		n += json_count(json_get(node, "errors"));
	return n < ERRORS_MAX ? n : ERRORS_MAX;
}

/*
 *	"node_errors": {"4": {"errors": [{"type": "value_not_in_list",
 *	 "message": …, "details": …, "extra_info": {"input_name": "ckpt_name",
 *	 …}}], "dependent_outputs": ["9"], "class_type": "LoadImage"}}
 */
static void per_node(const struct json *node_errors, struct arena *a,
		     struct comfy_submission *out)
{
	size_t max = count_errors(node_errors);

	out->errors = arena_array(a, max, sizeof(*out->errors));
	json_each (node, node_errors) {
		const struct json *list = json_get(node, "errors");
		const char *class = json_string(json_get(node, "class_type"));

		json_each (error, list) {
			struct node_error *e;

			if (out->error_count == max)
				return;
			e = &out->errors[out->error_count++];
			e->node = copy(a, json_key(node));
			e->class_type = copy(a, class);
			fill(e, error, a);
		}
	}
}

/* The older dialect names the node in words only: "Node ID '#5'". */
static const char *node_in_words(const char *details, struct arena *a)
{
	const char *at, *end;

	if (details == NULL || !text_starts(details, "Node ID '#"))
		return "";
	at = details + strlen("Node ID '#");
	end = strrchr(at, '\'');
	return end == NULL ? "" : arena_strndup(a, at, (size_t)(end - at));
}

/*
 * An error of the whole graph, with node_errors empty (s08):
 *	{"error": {"type": "missing_node_type", "message": …, "details":
 *	 "Node ID '#1'", "extra_info": {"node_id": "1", "class_type": …}}
 */
static void whole_graph(const struct json *error, struct arena *a,
			struct comfy_submission *out)
{
	const struct json *extra = json_get(error, "extra_info");
	const char *node = json_string(json_get(extra, "node_id"));
	const char *class = json_string(json_get(extra, "class_type"));
	struct node_error *e = arena_array(a, 1, sizeof(*e));

	fill(e, error, a);
	e->node = node != NULL
			  ? arena_strdup(a, node)
			  : node_in_words(
				    json_string(json_get(error, "details")), a);
	e->class_type = copy(a, class);
	out->errors = e;
	out->error_count = 1;
}

bool submit_read_errors(const struct json *root, struct arena *a,
			struct comfy_submission *out)
{
	const struct json *error = json_get(root, "error");
	const struct json *node_errors = json_get(root, "node_errors");

	if (!json_is(root, JSON_OBJECT))
		return false;
	/* A 200 may leave outputs out and say so here (s08). */
	if (json_is(node_errors, JSON_OBJECT))
		per_node(node_errors, a, out);
	if (json_is(error, JSON_STRING)) {
		out->detail = copy(a, json_string(error));
		return true;
	}
	if (!json_is(error, JSON_OBJECT))
		return json_is(node_errors, JSON_OBJECT);
	if (out->error_count == 0)
		whole_graph(error, a, out);
	out->detail = arena_printf(
		a, "%s: %s", copy(a, json_string(json_get(error, "type"))),
		message_of(error, a));
	return true;
}

static enum comfy_outcome accepted(struct comfy_client *c,
				   struct web_answer *answer,
				   const char *prompt_id, struct arena *a,
				   struct comfy_submission *out)
{
	struct json_doc *doc = comfy_json(c, "POST /prompt", answer);
	const char *id;
	enum comfy_outcome o = COMFY_OK;

	if (doc == NULL)
		return COMFY_UNCERTAIN;
	id = json_string(json_get(json_root(doc), "prompt_id"));
	if (id == NULL || strcmp(id, prompt_id) != 0) {
		comfy_note(c, "POST /prompt: the answer names another prompt");
		o = COMFY_UNCERTAIN;
	} else {
		(void)submit_read_errors(json_root(doc), a, out);
	}
	json_free(doc);
	return o;
}

static enum comfy_outcome rejected(struct comfy_client *c,
				   struct web_answer *answer, struct arena *a,
				   struct comfy_submission *out)
{
	struct json_doc *doc = comfy_json(c, "POST /prompt", answer);
	enum comfy_outcome o = COMFY_REJECTED;

	if (doc == NULL || !submit_read_errors(json_root(doc), a, out)) {
		/* A 400 of somebody between us and ComfyUI says nothing about
		 * the graph, nor whether it got through. */
		comfy_note(c, "POST /prompt: 400 in no known form");
		o = COMFY_UNCERTAIN;
	} else {
		comfy_note(c, "POST /prompt: %s", out->detail);
	}
	json_free(doc);
	return o;
}

static enum comfy_outcome by_answer(struct comfy_client *c,
				    struct web_answer *answer,
				    const char *prompt_id, struct arena *a,
				    struct comfy_submission *out)
{
	switch (answer->status) {
	case 200:
		return accepted(c, answer, prompt_id, a, out);
	case 400:
		return rejected(c, answer, a, out);
	case 413:
		return COMFY_REJECTED;
	default:
		/* 500 may have queued it (s41); a proxy says 502 and 504. */
		return comfy_turned_away(answer->status) ? COMFY_UNREACHABLE
							 : COMFY_UNCERTAIN;
	}
}

enum comfy_outcome comfy_submit(struct comfy_client *c, const char *prompt,
				size_t prompt_len,
				const char prompt_id[ID_SIZE],
				const char *client_id, int64_t timeout_ms,
				struct arena *a, struct comfy_submission *out)
{
	struct web_answer answer;
	struct comfy_request q = {
		.method = "POST",
		.path = "/prompt",
		.until_ms = clock_monotonic_ms() + timeout_ms,
		.max_bytes = REPLY_MAX,
		.once = true,
	};
	struct buf body;
	enum comfy_outcome o;

	assert(id_valid(prompt_id));
	memset(out, 0, sizeof(*out));
	out->detail = "";
	/* Without a clientId the progress of this run would be sent to every
	 * socket of that server (s06); an id nobody listens on prevents it
	 * (s07). */
	if (client_id[0] == '\0')
		client_id = prompt_id;
	buf_init(&body, prompt_len + 1024);
	buf_adds(&body, "{\"prompt\":");
	buf_add(&body, prompt, prompt_len);
	buf_adds(&body, ",\"client_id\":\"");
	json_escape(&body, client_id, strlen(client_id));
	buf_addf(&body, "\",\"prompt_id\":\"%s\"}", prompt_id);
	assert(!buf_over(&body));
	q.body = buf_str(&body);
	q.body_len = body.len;
	o = comfy_do(c, &q, &answer);
	if (o == COMFY_OK)
		o = by_answer(c, &answer, prompt_id, a, out);
	if (out->detail[0] == '\0')
		out->detail = arena_strdup(a, c->detail);
	web_answer_finish(&answer);
	buf_finish(&body);
	return o;
}
