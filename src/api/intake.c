#include "api/intake.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/intake_private.h"
#include "base/log.h"

bool intake_fail(struct intake *in, enum problem_code code, const char *detail)
{
	if (in->why.code == PROBLEM_NONE)
		problem_set(&in->why, code, "", "%s", detail);
	return false;
}

static bool no_room(struct intake *in)
{
	return intake_fail(in, PROBLEM_QUEUE_FULL,
			   "there is no room for the file just now");
}

const struct input *intake_input(const struct intake *in, const char *name)
{
	const struct plan *plan = in->o.plan;

	if (in->o.endpoint == NULL)
		return NULL;
	for (size_t i = 0; i < in->o.endpoint->input_count; i++)
		if (strcmp(plan->inputs[i].name, name) == 0)
			return &plan->inputs[i];
	return NULL;
}

/* ---- one file ---- */

/* What its input takes at most; nothing of a file that nobody asked for is
 * kept. */
static int64_t most_of(const struct intake *in, const struct input *input)
{
	if (in->o.endpoint == NULL)
		return in->o.max_bytes;
	if (input == NULL || !input_is_file(input_element(input)->type))
		return 0;
	return input_element(input)->rule.max_bytes;
}

static struct given_file *add_file(struct intake *in, const char *pointer)
{
	struct given_file *f = &in->files[in->file_count++];

	*f = (struct given_file){.pointer = pointer};
	return f;
}

static bool too_many(struct intake *in)
{
	return in->file_count == INTAKE_FILES_MAX &&
	       !intake_fail(in, PROBLEM_TOO_LARGE,
			    "the request brings more than 64 files");
}

bool intake_file_begin(struct intake *in, const char *pointer,
		       const struct input *input)
{
	struct problem why = {0};

	if (too_many(in))
		return false;
	in->file_size = 0;
	in->file_max = most_of(in, input);
	in->draft = blob_begin(in->o.blobs, in->file_max, &why);
	if (in->draft == NULL) {
		log_event(LOG_ERROR, "upload.not_begun", "why", why.detail,
			  NULL);
		return no_room(in);
	}
	add_file(in, pointer);
	return true;
}

bool intake_file_data(struct intake *in, const void *bytes, size_t n)
{
	int64_t room = in->file_max - in->file_size;
	size_t kept = n;

	if (room < 0)
		room = 0;
	if ((uint64_t)kept > (uint64_t)room)
		kept = (size_t)room;
	in->file_size += (int64_t)n;
	if (kept == 0 || blob_write(in->draft, bytes, kept))
		return true;
	return no_room(in);
}

/* What is there of a file past its ceiling says what it is, no more. */
bool intake_file_end(struct intake *in)
{
	size_t at = in->file_count - 1;
	struct given_file *f = &in->files[at];
	char *sha256 = arena_alloc(&in->arena, DIGEST_HEX_SIZE);
	int64_t kept;

	blob_digest(in->draft, sha256, &kept);
	if (!media_file_facts(blob_fd(in->draft), &f->facts)) {
		blob_abort(in->draft);
		in->draft = NULL;
		return no_room(in);
	}
	f->sha256 = sha256;
	f->size_bytes = in->file_size;
	f->cut = in->file_size > kept;
	if (f->cut)
		blob_abort(in->draft);
	else
		in->drafts[at] = in->draft;
	in->draft = NULL;
	return true;
}

void intake_file_drop(struct intake *in)
{
	blob_abort(in->draft);
	in->draft = NULL;
	in->file_count--;
}

void intake_file_bad(struct intake *in, const char *code, const char *detail)
{
	struct given_file *f = &in->files[in->file_count - 1];

	blob_abort(in->draft);
	in->draft = NULL;
	f->bad_code = code;
	f->bad_detail = arena_strdup(&in->arena, detail);
}

/* ---- the sink ---- */

static bool sink_write(struct body_sink *s, const void *bytes, size_t n)
{
	struct intake *in = intake_of(s);

	if (in->why.code != PROBLEM_NONE)
		return false; /* it could not even begin */
	in->total += (int64_t)n;
	if (in->total > in->o.max_bytes)
		return intake_fail(
			in, PROBLEM_TOO_LARGE,
			arena_printf(&in->arena,
				     "the body is larger than the %" PRId64
				     " bytes that this path takes",
				     in->o.max_bytes));
	switch (in->o.kind) {
	case INTAKE_FILE:
		return intake_file_data(in, bytes, n);
	case INTAKE_FORM:
		return intake_form_feed(in, bytes, n);
	case INTAKE_JSON:
		digest_add(in->digest, bytes, n);
		buf_add(&in->text, bytes, n);
		break;
	}
	return true;
}

static void sink_end(struct body_sink *s)
{
	struct intake *in = intake_of(s);
	unsigned char sum[DIGEST_SIZE];

	if (in->why.code != PROBLEM_NONE)
		return;
	switch (in->o.kind) {
	case INTAKE_FILE:
		if (in->total == 0)
			intake_fail(in, PROBLEM_MALFORMED_REQUEST,
				    "the body is empty: send the file");
		else if (!intake_file_end(in))
			return; /* it has said why */
		break;
	case INTAKE_FORM:
		intake_form_close(in);
		break;
	case INTAKE_JSON:
		intake_json_read(in);
		break;
	}
	digest_end(in->digest, sum);
	in->digest = NULL;
	digest_hex(sum, in->hash);
}

static void sink_destroy(struct body_sink *s)
{
	intake_destroy(intake_of(s));
}

struct body_sink *intake_create(const struct intake_options *o)
{
	struct intake *in = mem_alloc(sizeof(*in));
	bool open = true;

	in->sink = (struct body_sink){sink_write, sink_end, sink_destroy};
	in->o = *o;
	in->o.content_type = arena_strdup(
		&in->arena, o->content_type != NULL ? o->content_type : "");
	if (o->endpoint != NULL)
		in->o.endpoint = endpoint_keep(o->endpoint);
	in->digest = digest_create();
	if (o->kind != INTAKE_FILE)
		buf_init(&in->text, o->kind == INTAKE_JSON
					    ? (size_t)o->max_bytes
					    : o->max_text);
	if (o->kind == INTAKE_FORM)
		open = intake_form_open(in);
	else if (o->kind == INTAKE_FILE)
		open = intake_file_begin(in, "", NULL);
	(void)open; /* the problem is told once the body has been read */
	return &in->sink;
}

void intake_destroy(struct intake *in)
{
	unsigned char sum[DIGEST_SIZE];

	if (in == NULL)
		return;
	intake_unpin(in);
	blob_abort(in->draft);
	for (size_t i = 0; i < in->file_count; i++)
		blob_abort(in->drafts[i]);
	if (in->digest != NULL)
		digest_end(in->digest, sum);
	multipart_destroy(in->form);
	buf_finish(&in->text);
	json_free(in->doc);
	endpoint_drop(in->o.endpoint);
	arena_finish(&in->arena);
	free(in);
}

/* ---- what came ---- */

struct intake *intake_of(struct body_sink *s)
{
	return (struct intake *)(void *)s;
}

const struct problem *intake_problem(const struct intake *in)
{
	return in->why.code != PROBLEM_NONE ? &in->why : NULL;
}

const struct json *intake_json(const struct intake *in)
{
	return in->doc != NULL ? json_root(in->doc) : NULL;
}

void intake_drop_json(struct intake *in)
{
	json_free(in->doc);
	in->doc = NULL;
}

const struct given_file *intake_files(const struct intake *in, size_t *count)
{
	*count = in->file_count;
	return in->files;
}

const char *intake_hash(const struct intake *in)
{
	return in->hash;
}

bool intake_commit(struct intake *in, struct problem *why)
{
	for (size_t i = 0; i < in->file_count; i++) {
		struct blob_draft *d = in->drafts[i];
		char sha256[DIGEST_HEX_SIZE];
		int64_t size;

		in->drafts[i] = NULL;
		if (d != NULL && !blob_commit(d, sha256, &size, why))
			return false;
		in->pinned[i] = d != NULL;
	}
	return true;
}

void intake_unpin(struct intake *in)
{
	for (size_t i = 0; i < in->file_count; i++) {
		if (in->pinned[i])
			blobs_unpin(in->o.blobs, in->files[i].sha256);
		in->pinned[i] = false;
	}
}
