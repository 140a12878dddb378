#include <stdlib.h>

#include "base/buf.h"
#include "tap.h"

static const struct {
	const char *what;
	size_t max;
	const char *parts[4];
	const char *want; /* NULL: the buffer must say it is over */
} cases[] = {
	{"empty", 8, {NULL}, ""},
	{"joins", 8, {"ab", "", "cd"}, "abcd"},
	{"exactly full", 4, {"ab", "cd"}, "abcd"},
	{"one too many", 4, {"ab", "cde"}, NULL},
	{"stays over once over", 4, {"abcde", "a"}, NULL},
};

static void test_parts(void)
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buf b;
		char *s;

		buf_init(&b, cases[i].max);
		for (size_t p = 0; p < 4 && cases[i].parts[p]; p++)
			buf_adds(&b, cases[i].parts[p]);
		ok(buf_over(&b) == (cases[i].want == NULL), "%s: over",
		   cases[i].what);
		s = buf_take(&b);
		is_str(s ? s : "(over)",
		       cases[i].want ? cases[i].want : "(over)", cases[i].what);
		free(s);
	}
}

static void test_format_grows(void)
{
	struct buf b;

	buf_init(&b, 4096);
	for (int i = 0; i < 300; i++)
		buf_addf(&b, "%d,", i % 10);
	ok(b.len == 600 && !buf_over(&b), "300 formatted appends");
	ok(buf_str(&b)[599] == ',' && buf_str(&b)[600] == '\0', "terminated");
	buf_finish(&b);
}

/* At each distance from the end of what is allocated. */
static void test_format_ends(void)
{
	char text[600];
	int good = 0;

	memset(text, 'x', sizeof(text));
	for (int n = 0; n < 600; n++) {
		struct buf b;

		buf_init(&b, 500);
		buf_adds(&b, "abc");
		buf_addf(&b, "%.*s", n, text);
		good += buf_over(&b) == (n > 497) &&
			b.len == (n > 497 ? 3u : 3u + (unsigned)n) &&
			strlen(buf_str(&b)) == b.len;
		buf_finish(&b);
	}
	ok(good == 600, "formatted appends of each length");
}

static void test_clear(void)
{
	struct buf b;
	const char *before;

	buf_init(&b, 4);
	buf_clear(&b);
	is_str(buf_str(&b), "", "clearing an empty one");
	buf_adds(&b, "abcd");
	before = b.at;
	buf_addc(&b, 'e');
	ok(buf_over(&b), "a character too many");
	buf_clear(&b);
	ok(!buf_over(&b) && b.len == 0, "cleared: no longer over");
	is_str(buf_str(&b), "", "cleared: empty");
	buf_addc(&b, 'x');
	buf_addc(&b, '\0');
	ok(b.len == 2 && b.at[0] == 'x' && b.at == before,
	   "the memory is used again, a NUL counts as a byte");
	buf_finish(&b);
}

int main(void)
{
	test_parts();
	test_format_grows();
	test_format_ends();
	test_clear();
	return tap_done();
}
