#include "validate.h"
#include "classes.h"
#include "coerce.h"
#include "files.h"
#include "refuse.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_DEPTH	  900
#define MAX_CHOICES_SHOWN 20

enum state { FRESH, VISITING, GOOD, BAD };
enum outcome { IS_GOOD, IS_BAD, RAISED };

struct vnode {
	const char *id;
	struct jv *node;
	const struct class *class;
	enum state state;
	bool in_cycle;
	struct str errors;  /* JSON, comma separated */
	struct str summary; /* message: details, a line each */
	struct strv dependents;
};

struct check {
	struct world *w;
	struct jdoc *doc;
	struct vnode *nodes;
	size_t count;
	struct vnode *path[MAX_DEPTH];
	size_t depth;
	/* the exception on its way up */
	const char *exc_type;
	struct str exc_text;
};

static struct vnode *find(struct check *c, const char *id)
{
	size_t i;

	for (i = 0; i < c->count; i++)
		if (!strcmp(c->nodes[i].id, id))
			return &c->nodes[i];
	return NULL;
}

/* extra: JSON members of extra_info, may be NULL */
static void add_error(struct vnode *n, const char *type, const char *message,
		      const char *details, const char *extra)
{
	struct str *s = &n->errors;

	if (s->len)
		str_puts(s, ", ");
	str_printf(s, "{\"type\": \"%s\", \"message\": ", type);
	str_json_text(s, message);
	str_puts(s, ", \"details\": ");
	str_json_text(s, details);
	str_printf(s, ", \"extra_info\": {%s}}", extra ? extra : "");
	if (n->summary.len)
		str_char(&n->summary, '\n');
	str_printf(&n->summary, "%s: %s", message, details);
}

static enum outcome raise_exc(struct check *c, const char *type,
			      const char *fmt, const char *arg)
{
	c->exc_type = type;
	str_clear(&c->exc_text);
	str_printf(&c->exc_text, "%s%s%s", fmt, arg, *fmt == '\'' ? "'" : "");
	return RAISED;
}

static void put_traceback(struct str *s)
{
	str_puts(s, "\"traceback\": [\"  File \\\"/standin/execution.py\\\", "
		    "line 1, in validate_prompt\\n\", \"  File "
		    "\\\"/standin/execution.py\\\", line 2, in "
		    "validate_inputs\\n\"]");
}

static void put_config(struct check *c, const struct jv *spec, struct str *s)
{
	str_puts(s, "\"input_config\": ");
	if (spec->count == 1) {
		str_char(s, '[');
		class_print_input(c->w, spec->child, s);
		str_puts(s, ", {}]");
	} else {
		class_print_input(c->w, spec, s);
	}
}

/* "input_name": ..., "input_config": ..., "received_value": ... */
static void put_about(struct check *c, const char *name, const struct jv *spec,
		      const struct jv *value, struct str *s)
{
	str_puts(s, "\"input_name\": ");
	str_json_text(s, name);
	str_puts(s, ", ");
	put_config(c, spec, s);
	if (value) {
		str_puts(s, ", \"received_value\": ");
		json_dump(s, value);
	}
}

static void print_type(struct check *c, const struct jv *type, struct str *s)
{
	struct str json = {0};
	struct jdoc *d;

	if (type->type == J_STR && type->text[0] != '@') {
		str_puts(s, type->text);
		return;
	}
	class_print_input(c->w, type, &json);
	d = json_parse(json.p, json.len);
	if (d)
		json_repr(s, json_root(d));
	json_free(d);
	str_free(&json);
}

static bool types_fit(const char *got, const struct jv *want)
{
	if (want->type != J_STR || want->text[0] == '@')
		return false;
	return !strcmp(got, "*") || !strcmp(want->text, "*") ||
	       !strcmp(got, want->text);
}

static enum outcome check_node(struct check *c, struct vnode *n);

static void inner_raised(struct check *c, struct vnode *child, const char *name,
			 const struct jv *spec, const struct jv *link)
{
	struct str extra = {0};

	put_about(c, name, spec, NULL, &extra);
	str_puts(&extra, ", \"exception_message\": ");
	str_json_text(&extra, str_text(&c->exc_text));
	str_printf(&extra, ", \"exception_type\": \"%s\", ", c->exc_type);
	put_traceback(&extra);
	str_puts(&extra, ", \"linked_node\": ");
	json_dump(&extra, link);
	str_clear(&child->errors);
	str_clear(&child->summary);
	add_error(child, "exception_during_inner_validation",
		  "Exception when validating inner node",
		  str_text(&c->exc_text), extra.p);
	child->state = BAD;
	str_free(&extra);
}

static void wrong_type(struct check *c, struct vnode *n, const char *name,
		       const struct jv *spec, const struct jv *link,
		       const char *got)
{
	struct str details = {0}, extra = {0};

	str_printf(&details, "%s, received_type(%s) mismatch input_type(", name,
		   got);
	print_type(c, spec->child, &details);
	str_char(&details, ')');
	put_about(c, name, spec, NULL, &extra);
	str_puts(&extra, ", \"received_type\": ");
	str_json_text(&extra, got);
	str_puts(&extra, ", \"linked_node\": ");
	json_dump(&extra, link);
	add_error(n, "return_type_mismatch",
		  "Return type mismatch between linked nodes", details.p,
		  extra.p);
	str_free(&details);
	str_free(&extra);
}

static enum outcome link_target(struct check *c, const struct jv *link,
				struct vnode **from, const char **type)
{
	const struct jv *id = link->child, *slot = link->child->next;
	struct str shown = {0};
	size_t outputs;
	long long i;

	*from = id->type == J_STR ? find(c, id->text) : NULL;
	if (!*from) {
		json_repr(&shown, id);
		raise_exc(c, "KeyError", "", str_text(&shown));
		str_free(&shown);
		return RAISED;
	}
	if (slot->type != J_NUM || json_is_float(slot))
		return raise_exc(c, "TypeError",
				 "tuple indices must be integers or slices, "
				 "not ",
				 slot->type == J_STR   ? "str"
				 : slot->type == J_NUM ? "float"
						       : "NoneType");
	outputs = class_output_count(c->w, (*from)->class);
	i = strtoll(slot->text, NULL, 10);
	if (i < 0)
		i += (long long)outputs;
	if (i < 0 || i >= (long long)outputs)
		return raise_exc(c, "IndexError", "tuple index out of range",
				 "");
	*type = (*from)->class->output_types.v[i];
	return IS_GOOD;
}

static enum outcome check_link(struct check *c, struct vnode *n,
			       const char *name, const struct jv *spec,
			       const struct jv *link)
{
	struct vnode *from;
	struct str extra = {0};
	const char *type = "";
	enum outcome o;

	if (link->count != 2) {
		put_about(c, name, spec, link, &extra);
		add_error(n, "bad_linked_input",
			  "Bad linked input, must be a length-2 list of "
			  "[node_id, slot_index]",
			  name, extra.p);
		str_free(&extra);
		return IS_BAD;
	}
	if (link_target(c, link, &from, &type) == RAISED)
		return RAISED;
	if (!types_fit(type, spec->child)) {
		wrong_type(c, n, name, spec, link, type);
		return IS_BAD;
	}
	o = check_node(c, from);
	if (o == RAISED)
		inner_raised(c, from, name, spec, link);
	return o == IS_GOOD ? IS_GOOD : IS_BAD;
}

static void not_in_list(struct check *c, struct vnode *n, const char *name,
			const struct jv *spec, const struct jv *v,
			const struct jv *choices)
{
	struct str details = {0}, extra = {0};

	str_printf(&details, "%s: ", name);
	if (c->w->dialect < DIALECT_0_25_0) {
		str_char(&details, '\'');
		json_str(&details, v);
		str_char(&details, '\'');
	} else {
		json_repr(&details, v);
	}
	str_puts(&details, " not in ");
	str_puts(&extra, "\"input_name\": ");
	str_json_text(&extra, name);
	if (choices->count > MAX_CHOICES_SHOWN) {
		str_printf(&details, "(list of length %zu)", choices->count);
		str_puts(&extra, ", \"input_config\": null");
	} else {
		json_repr(&details, choices);
		str_puts(&extra, ", ");
		put_config(c, spec, &extra);
	}
	str_puts(&extra, ", \"received_value\": ");
	json_dump(&extra, v);
	add_error(n, "value_not_in_list", "Value not in list", details.p,
		  extra.p);
	str_free(&details);
	str_free(&extra);
}

static bool same_scalar(const struct jv *a, const struct jv *b)
{
	return a->type == b->type &&
	       (a->type < J_NUM ||
		(a->len == b->len && !memcmp(a->text, b->text, a->len)));
}

static bool check_choice(struct check *c, struct vnode *n, const char *name,
			 const struct jv *spec, const struct jv *v)
{
	const struct jv *type = spec->child, *m;
	struct str json = {0};
	struct jdoc *d;
	bool fine = false;

	if (type->type == J_STR && !strcmp(type->text, "COMBO")) {
		if (c->w->dialect < DIALECT_0_25_0)
			return true;
		type = json_get(type->next, "options");
	} else if (type->type != J_ARR && type->text[0] != '@') {
		return true;
	}
	class_print_input(c->w, type, &json);
	d = json_parse(json.p, json.len);
	for (m = json_root(d)->child; m && !fine; m = m->next)
		fine = same_scalar(m, v);
	if (!fine)
		not_in_list(c, n, name, spec, v, json_root(d));
	json_free(d);
	str_free(&json);
	return fine;
}

static bool check_limit(struct check *c, struct vnode *n, const char *name,
			const struct jv *spec, const struct jv *v, bool top)
{
	const struct jv *limit =
		json_get(spec->child->next, top ? "max" : "min");
	struct str message = {0}, extra = {0};
	long double a, b;

	if (!limit || v->type != J_NUM)
		return true;
	a = strtold(v->text, NULL);
	b = strtold(limit->text, NULL);
	if (top ? !(a > b) : !(a < b))
		return true;
	str_puts(&message, "Value ");
	json_repr(&message, v);
	str_printf(&message, " %s than %s of ", top ? "bigger" : "smaller",
		   top ? "max" : "min");
	json_repr(&message, limit);
	put_about(c, name, spec, v, &extra);
	add_error(n, top ? "value_bigger_than_max" : "value_smaller_than_min",
		  message.p, name, extra.p);
	str_free(&message);
	str_free(&extra);
	return false;
}

static bool check_value(struct check *c, struct vnode *n, const char *name,
			const struct jv *spec, struct jv *v)
{
	const struct jv *inner = json_get(v, "__value__");
	const struct jv *type = spec->child;
	struct str why = {0}, details = {0}, extra = {0}, message = {0};
	bool fine;

	if (inner)
		json_set_value(v, inner);
	fine = type->type != J_STR || coerce(c->doc, v, type->text, &why);
	if (!fine) {
		str_printf(&message,
			   "Failed to convert an input value to a %s value",
			   type->text);
		str_printf(&details, "%s, ", name);
		json_str(&details, v);
		str_printf(&details, ", %s", why.p);
		put_about(c, name, spec, v, &extra);
		str_puts(&extra, ", \"exception_message\": ");
		str_json_text(&extra, why.p);
		add_error(n, "invalid_input_type", message.p, details.p,
			  extra.p);
	} else if (!(n->class->flags & C_OWN_CHECK) ||
		   strcmp(n->class->required_spec->child->key, name)) {
		fine = check_limit(c, n, name, spec, v, false) &&
		       check_limit(c, n, name, spec, v, true) &&
		       check_choice(c, n, name, spec, v);
	}
	str_free(&why);
	str_free(&details);
	str_free(&extra);
	str_free(&message);
	return fine;
}

static bool own_check(struct check *c, struct vnode *n, const struct jv *inputs)
{
	const struct jv *first = n->class->required_spec->child;
	const char *name = first ? first->key : "";
	const struct jv *v = json_get(inputs, name);
	struct str path = {0}, details = {0}, extra = {0};
	struct stat st;
	bool fine;

	if (!(n->class->flags & C_OWN_CHECK) || !v || v->type != J_STR)
		return true;
	files_annotated(c->w, v->text, "input", &path);
	fine = !stat(path.p, &st);
	if (!fine) {
		str_printf(&details, "%s - Invalid %s file: %s", name,
			   !strcmp(name, "file") ? "video" : name, v->text);
		str_printf(&extra, "\"input_name\": \"%s\"", name);
		add_error(n, "custom_validation_failed",
			  "Custom validation failed for node", details.p,
			  extra.p);
	}
	str_free(&path);
	str_free(&details);
	str_free(&extra);
	return fine;
}

static enum outcome check_input(struct check *c, struct vnode *n,
				const struct jv *spec, bool required,
				struct jv *inputs)
{
	struct jv *v = json_get(inputs, spec->key);
	struct str extra = {0};

	if (!v) {
		if (!required)
			return IS_GOOD;
		str_printf(&extra, "\"input_name\": \"%s\"", spec->key);
		add_error(n, "required_input_missing",
			  "Required input is missing", spec->key, extra.p);
		str_free(&extra);
		return IS_BAD;
	}
	if (v->type == J_ARR)
		return check_link(c, n, spec->key, spec, v);
	return check_value(c, n, spec->key, spec, v) ? IS_GOOD : IS_BAD;
}

static void found_cycle(struct check *c, const struct vnode *again)
{
	struct str shown = {0}, ids = {0}, extra = {0};
	size_t start = 0, i;

	while (c->path[start] != again)
		start++;
	for (i = start; i < c->depth; i++) {
		const struct vnode *n = c->path[i];

		str_printf(&shown, "%s (%s) -> ", n->id, n->class->name);
		str_puts(&ids, i > start ? ", " : "");
		str_json_text(&ids, n->id);
	}
	str_printf(&shown, "%s (%s)", again->id, again->class->name);
	for (i = start; i < c->depth; i++) {
		struct vnode *n = c->path[i];

		if (n->in_cycle)
			continue;
		n->in_cycle = true;
		str_clear(&n->errors);
		str_clear(&n->summary);
		str_clear(&extra);
		str_puts(&extra, "\"node_id\": ");
		str_json_text(&extra, n->id);
		str_printf(&extra, ", \"cycle_nodes\": [%s]", ids.p);
		if (c->w->dialect >= DIALECT_0_25_0)
			add_error(n, "dependency_cycle",
				  "Dependency cycle detected", shown.p,
				  extra.p);
	}
	str_free(&shown);
	str_free(&ids);
	str_free(&extra);
}

static enum outcome check_inputs(struct check *c, struct vnode *n)
{
	struct jv *inputs = json_get(n->node, "inputs");
	const struct jv *spec;
	enum outcome o;
	bool fine = true;
	int part;

	if (!inputs)
		return raise_exc(c, "KeyError", "'", "inputs");
	for (part = 0; part < 2; part++) {
		spec = part ? n->class->optional_spec->child
			    : n->class->required_spec->child;
		for (; spec; spec = spec->next) {
			o = check_input(c, n, spec, !part, inputs);
			if (o == RAISED)
				return RAISED;
			fine = fine && o == IS_GOOD;
			if (n->in_cycle)
				return IS_BAD;
		}
	}
	return own_check(c, n, inputs) && fine ? IS_GOOD : IS_BAD;
}

static enum outcome check_node(struct check *c, struct vnode *n)
{
	enum outcome o;

	if (n->state == GOOD || n->state == BAD)
		return n->state == GOOD ? IS_GOOD : IS_BAD;
	if (n->state == VISITING || c->depth == MAX_DEPTH) {
		if (n->state == VISITING)
			found_cycle(c, n);
		return IS_BAD;
	}
	n->state = VISITING;
	c->path[c->depth++] = n;
	o = check_inputs(c, n);
	c->depth--;
	n->state = o == IS_GOOD ? GOOD : BAD;
	return o;
}

static void output_raised(struct check *c, struct vnode *n)
{
	struct str extra = {0};

	str_printf(&extra, "\"exception_type\": \"%s\", ", c->exc_type);
	put_traceback(&extra);
	str_clear(&n->errors);
	str_clear(&n->summary);
	add_error(n, "exception_during_validation",
		  "Exception when validating node", str_text(&c->exc_text),
		  extra.p);
	str_free(&extra);
}

/* false when the verdict is spoken */
static bool find_classes(struct check *c, struct jv *graph, struct verdict *out)
{
	const bool old = c->w->dialect < DIALECT_0_25_0;
	struct jv *node;
	const char *name;

	for (node = graph->child; node; node = node->next) {
		struct vnode *n = &c->nodes[c->count];

		if (node->type != J_OBJ &&
		    (!old || (node->type != J_STR && node->type != J_ARR))) {
			out->crashed = true;
			return false;
		}
		n->id = node->key;
		n->node = node;
		name = json_text(node, "class_type");
		n->class = name ? class_find(name) : NULL;
		if (!n->class) {
			refuse_class(c->w, out, n->id, name, node);
			return false;
		}
		c->count++;
	}
	return true;
}

static bool is_target(const struct jv *partial, const char *id)
{
	const struct jv *m;

	if (!partial || partial->type == J_NULL)
		return true;
	if (partial->type == J_STR)
		return strstr(partial->text, id) != NULL;
	for (m = partial->child; m; m = m->next)
		if (m->type == J_STR && !strcmp(m->text, id))
			return true;
	return false;
}

/* every node known to be wrong by now stands in the way of this output */
static void blame(struct check *c, const struct vnode *output)
{
	size_t i;

	for (i = 0; i < c->count; i++) {
		struct vnode *n = &c->nodes[i];

		if (n->state == BAD && n->errors.len)
			strv_add(&n->dependents, output->id);
	}
}

static void print_node_errors(struct check *c, struct str *s)
{
	bool first = true;
	size_t i, k;

	str_char(s, '{');
	for (i = 0; i < c->count; i++) {
		const struct vnode *n = &c->nodes[i];

		if (!n->dependents.n)
			continue;
		str_puts(s, first ? "" : ", ");
		first = false;
		str_json_text(s, n->id);
		str_printf(s, ": {\"errors\": [%s], \"dependent_outputs\": [",
			   n->errors.p);
		for (k = 0; k < n->dependents.n; k++) {
			str_puts(s, k ? ", " : "");
			str_json_text(s, n->dependents.v[k]);
		}
		str_printf(s, "], \"class_type\": \"%s\"}", n->class->name);
	}
	str_char(s, '}');
}

static void check_outputs(struct check *c, const struct jv *partial,
			  struct verdict *out)
{
	struct str details = {0};
	bool any = false;
	size_t i;

	for (i = 0; i < c->count; i++) {
		struct vnode *n = &c->nodes[i];
		enum outcome o;

		if (!(n->class->flags & C_OUTPUT) || !is_target(partial, n->id))
			continue;
		any = true;
		o = check_node(c, n);
		if (o == RAISED)
			output_raised(c, n);
		if (o == IS_GOOD) {
			strv_add(&out->good, n->id);
			continue;
		}
		if (details.len && n->summary.len)
			str_char(&details, '\n');
		str_puts(&details, str_text(&n->summary));
		blame(c, n);
	}
	if (!any)
		refuse_prompt(out, "prompt_no_outputs", "Prompt has no outputs",
			      "", NULL);
	else if (!out->good.n)
		refuse_prompt(out, "prompt_outputs_failed_validation",
			      "Prompt outputs failed validation",
			      str_text(&details), NULL);
	else
		out->ok = true;
	str_free(&details);
}

void validate_prompt(struct world *w, struct jdoc *doc, struct jv *graph,
		     const struct jv *partial, struct verdict *out)
{
	const bool old = w->dialect < DIALECT_0_25_0;
	struct check c = {.w = w, .doc = doc};
	size_t i;

	memset(out, 0, sizeof(*out));
	if (graph->type != J_OBJ &&
	    (!old || graph->count ||
	     (graph->type != J_ARR && (graph->type != J_STR || graph->len)))) {
		out->crashed = true;
		return;
	}
	c.nodes = mem_zero((graph->count + 1) * sizeof(*c.nodes));
	if (find_classes(&c, graph, out))
		check_outputs(&c, partial, out);
	print_node_errors(&c, &out->node_errors);
	for (i = 0; i < c.count; i++) {
		str_free(&c.nodes[i].errors);
		str_free(&c.nodes[i].summary);
		strv_free(&c.nodes[i].dependents);
	}
	str_free(&c.exc_text);
	free(c.nodes);
}

void verdict_finish(struct verdict *v)
{
	str_free(&v->error);
	str_free(&v->node_errors);
	strv_free(&v->good);
}
