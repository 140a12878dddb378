#include <string.h>

#include "base/text.h"
#include "input/check.h"
#include "input/resolve.h"

#define TOLD_MOST    ((size_t)1 << 30) /* six times any body */
#define EXAMPLE_MOST ((size_t)64 << 20)
#define HELPED_MOST  10 /* unknown names that a near one is looked up for */

/* One request on its way. */
struct work {
	struct checker c;
	const struct endpoint *e;
	const struct input *inputs; /* of the plan */
	const struct json **given;  /* for each input; NULL: left out */
	const struct json *unknown[PROBLEM_LIST_MAX + 1];
	size_t unknown_count;
	struct value *values;
	bool *has_value;
	struct filling *fillings; /* of each hole */
	size_t room;		  /* what all fillings may still take */
};

/* Finds each member's input. As keys are unique, a hostile body is left after
 * as many members as there are inputs, and 101 more. */
static void sort_members(struct work *w, const struct json *body)
{
	json_each (member, body) {
		size_t i = 0;

		while (i < w->e->input_count &&
		       strcmp(w->inputs[i].name, json_key(member)) != 0)
			i++;
		if (i < w->e->input_count)
			w->given[i] = member;
		else
			w->unknown[w->unknown_count++] = member;
		if (w->unknown_count == COUNT(w->unknown))
			return;
	}
}

static const char *pointer_to(struct arena *a, const char *key)
{
	const char *pointer;
	struct buf b;

	buf_init(&b, 3 * PROBLEM_WHERE_MAX);
	buf_addc(&b, '/');
	for (; *key != '\0'; key++) {
		if (*key == '~')
			buf_adds(&b, "~0");
		else if (*key == '/')
			buf_adds(&b, "~1");
		else
			buf_addc(&b, *key);
	}
	pointer = arena_strdup(a, buf_str(&b));
	buf_finish(&b);
	return pointer;
}

static void refuse_unknown(struct work *w)
{
	struct problem_list *errors = w->c.errors;
	const char **names =
		arena_array(w->c.arena, w->e->input_count, sizeof(*names));

	for (size_t i = 0; i < w->e->input_count; i++)
		names[i] = w->inputs[i].name;
	for (size_t i = 0; i < w->unknown_count; i++) {
		const char *key = json_key(w->unknown[i]), *nearest = NULL;

		if (strlen(key) > PROBLEM_WHERE_MAX) {
			problem_list_add(errors, "", "unknown",
					 "has a name of %zu bytes, which is no "
					 "input",
					 strlen(key));
			continue;
		}
		if (i < HELPED_MOST)
			nearest = text_nearest(key, names, w->e->input_count);
		if (nearest != NULL)
			problem_list_add(errors, pointer_to(w->c.arena, key),
					 "unknown",
					 "is no input of this endpoint; did "
					 "you mean \"%s\"?",
					 nearest);
		else
			problem_list_add(errors, pointer_to(w->c.arena, key),
					 "unknown",
					 "is no input of this endpoint");
	}
}

static bool check_default(struct work *w, const struct input *in,
			  const char *pointer, struct value *out)
{
	struct json_doc *doc =
		json_parse(in->default_text, strlen(in->default_text),
			   JSON_DEPTH_DEFAULT, NULL);
	bool good;

	if (doc == NULL) {
		problem_list_add(w->c.errors, pointer, "type",
				 "has a default that is not JSON");
		return false;
	}
	good = check_value(&w->c, in, json_root(doc), pointer, out);
	json_free(doc);
	return good;
}

static void check_input(struct work *w, size_t i)
{
	const struct input *in = &w->inputs[i];
	struct value *out = &w->values[i];
	const char *pointer = arena_printf(w->c.arena, "/%s", in->name);

	if (w->given[i] != NULL) {
		w->has_value[i] =
			check_value(&w->c, in, w->given[i], pointer, out);
	} else if (in->default_text != NULL) {
		w->has_value[i] = check_default(w, in, pointer, out);
	} else if (in->type == INPUT_SEED) {
		check_draw(&w->c, in, out);
		w->has_value[i] = true;
	} else if (in->required) {
		problem_list_add(w->c.errors, pointer, "required",
				 "is required");
	}
}

static void fill(struct work *w, size_t hole, const char *json, size_t len)
{
	w->fillings[hole] = (struct filling){.at = json, .len = len};
}

/* A string between the pieces of a template. False past the room left. */
static bool fill_template(struct work *w, const struct target *t,
			  const char *plain)
{
	struct buf b;
	bool good;

	buf_init(&b, w->room + 1);
	buf_addc(&b, '"');
	for (size_t i = 0; i < t->part_count; i++) {
		if (i > 0)
			json_escape(&b, plain, strlen(plain));
		json_escape(&b, t->parts[i], strlen(t->parts[i]));
	}
	buf_addc(&b, '"');
	good = !buf_over(&b) && b.len <= w->room;
	if (good) {
		w->room -= b.len;
		fill(w, t->hole, arena_strndup(w->c.arena, b.at, b.len), b.len);
	}
	buf_finish(&b);
	return good;
}

static bool fill_target(struct work *w, const struct target *t,
			const struct value *v)
{
	if (t->parts != NULL && v->plain != NULL)
		return fill_template(w, t, v->plain);
	if (v->len > w->room)
		return false;
	w->room -= v->len;
	fill(w, t->hole, v->json, v->len);
	return true;
}

static bool fill_input(struct work *w, const struct input *in,
		       const struct value *v)
{
	bool good = true;

	if (v->choice != NULL)
		for (size_t i = 0; i < v->choice->set_count; i++) {
			const struct assignment *set = &v->choice->sets[i];

			fill(w, set->hole, set->text, set->len);
		}
	else if (in->type == INPUT_ARRAY)
		for (size_t i = 0; i < v->item_count && good; i++)
			good = fill_target(w, &in->targets[i], &v->items[i]);
	else
		for (size_t i = 0; i < in->target_count && good; i++)
			good = fill_target(w, &in->targets[i], v);
	return good;
}

static bool too_long(struct work *w, const char *pointer)
{
	problem_list_add(w->c.errors, pointer, "maxLength",
			 "is too long for this workflow");
	return false;
}

/* The graph without the nodes that inputs which were left out take along. */
static const struct graph_variant *variant(const struct work *w)
{
	unsigned mask = 0;

	if (w->e->variants == NULL)
		return NULL;
	for (size_t i = 0; i < w->e->input_count; i++)
		if (!w->has_value[i])
			mask |= w->inputs[i].absent_bit;
	return &w->e->variants[mask];
}

static bool render(struct work *w, struct buf *prompt)
{
	for (size_t i = 0; i < w->e->input_count; i++) {
		const struct input *in = &w->inputs[i];

		if (w->has_value[i] && !fill_input(w, in, &w->values[i]))
			return too_long(
				w, arena_printf(w->c.arena, "/%s", in->name));
	}
	graph_render(&w->e->graph, variant(w), w->fillings, prompt);
	return !buf_over(prompt) || too_long(w, "");
}

static void tell_value(struct json_writer *to, const struct value *v)
{
	if (v->told != NULL) {
		json_put_raw(to, v->told);
		return;
	}
	json_open(to, '[');
	for (size_t i = 0; i < v->item_count; i++)
		json_put_raw(to, v->items[i].told);
	json_close(to, ']');
}

static const char *tell(struct work *w)
{
	struct json_writer to;
	const char *text;
	struct buf b;

	buf_init(&b, TOLD_MOST);
	json_writer_init(&to, &b);
	json_open(&to, '{');
	for (size_t i = 0; i < w->e->input_count; i++) {
		if (!w->has_value[i])
			continue;
		json_put_key(&to, w->inputs[i].name);
		tell_value(&to, &w->values[i]);
	}
	json_close(&to, '}');
	text = arena_strndup(w->c.arena, buf_str(&b), b.len);
	buf_finish(&b);
	return text;
}

bool input_resolve(const struct endpoint *e, const struct plan *plan,
		   const struct json *body, input_random_fn *random,
		   void *random_ctx, struct arena *arena, struct buf *prompt,
		   struct resolved *out, struct problem_list *errors)
{
	struct work w = {.c = {.arena = arena,
			       .errors = errors,
			       .random = random,
			       .random_ctx = random_ctx},
			 .e = e,
			 .inputs = plan->inputs,
			 .room = prompt->max - prompt->len};
	size_t before = errors->count;

	if (!json_is(body, JSON_OBJECT)) {
		problem_list_add(errors, "", "type", "must be an object, is %s",
				 json_type_name(json_type(body)));
		return false;
	}
	w.given = arena_array(arena, e->input_count, sizeof(*w.given));
	w.values = arena_array(arena, e->input_count, sizeof(*w.values));
	w.has_value = arena_array(arena, e->input_count, sizeof(*w.has_value));
	w.fillings =
		arena_array(arena, e->graph.hole_count, sizeof(*w.fillings));
	sort_members(&w, body);
	for (size_t i = 0; i < e->input_count; i++)
		check_input(&w, i);
	refuse_unknown(&w);
	if (errors->count > before || errors->more || !render(&w, prompt))
		return false;
	out->inputs = tell(&w);
	out->random = w.c.drawn;
	return true;
}

/* Any number serves to see whether an example is right. */
static uint64_t no_random(void *ctx)
{
	(void)ctx;
	return 0;
}

/* Says for whom it is wrong: an example may suit all plans but one. */
static void name_plan(struct problem_list *errors, size_t from,
		      const struct plan *plan)
{
	if (plan->claim == NULL)
		return;
	for (size_t i = from; i < errors->count; i++)
		errors->items[i].detail = arena_printf(
			errors->arena, "%s (where %s is \"%s\")",
			errors->items[i].detail, plan->claim, plan->value);
}

void input_check_example(const struct endpoint *e, const char *inputs,
			 struct arena *arena, struct problem_list *errors)
{
	struct problem why;
	struct json_doc *doc =
		json_parse(inputs, strlen(inputs), JSON_DEPTH_DEFAULT, &why);
	size_t before = errors->count;
	struct resolved resolved;
	struct buf prompt;

	if (doc == NULL) {
		problem_list_add(errors, "", "type", "%s", why.detail);
		return;
	}
	buf_init(&prompt, EXAMPLE_MOST);
	for (size_t i = 0; i < e->plan_count && errors->count == before; i++) {
		buf_clear(&prompt);
		if (!input_resolve(e, &e->plans[i], json_root(doc), no_random,
				   NULL, arena, &prompt, &resolved, errors))
			name_plan(errors, before, &e->plans[i]);
	}
	buf_finish(&prompt);
	json_free(doc);
}
