#include "base/text.h"
#include "tap.h"

static const struct {
	const char *what, *s;
	bool good;
	size_t points;
} utf8[] = {
	{"empty", "", true, 0},
	{"ASCII", "abc", true, 3},
	{"two bytes", "\xC3\xA9", true, 1},
	{"three bytes", "\xE2\x82\xAC", true, 1},
	{"four bytes", "\xF0\x9F\x98\x80", true, 1},
	{"last code point", "\xF4\x8F\xBF\xBF", true, 1},
	{"below surrogates", "\xED\x9F\xBF", true, 1},
	{"above surrogates", "\xEE\x80\x80", true, 1},
	{"mixed", "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z", true, 5},
	{"lone continuation", "\x80", false, 0},
	{"cut two", "\xC3", false, 0},
	{"cut three", "\xE2\x82", false, 0},
	{"cut four", "\xF0\x9F\x98", false, 0},
	{"overlong two", "\xC0\xAF", false, 0},
	{"overlong two, C1", "\xC1\xBF", false, 0},
	{"overlong three", "\xE0\x9F\xBF", false, 0},
	{"overlong four", "\xF0\x8F\xBF\xBF", false, 0},
	{"surrogate", "\xED\xA0\x80", false, 0},
	{"past the end", "\xF4\x90\x80\x80", false, 0},
	{"F5", "\xF5\x80\x80\x80", false, 0},
	{"FF", "\xFF", false, 0},
	{"bad second", "\xE2(\xA1", false, 0},
	{"bad third", "\xE2\x82(", false, 0},
	{"bad fourth", "\xF0\x9F\x98(", false, 0},
};

static void test_utf8(void)
{
	for (size_t i = 0; i < COUNT(utf8); i++) {
		size_t n = strlen(utf8[i].s);

		ok(text_utf8(utf8[i].s, n) == utf8[i].good, "UTF-8: %s",
		   utf8[i].what);
		if (utf8[i].good)
			ok(text_code_points(utf8[i].s, n) == utf8[i].points,
			   "code points: %s", utf8[i].what);
	}
	ok(text_utf8("a\0b", 3), "a NUL is a character");
}

static void test_copy(void)
{
	char to[4] = "xxx";

	text_copy(to, sizeof(to), "abcdef");
	is_str(to, "abc", "as much as there is room for");
	text_copy(to, sizeof(to), "ab");
	is_str(to, "ab", "all of it");
	text_copy(to, 1, "ab");
	is_str(to, "", "room for the NUL alone");
}

static void test_compare(void)
{
	ok(text_starts("abc", "ab") && text_starts("abc", "") &&
		   !text_starts("ab", "abc") && !text_starts("abc", "b"),
	   "starts");
	ok(text_ends("abc", "bc") && text_ends("abc", "") &&
		   !text_ends("bc", "abc") && !text_ends("abc", "ab"),
	   "ends");
	ok(text_same_nocase("Content-Type", "content-TYPE"), "case ignored");
	ok(!text_same_nocase("a", "ab") && !text_same_nocase("ab", "a"),
	   "length counts");
	ok(!text_same_nocase("[", "{") && !text_same_nocase("@", "`"),
	   "only letters have case");
}

static void test_nearest(void)
{
	static const char *const names[] = {"steps",  "prompt",	   "width",
					    "height", "cfg_scale", "seed"};
	static const struct {
		const char *word, *want;
	} words[] = {
		{"stpes", "steps"},
		{"step", "steps"},
		{"Prompt", "prompt"},
		{"promt", "prompt"},
		{"wdith", "width"},
		{"hight", "height"},
		{"cfgscale", "cfg_scale"},
		{"sede", "seed"},
		{"banana", NULL},
		{"", NULL},
		{"x", NULL},
		{"negative_prompt", NULL},
	};
	char big[100];

	for (size_t i = 0; i < COUNT(words); i++) {
		const char *got =
			text_nearest(words[i].word, names, COUNT(names));

		is_str(got ? got : "(none)",
		       words[i].want ? words[i].want : "(none)", words[i].word);
	}
	memset(big, 'a', 99);
	big[99] = '\0';
	ok(text_nearest(big, names, COUNT(names)) == NULL, "a long word");
	ok(text_nearest("a", names, 0) == NULL, "no names");
}

static const struct {
	const char *s;
	bool plus;
	const char *want; /* NULL: refused */
} escapes[] = {
	{"abc", false, "abc"},
	{"a%20b", false, "a b"},
	{"a+b", false, "a+b"},
	{"a+b", true, "a b"},
	{"%C3%a9", false, "\xC3\xA9"},
	{"%2", false, NULL},
	{"%", false, NULL},
	{"a%zz", false, NULL},
	{"%00", false, NULL},
	{"%2B", true, "+"},
	{"%25%2f", false, "%/"},
	{"", false, ""},
};

static void test_percent(void)
{
	struct arena a = {0};
	struct buf b;

	for (size_t i = 0; i < COUNT(escapes); i++) {
		char *out = NULL;
		bool good = text_percent_decode(&a, escapes[i].s,
						strlen(escapes[i].s),
						escapes[i].plus, &out);

		is_str(good ? out : "(refused)",
		       escapes[i].want ? escapes[i].want : "(refused)",
		       escapes[i].s);
	}
	buf_init(&b, 1000);
	text_percent_encode(&b, "aZ09-._~ /?&=+%\xC3\xA9");
	is_str(buf_str(&b), "aZ09-._~%20%2F%3F%26%3D%2B%25%C3%A9", "encoded");
	buf_finish(&b);
	arena_finish(&a);
}

static void test_duration(void)
{
	static const struct {
		const char *s;
		int64_t want; /* -1: refused */
	} cases[] = {
		{"90s", 90000},
		{"10m", 600000},
		{"24h", 86400000},
		{"7d", 604800000},
		{"250ms", 250},
		{"0s", 0},
		{"366d", INT64_C(31622400000)},
		{"367d", -1},
		{"8785h", -1},
		{"", -1},
		{"s", -1},
		{"5", -1},
		{"5 s", -1},
		{"5S", -1},
		{"-5s", -1},
		{"+5s", -1},
		{"1.5s", -1},
		{"5sec", -1},
		{"99999999999999999999s", -1},
		{"99999999999999999999999s", -1},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		int64_t ms = -1;

		if (!text_duration(cases[i].s, &ms))
			ms = -1;
		ok(ms == cases[i].want, "duration '%s'", cases[i].s);
	}
}

static void test_query(void)
{
	static const struct {
		const char *query, *name, *want;
	} cases[] = {
		{"a=1&b=2", "a", "1"},	  {"a=1&b=2", "b", "2"},
		{"a=1&b=2", "c", NULL},	  {"a=1&a=2", "a", "1"},
		{"a=%41+b", "a", "A b"},  {"%61=1", "a", "1"},
		{"a", "a", ""},		  {"a=", "a", ""},
		{"ab=1", "a", NULL},	  {"b=a=1", "a", NULL},
		{"b=x=1", "b", "x=1"},	  {"&&a=1", "a", "1"},
		{"a=%zz&a=1", "a", NULL}, {"%zz=1&a=1", "a", "1"},
		{"", "a", NULL},	  {NULL, "a", NULL},
	};
	struct arena a = {0};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char *got = text_query(&a, cases[i].query, cases[i].name);

		is_str(got ? got : "(none)",
		       cases[i].want ? cases[i].want : "(none)",
		       cases[i].query ? cases[i].query : "no query");
	}
	arena_finish(&a);
}

int main(void)
{
	test_utf8();
	test_copy();
	test_compare();
	test_nearest();
	test_percent();
	test_duration();
	test_query();
	return tap_done();
}
