#include <assert.h>
#include <cjson/cJSON.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/json_scan.h"
#include "base/num.h"

/*
 * The tree is cJSON's, nothing outside this file sees that; but it is made
 * here, of what the scanner noted, in one block: cJSON would read the text once
 * more, less strictly, with two or three pieces of memory for each value. The
 * nodes stand in document order, as their marks do. A number's valuestring is
 * its own text. Nobody gives the tree to cJSON_Delete().
 */
struct json_doc {
	char *text; /* strings, keys and numbers, each with a NUL behind */
	struct json_mark *marks;
	cJSON nodes[];
};

static const cJSON *node_of(const struct json *v)
{
	return (const cJSON *)(const void *)v;
}

static const struct json *value_of(const cJSON *node)
{
	return (const struct json *)(const void *)node;
}

static cJSON number(char *text, size_t len)
{
	/* What stood behind it has been read: a bracket, a comma, a blank. */
	text[len] = '\0';
	return (cJSON){.type = cJSON_Number, .valuestring = text};
}

static cJSON value_at(char *text, size_t len)
{
	switch (text[0]) {
	case '{':
		return (cJSON){.type = cJSON_Object};
	case '[':
		return (cJSON){.type = cJSON_Array};
	case '"':
		return (cJSON){.type = cJSON_String, .valuestring = text + 1};
	case 't':
		return (cJSON){.type = cJSON_True};
	case 'f':
		return (cJSON){.type = cJSON_False};
	case '-':
		if (text[1] != 'I')
			return number(text, len);
		break; /* -Infinity */
	case 'n':
	case 'N': /* NaN */
	case 'I': /* Infinity */
		break;
	default:
		return number(text, len);
	}
	return (cJSON){.type = cJSON_NULL};
}

static void make_node(struct json_doc *doc, size_t i)
{
	const struct json_mark *marks = doc->marks;
	cJSON *node = &doc->nodes[i], **place = &node->child;

	*node = value_at(doc->text + marks[i].span.at, marks[i].span.len);
	if (marks[i].key > 0)
		node->string = doc->text + marks[i].key;
	for (size_t in = i + 1; in < marks[i].end; in = marks[in].end) {
		*place = &doc->nodes[in];
		place = &doc->nodes[in].next;
	}
}

static struct json_doc *parse(const char *text, size_t len, unsigned depth,
			      bool python, struct problem *why)
{
	struct json_scan scan;
	struct json_doc *doc;

	if (!json_scan(text, len, depth, python, &scan, why))
		return NULL;
	doc = mem_resize(NULL, sizeof(*doc) + scan.count * sizeof(cJSON));
	doc->text = scan.text;
	doc->marks = scan.marks;
	/* From behind, so that what is in a container is there before it. */
	for (size_t i = scan.count; i-- > 0;)
		make_node(doc, i);
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
	free(doc->marks);
	free(doc->text);
	free(doc);
}

const struct json *json_root(const struct json_doc *doc)
{
	return value_of(doc->nodes);
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
	json_each (member, object) {
		const char *own = node_of(member)->string;

		/* Most differ in the first character. */
		if (own[0] == key[0] && strcmp(own, key) == 0)
			return member;
	}
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
	return doc->marks[node_of(v) - doc->nodes].span;
}
