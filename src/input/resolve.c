#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
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
	size_t before; /* problems that were there before */
	const struct endpoint *e;
	const struct input *inputs; /* of the plan */
	const struct json **given;  /* for each input; NULL: left out */
	const struct json *unknown[PROBLEM_LIST_MAX + 1];
	size_t unknown_count;
	struct value *values;
	bool *tried; /* there was something, right or wrong */
	bool *has_value;
	struct filling *fillings; /* of each hole */
	size_t *at;		  /* where each of them begins */
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

static const char *nearest_name(struct work *w, const char *key)
{
	const char **names =
		arena_array(w->c.arena, w->e->input_count, sizeof(*names));

	for (size_t i = 0; i < w->e->input_count; i++)
		names[i] = w->inputs[i].name;
	return text_nearest(key, names, w->e->input_count);
}

/* help: look for a name that may have been meant. */
static void refuse_name(struct work *w, const char *key, bool help)
{
	struct problem_list *errors = w->c.errors;
	const char *nearest;

	if (strlen(key) > PROBLEM_WHERE_MAX) {
		problem_list_add(errors, "", "unknown",
				 "has a name of %zu bytes, which is no input",
				 strlen(key));
		return;
	}
	nearest = help ? nearest_name(w, key) : NULL;
	if (nearest != NULL)
		problem_list_add(errors, pointer_to(w->c.arena, key), "unknown",
				 "is no input of this endpoint; did you mean "
				 "\"%s\"?",
				 nearest);
	else
		problem_list_add(errors, pointer_to(w->c.arena, key), "unknown",
				 "is no input of this endpoint");
}

static void refuse_unknown(struct work *w)
{
	for (size_t i = 0; i < w->unknown_count; i++)
		refuse_name(w, json_key(w->unknown[i]), i < HELPED_MOST);
}

static const struct input *input_named(const struct work *w, const char *name,
				       size_t n)
{
	for (size_t i = 0; i < w->e->input_count; i++)
		if (strncmp(w->inputs[i].name, name, n) == 0 &&
		    w->inputs[i].name[n] == '\0')
			return &w->inputs[i];
	return NULL;
}

/* Files that came with the body, and that no input has taken. */
static void refuse_files(struct work *w)
{
	bool wrong = w->c.errors->count > w->before;
	size_t next = 0, refused = 0;
	const struct given_file *f;

	while ((f = check_file_unused(&w->c, &next)) != NULL) {
		const char *name = f->pointer + 1;
		const struct input *in =
			input_named(w, name, strcspn(name, "/"));

		if (in == NULL)
			refuse_name(w, name, refused++ < HELPED_MOST);
		else if (!input_is_file(input_element(in)->type))
			problem_list_add(w->c.errors, f->pointer, "type",
					 "is of type \"%s\" and takes no file; "
					 "send it as text",
					 input_type_name(in->type));
		else if (!wrong)
			problem_list_add(w->c.errors, f->pointer, "unknown",
					 "is more than this input takes");
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

	bool came = check_file_came(&w->c, pointer);

	if (w->given[i] != NULL || (came && input_is_file(in->type))) {
		w->tried[i] = true;
		w->has_value[i] =
			check_value(&w->c, in, w->given[i], pointer, out);
	} else if (in->default_text != NULL) {
		w->has_value[i] = check_default(w, in, pointer, out);
	} else if (in->type == INPUT_SEED) {
		check_draw(&w->c, in, out);
		w->has_value[i] = true;
	} else if (in->required && !came) {
		problem_list_add(w->c.errors, pointer, "required",
				 "is required");
	}
}

/* A mask that becomes the alpha channel of a picture: ComfyUI wants both, and
 * of one size (Pillow's putalpha). */
static void check_mask(struct work *w, size_t mask)
{
	const char *of = w->inputs[mask].of;
	const char *pointer =
		arena_printf(w->c.arena, "/%s", w->inputs[mask].name);
	const struct given_file *m = w->values[mask].file, *p;
	size_t i = 0;

	while (i < w->e->input_count && strcmp(w->inputs[i].name, of) != 0)
		i++;
	assert(i < w->e->input_count);
	if (!w->tried[i])
		problem_list_add(w->c.errors, pointer, "of",
				 "needs the picture \"%s\" to be given, too",
				 of);
	if (!w->has_value[i])
		return;
	p = w->values[i].file;
	if (p->sha256 != NULL && m->sha256 != NULL &&
	    (p->facts.width != m->facts.width ||
	     p->facts.height != m->facts.height))
		problem_list_add(w->c.errors, pointer, "of",
				 "must have the size of \"%s\", %" PRId64
				 " x %" PRId64 ", is %" PRId64 " x %" PRId64,
				 of, p->facts.width, p->facts.height,
				 m->facts.width, m->facts.height);
}

static void check_masks(struct work *w)
{
	for (size_t i = 0; i < w->e->input_count; i++)
		if (w->inputs[i].of != NULL && w->has_value[i])
			check_mask(w, i);
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
	graph_render(&w->e->graph, variant(w), w->fillings, w->at, prompt);
	return !buf_over(prompt) || too_long(w, "");
}

static int by_size(const void *a, const void *b)
{
	const size_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The file goes to targets[0..count). */
static void add_file(struct work *w, struct resolved_file *to,
		     const struct value *v, const struct target *targets,
		     size_t count)
{
	const struct given_file *f = v->file;
	size_t *at = arena_array(w->c.arena, count, sizeof(*at));

	*to = (struct resolved_file){.field = f->pointer,
				     .sha256 = f->sha256,
				     .url = f->url,
				     .size_bytes = f->size_bytes,
				     .at = at};
	if (f->sha256 != NULL) {
		const struct media_type *type =
			media_type_named(f->facts.kind, f->filename);

		to->extension = type->extension;
		to->content_type = type->mime;
	}
	for (size_t i = 0; i < count; i++)
		if (w->at[targets[i].hole] != GRAPH_NOWHERE)
			at[to->at_count++] = w->at[targets[i].hole];
	if (to->at_count > 1)
		qsort(at, to->at_count, sizeof(*at), by_size);
}

static size_t count_files(const struct work *w)
{
	size_t count = 0;

	for (size_t i = 0; i < w->e->input_count; i++)
		if (w->has_value[i])
			count += (w->values[i].file != NULL) +
				 w->values[i].item_count;
	return count;
}

static void collect_files(struct work *w, struct resolved *out)
{
	struct resolved_file *files =
		arena_array(w->c.arena, count_files(w), sizeof(*files));
	size_t n = 0;

	for (size_t i = 0; i < w->e->input_count; i++) {
		const struct input *in = &w->inputs[i];
		const struct value *v = &w->values[i];

		if (!w->has_value[i])
			continue;
		if (v->file != NULL) {
			add_file(w, &files[n], v, in->targets,
				 in->target_count);
			if (in->of != NULL)
				files[n].of =
					arena_printf(w->c.arena, "/%s", in->of);
			n++;
		}
		for (size_t k = 0; k < v->item_count; k++)
			if (v->items[k].file != NULL)
				add_file(w, &files[n++], &v->items[k],
					 &in->targets[k], 1);
	}
	out->files = files;
	out->file_count = n;
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
		   const struct json *body, const struct input_files *files,
		   input_random_fn *random, void *random_ctx,
		   struct arena *arena, struct buf *prompt,
		   struct resolved *out, struct problem_list *errors)
{
	struct work w = {.c = {.arena = arena,
			       .errors = errors,
			       .random = random,
			       .random_ctx = random_ctx},
			 .e = e,
			 .inputs = plan->inputs,
			 .before = errors->count,
			 .room = prompt->max - prompt->len};

	if (!json_is(body, JSON_OBJECT)) {
		problem_list_add(errors, "", "type", "must be an object, is %s",
				 json_type_name(json_type(body)));
		return false;
	}
	w.given = arena_array(arena, e->input_count, sizeof(*w.given));
	w.values = arena_array(arena, e->input_count, sizeof(*w.values));
	w.tried = arena_array(arena, e->input_count, sizeof(*w.tried));
	w.has_value = arena_array(arena, e->input_count, sizeof(*w.has_value));
	w.fillings =
		arena_array(arena, e->graph.hole_count, sizeof(*w.fillings));
	w.at = arena_array(arena, e->graph.hole_count, sizeof(*w.at));
	check_files_init(&w.c, files);
	sort_members(&w, body);
	for (size_t i = 0; i < e->input_count; i++)
		check_input(&w, i);
	check_masks(&w);
	refuse_unknown(&w);
	refuse_files(&w);
	if (errors->count > w.before || errors->more || !render(&w, prompt))
		return false;
	out->inputs = tell(&w);
	out->random = w.c.drawn || w.c.unfetched;
	out->unfetched = w.c.unfetched;
	collect_files(&w, out);
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
		if (!input_resolve(e, &e->plans[i], json_root(doc), NULL,
				   no_random, NULL, arena, &prompt, &resolved,
				   errors))
			name_plan(errors, before, &e->plans[i]);
	}
	buf_finish(&prompt);
	json_free(doc);
}
