#include <stdlib.h>
#include <string.h>

#include "manifest/pattern_tree.h"

/*
 * Recursive descent over the grammar of ECMA-262 in Unicode mode, without
 * back references, look-around and property classes:
 *
 *	either  = both { "|" both }
 *	both    = { atom [ "*" | "+" | "?" | "{m,n}" [ "?" ] ] }
 *	atom    = "^" | "$" | "." | class | escape | "(" either ")" | literal
 */
#define GROUPS_MAX 50
#define RANGES_MAX 1024
#define POINT_MAX  0x10FFFFu

struct parser {
	struct arena *arena;
	const char *text, *at;
	struct problem *why;
	unsigned groups;
	bool failed;
};

static const struct tree *parse_either(struct parser *p);

static const struct tree *refuse(struct parser *p, const char *what)
{
	if (!p->failed)
		problem_set(p->why, PROBLEM_INVALID_INPUT, "",
			    "%s at character %zu", what,
			    (size_t)(p->at - p->text) + 1);
	p->failed = true;
	return NULL;
}

uint32_t next_point(const char **s)
{
	const unsigned char *at = (const unsigned char *)*s;
	unsigned n = at[0] < 0x80 ? 0 : at[0] < 0xE0 ? 1 : at[0] < 0xF0 ? 2 : 3;
	uint32_t point = n == 0 ? at[0] : at[0] & (0x3Fu >> n);

	for (unsigned i = 1; i <= n; i++)
		point = point << 6 | (at[i] & 0x3Fu);
	*s += n + 1;
	return point;
}

bool class_holds(const struct class *c, uint32_t point)
{
	size_t low = 0, high = c->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (point > c->ranges[middle].high)
			low = middle + 1;
		else if (point < c->ranges[middle].low)
			high = middle;
		else
			return true;
	}
	return false;
}

/* Ranges while they are collected, in any order. */
struct pile {
	struct range ranges[RANGES_MAX];
	size_t count;
};

static void pile_add(struct parser *p, struct pile *pile, uint32_t low,
		     uint32_t high)
{
	if (pile->count == RANGES_MAX)
		(void)refuse(p, "too many ranges in a class");
	else
		pile->ranges[pile->count++] = (struct range){low, high};
}

static int by_low(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return (x->low > y->low) - (x->low < y->low);
}

static const struct class *pile_class(struct parser *p, struct pile *pile,
				      bool negated)
{
	struct class *c = arena_alloc(p->arena, sizeof(*c));
	struct range *out =
		arena_array(p->arena, pile->count + 1, sizeof(*out));
	uint32_t next = 0; /* the first point not looked at */

	qsort(pile->ranges, pile->count, sizeof(pile->ranges[0]), by_low);
	for (size_t i = 0; i < pile->count; i++) {
		struct range r = pile->ranges[i];

		if (negated) {
			if (r.low > next)
				out[c->count++] =
					(struct range){next, r.low - 1};
		} else if (c->count > 0 && r.low <= next) {
			if (r.high > out[c->count - 1].high)
				out[c->count - 1].high = r.high;
		} else {
			out[c->count++] = r;
		}
		if (r.high + 1 > next)
			next = r.high + 1;
	}
	if (negated && next <= POINT_MAX)
		out[c->count++] = (struct range){next, POINT_MAX};
	c->ranges = out;
	return c;
}

static const struct range digits[] = {{'0', '9'}};
static const struct range words[] = {
	{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
static const struct range spaces[] = {
	{0x09, 0x0D},	  {0x20, 0x20},	    {0xA0, 0xA0},     {0x1680, 0x1680},
	{0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F},
	{0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
static const struct range newlines[] = {
	{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};

static void pile_set(struct parser *p, struct pile *pile,
		     const struct range *set, size_t count, bool negated)
{
	uint32_t next = 0;

	for (size_t i = 0; i < count; i++) {
		if (!negated)
			pile_add(p, pile, set[i].low, set[i].high);
		else if (set[i].low > next)
			pile_add(p, pile, next, set[i].low - 1);
		next = set[i].high + 1;
	}
	if (negated)
		pile_add(p, pile, next, POINT_MAX);
}

/* \d \D \w \W \s \S, after the backslash. */
static bool shorthand(struct parser *p, struct pile *pile)
{
	static const struct {
		char name;
		const struct range *set;
		size_t count;
	} sets[] = {{'d', digits, COUNT(digits)},
		    {'w', words, COUNT(words)},
		    {'s', spaces, COUNT(spaces)}};

	for (size_t i = 0; i < COUNT(sets); i++) {
		char upper = (char)(sets[i].name - 'a' + 'A');

		if (*p->at != sets[i].name && *p->at != upper)
			continue;
		pile_set(p, pile, sets[i].set, sets[i].count, *p->at == upper);
		p->at++;
		return true;
	}
	return false;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* n digits, or for n == 0 as many as there are, up to '}'. */
static uint32_t hex_digits(struct parser *p, unsigned n)
{
	uint32_t point = 0;
	unsigned i = 0;

	for (; (n == 0 || i < n) && hex(*p->at) >= 0; i++) {
		point = point * 16 + (uint32_t)hex(*p->at++);
		if (point > POINT_MAX)
			break;
	}
	if (i == 0 || (n > 0 && i < n) || (n == 0 && *p->at++ != '}') ||
	    point > POINT_MAX)
		(void)refuse(p, "a bad hexadecimal escape");
	return point;
}

static uint32_t unicode_escape(struct parser *p)
{
	uint32_t point, low;

	if (*p->at == '{') {
		p->at++;
		return hex_digits(p, 0);
	}
	point = hex_digits(p, 4);
	if (point < 0xD800 || point > 0xDBFF || strncmp(p->at, "\\u", 2) != 0)
		return point;
	p->at += 2;
	low = hex_digits(p, 4);
	if (low < 0xDC00 || low > 0xDFFF)
		(void)refuse(p, "half a surrogate pair");
	return 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
}

/* One code point after a backslash. */
static uint32_t escaped_point(struct parser *p, bool in_class)
{
	static const char names[] = "nrtfv", points[] = "\n\r\t\f\v";
	const char *name = *p->at ? strchr(names, *p->at) : NULL;

	if (name != NULL) {
		p->at++;
		return (uint32_t)points[name - names];
	}
	if (*p->at == 'x') {
		p->at++;
		return hex_digits(p, 2);
	}
	if (*p->at == 'u') {
		p->at++;
		return unicode_escape(p);
	}
	if (*p->at != '\0' && (strchr("^$\\.*+?()[]{}|/", *p->at) != NULL ||
			       (in_class && *p->at == '-')))
		return (uint32_t)*p->at++;
	if (*p->at >= '0' && *p->at <= '9')
		(void)refuse(p, "back references are not supported");
	else if (*p->at == 'b' || *p->at == 'B')
		(void)refuse(p, "\\b is not supported");
	else if (*p->at == 'p' || *p->at == 'P' || *p->at == 'k')
		(void)refuse(p, "\\p and \\k are not supported");
	else
		(void)refuse(p, "an escape that means nothing");
	return 0;
}

/* One member of a class; true when it was a shorthand, which has no range. */
static bool class_member(struct parser *p, struct pile *pile, uint32_t *point)
{
	if (*p->at != '\\') {
		*point = next_point(&p->at);
		return false;
	}
	p->at++;
	if (shorthand(p, pile))
		return true;
	*point = escaped_point(p, true);
	return false;
}

static void class_range(struct parser *p, struct pile *pile)
{
	uint32_t low, high;
	bool set = class_member(p, pile, &low);

	if (*p->at != '-' || p->at[1] == ']' || p->at[1] == '\0') {
		if (!set)
			pile_add(p, pile, low, low);
		return;
	}
	p->at++;
	if (class_member(p, pile, &high) || set)
		(void)refuse(p, "a range whose end is no single character");
	else if (low > high)
		(void)refuse(p, "a range whose ends are the wrong way round");
	else
		pile_add(p, pile, low, high);
}

static const struct tree *leaf(struct parser *p, struct pile *pile,
			       bool negated)
{
	struct tree *t = arena_alloc(p->arena, sizeof(*t));

	t->kind = TREE_CLASS;
	t->class = pile_class(p, pile, negated);
	return t;
}

static const struct tree *parse_class(struct parser *p, struct pile *pile)
{
	bool negated = *p->at == '^';

	if (negated)
		p->at++;
	while (*p->at != ']') {
		if (*p->at == '\0')
			return refuse(p, "a [ without its ]");
		class_range(p, pile);
		if (p->failed)
			return NULL;
	}
	p->at++;
	return leaf(p, pile, negated);
}

static const struct tree *parse_group(struct parser *p)
{
	const struct tree *t;

	if (strncmp(p->at, "?:", 2) == 0)
		p->at += 2;
	else if (*p->at == '?')
		return refuse(p, "look-around and named groups are not "
				 "supported");
	if (++p->groups > GROUPS_MAX)
		return refuse(p, "groups too deep in each other");
	t = parse_either(p);
	p->groups--;
	if (t == NULL)
		return NULL;
	if (*p->at != ')')
		return refuse(p, "a ( without its )");
	p->at++;
	return t;
}

static const struct tree *assertion(struct parser *p, enum tree_kind kind)
{
	struct tree *t = arena_alloc(p->arena, sizeof(*t));

	t->kind = kind;
	if (*p->at != '\0' && strchr("*+?{", *p->at) != NULL)
		return refuse(p, "a repetition of ^ or $");
	return t;
}

static const struct tree *parse_atom(struct parser *p)
{
	struct pile *pile = mem_alloc(sizeof(*pile));
	const struct tree *t = NULL;
	const char *start = p->at;
	uint32_t point = next_point(&p->at);

	if (point == '^' || point == '$') {
		t = assertion(p, point == '^' ? TREE_START : TREE_END);
	} else if (point == '(') {
		t = parse_group(p);
	} else if (point == '[') {
		t = parse_class(p, pile);
	} else if (point == '.') {
		pile_set(p, pile, newlines, COUNT(newlines), false);
		t = leaf(p, pile, true);
	} else if (point < 0x80 && strchr("*+?{}]", (int)point) != NULL) {
		p->at = start;
		t = refuse(p, strchr("*+?", (int)point)
				      ? "a repetition of nothing"
				      : "a bracket that needs a \\ before it");
	} else {
		if (point != '\\') {
			pile_add(p, pile, point, point);
		} else if (!shorthand(p, pile)) {
			point = escaped_point(p, false);
			pile_add(p, pile, point, point);
		}
		t = p->failed ? NULL : leaf(p, pile, false);
	}
	free(pile);
	return t;
}

static bool parse_count(struct parser *p, unsigned *n)
{
	unsigned digits_read = 0;

	for (*n = 0; *p->at >= '0' && *p->at <= '9'; p->at++, digits_read++) {
		*n = *n * 10 + (unsigned)(*p->at - '0');
		if (*n > REPEAT_MAX) {
			(void)refuse(p, "more than 1000 repetitions");
			return false;
		}
	}
	return digits_read > 0;
}

/* {m} {m,} {m,n}, after the brace */
static void parse_braces(struct parser *p, struct tree *t)
{
	bool good = parse_count(p, &t->least);

	t->most = t->least;
	if (good && *p->at == ',') {
		p->at++;
		if (*p->at == '}')
			t->most = REPEAT_OPEN;
		else
			good = parse_count(p, &t->most);
	}
	if (!good || *p->at != '}')
		(void)refuse(p, "a { that is no repetition");
	else if (t->least > t->most)
		(void)refuse(p, "a repetition that ends before it begins");
	else
		p->at++;
}

static const struct tree *parse_repeat(struct parser *p)
{
	const struct tree *atom = parse_atom(p);
	struct tree *t;

	if (atom == NULL || *p->at == '\0' || strchr("*+?{", *p->at) == NULL)
		return atom;
	t = arena_alloc(p->arena, sizeof(*t));
	t->kind = TREE_REPEAT;
	t->a = atom;
	switch (*p->at++) {
	case '{':
		parse_braces(p, t);
		break;
	case '?':
		t->most = 1;
		break;
	default:
		t->least = p->at[-1] == '+';
		t->most = REPEAT_OPEN;
		break;
	}
	/* Lazy or greedy: whether there is a match is the same. */
	if (*p->at == '?')
		p->at++;
	return p->failed ? NULL : t;
}

static const struct tree *join(struct parser *p, enum tree_kind kind,
			       const struct tree *a, const struct tree *b)
{
	struct tree *t = arena_alloc(p->arena, sizeof(*t));

	t->kind = kind;
	t->a = a;
	t->b = b;
	return t;
}

static const struct tree *parse_both(struct parser *p)
{
	const struct tree *t = NULL;

	while (*p->at != '\0' && *p->at != '|' && *p->at != ')') {
		const struct tree *next = parse_repeat(p);

		if (next == NULL)
			return NULL;
		t = t ? join(p, TREE_BOTH, t, next) : next;
	}
	return t ? t : join(p, TREE_EMPTY, NULL, NULL);
}

static const struct tree *parse_either(struct parser *p)
{
	const struct tree *t = parse_both(p);

	while (t != NULL && *p->at == '|') {
		const struct tree *next;

		p->at++;
		next = parse_both(p);
		t = next ? join(p, TREE_EITHER, t, next) : NULL;
	}
	return t;
}

const struct tree *pattern_parse(struct arena *a, const char *text,
				 struct problem *why)
{
	struct parser p = {.arena = a, .text = text, .at = text, .why = why};
	const struct tree *t = parse_either(&p);

	if (t != NULL && *p.at != '\0')
		return refuse(&p, "a ) without its (");
	return t;
}
