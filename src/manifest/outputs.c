#include <assert.h>
#include <string.h>

#include "manifest/parts.h"
#include "manifest/workflow.h"

#define FIELD(member) offsetof(struct output, member)

static key_read read_format, read_thumbnail;

static const struct key output_table[] = {
	{"type", KEY_SEEN, 0, 0, 0, NULL},
	{"title", KEY_TEXT, FIELD(title), 0, 200, NULL},
	{"description", KEY_TEXT, FIELD(description), 0, 4000, NULL},
	{"from", KEY_SEEN, 0, 0, 0, NULL},
	{"many", KEY_BOOL, FIELD(many), 0, 0, NULL},
	{"required", KEY_BOOL, FIELD(required), 0, 0, NULL},
	{"temp", KEY_BOOL, FIELD(temp), 0, 0, NULL},
	{"metadata", KEY_BOOL, FIELD(metadata), 0, 0, NULL},
	{"format", KEY_OWN, 0, 0, 0, read_format},
	{"quality", KEY_UNSIGNED, FIELD(quality), 1, 100, NULL},
	{"thumbnail", KEY_OWN, 0, 0, 0, read_thumbnail},
	{"blurhash", KEY_BOOL, FIELD(blurhash), 0, 0, NULL},
};
const struct key_set keys_output = KEY_SET(output_table, NULL);

static const struct key thumbnail_table[] = {
	{"width", KEY_UNSIGNED, FIELD(thumbnail), 16, 4096, NULL},
};
const struct key_set keys_thumbnail = KEY_SET(thumbnail_table, NULL);

static const char *const type_names[] = {
	[OUTPUT_IMAGE] = "image", [OUTPUT_VIDEO] = "video",
	[OUTPUT_AUDIO] = "audio", [OUTPUT_MODEL] = "model",
	[OUTPUT_FILE] = "file",	  [OUTPUT_TEXT] = "text",
	[OUTPUT_JSON] = "json",
};
static_assert(COUNT(type_names) == OUTPUT__COUNT, "a name for every type");

const char *output_type_name(enum output_type t)
{
	assert(t < OUTPUT__COUNT);
	return type_names[t];
}

static const char *const format_names[] = {
	[FORMAT_PNG] = "png",
	[FORMAT_WEBP] = "webp",
	[FORMAT_JPEG] = "jpeg",
};
static_assert(COUNT(format_names) == FORMAT__COUNT, "a name for every format");

const char *output_format_name(enum output_format f)
{
	assert(f > FORMAT_NONE && f < FORMAT__COUNT);
	return format_names[f];
}

bool output_converts(const struct output *o)
{
	return o->format != FORMAT_NONE || o->thumbnail > 0 || o->blurhash;
}

static void read_format(struct reader *r, const struct place *p,
			const struct json *v, void *into)
{
	struct output *out = into;

	if (!reader_wants(r, p, v, JSON_STRING))
		return;
	for (size_t i = FORMAT_NONE + 1; i < COUNT(format_names); i++) {
		if (strcmp(format_names[i], json_string(v)) == 0)
			out->format = (enum output_format)i;
	}
	if (out->format == FORMAT_NONE)
		reader_error(r, p, "enum", "must be png, webp or jpeg");
}

static void read_thumbnail(struct reader *r, const struct place *p,
			   const struct json *v, void *into)
{
	if (reader_keys(r, p, v, &keys_thumbnail, "a thumbnail", into) &&
	    json_get(v, "width") == NULL)
		reader_error(r, p, "required",
			     "needs \"width\": its width in pixels");
}

static bool read_type(struct reader *r, const struct place *p,
		      const struct json *v, enum output_type *type)
{
	const struct place *at = PLACE_KEY(p, "type");
	const struct json *given = json_get(v, "type");

	if (given == NULL) {
		reader_error(r, p, "required",
			     "needs \"type\": image, video, audio, model, "
			     "file, text or json");
		return false;
	}
	if (!reader_wants(r, at, given, JSON_STRING))
		return false;
	for (size_t i = 0; i < COUNT(type_names); i++) {
		if (strcmp(type_names[i], json_string(given)) != 0)
			continue;
		*type = (enum output_type)i;
		return true;
	}
	reader_error(r, at, "enum", "\"%s\" is no type of output%s",
		     json_string(given),
		     reader_nearest(r, json_string(given), type_names,
				    COUNT(type_names)));
	return false;
}

/* "9" or "9.images" */
static void read_from(struct reader *r, const struct place *p,
		      const struct json *v, struct output *out)
{
	const char *text, *node, *key = NULL;

	if (v == NULL) {
		reader_error(r, p->up, "required",
			     "needs \"from\": the node that gives it");
		return;
	}
	if (!reader_wants(r, p, v, JSON_STRING))
		return;
	text = json_string(v);
	if (strchr(text, '.') == NULL) {
		node = text;
	} else if (!target_split(r, text, &node, &key)) {
		reader_error(r, p, "target",
			     "must be \"NODE\" or \"NODE.KEY\", such as \"9\" "
			     "or \"9.images\"");
		return;
	}
	if (r->graph == NULL)
		return;
	if (workflow_node(r->graph, node) == NULL) {
		workflow_no_node(r, p, node, NULL);
		return;
	}
	out->node = arena_strdup(r->keep, node);
	out->key = key ? arena_strdup(r->keep, key) : NULL;
}

static void check_text(struct reader *r, const struct place *p,
		       const struct output *out)
{
	if (out->temp)
		reader_error(r, PLACE_KEY(p, "temp"), "temp",
			     "is for outputs that are files");
	if (out->metadata)
		reader_error(r, PLACE_KEY(p, "metadata"), "metadata",
			     "is for outputs that are files");
	if (out->type == OUTPUT_JSON && out->many)
		reader_error(r, PLACE_KEY(p, "many"), "many",
			     "a json output is given as it is, list or not");
}

/* How pictures are converted. */
static void check_picture(struct reader *r, const struct place *p,
			  const struct json *v, const struct output *out)
{
	static const char *const keys[] = {"format", "quality", "thumbnail",
					   "blurhash"};

	for (size_t i = 0; i < COUNT(keys); i++)
		if (out->type != OUTPUT_IMAGE && json_get(v, keys[i]) != NULL)
			reader_error(r, PLACE_KEY(p, keys[i]), "image",
				     "is for outputs of type image");
	if (out->type != OUTPUT_IMAGE)
		return;
	if (out->quality > 0 && out->format != FORMAT_WEBP &&
	    out->format != FORMAT_JPEG)
		reader_error(r, PLACE_KEY(p, "quality"), "quality",
			     "goes with \"format\": \"webp\" or \"jpeg\"");
	if (out->format != FORMAT_NONE && out->metadata)
		reader_error(r, PLACE_KEY(p, "metadata"), "metadata",
			     "a converted file has none; leave out \"format\" "
			     "or \"metadata\"");
}

static void read_output(struct reader *r, const struct place *p,
			const struct json *v, struct output *out)
{
	out->name = arena_strdup(r->keep, json_key(v));
	out->required = true;
	if (!reader_name(out->name, '_'))
		reader_error(r, p, "name",
			     "the name of an output must match "
			     "^[a-z][a-z0-9_]{0,62}$");
	if (!reader_keys(r, p, v, &keys_output, "an output", out))
		return;
	read_from(r, PLACE_KEY(p, "from"), json_get(v, "from"), out);
	if (!read_type(r, p, v, &out->type))
		return;
	if (out->type == OUTPUT_TEXT || out->type == OUTPUT_JSON)
		check_text(r, p, out);
	check_picture(r, p, v, out);
}

void read_outputs(struct reader *r, const struct place *p, const struct json *v)
{
	struct output *outputs;
	size_t i = 0;

	if (!reader_wants(r, p, v, JSON_OBJECT))
		return;
	if (json_count(v) == 0 || json_count(v) > OUTPUTS_MAX) {
		reader_error(r, p, "size", "must name 1 to %d outputs",
			     OUTPUTS_MAX);
		return;
	}
	outputs = arena_array(r->keep, json_count(v), sizeof(*outputs));
	r->endpoint->outputs = outputs;
	r->endpoint->output_count = json_count(v);
	json_each (item, v) {
		read_output(r, PLACE_KEY(p, json_key(item)), item, &outputs[i]);
		i++;
	}
}
