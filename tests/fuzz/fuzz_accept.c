#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/accept.h"
#include "base/arena.h"

/*
 * Any header. A type is never worth more than all there is; named before it
 * without a weight, it is worth that, whatever follows.
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
	static const char *const types[] = {"image/png", "application/json",
					    "video/mp4"};
	char *header = mem_strndup((const char *)bytes, n);
	struct arena a = {0};

	for (size_t i = 0; i < COUNT(types); i++) {
		char *first = arena_printf(&a, "%s, %s", types[i], header);

		must(accept_quality(header, types[i]) <= ACCEPT_MOST,
		     "worth more than there is");
		must(accept_quality(first, types[i]) == ACCEPT_MOST,
		     "named as the best, and is not");
	}
	arena_finish(&a);
	free(header);
	return 0;
}
