#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "media/parts.h"

/*
 * safetensors: <length, 8, little> <JSON> <numbers>. "__metadata__" of the JSON
 * holds texts; ComfyUI's latents have prompt and workflow there. And glTF in
 * one file: "glTF" 02 00 00 00 <size, 4>, then chunks <size, 4> <type, 4>
 * <data>: "JSON" first, which points into "BIN\0". In both the JSON keeps its
 * size and only values are blanked in it, so that nothing moves.
 */
#define JSON_MAX ((size_t)1 << 20)

/* "{}" and blanks; a value too short for that is a number. */
static void blank(char *text, struct json_span at)
{
	if (at.len == 0)
		return;
	memset(text + at.at, ' ', at.len);
	if (at.len == 1) {
		text[at.at] = '0';
		return;
	}
	text[at.at] = '{';
	text[at.at + 1] = '}';
}

static void blank_string(char *text, struct json_span at)
{
	if (at.len < 2)
		return;
	memset(text + at.at, ' ', at.len);
	text[at.at] = text[at.at + 1] = '"';
}

typedef void clean_fn(const struct json_doc *doc, const struct json *v,
		      char *text, unsigned depth);

/* Copies the JSON of n bytes that comes next, cleaned. */
static bool clean_json(struct strip *s, int64_t n, clean_fn *clean)
{
	struct json_doc *doc;
	size_t len = (size_t)n;
	char *text;

	if (n > (int64_t)JSON_MAX)
		return strip_bad(s, "its JSON is too large");
	if (n > strip_left(s))
		return strip_bad(s, "it ends too early");
	text = mem_alloc(len + 1);
	if (!strip_take(s, text, len)) {
		free(text);
		return false;
	}
	doc = json_parse(text, len, JSON_DEPTH_DEFAULT, NULL);
	if (doc == NULL || !json_is(json_root(doc), JSON_OBJECT)) {
		strip_bad(s, "its JSON is broken");
	} else {
		clean(doc, json_root(doc), text, 0);
		strip_put(s, text, len);
	}
	json_free(doc);
	free(text);
	return !s->failed;
}

/* ---- safetensors ---- */

bool safetensors_mark(const unsigned char *head, size_t n)
{
	return n >= 10 && number_le(head, 8) <= 100000000 &&
	       number_le(head, 8) >= 2 && memcmp(head + 8, "{\"", 2) == 0;
}

static void clean_tensors(const struct json_doc *doc, const struct json *v,
			  char *text, unsigned depth)
{
	const struct json *words = json_get(v, "__metadata__");

	(void)depth;
	if (words != NULL)
		blank(text, json_span(doc, words));
}

bool safetensors_strip(struct strip *s)
{
	unsigned char p[8];

	return strip_peek(s, p, 8) && strip_copy(s, 8) &&
	       clean_json(s, number_le(p, 8), clean_tensors) &&
	       strip_copy(s, strip_left(s));
}

/* ---- glTF ---- */

/* "extras" is free for everybody; these two of "asset" are words. */
static void clean_gltf(const struct json_doc *doc, const struct json *v,
		       char *text, unsigned depth)
{
	json_each (item, v) {
		const char *key = json_key(item);
		struct json_span at = json_span(doc, item);
		bool asset =
			depth == 0 && key != NULL && strcmp(key, "asset") == 0;

		if (key != NULL && (strcmp(key, "extras") == 0 ||
				    strncmp(key, "KHR_xmp", 7) == 0)) {
			blank(text, at);
			continue;
		}
		if (asset && json_is(item, JSON_OBJECT)) {
			const struct json *by = json_get(item, "generator");
			const struct json *of = json_get(item, "copyright");

			if (by != NULL)
				blank_string(text, json_span(doc, by));
			if (of != NULL)
				blank_string(text, json_span(doc, of));
		}
		clean_gltf(doc, item, text, depth + 1);
	}
}

bool glb_strip(struct strip *s)
{
	unsigned char p[12];
	int64_t end, len;

	if (!strip_peek(s, p, 12))
		return false;
	end = number_le(p + 8, 4);
	if (number_le(p + 4, 4) != 2 || end < 20 || end > s->in.size)
		return strip_bad(s, "it ends too early");
	strip_copy(s, 12);
	for (int i = 0; !s->failed && end - s->at >= 8; i++) {
		if (!strip_peek(s, p, 8))
			return false;
		len = number_le(p, 4);
		if (len > end - s->at - 8)
			return strip_bad(s, "a chunk ends too early");
		if ((i == 0) != (memcmp(p + 4, "JSON", 4) == 0))
			return strip_bad(s, "it has not one JSON");
		if (i == 0) {
			if (!strip_copy(s, 8) ||
			    !clean_json(s, len, clean_gltf))
				return false;
		} else if (memcmp(p + 4, "BIN", 4) == 0) {
			strip_copy(s, 8 + len);
		} else {
			strip_skip(s, 8 + len);
		}
	}
	number_put_le(p, 4, s->written);
	return strip_patch(s, 8, p, 4);
}
