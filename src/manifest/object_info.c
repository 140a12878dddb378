#include "manifest/object_info.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "manifest/parts.h"

struct object_info {
	struct node_class *classes;
	size_t count;
};

static const char *type_of(struct reader *r, const struct json *spec)
{
	const char *type = json_string(json_at(spec, 0));

	/* The older form of a choice is the list itself. */
	return type != NULL ? arena_strdup(&r->scratch, type) : "COMBO";
}

static void read_sockets(struct reader *r, const struct json *group,
			 bool optional, struct node_class *out)
{
	json_each (input, group) {
		out->inputs[out->input_count++] = (struct socket){
			.name = arena_strdup(&r->scratch, json_key(input)),
			.type = type_of(r, input),
			.optional = optional,
		};
	}
}

static void read_class(struct reader *r, const struct json *v,
		       struct node_class *out)
{
	const struct json *input = json_get(v, "input");
	const struct json *required = json_get(input, "required");
	const struct json *optional = json_get(input, "optional");
	const struct json *output = json_get(v, "output");
	size_t most = 0;

	out->name = arena_strdup(&r->scratch, json_key(v));
	if (json_is(required, JSON_OBJECT))
		most += json_count(required);
	if (json_is(optional, JSON_OBJECT))
		most += json_count(optional);
	out->inputs = arena_array(&r->scratch, most, sizeof(*out->inputs));
	if (json_is(required, JSON_OBJECT))
		read_sockets(r, required, false, out);
	if (json_is(optional, JSON_OBJECT))
		read_sockets(r, optional, true, out);
	if (!json_is(output, JSON_ARRAY))
		return;
	out->outputs = arena_array(&r->scratch, json_count(output),
				   sizeof(*out->outputs));
	json_each (type, output) {
		const char *name = json_string(type);

		out->outputs[out->output_count++] = arena_strdup(
			&r->scratch, name != NULL ? name : "COMBO");
	}
}

static struct object_info *parse(struct reader *r, const char *file,
				 const char *text, size_t len)
{
	struct object_info *info = arena_alloc(&r->scratch, sizeof(*info));
	struct problem why = {0};
	struct json_doc *doc =
		json_parse_python(text, len, JSON_DEPTH_DEFAULT, &why);

	if (doc == NULL || !json_is(json_root(doc), JSON_OBJECT)) {
		reader_error_in(r, file, NULL, "json", "%s",
				doc == NULL ? why.detail
					    : "must be an object of classes, "
					      "as GET /object_info gives it");
	} else {
		info->classes =
			arena_array(&r->scratch, json_count(json_root(doc)),
				    sizeof(*info->classes));
		json_each (v, json_root(doc))
			read_class(r, v, &info->classes[info->count++]);
	}
	json_free(doc);
	return info;
}

static struct object_info *load(struct reader *r)
{
	static const char *const places[] = {"", "../"};

	for (size_t i = 0; i < COUNT(places); i++) {
		struct object_info *info = NULL;
		struct problem why = {0};
		const char *file =
			arena_printf(&r->scratch, "%s/%sobject_info.json",
				     r->folder, places[i]);
		size_t len;
		char *text = file_read(file, OBJECT_INFO_BYTES_MAX, &len, &why);

		if (text != NULL)
			info = parse(r, file, text, len);
		else if (why.code != PROBLEM_NOT_FOUND)
			reader_error_in(r, file, NULL, "file", "%s",
					why.detail);
		free(text);
		if (info != NULL)
			return info;
	}
	return arena_alloc(&r->scratch, sizeof(struct object_info));
}

const struct node_class *object_info_class(struct reader *r, const char *name)
{
	if (r->classes == NULL)
		r->classes = load(r);
	for (size_t i = 0; i < r->classes->count; i++)
		if (strcmp(r->classes->classes[i].name, name) == 0)
			return &r->classes->classes[i];
	return NULL;
}

const char *object_info_help(struct reader *r)
{
	return arena_printf(&r->scratch,
			    "save the types of its nodes with `comfygate "
			    "object-info http://COMFYUI:8188 %s`",
			    r->folder);
}
