#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json_scan.h"
#include "base/text.h"

struct scanner {
	const char *text;
	size_t len;
	size_t at;
	unsigned depth; /* the most */
	bool python;
	struct json_scan *out;
	struct problem *why;
	/* The open containers, by their number in document order. */
	unsigned level;
	size_t open[JSON_DEPTH_MOST];
};

bool json_scan_problem(struct problem *why, const char *text, size_t at,
		       const char *fmt, ...)
{
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
	return problem_set(
		why, PROBLEM_MALFORMED_REQUEST, "", "line %zu, column %zu: %s",
		line, text_code_points(text + start, at - start) + 1, words);
}

static bool wrong(struct scanner *s, const char *words)
{
	return json_scan_problem(s->why, s->text, s->at, "%s", words);
}

/* '\0' at the end; a NUL in the text is no token either. */
static char peek(const struct scanner *s)
{
	return s->at < s->len ? s->text[s->at] : '\0';
}

static void skip_space(struct scanner *s)
{
	while (s->at < s->len) {
		char c = s->text[s->at];

		if (c != ' ' && c != '\n' && c != '\t' && c != '\r')
			return;
		s->at++;
	}
}

static size_t add_span(struct scanner *s)
{
	struct json_scan *out = s->out;

	if (out->count == out->cap) {
		out->cap = out->cap ? out->cap * 2 : 32;
		out->spans =
			mem_resize(out->spans, out->cap * sizeof(*out->spans));
	}
	out->spans[out->count] = (struct json_span){.at = s->at};
	return out->count++;
}

/* At the first of four hexadecimal digits; -1 where they are not there. */
static long read_hex4(const struct scanner *s, size_t at)
{
	long n = 0;

	if (s->len - at < 4)
		return -1;
	for (size_t i = at; i < at + 4; i++) {
		char c = s->text[i];

		if (c >= '0' && c <= '9')
			n = n * 16 + (c - '0');
		else if (c >= 'a' && c <= 'f')
			n = n * 16 + (c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			n = n * 16 + (c - 'A' + 10);
		else
			return -1;
	}
	return n;
}

/* At the backslash. */
static bool scan_escape(struct scanner *s)
{
	char c = s->len - s->at > 1 ? s->text[s->at + 1] : '\0';
	long high, low = -1;

	if (c != 'u') {
		if (c == '\0' || strchr("\"\\/bfnrt", c) == NULL)
			return wrong(s, "there is no such escape in JSON");
		s->at += 2;
		return true;
	}
	high = read_hex4(s, s->at + 2);
	if (high < 0)
		return wrong(s, "\\u needs four hexadecimal digits");
	if (high == 0)
		return wrong(s, "\\u0000 is not allowed");
	if (high >= 0xDC00 && high <= 0xDFFF)
		return wrong(s, "half of a surrogate pair");
	if (high >= 0xD800 && high <= 0xDBFF) {
		if (s->len - s->at > 7 && s->text[s->at + 6] == '\\' &&
		    s->text[s->at + 7] == 'u')
			low = read_hex4(s, s->at + 8);
		if (low < 0xDC00 || low > 0xDFFF)
			return wrong(s, "half of a surrogate pair");
		s->at += 6;
	}
	s->at += 6;
	return true;
}

/* Where the UTF-8 of text[from..to) breaks. */
static size_t broken_utf8(const char *text, size_t from, size_t to)
{
	size_t n = 1;

	while (n <= 4 && n <= to - from) {
		if (text_utf8(text + from, n)) {
			from += n;
			n = 1;
		} else {
			n++;
		}
	}
	return from;
}

/* At the opening quote. */
static bool scan_string(struct scanner *s)
{
	const char *unended = "the string has no closing quote";
	size_t from;

	s->at++;
	for (;;) {
		unsigned char seen = 0;

		from = s->at;
		while (s->at < s->len) {
			unsigned char c = (unsigned char)s->text[s->at];

			if (c < 0x20 || c == '"' || c == '\\')
				break;
			seen |= c;
			s->at++;
		}
		/* Whole pieces: no sequence crosses a quote or backslash. */
		if (seen >= 0x80 && !text_utf8(s->text + from, s->at - from)) {
			s->at = broken_utf8(s->text, from, s->at);
			return wrong(s, "this is not UTF-8");
		}
		if (s->at == s->len)
			return wrong(s, unended);
		if (s->text[s->at] == '"') {
			s->at++;
			return true;
		}
		if (s->text[s->at] != '\\')
			return wrong(s, "a control character must be written "
					"as an escape");
		if (!scan_escape(s))
			return false;
	}
}

static size_t digits(struct scanner *s)
{
	size_t from = s->at;

	while (peek(s) >= '0' && peek(s) <= '9')
		s->at++;
	return s->at - from;
}

static bool scan_number(struct scanner *s)
{
	if (peek(s) == '-')
		s->at++;
	if (peek(s) == '0') {
		s->at++;
		if (peek(s) >= '0' && peek(s) <= '9')
			return wrong(s, "a number may not begin with 0");
	} else if (digits(s) == 0) {
		return wrong(s, "a digit is missing in the number");
	}
	if (peek(s) == '.') {
		s->at++;
		if (digits(s) == 0)
			return wrong(s, "a digit is missing in the number");
	}
	if (peek(s) == 'e' || peek(s) == 'E') {
		s->at++;
		if (peek(s) == '+' || peek(s) == '-')
			s->at++;
		if (digits(s) == 0)
			return wrong(s, "a digit is missing in the number");
	}
	return true;
}

static bool take_word(struct scanner *s, const char *word)
{
	size_t n = strlen(word);

	if (s->len - s->at < n || memcmp(s->text + s->at, word, n) != 0)
		return false;
	s->at += n;
	return true;
}

/* Leaves a 0 and blanks in the plain copy, where cJSON is to read it. */
static void blank_number(struct scanner *s, size_t from)
{
	memset(s->out->plain + from, ' ', s->at - from);
	s->out->plain[from] = '0';
	s->out->number_bytes += s->at - from + 1;
}

/* A string, a number or a word. */
static bool scan_scalar(struct scanner *s)
{
	size_t index = add_span(s), from = s->at;
	char c = peek(s);

	if (c == '"') {
		if (!scan_string(s))
			return false;
	} else if (s->python &&
		   (take_word(s, "NaN") || take_word(s, "Infinity") ||
		    take_word(s, "-Infinity"))) {
		blank_number(s, from);
	} else if (c == '-' || (c >= '0' && c <= '9')) {
		if (!scan_number(s))
			return false;
		blank_number(s, from);
	} else if (!take_word(s, "true") && !take_word(s, "false") &&
		   !take_word(s, "null")) {
		return wrong(s, s->at == s->len ? "the text ends too early"
						: "a value is missing");
	}
	s->out->spans[index].len = s->at - from;
	return true;
}

/* Up to the colon and what may stand after it. */
static bool scan_key(struct scanner *s)
{
	if (peek(s) != '"')
		return wrong(s, s->at == s->len
					? "the text ends too early"
					: "a key in double quotes is missing");
	if (!scan_string(s))
		return false;
	skip_space(s);
	if (peek(s) != ':')
		return wrong(s, "a colon is missing");
	s->at++;
	skip_space(s);
	return true;
}

static bool in_object(const struct scanner *s)
{
	return s->text[s->out->spans[s->open[s->level - 1]].at] == '{';
}

/* At a bracket: opens it. *empty: and closes it again. */
static bool open_container(struct scanner *s, bool *empty)
{
	char close = peek(s) == '{' ? '}' : ']';

	if (s->level == s->depth)
		return json_scan_problem(s->why, s->text, s->at,
					 "nested deeper than %u levels",
					 s->depth);
	s->open[s->level++] = add_span(s);
	s->at++;
	skip_space(s);
	*empty = peek(s) == close;
	return *empty || close == ']' || scan_key(s);
}

/* After a value: closes what ends here and goes to the next value, or to the
 * end (level 0). */
static bool after_value(struct scanner *s)
{
	while (s->level > 0) {
		struct json_span *span;
		bool object = in_object(s);

		skip_space(s);
		if (peek(s) == ',') {
			s->at++;
			skip_space(s);
			if (peek(s) == (object ? '}' : ']'))
				return wrong(s, "there is a comma too many");
			return !object || scan_key(s);
		}
		if (peek(s) != (object ? '}' : ']'))
			return wrong(s, object ? "a comma or } is missing"
					       : "a comma or ] is missing");
		s->at++;
		span = &s->out->spans[s->open[--s->level]];
		span->len = s->at - span->at;
	}
	return true;
}

static bool scan_all(struct scanner *s)
{
	skip_space(s);
	if (s->at == s->len)
		return wrong(s, "the text is empty");
	if (s->len >= 3 && memcmp(s->text, "\xEF\xBB\xBF", 3) == 0)
		return wrong(s, "the text begins with a byte order mark");
	do {
		bool empty = false;

		if (s->out->count >= JSON_VALUES_MOST)
			return wrong(s, "there are too many values");
		if (peek(s) == '{' || peek(s) == '[') {
			if (!open_container(s, &empty))
				return false;
			if (!empty)
				continue;
		} else if (!scan_scalar(s)) {
			return false;
		}
		if (!after_value(s))
			return false;
	} while (s->level > 0);
	skip_space(s);
	if (s->at < s->len)
		return wrong(s, "there is something after the value");
	return true;
}

bool json_scan(const char *text, size_t len, unsigned depth, bool python,
	       struct json_scan *scan, struct problem *why)
{
	struct scanner s = {.text = text,
			    .len = len,
			    .depth = depth < JSON_DEPTH_MOST ? depth
							     : JSON_DEPTH_MOST,
			    .python = python,
			    .out = scan,
			    .why = why};

	*scan = (struct json_scan){0};
	if (len >= INT_MAX) /* cJSON counts values in an int */
		return problem_set(why, PROBLEM_TOO_LARGE, "",
				   "the JSON text is too large");
	scan->plain = mem_strndup(text, len);
	if (scan_all(&s))
		return true;
	json_scan_finish(scan);
	return false;
}

void json_scan_finish(struct json_scan *scan)
{
	free(scan->spans);
	free(scan->plain);
	*scan = (struct json_scan){0};
}
