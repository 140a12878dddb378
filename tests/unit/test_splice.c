/* Names of files into the text of a graph. */
#include "run/splice.h"
#include "tap.h"

static const struct {
	const char *name, *text;
	struct splice list[3];
	size_t count;
	const char *want; /* NULL: refused */
} cases[] = {
	{"nothing to put in", "{\"a\":1}", {{0}}, 0, "{\"a\":1}"},
	{"one", "{\"a\":}", {{5, "x/y.png"}}, 1, "{\"a\":\"x/y.png\"}"},
	{"two, in any order",
	 "{\"a\":,\"b\":}",
	 {{10, "2"}, {5, "1"}},
	 2,
	 "{\"a\":\"1\",\"b\":\"2\"}"},
	{"a list", "[,7,]", {{1, "1"}, {4, "2"}}, 2, "[\"1\",7,\"2\"]"},
	{"escaped", "[]", {{1, "a\"b\\c\nd"}}, 1, "[\"a\\\"b\\\\c\\nd\"]"},
	{"at the start", "]", {{0, "x"}}, 1, "\"x\"]"},
	{"at the end", "[", {{1, "x"}}, 1, "[\"x\""},
	{"beyond it", "[]", {{3, "x"}}, 1, NULL},
	{"far beyond it", "[]", {{1, "x"}, {(size_t)-1, "y"}}, 2, NULL},
};

int main(void)
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct splice list[3];
		struct arena a = {0};
		const char *got;

		memcpy(list, cases[i].list, sizeof(list));
		got = splice_names(cases[i].text, list, cases[i].count, &a);
		if (cases[i].want == NULL)
			ok(got == NULL, "%s", cases[i].name);
		else
			is_str(got, cases[i].want, cases[i].name);
		arena_finish(&a);
	}
	return tap_done();
}
