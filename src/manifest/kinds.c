#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "manifest/parts.h"
#include "manifest/pattern.h"

/*
 * The kinds of input, one row each. A new type gets a row in `kinds`, and its
 * keys. Those of files are in kinds_file.c.
 */
static const struct integer *read_integer(struct reader *r,
					  const struct place *p,
					  const struct json *v,
					  const char **text)
{
	struct integer *n = arena_alloc(r->keep, sizeof(*n));
	const char *s = json_number(v);

	if (s == NULL || !num_integer(s, n)) {
		reader_error(r, p, "type",
			     "must be a whole number from -2^63 to 2^64-1");
		return NULL;
	}
	*text = arena_strdup(r->keep, s);
	return n;
}

static const struct decimal *read_decimal(struct reader *r,
					  const struct place *p,
					  const struct json *v,
					  const char **text)
{
	struct decimal *n = arena_alloc(r->keep, sizeof(*n));
	const char *s = json_number(v);

	if (s == NULL || !num_decimal(s, n)) {
		reader_error(r, p, "type",
			     "must be a number of at most %d digits",
			     NUM_DIGITS_MAX);
		return NULL;
	}
	*text = arena_strdup(r->keep, s);
	return n;
}

static void integer_minimum(struct reader *r, const struct place *p,
			    const struct json *v, void *into)
{
	struct input *in = into;

	in->minimum = read_integer(r, p, v, &in->minimum_text);
}

static void integer_maximum(struct reader *r, const struct place *p,
			    const struct json *v, void *into)
{
	struct input *in = into;

	in->maximum = read_integer(r, p, v, &in->maximum_text);
}

static void integer_multiple(struct reader *r, const struct place *p,
			     const struct json *v, void *into)
{
	struct input *in = into;
	const struct integer *n = read_integer(r, p, v, &in->multiple_of_text);

	if (n != NULL && (n->negative || n->magnitude == 0))
		reader_error(r, p, "minimum", "must be above 0");
	else
		in->multiple_of = n;
}

static void number_minimum(struct reader *r, const struct place *p,
			   const struct json *v, void *into)
{
	struct input *in = into;

	in->dec_minimum = read_decimal(r, p, v, &in->minimum_text);
	in->exclusive_minimum = false;
}

static void number_above(struct reader *r, const struct place *p,
			 const struct json *v, void *into)
{
	struct input *in = into;

	in->dec_minimum = read_decimal(r, p, v, &in->minimum_text);
	in->exclusive_minimum = true;
}

static void number_maximum(struct reader *r, const struct place *p,
			   const struct json *v, void *into)
{
	struct input *in = into;

	in->dec_maximum = read_decimal(r, p, v, &in->maximum_text);
	in->exclusive_maximum = false;
}

static void number_below(struct reader *r, const struct place *p,
			 const struct json *v, void *into)
{
	struct input *in = into;

	in->dec_maximum = read_decimal(r, p, v, &in->maximum_text);
	in->exclusive_maximum = true;
}

static void number_multiple(struct reader *r, const struct place *p,
			    const struct json *v, void *into)
{
	struct input *in = into;
	const struct decimal *n = read_decimal(r, p, v, &in->multiple_of_text);

	if (n != NULL && (n->negative || n->count == 0))
		reader_error(r, p, "minimum", "must be above 0");
	else
		in->dec_multiple_of = n;
}

static void string_pattern(struct reader *r, const struct place *p,
			   const struct json *v, void *into)
{
	struct input *in = into;
	struct problem why;

	in->pattern = reader_text(r, p, v, 1000);
	if (in->pattern == NULL)
		return;
	in->match = pattern_compile(r->keep, in->pattern, &why);
	if (in->match == NULL)
		reader_error(r, p, "pattern", "%s", why.detail);
}

/* One value of an enum: false, and an error, where it is of another type. */
typedef bool enum_value(struct reader *r, const struct place *p,
			const struct json *v);

static bool enum_string(struct reader *r, const struct place *p,
			const struct json *v)
{
	return reader_wants(r, p, v, JSON_STRING);
}

static bool enum_integer(struct reader *r, const struct place *p,
			 const struct json *v)
{
	const char *text;

	return read_integer(r, p, v, &text) != NULL;
}

static bool enum_number(struct reader *r, const struct place *p,
			const struct json *v)
{
	const char *text;

	return read_decimal(r, p, v, &text) != NULL;
}

static int by_text(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

static void check_twice(struct reader *r, const struct place *p,
			const struct input *in)
{
	const char **sorted =
		arena_array(&r->scratch, in->enum_count, sizeof(*sorted));

	memcpy(sorted, in->enum_texts, in->enum_count * sizeof(*sorted));
	qsort(sorted, in->enum_count, sizeof(*sorted), by_text);
	for (size_t i = 1; i < in->enum_count; i++)
		if (strcmp(sorted[i - 1], sorted[i]) == 0)
			reader_error(r, p, "enum", "holds %s twice", sorted[i]);
}

static void read_enum(struct reader *r, const struct place *p,
		      const struct json *v, struct input *in, enum_value *good)
{
	const char **texts, **values;
	size_t i = 0;

	if (!reader_wants(r, p, v, JSON_ARRAY))
		return;
	if (json_count(v) == 0 || json_count(v) > ENUM_MAX) {
		reader_error(r, p, "size", "must hold 1 to %d values",
			     ENUM_MAX);
		return;
	}
	texts = arena_array(r->keep, json_count(v), sizeof(*texts));
	values = arena_array(r->keep, json_count(v), sizeof(*values));
	json_each (item, v) {
		if (!good(r, PLACE_INDEX(p, i), item))
			return;
		texts[i] = reader_json(r, item);
		values[i] = json_is(item, JSON_STRING)
				    ? arena_strdup(r->keep, json_string(item))
				    : texts[i];
		i++;
	}
	in->enum_texts = texts;
	in->enum_values = values;
	in->enum_count = i;
	check_twice(r, p, in);
}

static void string_enum(struct reader *r, const struct place *p,
			const struct json *v, void *into)
{
	read_enum(r, p, v, into, enum_string);
}

static void integer_enum(struct reader *r, const struct place *p,
			 const struct json *v, void *into)
{
	read_enum(r, p, v, into, enum_integer);
}

static void number_enum(struct reader *r, const struct place *p,
			const struct json *v, void *into)
{
	read_enum(r, p, v, into, enum_number);
}

static void string_check(struct reader *r, const struct place *p,
			 const struct json *v, const struct input *in)
{
	(void)v;
	if (in->min_length > in->max_length)
		reader_error(r, p, "bounds",
			     "minLength %zu is above maxLength %zu",
			     in->min_length, in->max_length);
}

static void integer_check(struct reader *r, const struct place *p,
			  const struct json *v, const struct input *in)
{
	(void)v;
	if (in->minimum && in->maximum &&
	    num_compare(*in->minimum, *in->maximum) > 0)
		reader_error(r, p, "bounds", "minimum %s is above maximum %s",
			     in->minimum_text, in->maximum_text);
	if (in->type == INPUT_SEED && in->maximum && in->maximum->negative)
		reader_error(r, PLACE_KEY(p, "maximum"), "bounds",
			     "must be 0 or above");
}

static void number_check(struct reader *r, const struct place *p,
			 const struct json *v, const struct input *in)
{
	int order;

	if (json_get(v, "minimum") && json_get(v, "exclusiveMinimum"))
		reader_error(r, p, "bounds",
			     "has both minimum and exclusiveMinimum; keep one");
	if (json_get(v, "maximum") && json_get(v, "exclusiveMaximum"))
		reader_error(r, p, "bounds",
			     "has both maximum and exclusiveMaximum; keep one");
	if (in->dec_minimum == NULL || in->dec_maximum == NULL)
		return;
	order = num_decimal_compare(in->dec_minimum, in->dec_maximum);
	if (order > 0 ||
	    (order == 0 && (in->exclusive_minimum || in->exclusive_maximum)))
		reader_error(r, p, "bounds", "no number is %s %s and %s %s",
			     in->exclusive_minimum ? "above" : "at least",
			     in->minimum_text,
			     in->exclusive_maximum ? "below" : "at most",
			     in->maximum_text);
}

static void array_check(struct reader *r, const struct place *p,
			const struct json *v, const struct input *in)
{
	(void)v;
	if (in->target_count == 0) /* told already */
		return;
	if (in->max_items > in->target_count)
		reader_error(r, PLACE_KEY(p, "maxItems"), "bounds",
			     "is %zu, but \"to\" names only %zu targets",
			     in->max_items, in->target_count);
	else if (in->min_items > in->max_items)
		reader_error(r, p, "bounds",
			     "minItems %zu is above maxItems %zu",
			     in->min_items, in->max_items);
}

#define FIELD(member) offsetof(struct input, member)
#define OWN(name, read)                                                        \
	{                                                                      \
		name, KEY_OWN, 0, 0, 0, read                                   \
	}
#define SEEN(name)                                                             \
	{                                                                      \
		name, KEY_SEEN, 0, 0, 0, NULL                                  \
	}
#define NONE                                                                   \
	{                                                                      \
		NULL, 0, NULL, NULL                                            \
	}

static const struct key string_bounds[] = {
	{"minLength", KEY_SIZE, FIELD(min_length), 0, STRING_LENGTH_MAX, NULL},
	{"maxLength", KEY_SIZE, FIELD(max_length), 0, STRING_LENGTH_MAX, NULL},
};
static const struct key string_others[] = {
	OWN("pattern", string_pattern),
	OWN("enum", string_enum),
};
static const struct key integer_bounds[] = {
	OWN("minimum", integer_minimum),
	OWN("maximum", integer_maximum),
	OWN("multipleOf", integer_multiple),
};
static const struct key integer_others[] = {OWN("enum", integer_enum)};
static const struct key number_bounds[] = {
	OWN("minimum", number_minimum),
	OWN("maximum", number_maximum),
	OWN("exclusiveMinimum", number_above),
	OWN("exclusiveMaximum", number_below),
	OWN("multipleOf", number_multiple),
};
static const struct key number_others[] = {OWN("enum", number_enum)};
static const struct key seed_bounds[] = {OWN("maximum", integer_maximum)};
static const struct key choice_others[] = {SEEN("choices")};
static const struct key array_bounds[] = {
	{"minItems", KEY_SIZE, FIELD(min_items), 0, TARGETS_MAX, NULL},
	{"maxItems", KEY_SIZE, FIELD(max_items), 0, TARGETS_MAX, NULL},
};
static const struct key array_others[] = {SEEN("items")};
/* Sounds and other files have no size in pixels. */
#define FILE_BOUNDS                                                            \
	{"maxBytes", KEY_INT64,	      FIELD(rule.max_bytes),                   \
	 1,	     MEDIA_BYTES_MAX, NULL},                                   \
		OWN("mime", file_mime)
#define SIDE(name, member)                                                     \
	{                                                                      \
		name, KEY_INT64, FIELD(rule.member), 1, MEDIA_SIDE_MAX, NULL   \
	}
static const struct key picture_bounds[] = {
	FILE_BOUNDS,
	SIDE("minWidth", min_width),
	SIDE("maxWidth", max_width),
	SIDE("minHeight", min_height),
	SIDE("maxHeight", max_height),
	{"maxPixels", KEY_INT64, FIELD(rule.max_pixels), 1, MEDIA_PIXELS_MAX,
	 NULL},
};
static const struct key file_bounds[] = {FILE_BOUNDS};

static const struct kind kinds[] = {
	[INPUT_STRING] = {"string", "a string", KEY_SET(string_bounds, NULL),
			  KEY_SET(string_others, NULL), string_check},
	[INPUT_INTEGER] = {"integer", "an integer",
			   KEY_SET(integer_bounds, NULL),
			   KEY_SET(integer_others, NULL), integer_check},
	[INPUT_NUMBER] = {"number", "a number", KEY_SET(number_bounds, NULL),
			  KEY_SET(number_others, NULL), number_check},
	[INPUT_BOOLEAN] = {"boolean", "a boolean", NONE, NONE, NULL},
	[INPUT_SEED] = {"seed", "a seed", KEY_SET(seed_bounds, NULL), NONE,
			integer_check},
	[INPUT_CHOICE] = {"choice", "a choice", NONE,
			  KEY_SET(choice_others, NULL), NULL},
	[INPUT_ARRAY] = {"array", "an array", KEY_SET(array_bounds, NULL),
			 KEY_SET(array_others, NULL), array_check},
	[INPUT_IMAGE] = {"image", "an image", KEY_SET(picture_bounds, NULL),
			 NONE, file_check},
	[INPUT_MASK] = {"mask", "a mask", KEY_SET(picture_bounds, NULL), NONE,
			file_check},
	[INPUT_AUDIO] = {"audio", "a sound", KEY_SET(file_bounds, NULL), NONE,
			 file_check},
	[INPUT_VIDEO] = {"video", "a video", KEY_SET(picture_bounds, NULL),
			 NONE, file_check},
	[INPUT_FILE] = {"file", "a file", KEY_SET(file_bounds, NULL), NONE,
			file_check},
};
static_assert(COUNT(kinds) == INPUT__COUNT, "a row for every type of input");

const char *input_type_name(enum input_type t)
{
	assert(t < INPUT__COUNT);
	return kinds[t].name;
}

bool input_takes_digits(const struct input *in)
{
	if (in->type == INPUT_SEED)
		return true;
	return in->enum_count == 0 &&
	       (in->minimum == NULL || in->maximum == NULL ||
		num_beyond_double(*in->minimum) ||
		num_beyond_double(*in->maximum));
}

const struct kind *kind_of(enum input_type type)
{
	assert(type < INPUT__COUNT);
	return &kinds[type];
}

const char *kind_hint(struct reader *r, const char *key)
{
	for (size_t i = 0; i < COUNT(kinds); i++)
		if (key_find(&kinds[i].bounds, key) != NULL ||
		    key_find(&kinds[i].others, key) != NULL)
			return arena_printf(&r->scratch,
					    "; it belongs to type \"%s\"",
					    kinds[i].name);
	return "";
}

const struct kind *kind_read(struct reader *r, const struct place *p,
			     const struct json *v, enum input_type *type)
{
	const struct place *at = PLACE_KEY(p, "type");
	const char *name = json_string(json_get(v, "type"));
	const char *names[INPUT__COUNT];

	if (json_get(v, "type") == NULL) {
		reader_error(r, p, "required",
			     "needs \"type\": string, integer, number, "
			     "boolean, seed, choice, image, mask, audio, "
			     "video, file or array");
		return NULL;
	}
	if (!reader_wants(r, at, json_get(v, "type"), JSON_STRING))
		return NULL;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		names[i] = kinds[i].name;
		if (strcmp(names[i], name) != 0)
			continue;
		*type = (enum input_type)i;
		return &kinds[i];
	}
	reader_error(r, at, "enum", "\"%s\" is no type of input%s", name,
		     reader_nearest(r, name, names, COUNT(names)));
	return NULL;
}
