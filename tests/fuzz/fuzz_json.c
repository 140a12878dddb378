#include <cjson/cJSON.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "fuzz/fuzz.h"

/*
 * Any bytes as JSON, strict and as Python prints it. What is refused has its
 * place. What is taken is printed, and that is taken and printed the same;
 * cJSON's own parser, which is less strict, takes it as well and finds the same
 * in it; and each value stands where its span says.
 */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

#define DEPTH 100

static char *print(const struct json_doc *doc)
{
	struct json_writer w;
	struct buf b;

	buf_init(&b, 1 << 24);
	json_writer_init(&w, &b);
	json_put_value(&w, json_root(doc));
	return buf_take(&b);
}

static void same_again(const struct json_doc *doc)
{
	char *once = print(doc), *twice;
	struct json_doc *again = json_parse(once, strlen(once), DEPTH, NULL);

	fuzz_must(again != NULL, "what was printed is refused");
	twice = print(again);
	fuzz_must(strcmp(once, twice) == 0, "printed otherwise");
	json_free(again);
	free(once);
	free(twice);
}

static bool same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* cJSON copies at most 63 characters of a number. */
static bool same_number(const struct json *v, const cJSON *other)
{
	const char *text = json_number(v);

	return strlen(text) > 60 || strtod(text, NULL) == other->valuedouble;
}

static bool same_scalar(const struct json *v, const cJSON *other)
{
	switch (json_type(v)) {
	case JSON_NULL:
		return cJSON_IsNull(other);
	case JSON_BOOLEAN:
		return cJSON_IsBool(other) &&
		       json_true(v) == (bool)cJSON_IsTrue(other);
	case JSON_NUMBER:
		return cJSON_IsNumber(other) && same_number(v, other);
	case JSON_STRING:
		return cJSON_IsString(other) &&
		       same_text(json_string(v), other->valuestring);
	case JSON_ARRAY:
		return cJSON_IsArray(other);
	case JSON_OBJECT:
		return cJSON_IsObject(other);
	}
	return false;
}

static bool same_tree(const struct json *v, const cJSON *other)
{
	const cJSON *below = other->child;

	if (!same_text(json_key(v), other->string) || !same_scalar(v, other))
		return false;
	json_each (item, v) {
		if (below == NULL || !same_tree(item, below))
			return false;
		below = below->next;
	}
	return below == NULL;
}

static void as_cjson(const struct json_doc *doc, const char *text, size_t n)
{
	cJSON *other = cJSON_ParseWithLength(text, n);

	fuzz_must(other != NULL, "cJSON refuses it");
	fuzz_must(same_tree(json_root(doc), other), "cJSON reads it otherwise");
	cJSON_Delete(other);
}

/* In order, inside the span of what is around it. */
static void spans(const struct json_doc *doc, const struct json *v,
		  const char *text)
{
	static const char *const first[] = {
		[JSON_NULL] = "nNI-",
		[JSON_BOOLEAN] = "tf",
		[JSON_NUMBER] = "-0123456789",
		[JSON_STRING] = "\"",
		[JSON_ARRAY] = "[",
		[JSON_OBJECT] = "{",
	};
	struct json_span at = json_span(doc, v);
	size_t from = at.at + 1;

	fuzz_must(at.len > 0 &&
			  strchr(first[json_type(v)], text[at.at]) != NULL,
		  "a value stands elsewhere");
	json_each (item, v) {
		struct json_span in = json_span(doc, item);

		fuzz_must(in.at >= from && in.at + in.len < at.at + at.len,
			  "a value is not in its container");
		from = in.at + in.len + 1;
		spans(doc, item, text);
	}
}

static void look_at(const char *text, size_t n, bool python)
{
	struct problem why = {0};
	struct json_doc *doc = python ? json_parse_python(text, n, DEPTH, &why)
				      : json_parse(text, n, DEPTH, &why);

	if (doc == NULL) {
		fuzz_must(why.code == PROBLEM_MALFORMED_REQUEST &&
				  strncmp(why.detail, "line ", 5) == 0,
			  "refused without a place");
		return;
	}
	same_again(doc);
	spans(doc, json_root(doc), text);
	if (!python)
		as_cjson(doc, text, n);
	json_free(doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	/* Exactly as long, so that the sanitizer sees any look past it. */
	char *text = mem_alloc(n);

	if (n > 0)
		memcpy(text, bytes, n);
	look_at(text, n, false);
	look_at(text, n, true);
	free(text);
	return 0;
}
