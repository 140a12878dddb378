#include <string.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/json.h"
#include "manifest/parts.h"

#define RECIPE_MAX ((size_t)64 << 20)

static void write_output(struct json_writer *w, const struct output *o)
{
	json_open(w, '{');
	json_member_string(w, "name", o->name);
	json_member_string(w, "type", output_type_name(o->type));
	json_member_string(w, "node", o->node);
	json_member_string(w, "key", o->key);
	json_member_bool(w, "many", o->many);
	json_member_bool(w, "required", o->required);
	json_member_bool(w, "temp", o->temp);
	json_member_bool(w, "metadata", o->metadata);
	if (o->format != FORMAT_NONE)
		json_member_string(w, "format", output_format_name(o->format));
	if (o->quality > 0)
		json_member_int(w, "quality", o->quality);
	if (o->thumbnail > 0)
		json_member_int(w, "thumbnail", o->thumbnail);
	if (o->blurhash)
		json_member_bool(w, "blurhash", true);
	json_close(w, '}');
}

/* index: of the element in an array, or -1 */
static void write_field(struct json_writer *w, const struct endpoint *e,
			size_t hole, const struct input *in, long index)
{
	const struct hole *h = &e->graph.holes[hole];
	char field[128];
	struct buf to;

	buf_init(&to, sizeof(field));
	buf_addf(&to, "/%s", in->name);
	if (index >= 0)
		buf_addf(&to, "/%ld", index);
	json_open(w, '{');
	json_member_string(w, "node", h->node);
	json_member_string(w, "input", h->input);
	json_member_string(w, "field", buf_str(&to));
	json_close(w, '}');
	buf_finish(&to);
}

/* Several choices may write one hole; it is named once. */
static void write_choices(struct json_writer *w, const struct endpoint *e,
			  const struct input *in, bool *told)
{
	for (size_t i = 0; i < in->choice_count; i++) {
		const struct choice *c = &in->choices[i];

		for (size_t j = 0; j < c->set_count; j++) {
			size_t hole = c->sets[j].hole;

			if (!told[hole])
				write_field(w, e, hole, in, -1);
			told[hole] = true;
		}
	}
}

static void write_fields(struct json_writer *w, const struct endpoint *e)
{
	struct arena scratch = {0};
	bool *told = arena_array(&scratch, e->graph.hole_count, sizeof(*told));

	for (size_t i = 0; i < e->input_count; i++) {
		const struct input *in = &e->inputs[i];
		bool array = in->type == INPUT_ARRAY;

		write_choices(w, e, in, told);
		for (size_t j = 0; j < in->target_count; j++)
			write_field(w, e, in->targets[j].hole, in,
				    array ? (long)j : -1);
	}
	arena_finish(&scratch);
}

static void write_bound(struct json_writer *w, const char *key, int64_t n)
{
	if (n > 0)
		json_member_int(w, key, n);
}

static void write_file(struct json_writer *w, const struct input *in)
{
	const struct media_rule *r = &input_element(in)->rule;
	struct buf field;

	buf_init(&field, 128);
	buf_addf(&field, "/%s", in->name);
	json_open(w, '{');
	json_member_string(w, "field", buf_str(&field));
	json_member_bool(w, "items", in->items != NULL);
	json_member_string(w, "type", media_want_name(r->want));
	json_put_key(w, "mime");
	json_open(w, '[');
	for (size_t i = 0; i < r->mime_count; i++)
		json_put_string(w, r->mimes[i]);
	json_close(w, ']');
	json_member_int(w, "max_bytes", r->max_bytes);
	write_bound(w, "min_width", r->min_width);
	write_bound(w, "max_width", r->max_width);
	write_bound(w, "min_height", r->min_height);
	write_bound(w, "max_height", r->max_height);
	write_bound(w, "max_pixels", r->max_pixels);
	json_member_bool(w, "needs_alpha", r->needs_alpha);
	json_close(w, '}');
	buf_finish(&field);
}

/* What the plan takes, for files that are fetched when the job is there. */
static void write_files(struct json_writer *w, const struct endpoint *e,
			const struct plan *p)
{
	bool any = false;

	for (size_t i = 0; i < e->input_count; i++) {
		if (!input_is_file(input_element(&p->inputs[i])->type))
			continue;
		if (!any) {
			json_put_key(w, "files");
			json_open(w, '[');
		}
		any = true;
		write_file(w, &p->inputs[i]);
	}
	if (any)
		json_close(w, ']');
}

static const char *plan_recipe(struct endpoint *e, const struct plan *p)
{
	struct json_writer w;
	const char *text;
	struct buf to;

	buf_init(&to, RECIPE_MAX);
	json_writer_init(&w, &to);
	json_open(&w, '{');
	json_put_key(&w, "outputs");
	json_open(&w, '[');
	for (size_t i = 0; i < e->output_count; i++)
		write_output(&w, &e->outputs[i]);
	json_close(&w, ']');
	json_put_key(&w, "fields");
	json_open(&w, '[');
	write_fields(&w, e);
	json_close(&w, ']');
	write_files(&w, e, p);
	json_close(&w, '}');
	text = arena_strndup(&e->arena, buf_str(&to), to.len);
	buf_finish(&to);
	return text;
}

static bool takes_files(const struct endpoint *e)
{
	for (size_t i = 0; i < e->input_count; i++)
		if (input_is_file(input_element(&e->inputs[i])->type))
			return true;
	return false;
}

/* Without files all plans have the same. */
void recipe_write(struct endpoint *e)
{
	struct plan *plans =
		arena_array(&e->arena, e->plan_count, sizeof(*plans));
	bool own = takes_files(e);

	memcpy(plans, e->plans, e->plan_count * sizeof(*plans));
	for (size_t i = 0; i < e->plan_count; i++)
		plans[i].recipe = i == 0 || own ? plan_recipe(e, &plans[i])
						: plans[0].recipe;
	e->plans = plans;
	e->recipe = plans[0].recipe;
}

static void add_text(struct digest *d, const char *s)
{
	digest_add(d, s, strlen(s) + 1);
}

/* Templates and the values of choices change the prompt, too, with the same
 * inputs from the caller. */
static void add_input(struct digest *d, const struct input *in)
{
	add_text(d, in->name);
	add_text(d, input_type_name(in->type));
	for (size_t i = 0; i < in->target_count; i++) {
		const struct target *t = &in->targets[i];

		digest_add(d, &t->part_count, sizeof(t->part_count));
		for (size_t j = 0; j < t->part_count; j++)
			add_text(d, t->parts[j]);
	}
	for (size_t i = 0; i < in->choice_count; i++) {
		const struct choice *c = &in->choices[i];

		add_text(d, c->name);
		for (size_t j = 0; j < c->set_count; j++) {
			digest_add(d, &c->sets[j].hole,
				   sizeof(c->sets[j].hole));
			add_text(d, c->sets[j].text);
		}
	}
	for (size_t i = 0; i < in->bypass_count; i++)
		add_text(d, in->bypass[i]);
	if (in->of != NULL)
		add_text(d, in->of);
	if (in->items != NULL)
		add_input(d, in->items);
}

void identity_write(struct endpoint *e)
{
	struct digest *d = digest_create();
	unsigned char sum[DIGEST_SIZE];
	char hex[DIGEST_HEX_SIZE];

	digest_add(d, e->graph.text, e->graph.len);
	add_text(d, "");
	add_text(d, e->recipe);
	for (size_t i = 0; i < e->input_count; i++)
		add_input(d, &e->inputs[i]);
	digest_end(d, sum);
	digest_hex(sum, hex);
	e->identity = arena_strdup(&e->arena, hex);
}
