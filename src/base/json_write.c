#include <string.h>

#include "base/json.h"
#include "base/num.h"
#include "base/text.h"

/* Eight characters that stay as they are? Each byte's upper bit is set where it
 * is none: above 0x7f, below ' ', a quote, a backslash. A byte behind such a
 * one may be taken for one, too. */
static bool plain(const char *s)
{
	const uint64_t each = UINT64_C(0x0101010101010101);
	uint64_t v;

	memcpy(&v, s, sizeof(v));
	v |= (v - each * ' ') | ((v ^ each * '"') - each) |
	     ((v ^ each * '\\') - each);
	return (v & each << 7) == 0;
}

void json_escape(struct buf *to, const char *s, size_t n)
{
	static const char hex[] = "0123456789abcdef";
	size_t from = 0;

	for (size_t i = 0; i < n;) {
		unsigned char c = (unsigned char)s[i];
		char unit[7] = "\\u00";
		const char *escape = unit;
		size_t len = 1;

		if (n - i >= 8 && plain(s + i)) {
			i += 8;
			continue;
		}
		if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
			i++;
			continue;
		}
		if (c >= 0x80) {
			len = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
			if (len <= n - i && text_utf8(s + i, len)) {
				i += len;
				continue;
			}
			/* Whatever it was, the answer stays JSON. */
			len = 1;
			escape = "\xEF\xBF\xBD";
		} else if (c == '"' || c == '\\') {
			escape = c == '"' ? "\\\"" : "\\\\";
		} else if (c == '\n') {
			escape = "\\n";
		} else if (c == '\t') {
			escape = "\\t";
		} else if (c == '\r') {
			escape = "\\r";
		} else {
			unit[4] = hex[c >> 4];
			unit[5] = hex[c & 15];
		}
		buf_add(to, s + from, i - from);
		buf_adds(to, escape);
		i += len;
		from = i;
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
