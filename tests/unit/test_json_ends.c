/* Where what is taken ends: depth, size, count, and the ends of number types.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/json.h"
#include "tap.h"

static void test_depth(void)
{
	static const struct {
		unsigned nested, limit;
		bool good;
	} cases[] = {
		{0, 0, true},	     {1, 0, false},	{4, 4, true},
		{5, 4, false},	     {64, 64, true},	{65, 64, false},
		{500, 500, true},    {501, 500, false}, {501, 9999, false},
		{200000, 64, false},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t n = cases[i].nested;
		char *text = mem_alloc(2 * n + 1);
		struct json_doc *doc;

		memset(text, '[', n);
		text[n] = '1';
		memset(text + n + 1, ']', n);
		doc = json_parse(text, 2 * n + 1, cases[i].limit, NULL);
		ok((doc != NULL) == cases[i].good, "%zu deep of %u", n,
		   cases[i].limit);
		json_free(doc);
		free(text);
	}
}

static void test_int64(void)
{
	static const struct {
		const char *text;
		bool good;
		int64_t want;
	} cases[] = {
		{"0", true, 0},
		{"-0", true, 0},
		{"-7", true, -7},
		{"9223372036854775807", true, INT64_MAX},
		{"-9223372036854775808", true, INT64_MIN},
		{"-9223372036854775807", true, -INT64_MAX},
		{"9223372036854775808", false, 0},
		{"-9223372036854775809", false, 0},
		{"1.0", false, 0},
		{"1e3", false, 0},
		{"\"1\"", false, 0},
		{"true", false, 0},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct json_doc *doc = json_parse(
			cases[i].text, strlen(cases[i].text), 64, NULL);
		int64_t n = 0;
		bool good = json_int64(json_root(doc), &n);

		ok(good == cases[i].good && n == cases[i].want, "int64 %s",
		   cases[i].text);
		json_free(doc);
	}
	ok(!json_int64(NULL, &(int64_t){0}), "int64 of NULL");
}

static void test_double_overflow(void)
{
	struct json_doc *doc =
		json_parse("[1e400,1e308,-1e-400]", 21, 64, NULL);

	ok(json_double(json_at(json_root(doc), 0), 5) == 5,
	   "beyond a double: otherwise");
	ok(json_double(json_at(json_root(doc), 1), 5) == 1e308, "within one");
	ok(json_double(json_at(json_root(doc), 2), 5) == 0, "too small: zero");
	json_free(doc);
}

static void test_large(void)
{
	const unsigned members = 400000;
	struct problem why = {0};
	struct json_doc *doc;
	struct buf b;

	buf_init(&b, 16 << 20);
	buf_addc(&b, '{');
	for (unsigned i = 0; i < members; i++)
		buf_addf(&b, "%s\"key number %u\":%u", i ? "," : "",
			 i * 7919 % members, i);
	buf_addc(&b, '}');
	doc = json_parse(buf_str(&b), b.len, 64, &why);
	ok(doc != NULL && json_count(json_root(doc)) == members,
	   "one object of 8 MB with %u keys", members);
	json_free(doc);
	b.at[b.len - 1] = ',';
	buf_adds(&b, "\"key number 4711\":1}");
	doc = json_parse(buf_str(&b), b.len, 64, &why);
	ok(doc == NULL &&
		   strstr(why.detail, "\"key number 4711\" stands twice"),
	   "the one key that stands twice in it is found");
	json_free(doc);
	buf_finish(&b);
}

static void test_many(void)
{
	size_t count = 2000000; /* values beside the array around them */
	char *text = mem_alloc(2 * count + 2);
	struct problem why = {0};
	struct json_doc *doc;

	text[0] = '[';
	for (size_t i = 0; i < count; i++)
		memcpy(text + 1 + 2 * i, "0,", 2);
	text[2 * count] = ']';
	doc = json_parse(text, 2 * count + 1, 4, &why);
	ok(doc == NULL && strstr(why.detail, "too many values") != NULL,
	   "two million and one values are too many");
	json_free(doc);
	text[2 * count - 2] = ']';
	doc = json_parse(text, 2 * count - 1, 4, &why);
	ok(doc != NULL && json_count(json_root(doc)) == count - 1,
	   "two million are not");
	json_free(doc);
	free(text);
}

int main(void)
{
	test_many();
	test_depth();
	test_int64();
	test_double_overflow();
	test_large();
	return tap_done();
}
