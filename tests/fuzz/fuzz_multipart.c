#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/form_events.h"

/*
 * A form of any bytes, whose boundary is "XX". Cut at other places it says the
 * same; what it says fits into what came.
 */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const char type[] = "multipart/form-data; boundary=XX";
	struct form_events whole = {0}, pieces = {0};
	struct problem why = {0}, other = {0};
	bool good;

	buf_init(&whole.text, 1 << 24);
	buf_init(&pieces.text, 1 << 24);
	good = form_read(type, bytes, n, n > 0 ? n : 1, 0, &whole, &why);
	must(good == form_read(type, bytes, n, 0, (uint32_t)n, &pieces, &other),
	     "another verdict in pieces");
	must(good || why.code != PROBLEM_NONE, "refused without a reason");
	must(strcmp(why.detail, other.detail) == 0, "another reason");
	must(whole.text.len == pieces.text.len &&
		     memcmp(buf_str(&whole.text), buf_str(&pieces.text),
			    whole.text.len) == 0,
	     "something else in pieces");
	must(whole.text.len <= n + 8, "more than came");
	buf_finish(&whole.text);
	buf_finish(&pieces.text);
	return 0;
}
