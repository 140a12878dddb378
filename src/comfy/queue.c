#include "comfy/queue.h"

#include <string.h>

struct scan {
	const char *at;
	const char *end;
};

static void skip_space(struct scan *s)
{
	while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' ||
				  *s->at == '\n' || *s->at == '\r'))
		s->at++;
}

static bool next_is(struct scan *s, char c)
{
	skip_space(s);
	return s->at < s->end && *s->at == c;
}

static bool take(struct scan *s, char c)
{
	if (!next_is(s, c))
		return false;
	s->at++;
	return true;
}

/* The raw text between the quotes: ids and keys hold no escapes. */
static bool take_string(struct scan *s, const char **text, size_t *len)
{
	if (!take(s, '"'))
		return false;
	*text = s->at;
	while (s->at < s->end && *s->at != '"')
		s->at += *s->at == '\\' ? 2 : 1;
	if (s->at >= s->end)
		return false;
	*len = (size_t)(s->at - *text);
	s->at++;
	return true;
}

/* One value of any kind. Brackets are counted, not matched by kind: nothing
 * but where it ends is of interest. */
static bool skip_value(struct scan *s)
{
	const char *text;
	size_t len, depth = 0;

	skip_space(s);
	if (s->at < s->end && strchr(",:]}", *s->at) != NULL)
		return false;
	while (s->at < s->end) {
		char c = *s->at;

		if (c == '"') {
			if (!take_string(s, &text, &len))
				return false;
			if (depth == 0)
				return true;
			continue;
		}
		if (depth == 0 && (c == ',' || c == ']' || c == '}'))
			return true; /* behind a number or a word */
		s->at++;
		if (c == '[' || c == '{')
			depth++;
		if ((c == ']' || c == '}') && --depth == 0)
			return true;
	}
	return false;
}

/* [number, "id", …]: is it the one asked for? */
static bool entry(struct scan *s, const char *prompt_id, bool *found)
{
	struct scan inside = *s;
	const char *text;
	size_t len;

	if (!next_is(s, '[') || !skip_value(s))
		return false;
	inside.end = s->at;
	if (take(&inside, '[') && skip_value(&inside) && take(&inside, ',') &&
	    take_string(&inside, &text, &len))
		*found |= len == strlen(prompt_id) &&
			  memcmp(text, prompt_id, len) == 0;
	return true;
}

static bool list(struct scan *s, const char *prompt_id, int64_t *count,
		 bool *found)
{
	if (!take(s, '['))
		return false;
	if (take(s, ']'))
		return true;
	do {
		if (!entry(s, prompt_id, found))
			return false;
		++*count;
	} while (take(s, ','));
	return take(s, ']');
}

static bool key_is(const char *text, size_t len, const char *key)
{
	return len == strlen(key) && memcmp(text, key, len) == 0;
}

bool queue_read(const char *text, size_t len, const char *prompt_id,
		struct queue *out)
{
	struct scan s = {text, text + len};
	bool running = false, pending = false;

	memset(out, 0, sizeof(*out));
	if (!take(&s, '{'))
		return false;
	do {
		const char *key;
		size_t key_len;
		bool good;

		if (!take_string(&s, &key, &key_len) || !take(&s, ':'))
			return false;
		if (key_is(key, key_len, "queue_running")) {
			running = true;
			good = list(&s, prompt_id, &out->running,
				    &out->found_running);
		} else if (key_is(key, key_len, "queue_pending")) {
			pending = true;
			good = list(&s, prompt_id, &out->pending,
				    &out->found_pending);
		} else {
			good = skip_value(&s);
		}
		if (!good)
			return false;
	} while (take(&s, ','));
	return take(&s, '}') && running && pending;
}
