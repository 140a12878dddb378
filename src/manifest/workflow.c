#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "manifest/parts.h"
#include "manifest/workflow.h"

struct plug_slot {
	struct plug_slot *next;
	const struct plug *plug;
	size_t *slot;
};

#define HOW_TO_EXPORT                                                          \
	"export it with \"Workflow > Export (API)\" in ComfyUI's menu (older " \
	"versions: enable the dev mode options in the settings, then \"Save "  \
	"(API Format)\")"

static void flow_error(struct reader *r, const struct place *p,
		       const char *rule, const char *what)
{
	reader_error_in(r, r->workflow, p, rule, "%s", what);
}

/* What people save by mistake, told by its look. True when told. */
static bool wrong_format(struct reader *r, const struct json *root)
{
	const struct json *prompt = json_get(root, "prompt");

	if ((json_is(json_get(root, "nodes"), JSON_ARRAY) &&
	     json_is(json_get(root, "links"), JSON_ARRAY)) ||
	    json_is(json_get(root, "last_node_id"), JSON_NUMBER)) {
		flow_error(r, NULL, "format",
			   "is in the format of ComfyUI's editor, not in the "
			   "API format; " HOW_TO_EXPORT);
		return true;
	}
	if (json_is(prompt, JSON_OBJECT) &&
	    json_get(prompt, "class_type") == NULL) {
		flow_error(r, NULL, "format",
			   "is wrapped in {\"prompt\": …} like a request to "
			   "ComfyUI; keep only the value of \"prompt\"");
		return true;
	}
	return false;
}

/* ["4", 0]: output 0 of node 4 */
static const char *link_source(const struct json *v, int64_t *slot)
{
	if (json_count(v) != 2 || !json_is(v, JSON_ARRAY) ||
	    !json_int64(json_at(v, 1), slot))
		return NULL;
	return json_string(json_at(v, 0));
}

static void read_node(struct reader *r, const struct json_doc *doc,
		      const struct json *v, struct workflow *w,
		      struct node *node)
{
	const struct place *p = PLACE_KEY(NULL, json_key(v));
	const struct json *inputs = json_get(v, "inputs");

	node->id = arena_strdup(&r->scratch, json_key(v));
	node->span = json_span(doc, v);
	node->class_type = json_string(json_get(v, "class_type"));
	node->plugs = w->plugs + w->plug_count;
	if (node->class_type == NULL) {
		node->class_type = "?";
		flow_error(
			r, p, "node",
			"is no node: it has no \"class_type\"; " HOW_TO_EXPORT);
		return;
	}
	node->class_type = arena_strdup(&r->scratch, node->class_type);
	if (!json_is(inputs, JSON_OBJECT)) {
		flow_error(r, p, "node", "is no node: it has no \"inputs\"");
		return;
	}
	node->inputs = json_span(doc, inputs);
	json_each (input, inputs) {
		int64_t slot = 0;
		const char *wired = link_source(input, &slot);

		node->plugs[node->plug_count++] = (struct plug){
			.name = arena_strdup(&r->scratch, json_key(input)),
			.span = json_span(doc, input),
			.wired =
				wired ? arena_strdup(&r->scratch, wired) : NULL,
			.slot = slot,
		};
	}
	w->plug_count += node->plug_count;
}

static int by_id(const void *a, const void *b)
{
	const struct node *const *x = a, *const *y = b;

	return strcmp((*x)->id, (*y)->id);
}

static int find_id(const void *key, const void *element)
{
	const struct node *const *node = element;

	return strcmp(key, (*node)->id);
}

const struct node *workflow_node(const struct workflow *w, const char *id)
{
	struct node **at = bsearch(id, w->sorted, w->node_count,
				   sizeof(struct node *), find_id);

	return at ? *at : NULL;
}

static void check_links(struct reader *r, const struct workflow *w)
{
	for (size_t i = 0; i < w->node_count; i++) {
		const struct node *n = &w->nodes[i];
		const struct place *p = PLACE_KEY(NULL, n->id);

		p = PLACE_KEY(p, "inputs");
		for (size_t j = 0; j < n->plug_count; j++) {
			const char *wired = n->plugs[j].wired;

			if (wired == NULL || workflow_node(w, wired) != NULL)
				continue;
			reader_error_in(r, r->workflow,
					PLACE_KEY(p, n->plugs[j].name), "link",
					"is wired to node \"%s\", which is not "
					"in the file",
					wired);
		}
	}
}

static struct workflow *read_nodes(struct reader *r, const struct json_doc *doc,
				   const struct json *root)
{
	struct workflow *w = arena_alloc(&r->scratch, sizeof(*w));
	size_t plugs = 0, i = 0;

	w->node_count = json_count(root);
	json_each (v, root)
		plugs += json_count(json_get(v, "inputs"));
	w->nodes = arena_array(&r->scratch, w->node_count, sizeof(*w->nodes));
	w->sorted = arena_array(&r->scratch, w->node_count, sizeof(*w->sorted));
	w->plugs = arena_array(&r->scratch, plugs, sizeof(*w->plugs));
	json_each (v, root) {
		w->sorted[i] = &w->nodes[i];
		read_node(r, doc, v, w, &w->nodes[i++]);
	}
	qsort(w->sorted, w->node_count, sizeof(*w->sorted), by_id);
	check_links(r, w);
	return w;
}

struct workflow *workflow_read(struct reader *r, const char *text, size_t len)
{
	struct problem why;
	struct json_doc *doc = json_parse(text, len, JSON_DEPTH_DEFAULT, &why);
	const struct json *root = doc ? json_root(doc) : NULL;
	struct workflow *w = NULL;

	if (doc == NULL)
		flow_error(r, NULL, "json", why.detail);
	else if (!json_is(root, JSON_OBJECT))
		flow_error(r, NULL, "format",
			   "is no workflow in API format; " HOW_TO_EXPORT);
	else if (wrong_format(r, root))
		;
	else if (json_count(root) == 0)
		flow_error(r, NULL, "format", "has no nodes");
	else if (json_count(root) > WORKFLOW_NODES_MAX)
		reader_error_in(r, r->workflow, NULL, "size",
				"has %zu nodes, at most %d are taken",
				json_count(root), WORKFLOW_NODES_MAX);
	else
		w = read_nodes(r, doc, root);
	if (w != NULL) {
		w->text = text;
		w->len = len;
	}
	json_free(doc);
	return w;
}

static struct plug *find_plug(const struct node *n, const char *name)
{
	for (size_t i = 0; i < n->plug_count; i++)
		if (strcmp(n->plugs[i].name, name) == 0)
			return &n->plugs[i];
	return NULL;
}

/* The node that was probably meant: of those with such an input (and class)
 * the one whose id is nearest, else the first; else the nearest id. */
static const struct node *meant(struct reader *r, const char *id,
				const char *input, const char *class_type)
{
	const struct workflow *w = r->graph;
	const char *nearest, **ids;
	size_t count = 0;

	/* A search over all nodes, for a message that nobody will see. */
	if (r->errors->count == PROBLEM_LIST_MAX)
		return NULL;
	ids = arena_array(&r->scratch, w->node_count + 1, sizeof(*ids));
	for (size_t i = 0; i < w->node_count; i++) {
		const struct node *n = &w->nodes[i];
		const struct plug *plug = input ? find_plug(n, input) : NULL;

		if (class_type && strcmp(n->class_type, class_type) != 0)
			continue;
		if (plug != NULL && plug->wired == NULL)
			ids[count++] = n->id;
	}
	if (count > 0) {
		nearest = text_nearest(id, ids, count);
		return workflow_node(w, nearest ? nearest : ids[0]);
	}
	for (size_t i = 0; i < w->node_count; i++)
		ids[i] = w->nodes[i].id;
	nearest = text_nearest(id, ids, w->node_count);
	return nearest ? workflow_node(w, nearest) : NULL;
}

/* "; it has: "3" KSampler, …" where that is short. */
static const char *all_nodes(struct reader *r)
{
	const struct workflow *w = r->graph;
	const char *text = "";
	struct buf all;

	buf_init(&all, 240);
	buf_adds(&all, "; it has: ");
	for (size_t i = 0; i < w->node_count && !buf_over(&all); i++)
		buf_addf(&all, "%s\"%s\" %s", i ? ", " : "", w->nodes[i].id,
			 w->nodes[i].class_type);
	if (!buf_over(&all))
		text = arena_strdup(&r->scratch, buf_str(&all));
	buf_finish(&all);
	return text;
}

static const char *meant_text(struct reader *r, const struct node *n)
{
	if (n == NULL)
		return "";
	return arena_printf(&r->scratch, "; nearest: \"%s\" %s", n->id,
			    n->class_type);
}

void workflow_no_node(struct reader *r, const struct place *p, const char *id,
		      const char *input)
{
	const struct node *other = meant(r, id, input, NULL);

	reader_error(r, p, "node", "node \"%s\" is not in %s%s", id,
		     strrchr(r->workflow, '/') + 1,
		     other ? meant_text(r, other) : all_nodes(r));
}

static void no_input(struct reader *r, const struct place *p,
		     const struct node *n, const char *input)
{
	const char **names =
		arena_array(&r->scratch, n->plug_count + 1, sizeof(*names));
	const char *hint;
	struct buf all;

	for (size_t i = 0; i < n->plug_count; i++)
		names[i] = n->plugs[i].name;
	hint = reader_nearest(r, input, names, n->plug_count);
	buf_init(&all, 256);
	if (*hint == '\0' && n->plug_count > 0) {
		buf_adds(&all, "; it has: ");
		for (size_t i = 0; i < n->plug_count; i++)
			buf_addf(&all, "%s%s", i ? ", " : "", names[i]);
		hint = arena_strdup(&r->scratch,
				    buf_over(&all) ? "" : buf_str(&all));
	}
	buf_finish(&all);
	reader_error(r, p, "input", "node \"%s\" %s has no input \"%s\"%s",
		     n->id, n->class_type, input, hint);
}

static void taken(struct reader *r, const struct place *p,
		  const struct target_name *t, const char *owner)
{
	if (strcmp(owner, t->owner) == 0)
		reader_error(r, p, "taken",
			     "\"%s.%s\" is named twice by this input", t->node,
			     t->input);
	else
		reader_error(r, p, "taken",
			     "\"%s.%s\" is written by %s already", t->node,
			     t->input, owner);
}

struct plug *workflow_claim(struct reader *r, const struct place *p,
			    const struct target_name *t)
{
	const struct node *n;
	struct plug *plug;

	if (r->graph == NULL) /* told already */
		return NULL;
	n = workflow_node(r->graph, t->node);
	if (n == NULL) {
		workflow_no_node(r, p, t->node, t->input);
		return NULL;
	}
	if (t->class_type && strcmp(t->class_type, n->class_type) != 0) {
		const struct node *other =
			meant(r, t->node, t->input, t->class_type);

		if (other && strcmp(other->class_type, t->class_type) != 0)
			other = NULL;
		reader_error(r, p, "class", "node \"%s\" is a %s, not a %s%s",
			     n->id, n->class_type, t->class_type,
			     meant_text(r, other));
		return NULL;
	}
	plug = find_plug(n, t->input);
	if (plug == NULL) {
		no_input(r, p, n, t->input);
		return NULL;
	}
	if (plug->wired != NULL) {
		reader_error(r, p, "link",
			     "input \"%s\" of node \"%s\" %s is wired to node "
			     "\"%s\" and cannot be set",
			     t->input, n->id, n->class_type, plug->wired);
		return NULL;
	}
	if (plug->owner != NULL &&
	    !(t->again && strcmp(plug->owner, t->owner) == 0)) {
		taken(r, p, t, plug->owner);
		return NULL;
	}
	plug->owner = t->owner;
	return plug;
}

struct plug *workflow_hole(struct reader *r, const struct place *p,
			   const struct target_name *t, size_t *slot)
{
	struct plug *plug = workflow_claim(r, p, t);
	struct plug_slot *s;

	if (plug == NULL)
		return NULL;
	plug->hole = true;
	s = arena_alloc(&r->scratch, sizeof(*s));
	*s = (struct plug_slot){r->graph->slots, plug, slot};
	r->graph->slots = s;
	return plug;
}

bool workflow_fixed(const struct workflow *w, const struct node *n,
		    const char *input, const char *json)
{
	const struct plug *plug = find_plug(n, input);

	if (plug == NULL || plug->wired != NULL || plug->hole)
		return false;
	if (plug->fixed != NULL)
		return strcmp(plug->fixed, json) == 0;
	return plug->span.len == strlen(json) &&
	       memcmp(w->text + plug->span.at, json, plug->span.len) == 0;
}

/* The size of the text once the fixed values are in, and the holes in it. */
static size_t measure(const struct workflow *w, size_t *holes)
{
	size_t len = w->len;

	*holes = 0;
	for (size_t i = 0; i < w->plug_count; i++) {
		const struct plug *plug = &w->plugs[i];

		*holes += plug->hole;
		if (plug->fixed != NULL)
			len = len - plug->span.len + strlen(plug->fixed);
	}
	return len;
}

size_t workflow_place(const struct workflow *w, size_t at)
{
	size_t place = at;

	for (size_t i = 0; i < w->plug_count; i++) {
		const struct plug *plug = &w->plugs[i];

		if (plug->fixed != NULL && plug->span.at < at)
			place = place - plug->span.len + strlen(plug->fixed);
	}
	return place;
}

void workflow_graph(struct workflow *w, struct arena *keep, struct graph *out)
{
	size_t holes, len = measure(w, &holes);
	struct hole *hole = arena_array(keep, holes, sizeof(*hole));
	char *text = arena_alloc(keep, len + 1), *to = text;
	size_t at = 0;

	*out = (struct graph){text, len, hole, holes};
	holes = 0;
	for (size_t i = 0; i < w->node_count; i++) {
		const struct node *n = &w->nodes[i];

		for (size_t j = 0; j < n->plug_count; j++) {
			struct plug *plug = &n->plugs[j];

			if (plug->fixed == NULL && !plug->hole)
				continue;
			memcpy(to, w->text + at, plug->span.at - at);
			to += plug->span.at - at;
			at = plug->span.at;
			if (plug->fixed != NULL) {
				memcpy(to, plug->fixed, strlen(plug->fixed));
				to += strlen(plug->fixed);
				at += plug->span.len;
				continue;
			}
			plug->index = holes++;
			*hole++ = (struct hole){
				.at = (size_t)(to - text),
				.len = plug->span.len,
				.node = arena_strdup(keep, n->id),
				.input = arena_strdup(keep, plug->name),
			};
		}
	}
	memcpy(to, w->text + at, w->len - at);
	for (const struct plug_slot *s = w->slots; s != NULL; s = s->next)
		*s->slot = s->plug->index;
}
