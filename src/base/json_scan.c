#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json_plain.h"
#include "base/json_scan.h"
#include "base/text.h"

#define NULS_BEHIND 8

/* Reads the copy: the NULs behind its last byte stop every look ahead. */
struct scanner {
	char *at;
	const char *end;
	const char *original; /* for messages: the copy changes */
	unsigned depth;	      /* the most */
	bool python;
	struct json_scan *out;
	struct problem *why;
	unsigned level; /* so many containers are open */
	size_t around;	/* the innermost of them, by its number */
};

static size_t place(const struct scanner *s, const char *at)
{
	return (size_t)(at - s->out->text);
}

/* Says in which line and column (in characters) it is. */
PRINTF(3, 4)
static bool wrong_at(const struct scanner *s, size_t at, const char *fmt, ...)
{
	const char *text = s->original;
	char words[PROBLEM_DETAIL_MAX];
	size_t line = 1, start = 0;
	va_list ap;

	for (size_t i = 0; i < at; i++)
		if (text[i] == '\n') {
			line++;
			start = i + 1;
		}
	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	return problem_set(s->why, PROBLEM_MALFORMED_REQUEST, "",
			   "line %zu, column %zu: %s", line,
			   text_code_points(text + start, at - start) + 1,
			   words);
}

static bool wrong(const struct scanner *s, const char *words)
{
	return wrong_at(s, place(s, s->at), "%s", words);
}

static bool at_end(const struct scanner *s)
{
	return s->at == s->end;
}

static void skip_space(struct scanner *s)
{
	while (*s->at == ' ' || *s->at == '\n' || *s->at == '\t' ||
	       *s->at == '\r')
		s->at++;
}

/* A value begins here. */
static size_t begin_value(struct scanner *s, size_t key)
{
	struct json_scan *out = s->out;

	if (out->count == out->cap) {
		out->cap = out->cap ? out->cap * 2 : 32;
		out->marks =
			mem_resize(out->marks, out->cap * sizeof(*out->marks));
	}
	out->marks[out->count] =
		(struct json_mark){.span.at = place(s, s->at), .key = key};
	return out->count++;
}

/* … and ends here. */
static void end_value(struct scanner *s, size_t number)
{
	struct json_mark *m = &s->out->marks[number];

	m->span.len = place(s, s->at) - m->span.at;
	m->end = s->out->count;
}

/* ---- strings ---- */

/* A character of an escape, in UTF-8. Never longer than the escape. */
static char *put_utf8(char *to, long c)
{
	if (c < 0x80) {
		*to++ = (char)c;
		return to;
	}
	if (c < 0x800) {
		*to++ = (char)(0xC0 | c >> 6);
	} else if (c < 0x10000) {
		*to++ = (char)(0xE0 | c >> 12);
		*to++ = (char)(0x80 | (c >> 6 & 0x3F));
	} else {
		*to++ = (char)(0xF0 | c >> 18);
		*to++ = (char)(0x80 | (c >> 12 & 0x3F));
		*to++ = (char)(0x80 | (c >> 6 & 0x3F));
	}
	*to++ = (char)(0x80 | (c & 0x3F));
	return to;
}

/* Of four hexadecimal digits; -1 where they are not there. */
static long read_hex4(const char *at)
{
	long n = 0;

	for (size_t i = 0; i < 4; i++) {
		int digit = text_hex_digit(at[i]);

		if (digit < 0)
			return -1;
		n = n * 16 + digit;
	}
	return n;
}

/* At a \u, whose low half may follow. 0: refused. */
static long scan_unit(struct scanner *s)
{
	long high = read_hex4(s->at + 2), low = -1;

	if (high < 0) {
		(void)wrong(s, "\\u needs four hexadecimal digits");
		return 0;
	}
	if (high >= 0xD800 && high <= 0xDBFF && s->at[6] == '\\' &&
	    s->at[7] == 'u')
		low = read_hex4(s->at + 8);
	if (low >= 0xDC00 && low <= 0xDFFF) {
		s->at += 12;
		return 0x10000 + (high - 0xD800) * 0x400 + (low - 0xDC00);
	}
	if (high == 0 || (high >= 0xD800 && high <= 0xDFFF)) {
		if (!s->python) {
			(void)wrong(s, high == 0 ? "\\u0000 is not allowed"
						 : "half of a surrogate pair");
			return 0;
		}
		high = 0xFFFD;
	}
	s->at += 6;
	return high;
}

/* At the backslash. */
static bool scan_escape(struct scanner *s, char **to)
{
	static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
	const char *letter;

	if (s->at[1] == 'u') {
		long c = scan_unit(s);

		if (c > 0)
			*to = put_utf8(*to, c);
		return c > 0;
	}
	letter = s->at[1] != '\0' ? strchr(letters, s->at[1]) : NULL;
	if (letter == NULL)
		return wrong(s, "there is no such escape in JSON");
	*(*to)++ = meant[letter - letters];
	s->at += 2;
	return true;
}

/* Where the UTF-8 of text[0..n) breaks. */
static size_t broken_utf8(const char *text, size_t n)
{
	size_t from = 0, len = 1;

	while (len <= 4 && len <= n - from) {
		if (text_utf8(text + from, len)) {
			from += len;
			len = 1;
		} else {
			len++;
		}
	}
	return from;
}

/* Up to a quote, a backslash or what may not be there. No sequence of UTF-8
 * crosses one, so it is looked at by whole pieces. */
static bool scan_piece(struct scanner *s)
{
	char *from;
	unsigned n;

	do {
		n = json_plain(s->at);
		s->at += n;
	} while (n == 8);
	from = s->at;
	while ((unsigned char)*s->at >= ' ' && *s->at != '"' && *s->at != '\\')
		s->at++;
	if (from == s->at || text_utf8(from, (size_t)(s->at - from)))
		return true;
	s->at = from + broken_utf8(from, (size_t)(s->at - from));
	return wrong(s, "this is not UTF-8");
}

/* At the opening quote. What stands behind it is unescaped where it stands,
 * which makes it shorter if anything, and gets a NUL. */
static bool scan_string(struct scanner *s)
{
	char *to = ++s->at;

	for (;;) {
		char *from = s->at;

		if (!scan_piece(s))
			return false;
		if (to != from)
			memmove(to, from, (size_t)(s->at - from));
		to += s->at - from;
		if (*s->at == '"')
			break;
		if (at_end(s))
			return wrong(s, "the string has no closing quote");
		if (*s->at != '\\')
			return wrong(s, "a control character must be written "
					"as an escape");
		if (!scan_escape(s, &to))
			return false;
	}
	s->at++;
	*to = '\0';
	return true;
}

/* ---- keys that stand twice ---- */

struct key {
	const char *text;
	size_t value; /* its number */
};

static struct key key_of(const struct json_scan *scan, size_t value)
{
	return (struct key){scan->text + scan->marks[value].key, value};
}

static int by_text(const void *a, const void *b)
{
	const struct key *x = a, *y = b;
	int order = strcmp(x->text, y->text);

	return order != 0 ? order
			  : (x->value > y->value) - (x->value < y->value);
}

/* The number of the second value; 0, which is never in an object: none. */
static size_t twice_of_few(const struct key *keys, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (size_t j = i + 1; j < count; j++)
			if (keys[i].text[0] == keys[j].text[0] &&
			    strcmp(keys[i].text, keys[j].text) == 0)
				return keys[j].value;
	return 0;
}

static size_t twice_of_many(struct key *keys, size_t count)
{
	qsort(keys, count, sizeof(*keys), by_text);
	for (size_t i = 1; i < count; i++)
		if (strcmp(keys[i - 1].text, keys[i].text) == 0)
			return keys[i].value;
	return 0;
}

#define FEW_KEYS 16

static size_t find_twice(const struct json_scan *scan, size_t object)
{
	struct key few[FEW_KEYS], *keys;
	size_t count = 0, twice;

	for (size_t i = object + 1; i < scan->count; i = scan->marks[i].end) {
		if (count < FEW_KEYS)
			few[count] = key_of(scan, i);
		count++;
	}
	if (count <= FEW_KEYS)
		return twice_of_few(few, count);
	keys = mem_array(count, sizeof(*keys));
	count = 0;
	for (size_t i = object + 1; i < scan->count; i = scan->marks[i].end)
		keys[count++] = key_of(scan, i);
	twice = twice_of_many(keys, count);
	free(keys);
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

/* A key that stands twice means different things to different readers, so it
 * is refused. Compared unescaped: "a" and "\u0061" are one key. */
static bool check_keys(struct scanner *s, size_t object)
{
	size_t twice = find_twice(s->out, object);
	const struct json_mark *m = &s->out->marks[twice];
	const char *key = s->out->text + m->key;

	return twice == 0 ||
	       wrong_at(s, m->span.at,
			"the key \"%.*s\" stands twice in this object",
			short_len(key), key);
}

/* ---- all else ---- */

static size_t digits(struct scanner *s)
{
	char *from = s->at;

	while (*s->at >= '0' && *s->at <= '9')
		s->at++;
	return (size_t)(s->at - from);
}

static bool scan_number(struct scanner *s)
{
	if (*s->at == '-')
		s->at++;
	if (*s->at == '0') {
		s->at++;
		if (*s->at >= '0' && *s->at <= '9')
			return wrong(s, "a number may not begin with 0");
	} else if (digits(s) == 0) {
		return wrong(s, "a digit is missing in the number");
	}
	if (*s->at == '.') {
		s->at++;
		if (digits(s) == 0)
			return wrong(s, "a digit is missing in the number");
	}
	if (*s->at == 'e' || *s->at == 'E') {
		s->at++;
		if (*s->at == '+' || *s->at == '-')
			s->at++;
		if (digits(s) == 0)
			return wrong(s, "a digit is missing in the number");
	}
	return true;
}

static bool take_word(struct scanner *s, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(s->at, word, n) != 0)
		return false;
	s->at += n;
	return true;
}

/* A string, a number or a word. */
static bool scan_scalar(struct scanner *s)
{
	const char *word = NULL;

	switch (*s->at) {
	case '"':
		return scan_string(s);
	case 't':
		word = "true";
		break;
	case 'f':
		word = "false";
		break;
	case 'n':
		word = "null";
		break;
	case 'N':
		word = s->python ? "NaN" : NULL;
		break;
	case 'I':
		word = s->python ? "Infinity" : NULL;
		break;
	case '-':
		if (s->python && take_word(s, "-Infinity"))
			return true;
		return scan_number(s);
	default:
		if (*s->at >= '0' && *s->at <= '9')
			return scan_number(s);
	}
	if (word != NULL && take_word(s, word))
		return true;
	return wrong(s, at_end(s) ? "the text ends too early"
				  : "a value is missing");
}

/* Up to the colon and what may stand after it. */
static bool scan_key(struct scanner *s, size_t *key)
{
	if (*s->at != '"')
		return wrong(s, at_end(s)
					? "the text ends too early"
					: "a key in double quotes is missing");
	*key = place(s, s->at) + 1;
	if (!scan_string(s))
		return false;
	skip_space(s);
	if (*s->at != ':')
		return wrong(s, "a colon is missing");
	s->at++;
	skip_space(s);
	return true;
}

/* At a bracket: opens it. *empty: and it closes again. *key: of what is in it.
 */
static bool open_container(struct scanner *s, bool *empty, size_t *key)
{
	char close = *s->at == '{' ? '}' : ']';
	size_t number;

	if (s->level == s->depth)
		return wrong_at(s, place(s, s->at),
				"nested deeper than %u levels", s->depth);
	number = begin_value(s, *key);
	s->out->marks[number].end = s->around; /* while it is open */
	s->around = number;
	s->level++;
	s->at++;
	skip_space(s);
	*key = 0;
	*empty = *s->at == close;
	return *empty || close == ']' || scan_key(s, key);
}

/* After a value: closes what ends here and goes to the next value, or to the
 * end (level 0). */
static bool after_value(struct scanner *s, size_t *key)
{
	while (s->level > 0) {
		size_t around = s->around;
		bool object =
			s->out->text[s->out->marks[around].span.at] == '{';

		skip_space(s);
		if (*s->at == ',') {
			s->at++;
			skip_space(s);
			if (*s->at == (object ? '}' : ']'))
				return wrong(s, "there is a comma too many");
			*key = 0;
			return !object || scan_key(s, key);
		}
		if (*s->at != (object ? '}' : ']'))
			return wrong(s, object ? "a comma or } is missing"
					       : "a comma or ] is missing");
		s->at++;
		s->level--;
		s->around = s->out->marks[around].end;
		end_value(s, around);
		if (object && !check_keys(s, around))
			return false;
	}
	return true;
}

static bool scan_all(struct scanner *s)
{
	size_t key = 0; /* of the value that comes */

	skip_space(s);
	if (at_end(s))
		return wrong(s, "the text is empty");
	if (text_starts(s->out->text, "\xEF\xBB\xBF"))
		return wrong(s, "the text begins with a byte order mark");
	do {
		bool empty = false;

		if (s->out->count >= JSON_VALUES_MOST)
			return wrong(s, "there are too many values");
		if (*s->at == '{' || *s->at == '[') {
			if (!open_container(s, &empty, &key))
				return false;
			if (!empty)
				continue;
		} else {
			size_t number = begin_value(s, key);

			if (!scan_scalar(s))
				return false;
			end_value(s, number);
		}
		if (!after_value(s, &key))
			return false;
	} while (s->level > 0);
	skip_space(s);
	if (!at_end(s))
		return wrong(s, "there is something after the value");
	return true;
}

bool json_scan(const char *text, size_t len, unsigned depth, bool python,
	       struct json_scan *scan, struct problem *why)
{
	struct scanner s = {.original = text,
			    .depth = depth < JSON_DEPTH_MOST ? depth
							     : JSON_DEPTH_MOST,
			    .python = python,
			    .out = scan,
			    .why = why};

	*scan = (struct json_scan){0};
	if (len >= INT_MAX)
		return problem_set(why, PROBLEM_TOO_LARGE, "",
				   "the JSON text is too large");
	scan->text = mem_resize(NULL, len + NULS_BEHIND);
	if (len > 0)
		memcpy(scan->text, text, len);
	memset(scan->text + len, 0, NULS_BEHIND);
	s.at = scan->text;
	s.end = s.at + len;
	if (scan_all(&s))
		return true;
	json_scan_finish(scan);
	return false;
}

void json_scan_finish(struct json_scan *scan)
{
	free(scan->marks);
	free(scan->text);
	*scan = (struct json_scan){0};
}
