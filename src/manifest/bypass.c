#include "manifest/bypass.h"

#include <string.h>

#include "manifest/object_info.h"
#include "manifest/parts.h"

/* ---- what the manifest says ---- */

static const struct key absent_table[] = {
	{"bypass", KEY_SEEN, 0, 0, 0, NULL},
};
const struct key_set keys_absent = KEY_SET(absent_table, NULL);

static void read_ids(struct reader *r, const struct place *p,
		     const struct json *v, struct input *in)
{
	size_t most = json_count(v), i = 0;
	const char **ids;

	if (!reader_wants(r, p, v, JSON_ARRAY))
		return;
	if (most == 0 || most > BYPASS_NODES_MAX) {
		reader_error(r, p, "size", "must name 1 to %d nodes",
			     BYPASS_NODES_MAX);
		return;
	}
	ids = arena_array(r->keep, most, sizeof(*ids));
	json_each (item, v) {
		const struct place *at = PLACE_INDEX(p, i);

		if (!reader_wants(r, at, item, JSON_STRING))
			return;
		ids[i++] = arena_strdup(r->keep, json_string(item));
		if (r->graph != NULL &&
		    workflow_node(r->graph, json_string(item)) == NULL)
			workflow_no_node(r, at, json_string(item), NULL);
	}
	in->bypass = ids;
	in->bypass_count = i;
}

/* The next bit that is free. */
static unsigned next_bit(const struct reader *r)
{
	unsigned bit = 1;

	for (size_t i = 0; i < r->endpoint->input_count; i++)
		if (r->endpoint->inputs[i].absent_bit >= bit)
			bit = r->endpoint->inputs[i].absent_bit << 1;
	return bit;
}

void read_absent(struct reader *r, const struct place *p, const struct json *v,
		 struct input *in)
{
	const struct json *ids = json_get(v, "bypass");

	if (!reader_keys(r, p, v, &keys_absent, "\"absent\"", in))
		return;
	if (ids == NULL)
		reader_error(r, p, "required", "needs \"bypass\"");
	else
		read_ids(r, PLACE_KEY(p, "bypass"), ids, in);
	if (in->required || in->default_text != NULL ||
	    in->type == INPUT_SEED) {
		reader_error(r, p, "required",
			     "is for inputs that may be left out: it needs "
			     "\"required\": false and no default");
		return;
	}
	in->absent_bit = next_bit(r);
	if (in->absent_bit >= 1U << BYPASS_MAX)
		reader_error(r, p, "size",
			     "at most %d inputs of an endpoint may have it",
			     BYPASS_MAX);
}

/* ---- the graph without some nodes ---- */

/* One variant on its way. */
struct cutting {
	struct reader *r;
	const struct workflow *w;
	bool *gone; /* by the node's place in the text */
	struct graph_edit *edits;
	size_t count;
	const struct place *where; /* of the input, for messages */
};

static size_t place_of(const struct cutting *c, const struct node *n)
{
	return (size_t)(n - c->w->nodes);
}

static bool is_gone(const struct cutting *c, const char *id)
{
	return c->gone[place_of(c, workflow_node(c->w, id))];
}

static void add_edit(struct cutting *c, size_t from, size_t to,
		     const char *text, size_t len)
{
	c->edits[c->count++] = (struct graph_edit){
		.at = workflow_place(c->w, from),
		.len = to - from,
		.text = text,
		.text_len = len,
	};
}

static size_t end_of(struct json_span span)
{
	return span.at + span.len;
}

/* Where the key of the first member behind `from` begins: only blanks, a comma
 * and a bracket stand between. */
static size_t key_after(const struct workflow *w, size_t from)
{
	while (w->text[from] != '"')
		from++;
	return from;
}

/* Takes a member out, with one comma: that before it, or, where no member that
 * stays is before it, that behind it. `before` is the end of the member before,
 * or the beginning of the object. next: another one follows. */
static void cut_member(struct cutting *c, size_t before, struct json_span value,
		       bool kept_before, bool next)
{
	size_t end = end_of(value);

	if (kept_before)
		add_edit(c, before, end, "", 0);
	else
		add_edit(c, key_after(c->w, before),
			 next ? key_after(c->w, end) : end, "", 0);
}

/* ---- who stands in for a node that is gone ---- */

static bool types_fit(const char *in, const char *out)
{
	size_t n = strlen(out);

	if (strcmp(in, "*") == 0 || strcmp(out, "*") == 0)
		return true;
	/* "IMAGE,FLOAT": an input that takes several. */
	for (const char *at = in; at != NULL; at = strchr(at, ',')) {
		at += *at == ',';
		if (strncmp(at, out, n) == 0 && (at[n] == '\0' || at[n] == ','))
			return true;
	}
	return false;
}

static bool is_widget(const char *type)
{
	static const char *const widgets[] = {"INT", "FLOAT", "STRING",
					      "BOOLEAN", "COMBO"};

	for (size_t i = 0; i < COUNT(widgets); i++)
		if (strcmp(type, widgets[i]) == 0)
			return true;
	return false;
}

static const struct plug *wired_plug(const struct node *n, const char *name)
{
	for (size_t i = 0; i < n->plug_count; i++)
		if (strcmp(n->plugs[i].name, name) == 0 &&
		    n->plugs[i].wired != NULL)
			return &n->plugs[i];
	return NULL;
}

/* The wired input of n that its output number `slot` is joined to: that at the
 * same place among the sockets where the types fit, else the first that fits;
 * NULL: none does. */
static const struct plug *through(struct cutting *c, const struct node *n,
				  int64_t slot)
{
	const struct node_class *class = object_info_class(c->r, n->class_type);
	const struct plug *first = NULL;
	int64_t at = 0;

	if (class == NULL || slot < 0 || (uint64_t)slot >= class->output_count)
		return NULL;
	for (size_t i = 0; i < class->input_count; i++) {
		const struct socket *s = &class->inputs[i];
		const struct plug *plug = wired_plug(n, s->name);
		bool here = !is_widget(s->type) && at++ == slot;

		if (plug == NULL || !types_fit(s->type, class->outputs[slot]))
			continue;
		if (here)
			return plug;
		if (first == NULL)
			first = plug;
	}
	return first;
}

/* Follows a link through nodes that are gone. */
static const struct plug *follow(struct cutting *c, const struct plug *link)
{
	for (size_t i = 0; i <= c->w->node_count && link != NULL; i++) {
		if (!is_gone(c, link->wired))
			return link;
		link = through(c, workflow_node(c->w, link->wired), link->slot);
	}
	return NULL;
}

/* An input of a class that may be left empty. */
static bool may_lack(struct cutting *c, const struct node *n, const char *name)
{
	const struct node_class *class = object_info_class(c->r, n->class_type);

	for (size_t i = 0; class != NULL && i < class->input_count; i++)
		if (strcmp(class->inputs[i].name, name) == 0)
			return class->inputs[i].optional;
	return false;
}

static void left_alone(struct cutting *c, const struct node *n,
		       const struct plug *plug)
{
	reader_error(c->r, c->where, "bypass",
		     "without node \"%s\" %s, input \"%s\" of node \"%s\" %s "
		     "has nothing of its type to be joined to",
		     plug->wired, workflow_node(c->w, plug->wired)->class_type,
		     plug->name, n->id, n->class_type);
}

static void join_inputs(struct cutting *c, const struct node *n)
{
	size_t before = n->inputs.at;
	bool kept = false;

	for (size_t i = 0; i < n->plug_count; i++) {
		const struct plug *plug = &n->plugs[i];
		bool cut = plug->wired != NULL && is_gone(c, plug->wired);
		const struct plug *other = cut ? follow(c, plug) : NULL;

		if (other != NULL) {
			add_edit(c, plug->span.at, end_of(plug->span),
				 arena_strndup(c->r->keep,
					       c->w->text + other->span.at,
					       other->span.len),
				 other->span.len);
		} else if (cut) {
			if (!may_lack(c, n, plug->name))
				left_alone(c, n, plug);
			cut_member(c, before, plug->span, kept,
				   i + 1 < n->plug_count);
		}
		kept = kept || !cut || other != NULL;
		before = end_of(plug->span);
	}
}

static void cut_nodes(struct cutting *c)
{
	const struct workflow *w = c->w;
	size_t before = 0;
	bool kept = false;

	for (size_t i = 0; i < w->node_count; i++) {
		if (c->gone[i])
			cut_member(c, before, w->nodes[i].span, kept,
				   i + 1 < w->node_count);
		else
			join_inputs(c, &w->nodes[i]);
		kept = kept || !c->gone[i];
		before = end_of(w->nodes[i].span);
	}
}

/* ---- all of them ---- */

static void mark_gone(struct cutting *c, const struct input *in)
{
	for (size_t i = 0; i < in->bypass_count; i++)
		c->gone[place_of(c, workflow_node(c->w, in->bypass[i]))] = true;
}

static void make_variant(struct reader *r, unsigned mask,
			 struct graph_variant *out)
{
	const struct endpoint *e = r->endpoint;
	const struct workflow *w = r->graph;
	struct cutting c = {.r = r, .w = w};
	const struct place *inputs = PLACE_KEY(NULL, "inputs");
	struct place input = {inputs, "", 0};
	struct place absent = {&input, "absent", 0};

	c.where = &absent;
	c.gone = arena_array(&r->scratch, w->node_count, sizeof(*c.gone));
	c.edits = arena_array(r->keep, w->node_count + w->plug_count,
			      sizeof(*c.edits));
	for (size_t i = 0; i < e->input_count; i++) {
		if ((e->inputs[i].absent_bit & mask) == 0)
			continue;
		input.key = e->inputs[i].name;
		mark_gone(&c, &e->inputs[i]);
	}
	cut_nodes(&c);
	*out = (struct graph_variant){c.edits, c.count};
}

/* What must be known of the nodes that one input leaves out. */
static void check_input(struct reader *r, const struct input *in)
{
	const struct place *p = PLACE_KEY(NULL, "inputs");
	const struct endpoint *e = r->endpoint;

	p = PLACE_KEY(p, in->name);
	p = PLACE_KEY(p, "absent");
	p = PLACE_KEY(p, "bypass");
	for (size_t i = 0; i < in->bypass_count; i++) {
		const struct node *n = workflow_node(r->graph, in->bypass[i]);

		if (object_info_class(r, n->class_type) == NULL)
			reader_error(r, PLACE_INDEX(p, i), "types",
				     "what node \"%s\" %s takes and gives is "
				     "not known; %s",
				     n->id, n->class_type, object_info_help(r));
		for (size_t o = 0; o < e->output_count; o++)
			if (e->outputs[o].required &&
			    strcmp(e->outputs[o].node, n->id) == 0)
				reader_error(r, PLACE_INDEX(p, i), "output",
					     "output \"%s\" comes from node "
					     "\"%s\", so it cannot leave",
					     e->outputs[o].name, n->id);
	}
}

void bypass_variants(struct reader *r, struct arena *keep)
{
	struct endpoint *e = r->endpoint;
	struct graph_variant *variants;
	unsigned last = next_bit(r);

	if (last == 1)
		return;
	for (size_t i = 0; i < e->input_count; i++)
		check_input(r, &e->inputs[i]);
	if (r->failed)
		return;
	variants = arena_array(keep, last, sizeof(*variants));
	for (unsigned mask = 1; mask < last && !r->failed; mask++)
		make_variant(r, mask, &variants[mask]);
	e->variants = variants;
}
