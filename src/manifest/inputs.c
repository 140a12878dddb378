#include <stdint.h>
#include <string.h>

#include "manifest/bypass.h"
#include "manifest/parts.h"
#include "manifest/workflow.h"

#define NO_MAXIMUM SIZE_MAX

#define FIELD(member) offsetof(struct input, member)
#define TEXTS                                                                  \
	{"type", KEY_SEEN, 0, 0, 0, NULL},                                     \
		{"title", KEY_TEXT, FIELD(title), 0, 200, NULL},               \
	{                                                                      \
		"description", KEY_TEXT, FIELD(description), 0, 4000, NULL     \
	}
#define PRESENCE                                                               \
	{"required", KEY_SEEN, 0, 0, 0, NULL},                                 \
		{"default", KEY_SEEN, 0, 0, 0, NULL},                          \
	{                                                                      \
		"absent", KEY_SEEN, 0, 0, 0, NULL                              \
	}

static const struct key input_table[] = {
	TEXTS,
	PRESENCE,
	{"to", KEY_SEEN, 0, 0, 0, NULL},
};
/* A choice says its targets itself, elements get theirs from the array. */
static const struct key choice_table[] = {TEXTS, PRESENCE};
static const struct key items_table[] = {TEXTS};
static const struct key mask_table[] = {
	{"of", KEY_TEXT, FIELD(of), 0, 63, NULL},
};

static const struct key_set keys_input = KEY_SET(input_table, NULL);
static const struct key_set keys_choice = KEY_SET(choice_table, NULL);
static const struct key_set keys_mask = KEY_SET(mask_table, &keys_input);
const struct key_set keys_items = KEY_SET(items_table, NULL);

const struct key_set *keys_of_input(enum input_type type)
{
	if (type == INPUT_CHOICE)
		return &keys_choice;
	return type == INPUT_MASK ? &keys_mask : &keys_input;
}

static void read_keys(struct reader *r, const struct place *p,
		      const struct json *v, const struct kind *kind,
		      const struct key_set *common, struct input *in)
{
	struct key_set others = kind->others, bounds = kind->bounds;
	const char *what = arena_printf(&r->scratch, "an input of type \"%s\"",
					kind->name);

	others.more = common;
	bounds.more = &others;
	bounds.hint = kind_hint;
	(void)reader_keys(r, p, v, &bounds, what, in);
}

/* The element of an array; NULL where it is not to be made out. */
static struct input *read_items(struct reader *r, const struct place *p,
				const struct json *v, struct input *array)
{
	struct input *in = arena_alloc(r->keep, sizeof(*in));
	const struct kind *kind;

	if (!reader_wants(r, p, v, JSON_OBJECT))
		return NULL;
	kind = kind_read(r, p, v, &in->type);
	if (kind == NULL)
		return NULL;
	if (in->type == INPUT_ARRAY) {
		reader_error(r, PLACE_KEY(p, "type"), "type",
			     "an array cannot hold arrays");
		return NULL;
	}
	in->name = array->name;
	in->required = true;
	in->max_length = STRING_LENGTH_USUAL;
	file_defaults(in);
	read_keys(r, p, v, kind, &keys_items, in);
	if (in->type == INPUT_CHOICE) {
		const struct json *choices = json_get(v, "choices");

		if (choices == NULL)
			reader_error(r, p, "required", "needs \"choices\"");
		else
			read_choices(r, PLACE_KEY(p, "choices"), choices, in,
				     true);
	}
	if (kind->check != NULL)
		kind->check(r, p, v, in);
	array->items = in;
	return in;
}

/* A mask that becomes the alpha channel of another input's picture. */
static bool read_of(struct reader *r, const struct place *p,
		    const struct json *v, struct input *in)
{
	if (in->type != INPUT_MASK || json_get(v, "of") == NULL)
		return false;
	if (json_get(v, "to") != NULL)
		reader_error(r, PLACE_KEY(p, "to"), "of",
			     "a mask goes to its picture or to a target: take "
			     "\"of\" or \"to\" away");
	in->rule.needs_alpha = true;
	return true;
}

/* What belongs to the type beyond plain keys: where the value goes. */
static void read_where(struct reader *r, const struct place *p,
		       const struct json *v, struct input *in)
{
	const struct json *to = json_get(v, "to");
	const struct json *choices = json_get(v, "choices");
	const struct json *items = json_get(v, "items");
	struct input *value = in;

	if (read_of(r, p, v, in))
		return;
	if (in->type == INPUT_CHOICE) {
		if (choices == NULL)
			reader_error(r, p, "required", "needs \"choices\"");
		else
			read_choices(r, PLACE_KEY(p, "choices"), choices, in,
				     false);
		return;
	}
	if (in->type == INPUT_ARRAY) {
		value = NULL;
		if (items == NULL)
			reader_error(r, p, "required", "needs \"items\"");
		else
			value = read_items(r, PLACE_KEY(p, "items"), items, in);
	}
	if (to == NULL)
		reader_error(r, p, "required",
			     "needs \"to\": the place in the workflow that "
			     "gets the value%s",
			     in->type == INPUT_MASK
				     ? ", or \"of\": the image that it is for"
				     : "");
	else
		read_targets(r, PLACE_KEY(p, "to"), to, in, value);
	if (in->max_items == NO_MAXIMUM)
		in->max_items = in->target_count;
}

static void read_presence(struct reader *r, const struct place *p,
			  const struct json *v, struct input *in)
{
	const struct json *given = json_get(v, "required");
	const struct json *otherwise = json_get(v, "default");
	bool is_seed = in->type == INPUT_SEED;

	if (otherwise != NULL && input_is_file(input_element(in)->type))
		reader_error(r, PLACE_KEY(p, "default"), "default",
			     "a file has no default; with \"required\": false "
			     "the workflow's own file stays");
	else if (otherwise != NULL)
		in->default_text = reader_json(r, otherwise);
	in->required = otherwise == NULL && !is_seed;
	if (given == NULL ||
	    !reader_wants(r, PLACE_KEY(p, "required"), given, JSON_BOOLEAN))
		return;
	if (!json_true(given))
		in->required = false;
	else if (is_seed)
		reader_error(r, PLACE_KEY(p, "required"), "required",
			     "a seed that is left out is drawn, so it is never "
			     "required");
	else if (otherwise != NULL)
		reader_error(r, PLACE_KEY(p, "required"), "required",
			     "an input with a default is never required; take "
			     "one of the two away");
}

static void read_input(struct reader *r, const struct place *p,
		       const struct json *v, struct input *in)
{
	const struct kind *kind;

	in->name = arena_strdup(r->keep, json_key(v));
	in->max_length = STRING_LENGTH_USUAL;
	in->max_items = NO_MAXIMUM;
	if (!reader_name(in->name, '_'))
		reader_error(r, p, "name",
			     "the name of an input must match "
			     "^[a-z][a-z0-9_]{0,62}$");
	if (!reader_wants(r, p, v, JSON_OBJECT))
		return;
	kind = kind_read(r, p, v, &in->type);
	if (kind == NULL)
		return;
	file_defaults(in);
	read_keys(r, p, v, kind, keys_of_input(in->type), in);
	read_where(r, p, v, in);
	read_presence(r, p, v, in);
	if (json_get(v, "absent") != NULL)
		read_absent(r, PLACE_KEY(p, "absent"), json_get(v, "absent"),
			    in);
	if (kind->check != NULL)
		kind->check(r, p, v, in);
}

/* The names of all images, for who meant one. */
static const char *nearest_image(struct reader *r, const char *name)
{
	const struct endpoint *e = r->endpoint;
	const char **names =
		arena_array(&r->scratch, e->input_count, sizeof(*names));
	size_t count = 0;

	for (size_t i = 0; i < e->input_count; i++)
		if (e->inputs[i].type == INPUT_IMAGE)
			names[count++] = e->inputs[i].name;
	return reader_nearest(r, name, names, count);
}

/* The picture of a mask must be there, and no other mask may be its. */
static void check_of(struct reader *r, const struct place *p, size_t index)
{
	const struct endpoint *e = r->endpoint;
	const struct input *mask = &e->inputs[index], *picture = NULL;
	const struct place *at = PLACE_KEY(PLACE_KEY(p, mask->name), "of");

	for (size_t i = 0; i < e->input_count; i++) {
		const struct input *in = &e->inputs[i];

		if (in->type == INPUT_IMAGE && strcmp(in->name, mask->of) == 0)
			picture = in;
		if (i < index && in->of != NULL &&
		    strcmp(in->of, mask->of) == 0)
			reader_error(r, at, "taken",
				     "\"%s\" has its mask from input \"%s\" "
				     "already",
				     mask->of, in->name);
	}
	if (picture == NULL)
		reader_error(r, at, "of",
			     "\"%s\" is no input of type \"image\"%s", mask->of,
			     nearest_image(r, mask->of));
}

/* LoadImageMask takes one channel of a picture. Where that is the alpha
 * channel, a picture without one is a mask of nothing. */
static void check_masks(struct reader *r, const struct place *p)
{
	for (size_t i = 0; i < r->endpoint->input_count; i++)
		if (r->endpoint->inputs[i].of != NULL)
			check_of(r, p, i);
	for (struct mask_target *m = r->masks; m != NULL; m = m->next)
		if (workflow_fixed(r->graph, m->node, "channel", "\"alpha\""))
			m->mask->rule.needs_alpha = true;
}

void read_inputs(struct reader *r, const struct place *p, const struct json *v)
{
	struct input *inputs;
	size_t i = 0;

	if (!reader_wants(r, p, v, JSON_OBJECT))
		return;
	if (json_count(v) > INPUTS_MAX) {
		reader_error(r, p, "size",
			     "has %zu inputs, at most %d are "
			     "taken",
			     json_count(v), INPUTS_MAX);
		return;
	}
	inputs = arena_array(r->keep, json_count(v), sizeof(*inputs));
	r->endpoint->inputs = inputs;
	r->endpoint->input_count = json_count(v);
	json_each (item, v) {
		read_input(r, PLACE_KEY(p, json_key(item)), item, &inputs[i]);
		i++;
	}
	check_masks(r, p);
}
