#include "jobs/job_files.h"

#include <string.h>

#include "base/digest.h"
#include "base/json.h"

static void write_one(struct json_writer *w, const struct job_file *f)
{
	json_open(w, '{');
	json_member_string(w, "field", f->field);
	json_member_string(w, "sha256", f->sha256);
	json_member_string(w, "url", f->url);
	json_member_string(w, "extension", f->extension);
	json_member_string(w, "content_type", f->content_type);
	json_member_int(w, "size_bytes", f->size_bytes);
	json_put_key(w, "at");
	json_open(w, '[');
	for (size_t i = 0; i < f->at_count; i++)
		json_put_uint(w, f->at[i]);
	json_close(w, ']');
	json_member_string(w, "of", f->of);
	json_close(w, '}');
}

void job_files_write(const struct job_file *f, size_t count, struct buf *to)
{
	struct json_writer w;

	json_writer_init(&w, to);
	json_open(&w, '[');
	for (size_t i = 0; i < count; i++)
		write_one(&w, &f[i]);
	json_close(&w, ']');
}

/* A string or null; the member is there in any case. */
static bool take_or_null(const struct json *object, const char *key,
			 struct arena *a, const char **out)
{
	const struct json *v = json_get(object, key);

	*out = NULL;
	if (v != NULL && json_is(v, JSON_NULL))
		return true;
	return json_take(object, key, a, out);
}

static bool read_places(const struct json *places, struct arena *a,
			struct job_file *f)
{
	size_t *at = arena_array(a, json_count(places), sizeof(*at));

	if (!json_is(places, JSON_ARRAY))
		return false;
	json_each (v, places) {
		int64_t n;

		if (!json_int64(v, &n) || n < 0 ||
		    (f->at_count > 0 && (size_t)n <= at[f->at_count - 1]))
			return false;
		at[f->at_count++] = (size_t)n;
	}
	f->at = at;
	return true;
}

static bool read_one(const struct json *v, struct arena *a, struct job_file *f)
{
	return json_take(v, "field", a, &f->field) &&
	       take_or_null(v, "sha256", a, &f->sha256) &&
	       (f->sha256 == NULL || digest_hex_valid(f->sha256)) &&
	       take_or_null(v, "url", a, &f->url) &&
	       take_or_null(v, "extension", a, &f->extension) &&
	       take_or_null(v, "content_type", a, &f->content_type) &&
	       json_int64(json_get(v, "size_bytes"), &f->size_bytes) &&
	       f->size_bytes >= 0 && read_places(json_get(v, "at"), a, f) &&
	       take_or_null(v, "of", a, &f->of);
}

bool job_files_read(const char *text, struct arena *a, struct job_file **out,
		    size_t *count)
{
	struct json_doc *doc;
	const struct json *root;
	bool good;

	*out = NULL;
	*count = 0;
	if (text == NULL)
		return true;
	doc = json_parse(text, strlen(text), JSON_DEPTH_DEFAULT, NULL);
	if (doc == NULL)
		return false;
	root = json_root(doc);
	good = json_is(root, JSON_ARRAY);
	*out = arena_array(a, json_count(root), sizeof(**out));
	json_each (v, root) {
		good = good && read_one(v, a, &(*out)[*count]);
		if (!good)
			break;
		(*count)++;
	}
	json_free(doc);
	return good;
}
