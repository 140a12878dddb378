#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "manifest/parts.h"
#include "manifest/reader.h"

#define POINTER_MOST 4096

static void place_write(struct buf *to, const struct place *p)
{
	if (p == NULL)
		return;
	place_write(to, p->up);
	buf_addc(to, '/');
	if (p->key == NULL) {
		buf_addf(to, "%zu", p->index);
		return;
	}
	for (const char *s = p->key; *s != '\0'; s++) {
		if (*s == '~')
			buf_adds(to, "~0");
		else if (*s == '/')
			buf_adds(to, "~1");
		else
			buf_addc(to, *s);
	}
}

const char *place_text(struct reader *r, const struct place *p)
{
	struct buf to;
	const char *text;

	buf_init(&to, POINTER_MOST);
	place_write(&to, p);
	text = arena_strdup(&r->scratch, buf_str(&to));
	buf_finish(&to);
	return text;
}

static void add_error(struct reader *r, const char *file, const struct place *p,
		      const char *rule, const char *fmt, va_list ap)
{
	char detail[PROBLEM_DETAIL_MAX];
	const char *where = file;

	if (p != NULL)
		where = arena_printf(&r->scratch, "%s: %s", file,
				     place_text(r, p));
	if (vsnprintf(detail, sizeof(detail), fmt, ap) < 0)
		abort();
	problem_list_add(r->errors, where, rule, "%s", detail);
	r->failed = true;
}

void reader_error(struct reader *r, const struct place *p, const char *rule,
		  const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_error(r, r->file, p, rule, fmt, ap);
	va_end(ap);
}

void reader_error_in(struct reader *r, const char *file, const struct place *p,
		     const char *rule, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_error(r, file, p, rule, fmt, ap);
	va_end(ap);
}

const char *reader_nearest(struct reader *r, const char *word,
			   const char *const *names, size_t count)
{
	const char *nearest = text_nearest(word, names, count);

	if (nearest == NULL)
		return "";
	return arena_printf(&r->scratch, "; nearest: \"%s\"", nearest);
}

bool reader_wants(struct reader *r, const struct place *p, const struct json *v,
		  enum json_type type)
{
	if (json_is(v, type))
		return true;
	reader_error(r, p, "type", "must be %s, is %s", json_type_name(type),
		     json_type_name(json_type(v)));
	return false;
}

const char *reader_text(struct reader *r, const struct place *p,
			const struct json *v, size_t most)
{
	const char *s = json_string(v);
	size_t n;

	if (!reader_wants(r, p, v, JSON_STRING))
		return NULL;
	n = text_code_points(s, strlen(s));
	if (n == 0) {
		reader_error(r, p, "minLength", "must not be empty");
		return NULL;
	}
	if (n > most) {
		reader_error(r, p, "maxLength",
			     "must have at most %zu characters, has %zu", most,
			     n);
		return NULL;
	}
	return arena_strdup(r->keep, s);
}

const char *reader_json(struct reader *r, const struct json *v)
{
	struct json_writer w;
	struct buf to;
	const char *text;

	/* Escapes may grow a text sixfold; the manifest itself is bounded. */
	buf_init(&to, (size_t)8 << 20);
	json_writer_init(&w, &to);
	json_put_value(&w, v);
	text = arena_strndup(r->keep, buf_str(&to), to.len);
	buf_finish(&to);
	return text;
}

bool reader_name(const char *s, char extra)
{
	size_t n = 0;

	if (s[0] < 'a' || s[0] > 'z')
		return false;
	for (; s[n] != '\0'; n++)
		if (!((s[n] >= 'a' && s[n] <= 'z') ||
		      (s[n] >= '0' && s[n] <= '9') || s[n] == extra))
			return false;
	return n <= 63;
}

const struct key *key_find(const struct key_set *set, const char *name)
{
	for (; set != NULL; set = set->more)
		for (size_t i = 0; i < set->count; i++)
			if (strcmp(set->keys[i].name, name) == 0)
				return &set->keys[i];
	return NULL;
}

static void unknown_key(struct reader *r, const struct place *p,
			const struct key_set *set, const char *what,
			const char *key)
{
	const char *names[64], *hint;
	size_t count = 0;

	assert(set != NULL);
	hint = set->hint != NULL ? set->hint(r, key) : "";
	for (; set != NULL; set = set->more)
		for (size_t i = 0; i < set->count && count < COUNT(names); i++)
			if (set->keys[i].how != KEY_LATER)
				names[count++] = set->keys[i].name;
	if (*hint == '\0')
		hint = reader_nearest(r, key, names, count);
	reader_error(r, p, "unknown", "is no key of %s%s", what, hint);
}

static bool read_whole(struct reader *r, const struct place *p,
		       const struct json *v, const struct key *k, int64_t *n)
{
	if (json_int64(v, n) && *n >= k->least && *n <= k->most)
		return true;
	reader_error(r, p, "type",
		     "must be a whole number from %" PRId64 " to %" PRId64,
		     k->least, k->most);
	return false;
}

static void read_duration(struct reader *r, const struct place *p,
			  const struct json *v, const struct key *k,
			  int64_t *ms)
{
	const char *s = json_string(v);
	int64_t n;

	if (s == NULL || !text_duration(s, &n))
		reader_error(r, p, "duration",
			     "must be a duration such as \"90s\", \"10m\", "
			     "\"24h\" or \"7d\"");
	else if (n < k->least || n > k->most)
		reader_error(r, p, "duration",
			     "must be from %" PRId64 "s to %" PRId64 "s",
			     k->least / 1000, k->most / 1000);
	else
		*ms = n;
}

static void read_key(struct reader *r, const struct place *p,
		     const struct json *v, const struct key *k, void *into)
{
	void *field = (char *)into + k->offset;
	const char *s;
	int64_t n;

	switch (k->how) {
	case KEY_SEEN:
		break;
	case KEY_LATER:
		reader_error(r, p, "unsupported",
			     "\"%s\" is not supported by this version",
			     k->name);
		break;
	case KEY_TEXT:
		s = reader_text(r, p, v, (size_t)k->most);
		if (s != NULL)
			*(const char **)field = s;
		break;
	case KEY_BOOL:
		if (reader_wants(r, p, v, JSON_BOOLEAN))
			*(bool *)field = json_true(v);
		break;
	case KEY_DURATION:
		read_duration(r, p, v, k, field);
		break;
	case KEY_SIZE:
		if (read_whole(r, p, v, k, &n))
			*(size_t *)field = (size_t)n;
		break;
	case KEY_UNSIGNED:
		if (read_whole(r, p, v, k, &n))
			*(unsigned *)field = (unsigned)n;
		break;
	case KEY_INT:
		if (read_whole(r, p, v, k, &n))
			*(int *)field = (int)n;
		break;
	case KEY_INT64:
		if (read_whole(r, p, v, k, &n))
			*(int64_t *)field = n;
		break;
	case KEY_OWN:
		k->read(r, p, v, into);
		break;
	}
}

bool reader_keys(struct reader *r, const struct place *p, const struct json *v,
		 const struct key_set *set, const char *what, void *into)
{
	if (!reader_wants(r, p, v, JSON_OBJECT))
		return false;
	json_each (member, v) {
		const char *name = json_key(member);
		const struct place *at = PLACE_KEY(p, name);
		const struct key *k = key_find(set, name);

		if (k == NULL)
			unknown_key(r, at, set, what, name);
		else
			read_key(r, at, member, k, into);
	}
	return true;
}
