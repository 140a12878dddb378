#include <string.h>

#include "manifest/parts.h"
#include "manifest/workflow.h"

/* The object form of a target. */
struct target_keys {
	const char *node, *input, *class_type;
	const struct json *template;
};

static const struct key target_table[] = {
	{"node", KEY_TEXT, offsetof(struct target_keys, node), 0, 256, NULL},
	{"input", KEY_TEXT, offsetof(struct target_keys, input), 0, 256, NULL},
	{"class", KEY_TEXT, offsetof(struct target_keys, class_type), 0, 256,
	 NULL},
	{"template", KEY_SEEN, 0, 0, 0, NULL},
};
const struct key_set keys_target = KEY_SET(target_table, NULL);

bool target_split(struct reader *r, const char *text, const char **node,
		  const char **rest)
{
	const char *dot = strchr(text, '.');

	if (dot == NULL || dot == text || dot[1] == '\0')
		return false;
	*node = arena_strndup(&r->scratch, text, (size_t)(dot - text));
	*rest = arena_strdup(&r->scratch, dot + 1);
	return true;
}

static bool read_dotted(struct reader *r, const struct place *p,
			const char *text, struct target_name *t)
{
	if (target_split(r, text, &t->node, &t->input))
		return true;
	reader_error(r, p, "target",
		     "must be \"NODE.INPUT\", such as \"3.seed\"");
	return false;
}

static bool read_object(struct reader *r, const struct place *p,
			const struct json *v, const struct input *value,
			struct target_name *t, struct target *out)
{
	const struct json *template = json_get(v, "template");
	struct target_keys keys = {NULL, NULL, NULL, NULL};
	bool strings = value != NULL && value->type == INPUT_STRING;

	if (!reader_keys(r, p, v, &keys_target, "a target", &keys))
		return false;
	if (template != NULL && !strings)
		reader_error(r, PLACE_KEY(p, "template"), "template",
			     "is for inputs of type \"string\" only");
	else if (template != NULL)
		read_template(r, PLACE_KEY(p, "template"), template, out);
	if (json_get(v, "node") == NULL)
		reader_error(r, p, "required", "needs \"node\"");
	if (json_get(v, "input") == NULL)
		reader_error(r, p, "required", "needs \"input\"");
	t->node = keys.node;
	t->input = keys.input;
	t->class_type = keys.class_type;
	return keys.node != NULL && keys.input != NULL;
}

/* A file's name goes where the graph has one. */
static void check_file_target(struct reader *r, const struct place *p,
			      const struct target_name *t,
			      const struct plug *plug, struct input *value)
{
	const struct node *n = workflow_node(r->graph, t->node);
	struct mask_target *m;

	if (r->graph->text[plug->span.at] != '"')
		reader_error(r, p, "target",
			     "input \"%s\" of node \"%s\" %s holds no string, "
			     "so it takes no file",
			     t->input, n->id, n->class_type);
	if (value->type != INPUT_MASK)
		return;
	m = arena_alloc(&r->scratch, sizeof(*m));
	*m = (struct mask_target){r->masks, value, n};
	r->masks = m;
}

static void read_target(struct reader *r, const struct place *p,
			const struct json *v, struct input *value,
			const char *owner, struct target *out)
{
	struct target_name t = {.owner = owner};
	const struct plug *plug;

	if (json_is(v, JSON_OBJECT)) {
		if (!read_object(r, p, v, value, &t, out))
			return;
	} else if (!json_is(v, JSON_STRING)) {
		reader_error(r, p, "type",
			     "must be \"NODE.INPUT\" or an object with "
			     "\"node\" and \"input\", is %s",
			     json_type_name(json_type(v)));
		return;
	} else if (!read_dotted(r, p, json_string(v), &t)) {
		return;
	}
	plug = workflow_hole(r, p, &t, &out->hole);
	if (plug != NULL && value != NULL && input_is_file(value->type))
		check_file_target(r, p, &t, plug, value);
}

void read_targets(struct reader *r, const struct place *p, const struct json *v,
		  struct input *in, struct input *value)
{
	const char *owner = place_text(r, p->up);
	struct target *targets;
	size_t count = 1, i = 0;

	if (json_is(v, JSON_ARRAY))
		count = json_count(v);
	if (count == 0 || count > TARGETS_MAX) {
		reader_error(r, p, "size", "must name 1 to %d targets",
			     TARGETS_MAX);
		return;
	}
	targets = arena_array(r->keep, count, sizeof(*targets));
	in->targets = targets;
	in->target_count = count;
	if (!json_is(v, JSON_ARRAY)) {
		read_target(r, p, v, value, owner, targets);
		return;
	}
	json_each (item, v) {
		read_target(r, PLACE_INDEX(p, i), item, value, owner,
			    &targets[i]);
		i++;
	}
}

/* {"4.ckpt_name": "animagine.safetensors", "3.cfg": 5.5} */
static void read_assignments(struct reader *r, const struct place *p,
			     const struct json *v, const char *owner,
			     struct choice *c)
{
	struct assignment *sets;
	size_t i = 0;

	if (!reader_wants(r, p, v, JSON_OBJECT))
		return;
	sets = arena_array(r->keep, json_count(v), sizeof(*sets));
	c->sets = sets;
	c->set_count = json_count(v);
	json_each (item, v) {
		const struct place *at = PLACE_KEY(p, json_key(item));
		struct target_name t = {.owner = owner, .again = true};
		struct assignment *set = &sets[i++];

		set->text = reader_json(r, item);
		set->len = strlen(set->text);
		if (read_dotted(r, at, json_key(item), &t))
			(void)workflow_hole(r, at, &t, &set->hole);
	}
}

/* In `items` a choice stands for one value, which goes to the element's
 * target: {"photo": "juggernautXL.safetensors"} */
static void read_item_value(struct reader *r, const struct json *v,
			    struct choice *c)
{
	struct assignment *set = arena_alloc(r->keep, sizeof(*set));

	set->text = reader_json(r, v);
	set->len = strlen(set->text);
	c->sets = set;
	c->set_count = 1;
}

void read_choices(struct reader *r, const struct place *p, const struct json *v,
		  struct input *in, bool items)
{
	const char *owner = place_text(r, p->up);
	struct choice *choices;
	size_t i = 0;

	if (!reader_wants(r, p, v, JSON_OBJECT))
		return;
	if (json_count(v) == 0 || json_count(v) > CHOICES_MAX) {
		reader_error(r, p, "size", "must hold 1 to %d choices",
			     CHOICES_MAX);
		return;
	}
	choices = arena_array(r->keep, json_count(v), sizeof(*choices));
	in->choices = choices;
	in->choice_count = json_count(v);
	json_each (item, v) {
		const struct place *at = PLACE_KEY(p, json_key(item));
		struct choice *c = &choices[i++];

		c->name = arena_strdup(r->keep, json_key(item));
		if (c->name[0] == '\0' || strlen(c->name) > 128)
			reader_error(r, at, "name",
				     "the name of a choice must have 1 to 128 "
				     "bytes");
		if (items)
			read_item_value(r, item, c);
		else
			read_assignments(r, at, item, owner, c);
	}
}

void read_set(struct reader *r, const struct place *p, const struct json *v)
{
	if (!reader_wants(r, p, v, JSON_OBJECT))
		return;
	json_each (item, v) {
		const struct place *at = PLACE_KEY(p, json_key(item));
		struct target_name t = {.owner = place_text(r, at)};
		struct plug *plug;

		if (!read_dotted(r, at, json_key(item), &t))
			continue;
		plug = workflow_claim(r, at, &t);
		if (plug != NULL)
			plug->fixed = reader_json(r, item);
	}
}
