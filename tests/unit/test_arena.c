#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "tap.h"

static int all_zero(const unsigned char *at, size_t n)
{
	while (n > 0 && at[n - 1] == 0)
		n--;
	return n == 0;
}

static void test_sizes(void)
{
	static const size_t sizes[] = {0,    1,	   15,	  16, 17,      1000,
				       1024, 5000, 70000, 1,  1000000, 3};
	struct arena a = {0};
	unsigned char *at[COUNT(sizes)];

	for (size_t i = 0; i < COUNT(sizes); i++) {
		at[i] = arena_alloc(&a, sizes[i]);
		ok((uintptr_t)at[i] % alignof(max_align_t) == 0 &&
			   all_zero(at[i], sizes[i]),
		   "%zu bytes: aligned and zeroed", sizes[i]);
		memset(at[i], (int)i + 1, sizes[i]);
	}
	for (size_t i = 0; i < COUNT(sizes); i++) {
		size_t n = 0;

		while (n < sizes[i] && at[i][n] == i + 1)
			n++;
		ok(n == sizes[i], "%zu bytes: nobody else wrote there",
		   sizes[i]);
	}
	ok(a.held > 1076000, "held counts what was asked of malloc");
	arena_finish(&a);
	ok(a.head == NULL && a.held == 0, "finished");
	arena_finish(&a);
}

static void test_many_small(void)
{
	struct arena a;
	int **at = mem_array(10000, sizeof(*at));
	int good = 0;

	arena_init(&a);
	for (int i = 0; i < 10000; i++) {
		at[i] = arena_array(&a, 1, sizeof(int));
		*at[i] = i;
	}
	for (int i = 0; i < 10000; i++)
		good += *at[i] == i;
	ok(good == 10000, "10000 small pieces keep their values");
	ok(a.held < 400000, "and waste little");
	free(at);
	arena_finish(&a);
}

static void test_texts(void)
{
	struct arena a = {0};
	char *s, *t;

	is_str(arena_strdup(&a, "abc"), "abc", "strdup");
	is_str(arena_strdup(&a, ""), "", "strdup of nothing");
	is_str(arena_strndup(&a, "abcdef", 3), "abc", "strndup");
	is_str(arena_strndup(&a, NULL, 0), "", "strndup of NULL, 0 bytes");
	is_str(arena_printf(&a, "%d-%s", 7, "x"), "7-x", "printf");
	is_str(arena_printf(&a, "%s", ""), "", "printf of nothing");
	is_str(arena_join(&a, "a", "", "bc", NULL), "abc", "join");
	is_str(arena_join(&a, "", NULL), "", "join of nothing");
	arena_finish(&a);
	is_str(arena_join(&a, "first", NULL), "first", "join, nothing held");
	arena_finish(&a);

	s = mem_strdup("abc");
	t = mem_strndup("abcdef", 2);
	is_str(s, "abc", "mem_strdup");
	is_str(t, "ab", "mem_strndup");
	s = mem_resize(s, 1000);
	is_str(s, "abc", "mem_resize keeps the bytes");
	free(s);
	free(t);
}

/* A text is first printed where the next piece would be: of one that does not
 * fit there nothing stays. */
static void test_printf_ends(void)
{
	char text[3000];
	int good = 0, clean = 0;

	memset(text, 'x', sizeof(text));
	for (int n = 0; n < 3000; n++) {
		struct arena a = {0};
		char *before = arena_strdup(&a, "before"), *s, *after;

		s = arena_printf(&a, "%.*s", n, text);
		after = arena_alloc(&a, 900);
		good += strlen(s) == (size_t)n && strcmp(before, "before") == 0;
		clean += all_zero((unsigned char *)after, 900);
		arena_finish(&a);
	}
	ok(good == 3000, "printf of each length");
	ok(clean == 3000, "what comes after is zeroed");
}

int main(void)
{
	test_sizes();
	test_sizes(); /* of memory that has been written to */
	test_many_small();
	test_texts();
	test_printf_ends();
	return tap_done();
}
