#include "comfy/event.h"

#include <math.h>
#include <string.h>

#include "base/json.h"

#define DEPTH_MAX 200

static const char *text_of(const struct json *v, struct arena *a)
{
	const char *s = json_string(v);

	return s == NULL ? "" : arena_strdup(a, s);
}

/* The node a person sees: of a node that expanded itself, its parent. */
static const char *node_of(const struct json *data, struct arena *a)
{
	static const char *const keys[] = {"display_node", "display_node_id",
					   "node", "node_id"};

	for (size_t i = 0; i < COUNT(keys); i++) {
		const char *s = json_string(json_get(data, keys[i]));

		if (s != NULL && s[0] != '\0')
			return arena_strdup(a, s);
	}
	return "";
}

static double number_of(const struct json *v)
{
	double d = json_double(v, 0);

	return isfinite(d) ? d : 0;
}

static void read_plain(const struct json *data, struct arena *a,
		       struct event *out)
{
	out->node = node_of(data, a);
}

static void read_cached(const struct json *data, struct arena *a,
			struct event *out)
{
	const struct json *nodes = json_get(data, "nodes");

	(void)a;
	if (json_is(nodes, JSON_ARRAY))
		out->node_count = json_count(nodes);
}

static void read_executing(const struct json *data, struct arena *a,
			   struct event *out)
{
	const struct json *node = json_get(data, "node");

	if (node == NULL)
		out->kind = EVENT_OTHER;
	else if (json_is(node, JSON_NULL))
		out->kind = EVENT_END;
	else
		out->node = node_of(data, a);
}

static void read_progress(const struct json *data, struct arena *a,
			  struct event *out)
{
	out->node = node_of(data, a);
	out->value = number_of(json_get(data, "value"));
	out->max = number_of(json_get(data, "max"));
}

/*
 * Every node that has begun so far, each time (s33):
 *	{"prompt_id": "…", "nodes": {"1": {"value": 1.0, "max": 1.0, "state":
 *	 "finished", "node_id": "1", "display_node_id": "1", …}, "2": …}}
 */
static void read_state(const struct json *data, struct arena *a,
		       struct event *out)
{
	const struct json *nodes = json_get(data, "nodes");
	const struct json *running = NULL;

	if (!json_is(nodes, JSON_OBJECT))
		return;
	json_each (node, nodes) {
		const char *state = json_string(json_get(node, "state"));

		out->node_count++;
		if (state != NULL && strcmp(state, "finished") == 0)
			out->nodes_done++;
		if (state != NULL && strcmp(state, "running") == 0)
			running = node;
	}
	if (running != NULL)
		read_progress(running, a, out);
}

static const struct {
	const char *type;
	enum event_kind kind;
	void (*read)(const struct json *data, struct arena *a,
		     struct event *out);
} types[] = {
	{"status", EVENT_STATUS, NULL},
	{"execution_start", EVENT_START, NULL},
	{"execution_cached", EVENT_CACHED, read_cached},
	{"executing", EVENT_EXECUTING, read_executing},
	{"progress", EVENT_PROGRESS, read_progress},
	{"progress_state", EVENT_PROGRESS, read_state},
	{"executed", EVENT_EXECUTED, read_plain},
	{"execution_success", EVENT_SUCCESS, NULL},
	{"execution_error", EVENT_ERROR, read_plain},
	{"execution_interrupted", EVENT_INTERRUPTED, read_plain},
};

static void read_type(const char *type, const struct json *data,
		      struct arena *a, struct event *out)
{
	for (size_t i = 0; i < COUNT(types); i++) {
		if (strcmp(types[i].type, type) != 0)
			continue;
		out->kind = types[i].kind;
		if (types[i].read != NULL)
			types[i].read(data, a, out);
		return;
	}
}

bool event_read(const char *text, size_t len, struct arena *a,
		struct event *out)
{
	struct json_doc *doc;
	const struct json *data;
	const char *type;

	memset(out, 0, sizeof(*out));
	out->kind = EVENT_OTHER;
	out->prompt_id = out->node = "";
	doc = json_parse_python(text, len, DEPTH_MAX, NULL);
	if (doc == NULL)
		return false;
	type = json_string(json_get(json_root(doc), "type"));
	data = json_get(json_root(doc), "data");
	if (type == NULL || !json_is(data, JSON_OBJECT)) {
		json_free(doc);
		return false;
	}
	out->prompt_id = text_of(json_get(data, "prompt_id"), a);
	read_type(type, data, a, out);
	json_free(doc);
	return true;
}
