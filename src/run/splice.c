#include "run/splice.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"

/* An escape is six bytes at most, and then the quotes. */
#define ESCAPED(n) ((n)*6 + 2)

static int by_place(const void *a, const void *b)
{
	size_t x = ((const struct splice *)a)->at;
	size_t y = ((const struct splice *)b)->at;

	return x < y ? -1 : x > y;
}

const char *splice_names(const char *text, struct splice *list, size_t count,
			 struct arena *a)
{
	size_t len = strlen(text), most = len, done = 0;
	const char *out;
	struct buf b;

	if (count > 1)
		qsort(list, count, sizeof(list[0]), by_place);
	for (size_t i = 0; i < count; i++)
		most += ESCAPED(strlen(list[i].name));
	if (count > 0 && list[count - 1].at > len)
		return NULL;
	buf_init(&b, most);
	for (size_t i = 0; i < count; i++) {
		buf_add(&b, text + done, list[i].at - done);
		buf_adds(&b, "\"");
		json_escape(&b, list[i].name, strlen(list[i].name));
		buf_adds(&b, "\"");
		done = list[i].at;
	}
	buf_add(&b, text + done, len - done);
	out = arena_strndup(a, buf_str(&b), b.len);
	buf_finish(&b);
	return out;
}
