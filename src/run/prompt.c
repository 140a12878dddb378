#include "run/prompt.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"

struct prompt {
	struct json_doc *doc;
	const struct json *nodes;
	size_t count;
};

struct prompt *prompt_create(const char *text)
{
	struct json_doc *doc = NULL;
	struct prompt *p;

	if (text != NULL)
		doc = json_parse(text, strlen(text), JSON_DEPTH_DEFAULT, NULL);
	if (doc == NULL)
		return NULL;
	if (!json_is(json_root(doc), JSON_OBJECT)) {
		json_free(doc);
		return NULL;
	}
	p = mem_alloc(sizeof(*p));
	p->doc = doc;
	p->nodes = json_root(doc);
	p->count = json_count(p->nodes);
	return p;
}

void prompt_destroy(struct prompt *p)
{
	if (p == NULL)
		return;
	json_free(p->doc);
	free(p);
}

size_t prompt_nodes(const struct prompt *p)
{
	return p->count;
}

const char *prompt_class(const struct prompt *p, const char *node)
{
	const char *name =
		json_string(json_get(json_get(p->nodes, node), "class_type"));

	return name != NULL ? name : "";
}

/* What is still to be looked at; each node gets in once. */
struct reach {
	const struct json **seen;
	size_t count;
	size_t max;
};

static void reach_add(struct reach *r, const struct json *node)
{
	if (node == NULL || r->count == r->max)
		return;
	for (size_t i = 0; i < r->count; i++) {
		if (r->seen[i] == node)
			return;
	}
	r->seen[r->count++] = node;
}

bool prompt_needs(const struct prompt *p, const char *from, const char *node)
{
	const struct json *wanted = json_get(p->nodes, node);
	struct reach r = {.max = p->count};
	bool found = false;

	if (wanted == NULL)
		return false;
	r.seen = mem_array(p->count, sizeof(struct json *));
	reach_add(&r, json_get(p->nodes, from));
	for (size_t i = 0; i < r.count && !found; i++) {
		found = r.seen[i] == wanted;
		json_each (value, json_get(r.seen[i], "inputs")) {
			const char *to = json_string(json_at(value, 0));

			if (to != NULL && json_count(value) == 2)
				reach_add(&r, json_get(p->nodes, to));
		}
	}
	free(r.seen);
	return found;
}
