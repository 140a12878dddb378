#include <assert.h>
#include <cjson/cJSON.h>
#include <limits.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/json_scan.h"
#include "base/num.h"

/*
 * The tree is cJSON's; nothing outside this file sees that. Two fields carry
 * what cJSON does not know: valueint is the number of the value in document
 * order (its place in `spans`), and a number's valuestring is its own text,
 * which belongs to `numbers` (cJSON_IsReference keeps cJSON from freeing it).
 */
struct json_doc {
	cJSON *root;
	struct json_span *spans;
	char *numbers;
};

static const cJSON *node_of(const struct json *v)
{
	return (const cJSON *)(const void *)v;
}

static const struct json *value_of(const cJSON *node)
{
	return (const struct json *)(const void *)node;
}

/* What a parallel walk over tree and scan needs. */
struct hang {
	const char *text;
	const struct json_scan *scan;
	struct json_doc *doc;
	size_t index;	   /* of the next value in document order */
	size_t number_len; /* used of doc->numbers */
	struct problem *why;
};

static int by_key(const void *a, const void *b)
{
	const cJSON *const *x = a, *const *y = b;
	int order = strcmp((*x)->string, (*y)->string);

	if (order != 0)
		return order;
	return ((*x)->valueint > (*y)->valueint) -
	       ((*x)->valueint < (*y)->valueint);
}

#define FEW_KEYS 16

static const cJSON *find_twice_of_few(const cJSON *object)
{
	for (const cJSON *m = object->child; m != NULL; m = m->next)
		for (const cJSON *n = m->next; n != NULL; n = n->next)
			if (strcmp(m->string, n->string) == 0)
				return n;
	return NULL;
}

/* A key that stands twice means different things to different readers, so it
 * is refused. Compared unescaped: "a" and "\u0061" are one key. */
static const cJSON *find_twice(const cJSON *object, size_t count)
{
	const cJSON **sorted, *twice = NULL;
	size_t n = 0;

	if (count <= FEW_KEYS)
		return find_twice_of_few(object);
	sorted = mem_array(count, sizeof(const cJSON *));
	for (const cJSON *m = object->child; m != NULL; m = m->next)
		sorted[n++] = m;
	qsort(sorted, n, sizeof(const cJSON *), by_key);
	for (size_t i = 1; i < n && twice == NULL; i++)
		if (strcmp(sorted[i - 1]->string, sorted[i]->string) == 0)
			twice = sorted[i];
	free(sorted);
	return twice;
}

/* As much of a key as a message shows, in whole characters. */
static int short_len(const char *key)
{
	size_t n = strlen(key);

	if (n > 60)
		for (n = 60; (key[n] & 0xC0) == 0x80;)
			n--;
	return (int)n;
}

static void hang_number(struct hang *h, cJSON *node, struct json_span span)
{
	char *own = h->doc->numbers + h->number_len;

	if (h->text[span.at] == 'N' || h->text[span.at] == 'I' ||
	    (span.len > 1 && h->text[span.at + 1] == 'I')) {
		node->type = cJSON_NULL; /* NaN, Infinity, -Infinity */
		return;
	}
	memcpy(own, h->text + span.at, span.len);
	h->number_len += span.len + 1;
	node->valuestring = own;
	node->type |= cJSON_IsReference;
}

static bool hang(struct hang *h, cJSON *node)
{
	size_t count = 0;

	assert(h->index < h->scan->count);
	node->valueint = (int)h->index;
	if (cJSON_IsNumber(node))
		hang_number(h, node, h->scan->spans[h->index]);
	h->index++;
	for (cJSON *m = node->child; m != NULL; m = m->next, count++)
		if (!hang(h, m))
			return false;
	if (cJSON_IsObject(node)) {
		const cJSON *twice = find_twice(node, count);

		if (twice != NULL)
			return json_scan_problem(
				h->why, h->text,
				h->scan->spans[twice->valueint].at,
				"the key \"%.*s\" stands twice in this object",
				short_len(twice->string), twice->string);
	}
	return true;
}

static struct json_doc *parse(const char *text, size_t len, unsigned depth,
			      bool python, struct problem *why)
{
	struct json_scan scan;
	struct json_doc *doc;
	struct hang h;
	bool good;

	if (!json_scan(text, len, depth, python, &scan, why))
		return NULL;
	doc = mem_alloc(sizeof(*doc));
	doc->numbers = mem_alloc(scan.number_bytes + 1);
	/* The plain copy has a 0 in place of each number: cJSON would read
	 * at most 63 characters of one, by the locale. */
	doc->root = cJSON_ParseWithLengthOpts(scan.plain, len + 1, NULL, 1);
	if (doc->root == NULL)
		abort(); /* out of memory: the grammar has been checked */
	h = (struct hang){.text = text, .scan = &scan, .doc = doc, .why = why};
	good = hang(&h, doc->root);
	if (good) {
		assert(h.index == scan.count);
		doc->spans = scan.spans;
		scan.spans = NULL;
	}
	json_scan_finish(&scan);
	if (!good) {
		json_free(doc);
		return NULL;
	}
	return doc;
}

struct json_doc *json_parse(const char *text, size_t len, unsigned depth,
			    struct problem *why)
{
	return parse(text, len, depth, false, why);
}

struct json_doc *json_parse_python(const char *text, size_t len, unsigned depth,
				   struct problem *why)
{
	return parse(text, len, depth, true, why);
}

void json_free(struct json_doc *doc)
{
	if (doc == NULL)
		return;
	cJSON_Delete(doc->root);
	free(doc->spans);
	free(doc->numbers);
	free(doc);
}

const struct json *json_root(const struct json_doc *doc)
{
	return value_of(doc->root);
}

enum json_type json_type(const struct json *v)
{
	if (v == NULL)
		return JSON_NULL;
	switch (node_of(v)->type & 0xFF) {
	case cJSON_False:
	case cJSON_True:
		return JSON_BOOLEAN;
	case cJSON_Number:
		return JSON_NUMBER;
	case cJSON_String:
		return JSON_STRING;
	case cJSON_Array:
		return JSON_ARRAY;
	case cJSON_Object:
		return JSON_OBJECT;
	default:
		return JSON_NULL;
	}
}

const char *json_type_name(enum json_type t)
{
	static const char *const names[] = {
		[JSON_NULL] = "null",	    [JSON_BOOLEAN] = "a boolean",
		[JSON_NUMBER] = "a number", [JSON_STRING] = "a string",
		[JSON_ARRAY] = "an array",  [JSON_OBJECT] = "an object",
	};

	assert(t < COUNT(names));
	return names[t];
}

bool json_is(const struct json *v, enum json_type t)
{
	return v != NULL && json_type(v) == t;
}

const struct json *json_get(const struct json *object, const char *key)
{
	if (!json_is(object, JSON_OBJECT))
		return NULL;
	for (const cJSON *m = node_of(object)->child; m != NULL; m = m->next)
		if (strcmp(m->string, key) == 0)
			return value_of(m);
	return NULL;
}

const struct json *json_at(const struct json *array, size_t index)
{
	const cJSON *m;

	if (!json_is(array, JSON_ARRAY))
		return NULL;
	for (m = node_of(array)->child; m != NULL && index > 0; m = m->next)
		index--;
	return value_of(m);
}

size_t json_count(const struct json *v)
{
	size_t n = 0;

	json_each (item, v)
		n++;
	return n;
}

const struct json *json_first(const struct json *v)
{
	return v ? value_of(node_of(v)->child) : NULL;
}

const struct json *json_next(const struct json *v)
{
	return v ? value_of(node_of(v)->next) : NULL;
}

const char *json_key(const struct json *member)
{
	return member ? node_of(member)->string : NULL;
}

const char *json_string(const struct json *v)
{
	return json_is(v, JSON_STRING) ? node_of(v)->valuestring : NULL;
}

const char *json_number(const struct json *v)
{
	return json_is(v, JSON_NUMBER) ? node_of(v)->valuestring : NULL;
}

bool json_true(const struct json *v)
{
	return v != NULL && cJSON_IsTrue(node_of(v));
}

static locale_t plain_locale;

static void make_locale(void)
{
	plain_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	if (plain_locale == (locale_t)0)
		abort();
}

double json_double(const struct json *v, double otherwise)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	const char *text = json_number(v);
	double d;

	if (text == NULL)
		return otherwise;
	pthread_once(&once, make_locale);
	d = strtod_l(text, NULL, plain_locale);
	return isfinite(d) ? d : otherwise;
}

bool json_int64(const struct json *v, int64_t *out)
{
	const char *text = json_number(v);
	struct integer n;

	if (text == NULL || text[strspn(text, "-0123456789")] != '\0' ||
	    !num_integer(text, &n))
		return false;
	if (!n.negative && n.magnitude > INT64_MAX)
		return false;
	*out = !n.negative		 ? (int64_t)n.magnitude
	       : n.magnitude > INT64_MAX ? INT64_MIN
					 : -(int64_t)n.magnitude;
	return true;
}

bool json_take(const struct json *object, const char *key, struct arena *a,
	       const char **out)
{
	const char *text = json_string(json_get(object, key));

	if (text == NULL)
		return false;
	*out = arena_strdup(a, text);
	return true;
}

struct json_span json_span(const struct json_doc *doc, const struct json *v)
{
	return doc->spans[node_of(v)->valueint];
}
