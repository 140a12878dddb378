#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "tap.h"

/* Writing. What is read, and printed again, is in test_json.c. */

static void test_writing(void)
{
	struct json_writer w;
	struct buf b;

	buf_init(&b, 4096);
	json_writer_init(&w, &b);
	json_open(&w, '{');
	json_member_string(&w, "a\"", "x\n\x01\xC3\xA9\\");
	json_member_string(&w, "none", NULL);
	json_member_int(&w, "n", INT64_MIN);
	json_member_bool(&w, "t", true);
	json_member_raw(&w, "r", "[1.50]");
	json_put_key(&w, "l");
	json_open(&w, '[');
	json_put_uint(&w, UINT64_MAX);
	json_put_bool(&w, false);
	json_put_null(&w);
	json_open(&w, '[');
	json_close(&w, ']');
	json_open(&w, '{');
	json_close(&w, '}');
	json_put_string(&w, "");
	json_close(&w, ']');
	json_close(&w, '}');
	is_str(buf_str(&b),
	       "{\"a\\\"\":\"x\\n\\u0001\xC3\xA9\\\\\",\"none\":null,"
	       "\"n\":-9223372036854775808,\"t\":true,\"r\":[1.50],"
	       "\"l\":[18446744073709551615,false,null,[],{},\"\"]}",
	       "everything at once");
	buf_clear(&b);
	json_escape(&b, "a\xFF\xC3(\xE2\x82\t\r/\x7F", 10);
	is_str(buf_str(&b),
	       "a\xEF\xBF\xBD\xEF\xBF\xBD(\xEF\xBF\xBD\xEF\xBF\xBD\\t\\r/\x7F",
	       "bytes that are no UTF-8 never get out");
	buf_finish(&b);
}

/* Each byte in each place of a text: only what must be escaped is. */
static void test_escaping(void)
{
	int good = 0;

	for (int c = 0; c < 256; c++) {
		for (size_t at = 0; at < 20; at++) {
			char text[20], want[32], code[8];
			struct buf b;

			memset(text, 'a', sizeof(text));
			text[at] = (char)c;
			snprintf(code, sizeof(code), "\\u%04x", (unsigned)c);
			snprintf(want, sizeof(want), "%.*s%s%.*s", (int)at,
				 text,
				 c >= 0x80   ? "\xEF\xBF\xBD"
				 : c == '"'  ? "\\\""
				 : c == '\\' ? "\\\\"
				 : c == '\n' ? "\\n"
				 : c == '\t' ? "\\t"
				 : c == '\r' ? "\\r"
				 : c < 0x20  ? code
					     : (char[]){(char)c, '\0'},
				 (int)(19 - at), "aaaaaaaaaaaaaaaaaaaa");
			buf_init(&b, 100);
			json_escape(&b, text, sizeof(text));
			good += strcmp(buf_str(&b), want) == 0;
			buf_finish(&b);
		}
	}
	ok(good == 256 * 20, "each byte in each place");
}

int main(void)
{
	test_writing();
	test_escaping();
	return tap_done();
}
