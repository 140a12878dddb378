#include <string.h>

#include "api/intake_private.h"
#include "api/run_request.h"

/* A part with a file name is a file, as browsers and curl send one; so is one
 * that says that it is something else than text. */
static bool part_is_file(const struct multipart_part *p)
{
	if (p->filename != NULL)
		return true;
	return p->content_type != NULL &&
	       strcmp(p->content_type, "text/plain") != 0 &&
	       strcmp(p->content_type, "application/json") != 0;
}

/* A form has no more parts than there is room for. */
static struct form_pair *add_pair(struct intake *in, const char *name)
{
	struct form_pair *pair = &in->pairs[in->pair_count++];

	*pair = (struct form_pair){.name = name};
	return pair;
}

/* The next place of an input that may come several times. */
static const char *pointer_of(struct intake *in, const struct input *input,
			      const char *name)
{
	size_t n = 0;

	if (input == NULL || input->type != INPUT_ARRAY)
		return arena_printf(&in->arena, "/%s", name);
	for (size_t i = 0; i < in->pair_count; i++)
		n += strcmp(in->pairs[i].name, name) == 0;
	return arena_printf(&in->arena, "/%s/%zu", name, n);
}

static bool begin_file(struct intake *in, const struct multipart_part *p)
{
	const struct input *input = intake_input(in, in->part_name);
	const char *pointer = pointer_of(in, input, in->part_name);

	add_pair(in, in->part_name)->is_file = true;
	if (!intake_file_begin(in, pointer, input))
		return false;
	in->nameless = p->filename != NULL && *p->filename == '\0';
	if (p->filename != NULL && !in->nameless)
		in->files[in->file_count - 1].filename =
			arena_strdup(&in->arena, p->filename);
	return true;
}

static bool part_begin(void *ctx, const struct multipart_part *p)
{
	struct intake *in = ctx;

	in->in_file = part_is_file(p);
	in->part_name = arena_strdup(&in->arena, p->name);
	if (in->in_file)
		return begin_file(in, p);
	if (in->o.endpoint == NULL)
		return intake_fail(in, PROBLEM_MALFORMED_REQUEST,
				   "an upload is one file and nothing else");
	buf_clear(&in->text);
	return true;
}

static bool part_data(void *ctx, const void *bytes, size_t n)
{
	struct intake *in = ctx;

	if (in->in_file)
		return intake_file_data(in, bytes, n);
	in->text_total += n;
	if (in->text_total > in->o.max_text)
		return intake_fail(in, PROBLEM_TOO_LARGE,
				   "the text parts of the form are too large "
				   "together");
	buf_add(&in->text, bytes, n);
	return true;
}

/* For the hash: a kind, a name and what it holds. */
static void hash_part(struct intake *in, char kind, const char *text, size_t n)
{
	digest_add(in->digest, &kind, 1);
	digest_add(in->digest, in->part_name, strlen(in->part_name) + 1);
	digest_add(in->digest, &n, sizeof(n));
	digest_add(in->digest, text, n);
}

static bool part_end(void *ctx)
{
	struct intake *in = ctx;
	struct form_pair *pair;

	/* A file field of a page in which nothing was chosen. */
	if (in->in_file && in->nameless && in->file_size == 0) {
		intake_file_drop(in);
		in->pair_count--;
		return true;
	}
	if (in->in_file) {
		if (!intake_file_end(in))
			return false;
		hash_part(in, 'f', in->files[in->file_count - 1].sha256,
			  DIGEST_HEX_SIZE);
		return true;
	}
	pair = add_pair(in, in->part_name);
	pair->text =
		arena_strndup(&in->arena, buf_str(&in->text), in->text.len);
	pair->len = in->text.len;
	hash_part(in, 't', pair->text, pair->len);
	return true;
}

bool intake_form_open(struct intake *in)
{
	static const struct multipart_events events = {part_begin, part_data,
						       part_end};

	in->form = multipart_create(in->o.content_type, &events, in, &in->why);
	return in->form != NULL;
}

bool intake_form_feed(struct intake *in, const void *bytes, size_t n)
{
	return in->form != NULL && multipart_feed(in->form, bytes, n, &in->why);
}

void intake_form_close(struct intake *in)
{
	if (in->form == NULL || !multipart_finish(in->form, &in->why))
		return;
	if (in->o.endpoint == NULL) {
		if (in->file_count != 1)
			intake_fail(in, PROBLEM_MALFORMED_REQUEST,
				    "an upload is one file and nothing else");
		return;
	}
	in->doc = form_json(in->o.endpoint, in->o.plan, in->pairs,
			    in->pair_count, &in->why);
	if (in->doc != NULL)
		intake_take_uris(in);
}
