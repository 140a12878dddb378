#include <string.h>

#include "api/prefer.h"
#include "base/num.h"
#include "base/text.h"

#define WAIT_MAX_S 86400

/* One preference "token[=value][;params]" of n bytes, spaces trimmed. */
static void read_one(const char *s, size_t n, struct prefer *out)
{
	char text[64];
	char *value;
	uint64_t seconds;

	if (n == 0 || n >= sizeof(text))
		return;
	memcpy(text, s, n);
	text[n] = '\0';
	text[strcspn(text, ";")] = '\0';
	for (size_t end = strlen(text);
	     end > 0 && strchr(" \t", text[end - 1]);)
		text[--end] = '\0';

	value = strchr(text, '=');
	if (value != NULL)
		*value++ = '\0';
	if (value != NULL && *value == '"') {
		value++;
		value[strcspn(value, "\"")] = '\0';
	}
	if (text_same_nocase(text, "respond-async"))
		out->respond_async = true;
	else if (text_same_nocase(text, "wait") && value != NULL &&
		 !out->wait_given && num_u64(value, WAIT_MAX_S, &seconds)) {
		out->wait_given = true;
		out->wait_ms = (int64_t)seconds * 1000;
	}
}

struct prefer prefer_read(const char *header)
{
	struct prefer out = {0};

	while (header != NULL && *header != '\0') {
		size_t n = strcspn(header, ",");
		size_t skip = strspn(header, " \t");

		if (skip < n)
			read_one(header + skip, n - skip, &out);
		header += n + (header[n] == ',');
	}
	return out;
}
