#include <string.h>

#include "api/intake_private.h"
#include "api/run_request.h"
#include "base/data_uri.h"

static bool file_sink(void *ctx, const void *bytes, size_t n)
{
	return intake_file_data(ctx, bytes, n);
}

/* A text that is meant to be a file itself, RFC 2397. */
static bool take_data_uri(struct intake *in, const struct json *v,
			  const struct input *input, const char *pointer)
{
	const char *text = json_string(v);
	struct problem why = {0};

	if (text == NULL || strncasecmp(text, "data:", 5) != 0)
		return true;
	in->text_total -= strlen(text);
	if (!intake_file_begin(in, pointer, input))
		return false;
	if (data_uri_decode(text, strlen(text), file_sink, in, &why))
		return intake_file_end(in);
	if (in->why.code != PROBLEM_NONE)
		return false;
	intake_file_bad(in, "format", why.detail);
	return true;
}

static bool take_member(struct intake *in, const struct json *member)
{
	const struct input *input = intake_input(in, json_key(member));
	size_t i = 0;

	if (input == NULL)
		return true;
	if (input_is_file(input->type))
		return take_data_uri(
			in, member, input,
			arena_printf(&in->arena, "/%s", input->name));
	if (input->type != INPUT_ARRAY || !input_is_file(input->items->type))
		return true;
	json_each (item, member) {
		if (!take_data_uri(in, item, input,
				   arena_printf(&in->arena, "/%s/%zu",
						input->name, i++)))
			return false;
	}
	return true;
}

void intake_take_uris(struct intake *in)
{
	json_each (member, json_root(in->doc)) {
		if (json_key(member) == NULL || !take_member(in, member))
			return;
	}
}

void intake_json_read(struct intake *in)
{
	in->text_total = in->text.len;
	in->doc = json_parse(buf_str(&in->text), in->text.len, INPUTS_DEPTH,
			     &in->why);
	buf_finish(&in->text);
	if (in->doc == NULL)
		return;
	intake_take_uris(in);
	if (in->text_total > in->o.max_text)
		intake_fail(in, PROBLEM_TOO_LARGE,
			    "the JSON is too large beside its files");
}
