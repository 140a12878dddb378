#include "jobs/recipe.h"

#include <assert.h>
#include <string.h>

#include "base/json.h"

static const char *const types[] = {
	[WANT_IMAGE] = "image", [WANT_VIDEO] = "video", [WANT_AUDIO] = "audio",
	[WANT_MODEL] = "model", [WANT_FILE] = "file",	[WANT_TEXT] = "text",
	[WANT_JSON] = "json",
};
static_assert(COUNT(types) == WANT__COUNT, "a type lacks its name");

static bool read_type(const char *name, enum want_type *out)
{
	for (size_t i = 0; name != NULL && i < COUNT(types); i++) {
		if (strcmp(types[i], name) == 0) {
			*out = (enum want_type)i;
			return true;
		}
	}
	return false;
}

static const char *const formats[] = {
	[WANT_PNG] = "png", [WANT_WEBP] = "webp", [WANT_JPEG] = "jpeg"};
static_assert(COUNT(formats) == WANT_FORMAT__COUNT, "a format lacks its name");

/* Missing: as it is. */
static bool read_format(const struct json *v, enum want_format *out)
{
	const char *name = json_string(v);

	for (size_t i = WANT_AS_IT_IS + 1; name != NULL && i < COUNT(formats);
	     i++) {
		if (strcmp(formats[i], name) == 0) {
			*out = (enum want_format)i;
			return true;
		}
	}
	return v == NULL;
}

/* Missing: 0. */
static bool read_count(const struct json *v, unsigned most, unsigned *out)
{
	int64_t n = 0;

	if (v != NULL && (!json_int64(v, &n) || n < 1 || n > most))
		return false;
	*out = (unsigned)n;
	return true;
}

static bool read_picture(const struct json *v, struct want *w)
{
	w->blurhash = json_true(json_get(v, "blurhash"));
	return read_format(json_get(v, "format"), &w->format) &&
	       read_count(json_get(v, "quality"), 100, &w->quality) &&
	       read_count(json_get(v, "thumbnail"), 4096, &w->thumbnail);
}

static bool read_want(const struct json *v, struct arena *a, struct want *w)
{
	const struct json *key = json_get(v, "key");

	w->many = json_true(json_get(v, "many"));
	w->required = json_true(json_get(v, "required"));
	w->temp = json_true(json_get(v, "temp"));
	w->metadata = json_true(json_get(v, "metadata"));
	if (key != NULL && !json_is(key, JSON_NULL) &&
	    !json_take(v, "key", a, &w->key))
		return false;
	return json_take(v, "name", a, &w->name) &&
	       json_take(v, "node", a, &w->node) &&
	       read_type(json_string(json_get(v, "type")), &w->type) &&
	       read_picture(v, w);
}

static bool read_field(const struct json *v, struct arena *a, struct field *f)
{
	return json_take(v, "node", a, &f->node) &&
	       json_take(v, "input", a, &f->input) &&
	       json_take(v, "field", a, &f->field);
}

static bool read_mimes(const struct json *v, struct arena *a,
		       struct file_rule *f)
{
	const char **mimes = arena_array(a, json_count(v), sizeof(*mimes));

	if (v != NULL && !json_is(v, JSON_ARRAY))
		return false;
	json_each (item, v) {
		if (json_string(item) == NULL)
			return false;
		mimes[f->mime_count++] = arena_strdup(a, json_string(item));
	}
	f->mimes = mimes;
	return true;
}

/* 0 where it is not there. */
static bool read_bound(const struct json *v, int64_t *out)
{
	*out = 0;
	return v == NULL || (json_int64(v, out) && *out >= 0);
}

static bool read_file(const struct json *v, struct arena *a,
		      struct file_rule *f)
{
	f->items = json_true(json_get(v, "items"));
	f->needs_alpha = json_true(json_get(v, "needs_alpha"));
	return json_take(v, "field", a, &f->field) &&
	       json_take(v, "type", a, &f->type) &&
	       read_mimes(json_get(v, "mime"), a, f) &&
	       json_int64(json_get(v, "max_bytes"), &f->max_bytes) &&
	       f->max_bytes > 0 &&
	       read_bound(json_get(v, "min_width"), &f->min_width) &&
	       read_bound(json_get(v, "max_width"), &f->max_width) &&
	       read_bound(json_get(v, "min_height"), &f->min_height) &&
	       read_bound(json_get(v, "max_height"), &f->max_height) &&
	       read_bound(json_get(v, "max_pixels"), &f->max_pixels);
}

static bool read_files(const struct json *files, struct arena *a,
		       struct recipe *out)
{
	if (files != NULL && !json_is(files, JSON_ARRAY))
		return false;
	out->files = arena_array(a, json_count(files), sizeof(*out->files));
	json_each (v, files) {
		if (!read_file(v, a, &out->files[out->file_count++]))
			return false;
	}
	return true;
}

static bool read_all(const struct json *root, struct arena *a,
		     struct recipe *out)
{
	const struct json *wants = json_get(root, "outputs");
	const struct json *fields = json_get(root, "fields");

	if (!json_is(wants, JSON_ARRAY) ||
	    (fields != NULL && !json_is(fields, JSON_ARRAY)))
		return false;
	out->wants = arena_array(a, json_count(wants), sizeof(*out->wants));
	out->fields = arena_array(a, json_count(fields), sizeof(*out->fields));
	json_each (v, wants) {
		if (!read_want(v, a, &out->wants[out->want_count++]))
			return false;
	}
	json_each (v, fields) {
		if (!read_field(v, a, &out->fields[out->field_count++]))
			return false;
	}
	return read_files(json_get(root, "files"), a, out);
}

const struct file_rule *recipe_file(const struct recipe *r, const char *field)
{
	for (size_t i = 0; i < r->file_count; i++) {
		const struct file_rule *f = &r->files[i];
		size_t n = strlen(f->field);

		if (strncmp(field, f->field, n) == 0 &&
		    field[n] == (f->items ? '/' : '\0'))
			return f;
	}
	return NULL;
}

bool recipe_read(const char *text, struct arena *a, struct recipe *out,
		 struct problem *why)
{
	struct json_doc *doc;
	bool good;

	*out = (struct recipe){0};
	if (text == NULL)
		return problem_set(why, PROBLEM_INTERNAL, "",
				   "the job has no recipe");
	doc = json_parse(text, strlen(text), JSON_DEPTH_DEFAULT, why);
	if (doc == NULL)
		return false;
	good = read_all(json_root(doc), a, out);
	json_free(doc);
	if (!good)
		return problem_set(why, PROBLEM_INTERNAL, "",
				   "the recipe is not of a known form");
	return true;
}
