#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/text.h"
#include "manifest/load.h"

struct checking {
	const struct endpoint *e;
	manifest_check_fn *check;
	struct problem_list *errors;
	struct arena scratch;
};

/* Problems of inputs, told at the place where the manifest has them. */
static void check_example(struct checking *c, size_t index)
{
	struct problem_list found;

	problem_list_init(&found, &c->scratch);
	c->check(c->e, c->e->examples[index].inputs, &c->scratch, &found);
	for (size_t i = 0; i < found.count; i++)
		problem_list_add(
			c->errors,
			arena_printf(&c->scratch,
				     "%s/manifest.json: "
				     "/examples/%zu/inputs%s",
				     c->e->folder, index, found.items[i].where),
			found.items[i].rule, "%s", found.items[i].detail);
}

/* {"style":"photo","steps":25}: every default there is */
static bool write_defaults(const struct endpoint *e, struct buf *to)
{
	struct json_writer w;
	bool any = false;

	json_writer_init(&w, to);
	json_open(&w, '{');
	for (size_t i = 0; i < e->input_count; i++) {
		if (e->inputs[i].default_text == NULL)
			continue;
		json_member_raw(&w, e->inputs[i].name,
				e->inputs[i].default_text);
		any = true;
	}
	json_close(&w, '}');
	return any;
}

/* "/images/2" -> "/inputs/images/default/2" */
static const char *default_place(struct checking *c, const char *pointer)
{
	size_t n = *pointer == '/' ? strcspn(pointer + 1, "/") + 1 : 0;

	return arena_printf(&c->scratch,
			    "%s/manifest.json: /inputs%.*s/default"
			    "%s",
			    c->e->folder, (int)n, pointer, pointer + n);
}

/* The endpoint as if nothing were required: what is required has no default,
 * and must not hide what is wrong with those of the others. */
static struct endpoint relaxed(struct checking *c)
{
	struct endpoint e = *c->e;
	struct plan *plans =
		arena_array(&c->scratch, e.plan_count, sizeof(*plans));

	for (size_t i = 0; i < e.plan_count; i++) {
		struct input *inputs = arena_array(&c->scratch, e.input_count,
						   sizeof(*inputs));

		for (size_t j = 0; j < e.input_count; j++) {
			inputs[j] = e.plans[i].inputs[j];
			inputs[j].required = false;
		}
		plans[i] = e.plans[i];
		plans[i].inputs = inputs;
	}
	e.plans = plans;
	e.inputs = plans[0].inputs;
	return e;
}

static void check_defaults(struct checking *c)
{
	struct endpoint e = relaxed(c);
	struct problem_list found;
	struct buf to;

	buf_init(&to, (size_t)8 << 20);
	problem_list_init(&found, &c->scratch);
	if (write_defaults(c->e, &to))
		c->check(&e, buf_str(&to), &c->scratch, &found);
	for (size_t i = 0; i < found.count; i++)
		problem_list_add(
			c->errors, default_place(c, found.items[i].where),
			found.items[i].rule, "%s", found.items[i].detail);
	buf_finish(&to);
}

/* The first key that needs it: "format". */
static const char *converting_key(const struct output *o)
{
	if (o->format != FORMAT_NONE)
		return "format";
	return o->thumbnail > 0 ? "thumbnail" : "blurhash";
}

static void check_outputs(struct checking *c)
{
	for (size_t i = 0; i < c->e->output_count; i++) {
		const struct output *o = &c->e->outputs[i];
		const char *where;

		if (!output_converts(o))
			continue;
		where = arena_printf(&c->scratch,
				     "%s/manifest.json: /outputs/%s/%s",
				     c->e->folder, o->name, converting_key(o));
		problem_list_add(c->errors, where, "helper",
				 "needs the program comfygate-media, which is "
				 "not installed: install libvips (Debian: "
				 "libvips-dev), then build and install "
				 "comfygate anew");
	}
}

void manifest_check(const struct endpoint *e, const struct manifest_host *host,
		    struct problem_list *errors)
{
	struct checking c = {.e = e, .errors = errors};

	manifest_check_examples(e, host->check, errors);
	if (!host->converts)
		check_outputs(&c);
	arena_finish(&c.scratch);
}

void manifest_check_examples(const struct endpoint *e, manifest_check_fn *check,
			     struct problem_list *errors)
{
	struct checking c = {.e = e, .check = check, .errors = errors};

	if (check == NULL)
		return;
	for (size_t i = 0; i < e->example_count; i++)
		check_example(&c, i);
	check_defaults(&c);
	arena_finish(&c.scratch);
}
