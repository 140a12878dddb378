#include <string.h>

#include "base/json.h"
#include "base/json_plain.h"
#include "base/num.h"
#include "base/text.h"

/* The length of what stands there as it is: an ASCII character or a sequence
 * of UTF-8; 0: an escape has to take its place. */
static size_t as_it_is(const char *s, size_t n)
{
	unsigned char c = (unsigned char)*s;
	size_t len = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;

	if (c < 0x80)
		return c >= 0x20 && c != '"' && c != '\\';
	return len <= n && text_utf8(s, len) ? len : 0;
}

static const char *escape_of(unsigned char c, char unit[7])
{
	static const char hex[] = "0123456789abcdef";

	switch (c) {
	case '"':
		return "\\\"";
	case '\\':
		return "\\\\";
	case '\n':
		return "\\n";
	case '\t':
		return "\\t";
	case '\r':
		return "\\r";
	default:
		break;
	}
	/* Whatever it was, the answer stays JSON. */
	if (c >= 0x80)
		return "\xEF\xBF\xBD";
	memcpy(unit, "\\u00", 4);
	unit[4] = hex[c >> 4];
	unit[5] = hex[c & 15];
	unit[6] = '\0';
	return unit;
}

/* How much of s[i..n) is known by one look to stand as it is. The end, too, is
 * looked at by eight bytes, of which some have been seen before. */
static size_t plain_part(const char *s, size_t i, size_t n)
{
	if (n - i >= 8)
		return json_plain(s + i);
	return n >= 8 && json_plain(s + n - 8) == 8 ? n - i : 0;
}

void json_escape(struct buf *to, const char *s, size_t n)
{
	size_t from = 0;
	char unit[7];

	for (size_t i = 0; i < n;) {
		size_t len = plain_part(s, i, n);

		if (len == 0)
			len = as_it_is(s + i, n - i);
		if (len > 0) {
			i += len;
			continue;
		}
		buf_add(to, s + from, i - from);
		buf_adds(to, escape_of((unsigned char)s[i], unit));
		from = ++i;
	}
	buf_add(to, s + from, n - from);
}

void json_writer_init(struct json_writer *w, struct buf *to)
{
	*w = (struct json_writer){.to = to};
}

static void before_value(struct json_writer *w)
{
	if (w->comma)
		buf_addc(w->to, ',');
	w->comma = true;
}

void json_open(struct json_writer *w, char bracket)
{
	before_value(w);
	buf_addc(w->to, bracket);
	w->comma = false;
}

void json_close(struct json_writer *w, char bracket)
{
	buf_addc(w->to, bracket);
	w->comma = true;
}

static void quote(struct json_writer *w, const char *s)
{
	buf_addc(w->to, '"');
	json_escape(w->to, s, strlen(s));
	buf_addc(w->to, '"');
}

void json_put_key(struct json_writer *w, const char *key)
{
	before_value(w);
	quote(w, key);
	buf_addc(w->to, ':');
	w->comma = false;
}

void json_put_string(struct json_writer *w, const char *s)
{
	if (s == NULL) {
		json_put_null(w);
		return;
	}
	before_value(w);
	quote(w, s);
}

static void put_integer(struct json_writer *w, struct integer n)
{
	char text[NUM_INTEGER_TEXT];

	num_integer_print(n, text);
	json_put_raw(w, text);
}

void json_put_int(struct json_writer *w, int64_t n)
{
	uint64_t magnitude = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;

	put_integer(w, (struct integer){n < 0, magnitude});
}

void json_put_uint(struct json_writer *w, uint64_t n)
{
	put_integer(w, (struct integer){false, n});
}

void json_put_bool(struct json_writer *w, bool b)
{
	json_put_raw(w, b ? "true" : "false");
}

void json_put_null(struct json_writer *w)
{
	json_put_raw(w, "null");
}

void json_put_raw(struct json_writer *w, const char *json)
{
	before_value(w);
	buf_adds(w->to, json);
}

void json_put_value(struct json_writer *w, const struct json *v)
{
	bool object = json_is(v, JSON_OBJECT);

	switch (json_type(v)) {
	case JSON_NULL:
		json_put_null(w);
		break;
	case JSON_BOOLEAN:
		json_put_bool(w, json_true(v));
		break;
	case JSON_NUMBER:
		json_put_raw(w, json_number(v));
		break;
	case JSON_STRING:
		json_put_string(w, json_string(v));
		break;
	case JSON_ARRAY:
	case JSON_OBJECT:
		json_open(w, object ? '{' : '[');
		json_each (item, v) {
			if (object)
				json_put_key(w, json_key(item));
			json_put_value(w, item);
		}
		json_close(w, object ? '}' : ']');
		break;
	}
}

void json_member_string(struct json_writer *w, const char *key, const char *s)
{
	json_put_key(w, key);
	json_put_string(w, s);
}

void json_member_int(struct json_writer *w, const char *key, int64_t n)
{
	json_put_key(w, key);
	json_put_int(w, n);
}

void json_member_raw(struct json_writer *w, const char *key, const char *json)
{
	json_put_key(w, key);
	json_put_raw(w, json);
}

void json_member_bool(struct json_writer *w, const char *key, bool b)
{
	json_put_key(w, key);
	json_put_bool(w, b);
}
