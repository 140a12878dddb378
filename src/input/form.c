#include "input/form.h"

#include <string.h>

#include "base/buf.h"
#include "base/text.h"

#define WHOLE	  "inputs" /* the part that holds an object */
#define NAME_MOST 128	   /* bytes of a name that a message repeats */
/* Texts are escaped, which makes them six times as long at most. */
#define OBJECT_MOST ((size_t)1 << 30)

/* A form on its way to JSON. */
struct form {
	const struct endpoint *e;
	const struct input *inputs; /* of the plan */
	const struct form_pair *pairs;
	size_t count;
	struct json_doc *whole;	  /* the part `inputs`, or NULL */
	const struct json *given; /* the object in it, or NULL */
	struct json_writer to;
	struct problem *why;
};

static bool bad(const struct form *f, const char *name, const char *what)
{
	return problem_set(f->why, PROBLEM_MALFORMED_REQUEST, "",
			   "the part \"%.*s\" of the form %s", NAME_MOST, name,
			   what);
}

static const struct input *input_named(const struct form *f, const char *name)
{
	for (size_t i = 0; i < f->e->input_count; i++) {
		if (strcmp(f->inputs[i].name, name) == 0)
			return &f->inputs[i];
	}
	return NULL;
}

/* A file is told by its place, so its name must not look like one. */
static bool check_pair(const struct form *f, const struct form_pair *p)
{
	if (!text_utf8(p->name, strlen(p->name)))
		return bad(f, "", "has a name that is not UTF-8");
	if (p->is_file)
		return strpbrk(p->name, "/~") == NULL ||
		       bad(f, p->name, "is no input of this endpoint");
	if (!text_utf8(p->text, p->len))
		return bad(f, p->name, "is not UTF-8");
	if (memchr(p->text, '\0', p->len) != NULL)
		return bad(f, p->name, "holds a NUL character");
	return true;
}

static bool check_pairs(const struct form *f)
{
	if (f->count > FORM_PAIRS_MAX)
		return problem_set(f->why, PROBLEM_MALFORMED_REQUEST, "",
				   "the form has more than %d parts",
				   FORM_PAIRS_MAX);
	for (size_t i = 0; i < f->count; i++) {
		if (!check_pair(f, &f->pairs[i]))
			return false;
	}
	return true;
}

static bool is_whole(const struct form *f, const struct form_pair *p)
{
	return strcmp(p->name, WHOLE) == 0 && input_named(f, WHOLE) == NULL;
}

static bool read_whole(struct form *f)
{
	struct problem why;

	for (size_t i = 0; i < f->count; i++) {
		const struct form_pair *p = &f->pairs[i];

		if (!is_whole(f, p))
			continue;
		if (f->whole != NULL)
			return bad(f, WHOLE, "is there twice");
		if (p->is_file)
			return bad(f, WHOLE, "must be text, not a file");
		f->whole = json_parse(p->text, p->len, FORM_DEPTH, &why);
		if (f->whole == NULL)
			return problem_set(f->why, PROBLEM_MALFORMED_REQUEST,
					   "",
					   "the part \"" WHOLE
					   "\" of the form is no JSON: %s",
					   why.detail);
		f->given = json_root(f->whole);
		if (!json_is(f->given, JSON_OBJECT))
			return bad(f, WHOLE, "must be a JSON object");
	}
	return true;
}

/* A number as JSON has it, and nothing around it. */
static bool is_number(const struct form_pair *p)
{
	struct json_doc *doc = json_parse(p->text, p->len, 1, NULL);
	const char *number = doc ? json_number(json_root(doc)) : NULL;
	bool good = number != NULL && strlen(number) == p->len;

	json_free(doc);
	return good;
}

/* "true", "false"; NULL: neither */
static const char *as_boolean(const char *text)
{
	static const char *const words[][2] = {
		{"true", "true"},   {"1", "true"},  {"on", "true"},
		{"false", "false"}, {"0", "false"}, {"off", "false"},
	};

	for (size_t i = 0; i < COUNT(words); i++) {
		if (strcmp(words[i][0], text) == 0)
			return words[i][1];
	}
	return NULL;
}

static void put_one(struct form *f, const struct input *in,
		    const struct form_pair *p)
{
	const char *boolean;

	if (p->is_file) {
		json_put_null(&f->to);
		return;
	}
	switch (in->type) {
	case INPUT_INTEGER:
	case INPUT_NUMBER:
	case INPUT_SEED:
		if (is_number(p))
			json_put_raw(&f->to, p->text);
		else
			json_put_string(&f->to, p->text);
		break;
	case INPUT_BOOLEAN:
		boolean = as_boolean(p->text);
		if (boolean != NULL)
			json_put_raw(&f->to, boolean);
		else
			json_put_string(&f->to, p->text);
		break;
	default:
		json_put_string(&f->to, p->text);
		break;
	}
}

/* The next part of that name, from `from` on; f->count: there is none. */
static size_t next_pair(const struct form *f, const char *name, size_t from)
{
	while (from < f->count && strcmp(f->pairs[from].name, name) != 0)
		from++;
	return from;
}

/* An array in one part: [1, 2]. False: it is an element. */
static bool put_list(struct form *f, const struct form_pair *p)
{
	struct json_doc *doc;
	bool list;

	if (p->is_file)
		return false;
	doc = json_parse(p->text, p->len, FORM_DEPTH, NULL);
	list = doc != NULL && json_is(json_root(doc), JSON_ARRAY);
	if (list)
		json_put_value(&f->to, json_root(doc));
	json_free(doc);
	return list;
}

static void put_array(struct form *f, const struct input *in, size_t first)
{
	if (next_pair(f, in->name, first + 1) == f->count &&
	    put_list(f, &f->pairs[first]))
		return;
	json_open(&f->to, '[');
	for (size_t i = first; i < f->count; i = next_pair(f, in->name, i + 1))
		put_one(f, in->items, &f->pairs[i]);
	json_close(&f->to, ']');
}

static bool put_input(struct form *f, const struct input *in)
{
	size_t first = next_pair(f, in->name, 0);

	if (first == f->count)
		return true;
	if (json_get(f->given, in->name) != NULL)
		return bad(f, in->name, "is in the part \"" WHOLE "\", too");
	if (in->type != INPUT_ARRAY) {
		if (next_pair(f, in->name, first + 1) < f->count)
			return bad(f, in->name, "is there twice");
		if (f->pairs[first].is_file)
			return true;
		json_put_key(&f->to, in->name);
		put_one(f, in, &f->pairs[first]);
		return true;
	}
	json_put_key(&f->to, in->name);
	put_array(f, in, first);
	return true;
}

/* What no input is called, once each. */
static void put_unknown(struct form *f)
{
	size_t told = 0;

	for (size_t i = 0; i < f->count && told <= PROBLEM_LIST_MAX; i++) {
		const struct form_pair *p = &f->pairs[i];

		if (p->is_file || is_whole(f, p) ||
		    input_named(f, p->name) != NULL ||
		    next_pair(f, p->name, 0) < i ||
		    json_get(f->given, p->name) != NULL)
			continue;
		json_put_key(&f->to, p->name);
		json_put_string(&f->to, p->text);
		told++;
	}
}

static bool put_all(struct form *f)
{
	json_open(&f->to, '{');
	json_each (member, f->given) {
		json_put_key(&f->to, json_key(member));
		json_put_value(&f->to, member);
	}
	for (size_t i = 0; i < f->e->input_count; i++) {
		if (!put_input(f, &f->inputs[i]))
			return false;
	}
	put_unknown(f);
	json_close(&f->to, '}');
	return true;
}

struct json_doc *form_json(const struct endpoint *e, const struct plan *plan,
			   const struct form_pair *pairs, size_t count,
			   struct problem *why)
{
	struct form f = {.e = e,
			 .inputs = plan->inputs,
			 .pairs = pairs,
			 .count = count,
			 .why = why};
	struct json_doc *doc = NULL;
	struct buf b;

	buf_init(&b, OBJECT_MOST);
	json_writer_init(&f.to, &b);
	if (check_pairs(&f) && read_whole(&f) && put_all(&f))
		doc = json_parse(buf_str(&b), b.len, FORM_DEPTH + 1, why);
	json_free(f.whole);
	buf_finish(&b);
	return doc;
}
