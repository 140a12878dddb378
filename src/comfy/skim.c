#include "comfy/skim.h"

#include <stddef.h>
#include <string.h>

static void skip_space(struct skim *s)
{
	while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' ||
				  *s->at == '\n' || *s->at == '\r'))
		s->at++;
}

bool skim_next_is(struct skim *s, char c)
{
	skip_space(s);
	return s->at < s->end && *s->at == c;
}

bool skim_take(struct skim *s, char c)
{
	if (!skim_next_is(s, c))
		return false;
	s->at++;
	return true;
}

/* Of a string whose first character is there; NULL: it has none. A quote
 * behind an odd number of backslashes is none; the opening one ends them. */
static const char *closing_quote(const char *first, const char *end)
{
	const char *quote = first, *slash;

	for (;; quote++) {
		quote = memchr(quote, '"', (size_t)(end - quote));
		if (quote == NULL)
			return NULL;
		for (slash = quote; slash[-1] == '\\';)
			slash--;
		if ((quote - slash) % 2 == 0)
			return quote;
	}
}

bool skim_string(struct skim *s, struct skim *inside)
{
	const char *quote;

	if (!skim_take(s, '"'))
		return false;
	quote = closing_quote(s->at, s->end);
	if (quote == NULL)
		return false;
	*inside = (struct skim){s->at, quote};
	s->at = quote + 1;
	return true;
}

/* Behind the value; NULL: it does not end. A number or a word ends before what
 * follows it. */
static const char *behind_value(const char *at, const char *end)
{
	size_t depth = 0;

	for (; at < end; at++) {
		switch (*at) {
		case '"':
			at = closing_quote(at + 1, end);
			if (at == NULL || depth == 0)
				return at == NULL ? NULL : at + 1;
			break;
		case '[':
		case '{':
			depth++;
			break;
		case ']':
		case '}':
			if (depth == 0)
				return at;
			if (--depth == 0)
				return at + 1;
			break;
		case ',':
			if (depth == 0)
				return at;
			break;
		default:
			break;
		}
	}
	return NULL;
}

bool skim_value(struct skim *s, struct skim *value)
{
	const char *end;

	skip_space(s);
	if (s->at < s->end && strchr(",:]}", *s->at) != NULL)
		return false;
	end = behind_value(s->at, s->end);
	if (end == NULL)
		return false;
	*value = (struct skim){s->at, end};
	s->at = end;
	return true;
}

bool skim_object(struct skim *s,
		 bool (*member)(struct skim *s, struct skim key, void *ctx),
		 void *ctx)
{
	struct skim key;

	if (!skim_take(s, '{'))
		return false;
	if (skim_take(s, '}'))
		return true;
	do {
		if (!skim_string(s, &key) || !skim_take(s, ':') ||
		    !member(s, key, ctx))
			return false;
	} while (skim_take(s, ','));
	return skim_take(s, '}');
}

bool skim_is(struct skim text, const char *word)
{
	size_t n = strlen(word);

	return (size_t)(text.end - text.at) == n &&
	       memcmp(text.at, word, n) == 0;
}
