#include "base/problem.h"
#include "base/text.h"
#include "tap.h"

static void test_names(void)
{
	for (int i = 0; i < PROBLEM__COUNT; i++) {
		enum problem_code code = (enum problem_code)i;
		const char *name = problem_name(code);

		ok(problem_from_name(name) == code, "%s there and back", name);
	}
	ok(problem_from_name("") == PROBLEM_NONE, "no name");
	ok(problem_from_name("Internal") == PROBLEM_NONE, "case counts");
	is_str(problem_name(PROBLEM_INVALID_INPUT), "invalid-input", "a name");
}

static void test_set(void)
{
	struct problem p = {0};
	char longer[2000];

	ok(!problem_set(NULL, PROBLEM_INTERNAL, NULL, "x"), "nobody asks why");
	ok(!problem_set(&p, PROBLEM_GONE, "/a", "%d of %s", 3, "x"), "false");
	ok(p.code == PROBLEM_GONE, "the code");
	is_str(p.where, "/a", "where");
	is_str(p.detail, "3 of x", "the detail");
	problem_set(&p, PROBLEM_CONFLICT, p.where, "again: %s", p.detail);
	is_str(p.detail, "again: 3 of x", "built from itself");
	is_str(p.where, "/a", "where, from itself");
	problem_set(&p, PROBLEM_CONFLICT, NULL, "x");
	is_str(p.where, "", "no place");

	for (size_t shift = 0; shift < 4; shift++) {
		memset(longer, 'a', shift);
		for (size_t i = shift; i + 5 < sizeof(longer); i += 4)
			memcpy(longer + i, "\xF0\x9F\x98\x80", 5);
		problem_set(&p, PROBLEM_INTERNAL, longer, "%s", longer);
		ok(strlen(p.detail) > PROBLEM_DETAIL_MAX - 5 &&
			   text_utf8(p.detail, strlen(p.detail)),
		   "detail cut between characters, %zu", shift);
		ok(strlen(p.where) > PROBLEM_WHERE_MAX - 5 &&
			   text_utf8(p.where, strlen(p.where)),
		   "where cut between characters, %zu", shift);
	}
}

static void test_list(void)
{
	struct arena a = {0};
	struct problem_list l;
	char where[32];

	problem_list_init(&l, &a);
	ok(l.count == 0 && !l.more, "begins empty");
	for (int i = 0; i < PROBLEM_LIST_MAX; i++) {
		snprintf(where, sizeof(where), "/%d", i);
		problem_list_add(&l, where, "maximum", "is %d", i);
	}
	ok(l.count == PROBLEM_LIST_MAX && !l.more, "as many as it keeps");
	problem_list_add(&l, "/x", "type", "one more");
	ok(l.count == PROBLEM_LIST_MAX && l.more, "says that there are more");
	is_str(l.items[0].where, "/0", "the first");
	is_str(l.items[99].detail, "is 99", "the last");
	is_str(l.items[42].rule, "maximum", "the rule");
	arena_finish(&a);
}

int main(void)
{
	test_names();
	test_set();
	test_list();
	return tap_done();
}
