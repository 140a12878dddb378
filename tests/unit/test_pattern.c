#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "manifest/pattern.h"
#include "tap.h"

/* The table is a file, so that a JavaScript engine is held against it, too:
 * tests/manifest_schema.test.mjs. */
#define TABLE "tests/cases/patterns.json"

static void check_texts(const struct pattern *p, const struct json *row,
			const char *key, bool want)
{
	size_t i = 0;

	json_each (text, json_get(row, key)) {
		const char *s = json_string(text);

		ok(pattern_matches(p, s, strlen(s)) == want, "%s: %s text %zu",
		   json_string(json_get(row, "name")),
		   want ? "matches" : "does not match", i++);
	}
}

static void check_row(const struct json *row)
{
	const char *pattern = json_string(json_get(row, "pattern"));
	struct arena arena = {0};
	struct problem why = {0};
	struct pattern *p = pattern_compile(&arena, pattern, &why);

	ok(p != NULL, "%s: compiles", json_string(json_get(row, "name")));
	if (p == NULL) {
		fprintf(stderr, "# %s\n", why.detail);
	} else {
		check_texts(p, row, "yes", true);
		check_texts(p, row, "no", false);
	}
	arena_finish(&arena);
}

static void check_refused(const struct json *row)
{
	const char *pattern = json_string(json_get(row, "pattern"));
	struct arena arena = {0};
	struct problem why = {0};

	ok(pattern_compile(&arena, pattern, &why) == NULL, "%s is refused",
	   pattern);
	is_str(why.detail, json_string(json_get(row, "says")), pattern);
	arena_finish(&arena);
}

/* Steps, not seconds: what a machine that tries one way after the other would
 * need 2^n for. */
static void check_labour(void)
{
	static const struct {
		const char *pattern;
		size_t size; /* of the program, at most */
	} cases[] = {
		{"(a*)*b", 8},
		{"(a+)+b", 12},
		{"^(a|a)*b$", 10},
		{"^(a|aa)+b$", 12},
		{"(.*)*(.*)*(.*)*z", 20},
		{"^(a?){30}a{30}b$", 120},
	};
	enum { LONG = 20000 };
	char *text = malloc(LONG);

	memset(text, 'a', LONG);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena arena = {0};
		struct pattern *p =
			pattern_compile(&arena, cases[i].pattern, NULL);
		size_t steps = 0;

		ok(p != NULL && !pattern_matches_counted(p, text, LONG, &steps),
		   "%s: no match", cases[i].pattern);
		ok(steps > 0 && steps <= cases[i].size * (LONG + 1),
		   "%s: %zu steps for %d characters", cases[i].pattern, steps,
		   LONG);
		arena_finish(&arena);
	}
	free(text);
}

/* The longest program and the deepest groups that are taken. */
static void check_limits(void)
{
	char deep[256] = "";
	struct arena arena = {0};
	struct problem why = {0};

	ok(pattern_compile(&arena, "a{1000}b{990}", &why) != NULL,
	   "nearly 2000 steps");
	ok(pattern_compile(&arena, "a{1000}b{1000}", &why) == NULL,
	   "more than 2000 steps");
	for (int i = 0; i < 50; i++)
		strncat(deep, "(", 2);
	for (int i = 0; i < 50; i++)
		strncat(deep, ")", 2);
	ok(pattern_compile(&arena, deep, &why) != NULL, "50 groups deep");
	for (int i = 0; i < 51; i++)
		deep[i] = '(';
	ok(pattern_compile(&arena, deep, &why) == NULL, "51 groups deep");
	is_str(why.detail, "groups too deep in each other at character 52",
	       "what is wrong with it");
	arena_finish(&arena);
}

int main(void)
{
	struct problem why;
	size_t len;
	char *text = file_read(TABLE, 1 << 20, &len, &why);
	struct json_doc *doc = text ? json_parse(text, len, 10, &why) : NULL;

	ok(doc != NULL, "the table of patterns");
	json_each (row, json_get(json_root(doc), "matches"))
		check_row(row);
	json_each (row, json_get(json_root(doc), "refused"))
		check_refused(row);
	json_each (row, json_get(json_root(doc), "unsupported"))
		check_refused(row);
	json_free(doc);
	free(text);
	check_labour();
	check_limits();
	return tap_done();
}
