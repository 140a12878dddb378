#include "manifest/promise.h"

static void put_size(struct json_writer *w, const char *key, size_t n)
{
	json_put_key(w, key);
	json_put_uint(w, n);
}

static void put_number(struct json_writer *w, const char *key, const char *text)
{
	if (text != NULL)
		json_member_raw(w, key, text);
}

static void put_enum(struct json_writer *w, const struct input *in)
{
	if (in->enum_count == 0)
		return;
	json_put_key(w, "enum");
	json_open(w, '[');
	for (size_t i = 0; i < in->enum_count; i++)
		json_put_raw(w, in->enum_texts[i]);
	json_close(w, ']');
}

static void put_bound(struct json_writer *w, const char *key, int64_t n)
{
	if (n > 0)
		json_member_int(w, key, n);
}

static void put_file_bounds(struct json_writer *w, const struct media_rule *r)
{
	put_bound(w, "maxBytes", r->max_bytes);
	put_bound(w, "minWidth", r->min_width);
	put_bound(w, "maxWidth", r->max_width);
	put_bound(w, "minHeight", r->min_height);
	put_bound(w, "maxHeight", r->max_height);
	put_bound(w, "maxPixels", r->max_pixels);
	if (r->needs_alpha)
		json_member_bool(w, "alpha", true);
}

void promise_bounds(struct json_writer *w, const struct input *in)
{
	switch (in->type) {
	case INPUT_STRING:
		put_size(w, "minLength", in->min_length);
		put_size(w, "maxLength", in->max_length);
		if (in->pattern != NULL)
			json_member_string(w, "pattern", in->pattern);
		break;
	case INPUT_INTEGER:
	case INPUT_NUMBER:
		put_number(w,
			   in->exclusive_minimum ? "exclusiveMinimum"
						 : "minimum",
			   in->minimum_text);
		put_number(w,
			   in->exclusive_maximum ? "exclusiveMaximum"
						 : "maximum",
			   in->maximum_text);
		put_number(w, "multipleOf", in->multiple_of_text);
		break;
	case INPUT_ARRAY:
		put_size(w, "minItems", in->min_items);
		put_size(w, "maxItems", in->max_items);
		break;
	case INPUT_IMAGE:
	case INPUT_MASK:
	case INPUT_AUDIO:
	case INPUT_VIDEO:
	case INPUT_FILE:
		put_file_bounds(w, &in->rule);
		break;
	case INPUT_BOOLEAN:
	case INPUT_SEED:
	case INPUT_CHOICE:
	case INPUT__COUNT:
		break;
	}
	put_enum(w, in);
}

/* Media types as they are meant: a star is written out. */
static void put_mimes(struct json_writer *w, const struct media_rule *r)
{
	const char *names[MEDIA_MIMES_MAX];
	size_t n = media_rule_mimes(r, names);

	if (r->mime_count == 0)
		return;
	json_put_key(w, "mime");
	json_open(w, '[');
	for (size_t i = 0; i < n; i++)
		json_put_string(w, names[i]);
	json_close(w, ']');
}

static void put_input(struct json_writer *w, const struct input *in, bool item)
{
	json_open(w, '{');
	json_member_string(w, "type", input_type_name(in->type));
	if (!item)
		json_member_bool(w, "required", in->required);
	if (in->default_text != NULL)
		json_member_raw(w, "default", in->default_text);
	promise_bounds(w, in);
	if (in->type == INPUT_SEED)
		put_number(w, "maximum", in->maximum_text);
	if (in->type == INPUT_CHOICE) {
		json_put_key(w, "choices");
		json_open(w, '[');
		for (size_t i = 0; i < in->choice_count; i++)
			json_put_string(w, in->choices[i].name);
		json_close(w, ']');
	}
	if (input_is_file(in->type))
		put_mimes(w, &in->rule);
	if (in->of != NULL)
		json_member_string(w, "of", in->of);
	if (in->items != NULL) {
		json_put_key(w, "items");
		put_input(w, in->items, true);
	}
	json_close(w, '}');
}

static void put_output(struct json_writer *w, const struct output *o)
{
	json_open(w, '{');
	json_member_string(w, "type", output_type_name(o->type));
	json_member_bool(w, "many", o->many);
	json_member_bool(w, "required", o->required);
	/* Only where they are there: contracts locked before know none. */
	if (o->format != FORMAT_NONE)
		json_member_string(w, "format", output_format_name(o->format));
	if (o->thumbnail > 0)
		json_member_bool(w, "thumbnail", true);
	if (o->blurhash)
		json_member_bool(w, "blurhash", true);
	json_close(w, '}');
}

void promise_write(const struct endpoint *e, struct buf *to)
{
	struct json_writer w;

	json_writer_init(&w, to);
	json_open(&w, '{');
	json_member_string(&w, "name", e->name);
	json_member_int(&w, "version", e->version);
	json_member_string(&w, "scope", e->scope);
	json_put_key(&w, "inputs");
	json_open(&w, '{');
	for (size_t i = 0; i < e->input_count; i++) {
		json_put_key(&w, e->inputs[i].name);
		put_input(&w, &e->inputs[i], false);
	}
	json_close(&w, '}');
	json_put_key(&w, "outputs");
	json_open(&w, '{');
	for (size_t i = 0; i < e->output_count; i++) {
		json_put_key(&w, e->outputs[i].name);
		put_output(&w, &e->outputs[i]);
	}
	json_close(&w, '}');
	json_close(&w, '}');
}
