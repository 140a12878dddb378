#ifndef TESTS_INPUT_RIG_H
#define TESTS_INPUT_RIG_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "manifest/endpoint.h"

/* Endpoints made by hand, without a manifest: every literal among the inputs
 * of a graph's nodes becomes a hole. */
static inline bool rig_graph(struct graph *g, const char *text, size_t len,
			     struct arena *a)
{
	struct json_doc *doc = json_parse(text, len, 500, NULL);
	struct hole *holes;
	size_t most = 0;

	if (doc == NULL)
		return false;
	json_each (node, json_root(doc))
		most += json_count(json_get(node, "inputs"));
	holes = arena_array(a, most, sizeof(*holes));
	*g = (struct graph){.text = arena_strndup(a, text, len),
			    .len = len,
			    .holes = holes};
	json_each (node, json_root(doc)) {
		const struct json *inputs = json_get(node, "inputs");

		if (!json_is(inputs, JSON_OBJECT))
			continue;
		json_each (v, inputs) {
			struct json_span span = json_span(doc, v);

			if (json_is(v, JSON_ARRAY))
				continue; /* a link */
			holes[g->hole_count++] = (struct hole){
				.at = span.at,
				.len = span.len,
				.node = arena_strdup(a, json_key(node)),
				.input = arena_strdup(a, json_key(v)),
			};
		}
	}
	json_free(doc);
	return true;
}

static inline size_t rig_hole(const struct graph *g, const char *node,
			      const char *input)
{
	for (size_t i = 0; i < g->hole_count; i++)
		if (strcmp(g->holes[i].node, node) == 0 &&
		    strcmp(g->holes[i].input, input) == 0)
			return i;
	abort();
}

#endif
