#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/text.h"
#include "tap.h"

static int pipe_in, saved_stderr;
static char seen[65536];

static void capture(void)
{
	int ends[2];

	fflush(stderr);
	if (pipe(ends) != 0)
		abort();
	fcntl(ends[0], F_SETPIPE_SZ, (int)sizeof(seen));
	saved_stderr = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	pipe_in = ends[0];
}

static const char *captured(void)
{
	size_t n = 0;
	ssize_t got;

	dup2(saved_stderr, STDERR_FILENO); /* closes the last writing end */
	close(saved_stderr);
	while ((got = read(pipe_in, seen + n, sizeof(seen) - 1 - n)) > 0)
		n += (size_t)got;
	close(pipe_in);
	seen[n] = '\0';
	return seen;
}

static const struct {
	const char *what, *value, *want; /* after "k=" */
} values[] = {
	{"plain", "abc-1.5/x", "abc-1.5/x"},
	{"empty", "", "\"\""},
	{"space", "a b", "\"a b\""},
	{"equals", "a=b", "\"a=b\""},
	{"quote", "a\"b", "\"a\\\"b\""},
	{"backslash", "a\\b", "\"a\\\\b\""},
	{"newline", "a\nlevel=error", "\"a\\nlevel=error\""},
	{"carriage return", "a\rb", "\"a\\x0db\""},
	{"escape sequence", "\x1b[31m", "\"\\x1b[31m\""},
	{"delete", "a\x7f", "\"a\\x7f\""},
	{"UTF-8", "\xC3\xA9t\xC3\xA9", "\xC3\xA9t\xC3\xA9"},
	{"broken UTF-8", "a\xC3", "\"a\\xc3\""},
	{"C1 control", "a\xC2\x9B", "\"a\\xc2\\x9b\""},
	{"line separator", "a\xE2\x80\xA8", "\"a\\xe2\\x80\\xa8\""},
	{"emoji", "\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80"},
};

static void test_values(void)
{
	for (size_t i = 0; i < COUNT(values); i++) {
		const char *line, *at;
		char want[256];

		capture();
		log_event(LOG_WARN, "test.event", "k", values[i].value, "none",
			  NULL, "n", log_num(-5), NULL);
		line = captured();
		at = strstr(line, " warn test.event ");
		ok(at == line + 24, "%s: time, level, event", values[i].what);
		snprintf(want, sizeof(want), "k=%s n=-5\n", values[i].want);
		is_str(at ? at + 17 : line, want, values[i].what);
	}
}

static void test_levels(void)
{
	int looked_at = 0;

	capture();
	log_event(LOG_DEBUG, "hidden", "n", log_num(++looked_at), NULL);
	log_set_level(LOG_ERROR);
	log_event(LOG_WARN, "hidden", NULL);
	log_event(LOG_ERROR, "shown", NULL);
	log_set_level(LOG_NONE);
	log_event(LOG_ERROR, "hidden", NULL);
	log_set_level(LOG_DEBUG);
	log_event(LOG_DEBUG, "shown", NULL);
	log_set_level(LOG_INFO);
	captured();
	ok(strstr(seen, "hidden") == NULL, "below the level: nothing");
	ok(looked_at == 0, "and nothing is made for it");
	ok(strstr(seen, "error shown\n") && strstr(seen, "debug shown\n"),
	   "at the level and above: shown");
}

static void test_large(void)
{
	char *big = mem_alloc(100001);
	const char *line;

	memset(big, '\x01', 100000);
	capture();
	log_event(LOG_INFO, "big", "a", big, "b", big, "c", big, "d", big, "e",
		  big, "f", big, "g", big, "h", big, "i", big, NULL);
	line = captured();
	ok(strlen(line) < 16500 && text_ends(line, "\"\n"),
	   "a large line has an end");
	ok(strchr(line, '\n') == line + strlen(line) - 1, "it is one line");
	ok(strstr(line, " b=\"") != NULL && strstr(line, "...\"") != NULL,
	   "values are cut, and show it");
	free(big);
}

int main(void)
{
	const char *nums[8];

	test_values();
	test_levels();
	test_large();
	for (int i = 0; i < 8; i++)
		nums[i] = log_num(i);
	ok(strcmp(nums[0], "0") == 0 && strcmp(nums[7], "7") == 0,
	   "eight numbers at a time");
	return tap_done();
}
