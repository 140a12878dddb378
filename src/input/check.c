#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/buf.h"
#include "base/num.h"
#include "base/text.h"
#include "input/check.h"
#include "manifest/pattern.h"

#define SHOWN_MOST   40 /* bytes of a caller's value that a message repeats */
#define DRAWN_MOST   ((UINT64_C(1) << 53) - 1)
#define NUMBER_MOST  128	       /* bytes of a number's text */
#define ESCAPED_MOST ((size_t)1 << 30) /* six times any body */

/* One value on its way through the checks. */
struct look {
	struct checker *c;
	const struct input *in;
	const struct json *given;
	const char *pointer;
	struct value *out;
};

/* ", is 100" where that is short and can be read; else nothing. */
static const char *is_what(const struct look *l)
{
	const char *s = json_string(l->given), *number = json_number(l->given);

	if (number != NULL)
		return strlen(number) > SHOWN_MOST
			       ? ""
			       : arena_printf(l->c->arena, ", is %s", number);
	if (s == NULL || strlen(s) > SHOWN_MOST)
		return "";
	for (const char *at = s; *at != '\0'; at++)
		if ((unsigned char)*at < 0x20 || *at == 0x7F ||
		    (*at == '\xC2' && (unsigned char)at[1] < 0xA0) ||
		    text_starts(at, "\xE2\x80"))
			return "";
	return arena_printf(l->c->arena, ", is \"%s\"", s);
}

static bool broken(const struct look *l, const char *rule, const char *must,
		   const char *bound)
{
	problem_list_add(l->c->errors, l->pointer, rule, "must %s%s%s", must,
			 bound, is_what(l));
	return false;
}

static bool wrong_type(const struct look *l, const char *wanted)
{
	problem_list_add(l->c->errors, l->pointer, "type", "must be %s, is %s",
			 wanted, json_type_name(json_type(l->given)));
	return false;
}

/* "is none of the values allowed", with the nearest where one is near. */
static bool not_among(const struct look *l, const char *const *names,
		      size_t count)
{
	const char *s = json_string(l->given);
	const char *nearest = s ? text_nearest(s, names, count) : NULL;

	if (nearest != NULL)
		problem_list_add(l->c->errors, l->pointer, "enum",
				 "must be one of the values allowed%s; did you "
				 "mean \"%s\"?",
				 is_what(l), nearest);
	else
		problem_list_add(l->c->errors, l->pointer, "enum",
				 "must be one of the values allowed%s",
				 is_what(l));
	return false;
}

static const char *quoted(struct arena *a, const char *s)
{
	struct json_writer w;
	const char *text;
	struct buf b;

	buf_init(&b, ESCAPED_MOST);
	json_writer_init(&w, &b);
	json_put_string(&w, s);
	text = arena_strndup(a, buf_str(&b), b.len);
	buf_finish(&b);
	return text;
}

static bool check_length(const struct look *l, const char *s, size_t n)
{
	size_t points = text_code_points(s, n);

	if (points >= l->in->min_length && points <= l->in->max_length)
		return true;
	if (points < l->in->min_length)
		problem_list_add(l->c->errors, l->pointer, "minLength",
				 "must have at least %zu characters, has %zu",
				 l->in->min_length, points);
	else
		problem_list_add(l->c->errors, l->pointer, "maxLength",
				 "must have at most %zu characters, has %zu",
				 l->in->max_length, points);
	return false;
}

static bool check_string(const struct look *l)
{
	const char *s = json_string(l->given);
	const struct input *in = l->in;
	size_t i = 0;

	if (s == NULL)
		return wrong_type(l, "a string");
	if (!check_length(l, s, strlen(s)))
		return false;
	if (in->match != NULL && !pattern_matches(in->match, s, strlen(s)))
		return broken(l, "pattern", "match ", in->pattern);
	while (i < in->enum_count && strcmp(in->enum_values[i], s) != 0)
		i++;
	if (in->enum_count > 0 && i == in->enum_count)
		return not_among(l, in->enum_values, in->enum_count);
	l->out->plain = arena_strdup(l->c->arena, s);
	l->out->told = quoted(l->c->arena, s);
	l->out->json = l->out->told;
	l->out->len = strlen(l->out->json);
	return true;
}

/* -?(0|[1-9][0-9]*) */
static bool plain_decimal(const char *s)
{
	s += *s == '-';
	if (*s == '0')
		return s[1] == '\0';
	return *s != '\0' && s[strspn(s, "0123456789")] == '\0';
}

/* 1.000…0 is an integer, too; but its text is kept and told back, so zeros
 * must not make it long. */
static bool number_fits(const struct look *l)
{
	const char *number = json_number(l->given);

	if (number == NULL || strlen(number) <= NUMBER_MOST)
		return true;
	return broken(l, "type", "be written in at most 128 characters", "");
}

static bool read_integer(const struct look *l, struct integer *n)
{
	const char *number = json_number(l->given);
	const char *s = json_string(l->given);

	if (!number_fits(l))
		return false;
	if (number != NULL) {
		if (num_integer(number, n))
			return true;
		return broken(l, "type", "be an integer from -2^63 to 2^64-1",
			      "");
	}
	if (s == NULL)
		return wrong_type(l, "an integer");
	if (!plain_decimal(s) || !num_integer(s, n))
		return broken(l, "type",
			      "be an integer from -2^63 to 2^64-1, or a string "
			      "of its digits",
			      "");
	if (!input_takes_digits(l->in) && !num_beyond_double(*n))
		return broken(l, "type",
			      "be a number: only integers beyond "
			      "9007199254740991 may be strings",
			      "");
	return true;
}

static void take_integer(const struct look *l, struct integer n)
{
	char text[NUM_INTEGER_TEXT];
	const char *s = json_string(l->given);

	num_integer_print(n, text);
	l->out->json = arena_strdup(l->c->arena, text);
	l->out->len = strlen(text);
	l->out->told = s ? quoted(l->c->arena, s)
			 : arena_strdup(l->c->arena, json_number(l->given));
}

static bool integer_in_enum(const struct input *in, struct integer n)
{
	struct integer one;

	for (size_t i = 0; i < in->enum_count; i++)
		if (num_integer(in->enum_texts[i], &one) &&
		    num_compare(one, n) == 0)
			return true;
	return in->enum_count == 0;
}

static bool check_integer(const struct look *l)
{
	const struct input *in = l->in;
	bool good = true;
	struct integer n;

	if (!read_integer(l, &n))
		return false;
	if (in->minimum != NULL && num_compare(n, *in->minimum) < 0)
		good = broken(l, "minimum", "be at least ", in->minimum_text);
	if (in->maximum != NULL && num_compare(n, *in->maximum) > 0)
		good = broken(l, "maximum", "be at most ", in->maximum_text);
	if (in->multiple_of != NULL && !num_multiple(n, *in->multiple_of))
		good = broken(l, "multipleOf", "be a multiple of ",
			      in->multiple_of_text);
	if (!integer_in_enum(in, n))
		good = not_among(l, NULL, 0);
	if (good)
		take_integer(l, n);
	return good;
}

static bool number_in_enum(const struct input *in, const struct decimal *n)
{
	struct decimal one;

	for (size_t i = 0; i < in->enum_count; i++)
		if (num_decimal(in->enum_texts[i], &one) &&
		    num_decimal_compare(&one, n) == 0)
			return true;
	return in->enum_count == 0;
}

static bool check_bounds(const struct look *l, const struct decimal *n)
{
	const struct input *in = l->in;
	bool good = true;
	int order;

	if (in->dec_minimum != NULL) {
		order = num_decimal_compare(n, in->dec_minimum);
		if (order == 0 && in->exclusive_minimum)
			good = broken(l, "exclusiveMinimum", "be above ",
				      in->minimum_text);
		else if (order < 0)
			good = broken(l,
				      in->exclusive_minimum ? "exclusiveMinimum"
							    : "minimum",
				      in->exclusive_minimum ? "be above "
							    : "be at least ",
				      in->minimum_text);
	}
	if (in->dec_maximum != NULL) {
		order = num_decimal_compare(n, in->dec_maximum);
		if (order == 0 && in->exclusive_maximum)
			good = broken(l, "exclusiveMaximum", "be below ",
				      in->maximum_text);
		else if (order > 0)
			good = broken(l,
				      in->exclusive_maximum ? "exclusiveMaximum"
							    : "maximum",
				      in->exclusive_maximum ? "be below "
							    : "be at most ",
				      in->maximum_text);
	}
	return good;
}

static bool check_number(const struct look *l)
{
	const char *text = json_number(l->given);
	const struct input *in = l->in;
	struct decimal n;
	bool good;

	if (text == NULL)
		return wrong_type(l, "a number");
	if (!number_fits(l))
		return false;
	/* Past a double it would be infinite in the workflow. */
	if (!num_decimal(text, &n) || !isfinite(json_double(l->given, NAN)))
		return broken(l, "type",
			      "be a number of at most 64 digits, below 1e308",
			      "");
	good = check_bounds(l, &n);
	if (in->dec_multiple_of != NULL &&
	    !num_decimal_multiple(&n, in->dec_multiple_of))
		good = broken(l, "multipleOf", "be a multiple of ",
			      in->multiple_of_text);
	if (!number_in_enum(in, &n))
		good = not_among(l, NULL, 0);
	l->out->json = arena_strdup(l->c->arena, text);
	l->out->len = strlen(text);
	l->out->told = l->out->json;
	return good;
}

static bool check_boolean(const struct look *l)
{
	if (!json_is(l->given, JSON_BOOLEAN))
		return wrong_type(l, "true or false");
	l->out->json = json_true(l->given) ? "true" : "false";
	l->out->len = strlen(l->out->json);
	l->out->told = l->out->json;
	return true;
}

void check_draw(struct checker *c, const struct input *in, struct value *out)
{
	uint64_t most = DRAWN_MOST;
	char text[NUM_INTEGER_TEXT];
	struct integer n = {0};

	if (in->maximum != NULL && in->maximum->magnitude < most)
		most = in->maximum->magnitude;
	/* Of 64 bits, so what the rest prefers is below one in 2000. */
	n.magnitude = c->random(c->random_ctx) % (most + 1);
	num_integer_print(n, text);
	out->json = arena_strdup(c->arena, text);
	out->len = strlen(text);
	out->told = out->json;
	c->drawn = true;
}

static bool check_seed(const struct look *l)
{
	const struct input *in = l->in;
	struct integer n;

	if (json_is(l->given, JSON_NULL)) {
		check_draw(l->c, in, l->out);
		return true;
	}
	if (!read_integer(l, &n))
		return false;
	if (n.negative && n.magnitude == 1) {
		check_draw(l->c, in, l->out);
		return true;
	}
	if (n.negative)
		return broken(l, "minimum", "be at least 0, or -1 for any", "");
	if (in->maximum != NULL && num_compare(n, *in->maximum) > 0)
		return broken(l, "maximum", "be at most ", in->maximum_text);
	take_integer(l, n);
	return true;
}

static bool check_choice(const struct look *l)
{
	const struct input *in = l->in;
	const char *s = json_string(l->given), **names;

	if (s == NULL)
		return wrong_type(l, "a string");
	for (size_t i = 0; i < in->choice_count; i++) {
		const struct choice *choice = &in->choices[i];

		if (strcmp(choice->name, s) != 0)
			continue;
		l->out->choice = choice;
		l->out->told = quoted(l->c->arena, s);
		return true;
	}
	names = arena_array(l->c->arena, in->choice_count, sizeof(*names));
	for (size_t i = 0; i < in->choice_count; i++)
		names[i] = in->choices[i].name;
	return not_among(l, names, in->choice_count);
}

/* An element's choice stands for one value, which goes where the element
 * goes. */
static void take_item_choice(struct value *item)
{
	if (item->choice == NULL)
		return;
	assert(item->choice->set_count == 1);
	item->json = item->choice->sets[0].text;
	item->len = item->choice->sets[0].len;
	item->choice = NULL;
}

static bool check_count(const struct look *l, size_t count)
{
	if (count < l->in->min_items)
		problem_list_add(l->c->errors, l->pointer, "minItems",
				 "must have at least %zu items, has %zu",
				 l->in->min_items, count);
	else if (count > l->in->max_items)
		problem_list_add(l->c->errors, l->pointer, "maxItems",
				 "must have at most %zu items, has %zu",
				 l->in->max_items, count);
	else
		return true;
	return false;
}

static bool check_array(const struct look *l)
{
	const struct input *in = l->in;
	size_t count = json_count(l->given), i = 0;
	struct value *items;
	bool good;

	if (!json_is(l->given, JSON_ARRAY))
		return wrong_type(l, "an array");
	good = check_count(l, count);
	if (count > in->max_items)
		return false;
	assert(count <= in->target_count);
	items = arena_array(l->c->arena, count, sizeof(*items));
	json_each (given, l->given) {
		const char *pointer =
			arena_printf(l->c->arena, "%s/%zu", l->pointer, i);

		if (check_value(l->c, in->items, given, pointer, &items[i]))
			take_item_choice(&items[i]);
		else
			good = false;
		i++;
	}
	l->out->items = items;
	l->out->item_count = count;
	return good;
}

static bool check_one_file(const struct look *l)
{
	return check_file(l->c, l->in, l->given, l->pointer, l->out);
}

bool check_value(struct checker *c, const struct input *in,
		 const struct json *given, const char *pointer,
		 struct value *out)
{
	static bool (*const checks[])(const struct look *) = {
		[INPUT_STRING] = check_string,	[INPUT_INTEGER] = check_integer,
		[INPUT_NUMBER] = check_number,	[INPUT_BOOLEAN] = check_boolean,
		[INPUT_SEED] = check_seed,	[INPUT_CHOICE] = check_choice,
		[INPUT_ARRAY] = check_array,	[INPUT_IMAGE] = check_one_file,
		[INPUT_MASK] = check_one_file,	[INPUT_AUDIO] = check_one_file,
		[INPUT_VIDEO] = check_one_file, [INPUT_FILE] = check_one_file,
	};
	struct look look = {c, in, given, pointer, out};

	static_assert(COUNT(checks) == INPUT__COUNT, "a check for every type");
	*out = (struct value){0};
	return checks[in->type](&look);
}
