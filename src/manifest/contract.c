#include <assert.h>

#include "manifest/contract.h"
#include "manifest/promise.h"

#define SCHEMA	     "https://json-schema.org/draft/2020-12/schema"
#define DIGITS	     "^-?(0|[1-9][0-9]*)$"
#define SEED_DIGITS  "^(-1|0|[1-9][0-9]*)$"
#define SEED_MAXIMUM "18446744073709551615"

static void put_texts(struct json_writer *w, const char *title,
		      const char *description)
{
	if (title != NULL)
		json_member_string(w, "title", title);
	if (description != NULL)
		json_member_string(w, "description", description);
}

static void put_seed(struct json_writer *w, const struct input *in)
{
	json_member_raw(w, "type", "[\"integer\",\"string\",\"null\"]");
	json_member_int(w, "minimum", -1);
	json_member_raw(w, "maximum",
			in->maximum_text ? in->maximum_text : SEED_MAXIMUM);
	json_member_string(w, "pattern", SEED_DIGITS);
}

static void put_choices(struct json_writer *w, const struct input *in)
{
	json_member_string(w, "type", "string");
	json_put_key(w, "enum");
	json_open(w, '[');
	for (size_t i = 0; i < in->choice_count; i++)
		json_put_string(w, in->choices[i].name);
	json_close(w, ']');
}

/* Each form that a file may come in, as JSON, is a URI: https:, data:, upload:.
 * What is in it is told by a keyword of our own, which readers of JSON Schema
 * pass over and OpenAPI 3.1 allows; the type and the bounds in it are those of
 * the manifest, the media types are written out. */
static void put_file_input(struct json_writer *w, const struct input *in)
{
	const char *names[MEDIA_MIMES_MAX];
	size_t n = media_rule_mimes(&in->rule, names);

	json_member_string(w, "type", "string");
	json_member_string(w, "format", "uri");
	if (n == 1)
		json_member_string(w, "contentMediaType", names[0]);
	json_put_key(w, "x-file");
	json_open(w, '{');
	json_member_string(w, "type", input_type_name(in->type));
	if (in->of != NULL)
		json_member_string(w, "of", in->of);
	if (in->type != INPUT_FILE || in->rule.mime_count > 0) {
		json_put_key(w, "mediaTypes");
		json_open(w, '[');
		for (size_t i = 0; i < n; i++)
			json_put_string(w, names[i]);
		json_close(w, ']');
	}
	promise_bounds(w, in);
	json_close(w, '}');
}

static void put_input(struct json_writer *w, const struct input *in)
{
	json_open(w, '{');
	put_texts(w, in->title, in->description);
	switch (in->type) {
	case INPUT_SEED:
		put_seed(w, in);
		break;
	case INPUT_CHOICE:
		put_choices(w, in);
		break;
	case INPUT_INTEGER:
		if (input_takes_digits(in)) {
			json_member_raw(w, "type", "[\"integer\",\"string\"]");
			json_member_string(w, "pattern", DIGITS);
			break;
		}
		json_member_string(w, "type", "integer");
		break;
	case INPUT_STRING:
	case INPUT_NUMBER:
	case INPUT_BOOLEAN:
	case INPUT_ARRAY:
		json_member_string(w, "type", input_type_name(in->type));
		break;
	case INPUT_IMAGE:
	case INPUT_MASK:
	case INPUT_AUDIO:
	case INPUT_VIDEO:
	case INPUT_FILE:
		put_file_input(w, in);
		break;
	case INPUT__COUNT:
		assert(0);
	}
	if (!input_is_file(in->type))
		promise_bounds(w, in);
	if (in->items != NULL) {
		json_put_key(w, "items");
		put_input(w, in->items);
	}
	if (in->default_text != NULL)
		json_member_raw(w, "default", in->default_text);
	json_close(w, '}');
}

static void put_inputs(struct json_writer *w, const struct endpoint *e)
{
	json_open(w, '{');
	json_member_string(w, "$schema", SCHEMA);
	json_member_string(w, "type", "object");
	json_put_key(w, "properties");
	json_open(w, '{');
	for (size_t i = 0; i < e->input_count; i++) {
		json_put_key(w, e->inputs[i].name);
		put_input(w, &e->inputs[i]);
	}
	json_close(w, '}');
	json_put_key(w, "required");
	json_open(w, '[');
	for (size_t i = 0; i < e->input_count; i++)
		if (e->inputs[i].required)
			json_put_string(w, e->inputs[i].name);
	json_close(w, ']');
	json_member_bool(w, "additionalProperties", false);
	json_close(w, '}');
}

#define URL_SCHEMA    "{\"type\":\"string\",\"format\":\"uri\"}"
#define TEXT_SCHEMA   "{\"type\":\"string\"}"
#define SIZE_SCHEMA   "{\"type\":\"integer\",\"minimum\":0}"
#define FILE_REQUIRED "[\"url\",\"content_type\",\"size_bytes\",\"sha256\"]"

/* The members of a file, as job_view.c in api/ writes them. */
static void put_facts(struct json_writer *w, const char *content_type)
{
	json_member_raw(w, "url", URL_SCHEMA);
	json_put_key(w, "content_type");
	json_open(w, '{');
	json_member_string(w, "type", "string");
	if (content_type != NULL)
		json_member_string(w, "const", content_type);
	json_close(w, '}');
	json_member_raw(w, "size_bytes", SIZE_SCHEMA);
	json_member_raw(w, "width", "{\"type\":\"integer\"}");
	json_member_raw(w, "height", "{\"type\":\"integer\"}");
	json_member_raw(w, "sha256", TEXT_SCHEMA);
}

static void put_thumbnail(struct json_writer *w, const char *content_type)
{
	json_put_key(w, "thumbnail");
	json_open(w, '{');
	json_member_string(w, "type", "object");
	json_put_key(w, "properties");
	json_open(w, '{');
	put_facts(w, content_type);
	json_close(w, '}');
	json_member_raw(w, "required", FILE_REQUIRED);
	json_close(w, '}');
}

static void put_file(struct json_writer *w, const struct output *o)
{
	static const char *const types[] = {[FORMAT_NONE] = NULL,
					    [FORMAT_PNG] = "image/png",
					    [FORMAT_WEBP] = "image/webp",
					    [FORMAT_JPEG] = "image/jpeg"};

	json_put_key(w, "properties");
	json_open(w, '{');
	put_facts(w, types[o->format]);
	if (o->thumbnail > 0)
		put_thumbnail(w, types[o->format] != NULL ? types[o->format]
							  : "image/webp");
	if (o->blurhash)
		json_member_raw(w, "blurhash", TEXT_SCHEMA);
	json_close(w, '}');
	json_member_raw(w, "required", FILE_REQUIRED);
}

static void put_type(struct json_writer *w, const char *type, bool or_null)
{
	json_put_key(w, "type");
	if (or_null)
		json_open(w, '[');
	json_put_string(w, type);
	if (or_null) {
		json_put_string(w, "null");
		json_close(w, ']');
	}
}

static void put_one(struct json_writer *w, const struct output *o, bool or_null)
{
	if (o->type == OUTPUT_TEXT) {
		put_type(w, "string", or_null);
	} else if (o->type != OUTPUT_JSON) {
		put_type(w, "object", or_null);
		put_file(w, o);
	}
}

static void put_output(struct json_writer *w, const struct output *o)
{
	json_open(w, '{');
	put_texts(w, o->title, o->description);
	if (o->many) {
		put_type(w, "array", !o->required);
		json_put_key(w, "items");
		json_open(w, '{');
		put_one(w, o, false);
		json_close(w, '}');
	} else {
		put_one(w, o, !o->required);
	}
	json_close(w, '}');
}

/* Each output is there in every answer, if only as null. */
static void put_outputs(struct json_writer *w, const struct endpoint *e)
{
	json_open(w, '{');
	json_member_string(w, "$schema", SCHEMA);
	json_member_string(w, "type", "object");
	json_put_key(w, "properties");
	json_open(w, '{');
	for (size_t i = 0; i < e->output_count; i++) {
		json_put_key(w, e->outputs[i].name);
		put_output(w, &e->outputs[i]);
	}
	json_close(w, '}');
	json_put_key(w, "required");
	json_open(w, '[');
	for (size_t i = 0; i < e->output_count; i++)
		json_put_string(w, e->outputs[i].name);
	json_close(w, ']');
	json_close(w, '}');
}

static void put_limits(struct json_writer *w, const struct limits *l)
{
	json_open(w, '{');
	json_member_int(w, "wait_ms", l->wait_ms);
	json_member_int(w, "timeout_ms", l->timeout_ms);
	if (l->concurrency > 0)
		json_member_int(w, "concurrency", l->concurrency);
	if (l->rate_count > 0) {
		json_put_key(w, "rate");
		json_open(w, '{');
		json_member_int(w, "requests", l->rate_count);
		json_member_int(w, "window_ms", l->rate_window_ms);
		json_close(w, '}');
	}
	json_close(w, '}');
}

void contract_write(const struct endpoint *e, struct buf *to)
{
	struct json_writer w;

	json_writer_init(&w, to);
	json_open(&w, '{');
	json_member_string(&w, "name", e->name);
	json_member_int(&w, "version", e->version);
	put_texts(&w, e->title, e->description);
	if (e->deprecated != NULL)
		json_member_string(&w, "deprecated", e->deprecated);
	json_member_string(&w, "scope", e->scope);
	json_put_key(&w, "inputs");
	put_inputs(&w, e);
	json_put_key(&w, "outputs");
	put_outputs(&w, e);
	json_put_key(&w, "limits");
	put_limits(&w, &e->plans[0].limits);
	json_put_key(&w, "examples");
	json_open(&w, '[');
	for (size_t i = 0; i < e->example_count; i++) {
		json_open(&w, '{');
		put_texts(&w, e->examples[i].title, NULL);
		json_member_raw(&w, "inputs", e->examples[i].inputs);
		json_close(&w, '}');
	}
	json_close(&w, ']');
	json_close(&w, '}');
}

/* For people and their diffs: one line for each input and output. */
static void print(struct buf *to, const struct json *v, int depth)
{
	bool lines = depth < 2 && json_is(v, JSON_OBJECT);
	bool object = json_is(v, JSON_OBJECT);
	struct json_writer w;
	const char *comma = "";

	if (!object && !json_is(v, JSON_ARRAY)) {
		json_writer_init(&w, to);
		json_put_value(&w, v);
		return;
	}
	buf_addc(to, object ? '{' : '[');
	json_each (item, v) {
		buf_adds(to, comma);
		if (lines)
			buf_addf(to, "\n%.*s", depth + 1, "\t\t");
		else if (*comma != '\0')
			buf_addc(to, ' ');
		if (object) {
			json_writer_init(&w, to);
			json_put_string(&w, json_key(item));
			buf_adds(to, ": ");
		}
		print(to, item, depth + 1);
		comma = ",";
	}
	if (lines && *comma != '\0')
		buf_addf(to, "\n%.*s", depth, "\t\t");
	buf_addc(to, object ? '}' : ']');
}

void contract_lock_text(const struct endpoint *e, struct buf *to)
{
	struct json_doc *doc;
	struct problem why;
	struct buf line;

	buf_init(&line, (size_t)16 << 20);
	promise_write(e, &line);
	doc = json_parse(buf_str(&line), line.len, JSON_DEPTH_DEFAULT, &why);
	assert(doc != NULL);
	print(to, json_root(doc), 0);
	buf_addc(to, '\n');
	json_free(doc);
	buf_finish(&line);
}
