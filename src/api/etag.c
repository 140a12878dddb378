#include "api/etag.h"

#include <stddef.h>
#include <string.h>

bool etag_listed(const char *if_none_match, const char *etag)
{
	const char *at = if_none_match;
	size_t len = strlen(etag);
	bool found = false;

	if (at == NULL)
		return false;
	at += strspn(at, " \t");
	if (*at == '*')
		return at[1 + strspn(at + 1, " \t")] == '\0';
	for (at += strspn(at, ", \t"); *at != '\0'; at += strspn(at, ", \t")) {
		const char *end;

		if (at[0] == 'W' && at[1] == '/')
			at += 2;
		end = *at == '"' ? strchr(at + 1, '"') : NULL;
		if (end == NULL || strchr(", \t", end[1]) == NULL)
			return false;
		end++;
		found = found || ((size_t)(end - at) == len &&
				  memcmp(at, etag, len) == 0);
		at = end;
	}
	return found;
}
