#include "jobs/outputs.h"

#include <string.h>

#include "base/json.h"

static void write_file(struct json_writer *w, const struct output_file *f)
{
	json_open(w, '{');
	json_member_string(w, "name", f->name);
	json_member_string(w, "content_type", f->content_type);
	json_member_int(w, "size_bytes", f->size_bytes);
	json_member_string(w, "sha256", f->sha256);
	if (f->width > 0 && f->height > 0) {
		json_member_int(w, "width", f->width);
		json_member_int(w, "height", f->height);
	}
	if (f->duration_ms > 0)
		json_member_int(w, "duration_ms", f->duration_ms);
	if (f->blurhash != NULL)
		json_member_string(w, "blurhash", f->blurhash);
	if (f->thumbnail != NULL) {
		json_put_key(w, "thumbnail");
		write_file(w, f->thumbnail);
	}
	json_close(w, '}');
}

void outputs_write(const struct output_value *v, size_t count, struct buf *to)
{
	struct json_writer w;

	json_writer_init(&w, to);
	json_open(&w, '{');
	for (size_t i = 0; i < count; i++) {
		json_put_key(&w, v[i].name);
		json_open(&w, '{');
		if (v[i].value != NULL) {
			json_member_raw(&w, "value", v[i].value);
		} else {
			json_put_key(&w, "files");
			json_open(&w, '[');
			for (size_t k = 0; k < v[i].file_count; k++)
				write_file(&w, &v[i].files[k]);
			json_close(&w, ']');
			json_member_bool(&w, "many", v[i].many);
		}
		json_close(&w, '}');
	}
	json_close(&w, '}');
}

/* Missing: 0. */
static bool take_size(const struct json *object, const char *key, int64_t *out)
{
	const struct json *v = json_get(object, key);

	*out = 0;
	return v == NULL || (json_int64(v, out) && *out >= 0);
}

static bool read_file(const struct json *v, struct arena *a,
		      struct output_file *f)
{
	return json_take(v, "name", a, &f->name) &&
	       json_take(v, "content_type", a, &f->content_type) &&
	       json_take(v, "sha256", a, &f->sha256) &&
	       take_size(v, "size_bytes", &f->size_bytes) &&
	       take_size(v, "width", &f->width) &&
	       take_size(v, "height", &f->height) &&
	       take_size(v, "duration_ms", &f->duration_ms);
}

/* Of a file that is no thumbnail; both may be missing. */
static bool read_extras(const struct json *v, struct arena *a,
			struct output_file *f)
{
	const struct json *small = json_get(v, "thumbnail");

	if (json_get(v, "blurhash") != NULL &&
	    !json_take(v, "blurhash", a, &f->blurhash))
		return false;
	if (small == NULL)
		return true;
	f->thumbnail = arena_alloc(a, sizeof(*f->thumbnail));
	return read_file(small, a, f->thumbnail);
}

static bool read_files(const struct json *files, struct arena *a,
		       struct output_value *out)
{
	if (!json_is(files, JSON_ARRAY))
		return false;
	out->files = arena_array(a, json_count(files), sizeof(*out->files));
	json_each (v, files) {
		struct output_file *f = &out->files[out->file_count++];

		if (!read_file(v, a, f) || !read_extras(v, a, f))
			return false;
	}
	return true;
}

static bool read_value(const struct json_doc *doc, const char *text,
		       const struct json *v, struct arena *a,
		       struct output_value *out)
{
	const struct json *value = json_get(v, "value");
	struct json_span span;

	out->name = arena_strdup(a, json_key(v));
	if (value == NULL) {
		out->many = json_true(json_get(v, "many"));
		return read_files(json_get(v, "files"), a, out);
	}
	/* Its own text, so that no number is written anew. */
	span = json_span(doc, value);
	out->value = arena_strndup(a, text + span.at, span.len);
	return true;
}

bool outputs_read(const char *text, struct arena *a, struct output_value **out,
		  size_t *count)
{
	struct json_doc *doc;
	const struct json *root;
	bool good;

	*out = NULL;
	*count = 0;
	if (text == NULL)
		return false;
	doc = json_parse(text, strlen(text), JSON_DEPTH_DEFAULT + 4, NULL);
	if (doc == NULL)
		return false;
	root = json_root(doc);
	good = json_is(root, JSON_OBJECT);
	*out = arena_array(a, json_count(root), sizeof(**out));
	json_each (v, root) {
		good = good && read_value(doc, text, v, a, &(*out)[*count]);
		if (!good)
			break;
		(*count)++;
	}
	json_free(doc);
	return good;
}

int64_t outputs_bytes(const struct output_value *v, size_t count)
{
	int64_t bytes = 0;

	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < v[i].file_count; k++) {
			const struct output_file *f = &v[i].files[k];

			bytes += f->size_bytes;
			if (f->thumbnail != NULL)
				bytes += f->thumbnail->size_bytes;
		}
	}
	return bytes;
}
