#include "comfy/mend.h"

#include <string.h>

static unsigned hex4(const char *s)
{
	unsigned n = 0;

	for (size_t i = 0; i < 4; i++) {
		char c = s[i];

		n *= 16;
		if (c >= '0' && c <= '9')
			n += (unsigned)(c - '0');
		else if (c >= 'a' && c <= 'f')
			n += (unsigned)(c - 'a') + 10;
		else if (c >= 'A' && c <= 'F')
			n += (unsigned)(c - 'A') + 10;
		else
			return 0xfffd;
	}
	return n;
}

void reply_mend(char *text, size_t len)
{
	static const char mark[4] = {'f', 'f', 'f', 'd'};

	for (size_t i = 0; i + 1 < len; i++) {
		unsigned unit, low;

		if (text[i] != '\\')
			continue;
		if (text[++i] != 'u' || i + 4 >= len)
			continue;
		unit = hex4(text + i + 1);
		low = 0;
		if (i + 10 < len && text[i + 5] == '\\' && text[i + 6] == 'u')
			low = hex4(text + i + 7);
		if (unit >= 0xd800 && unit <= 0xdbff && low >= 0xdc00 &&
		    low <= 0xdfff) {
			i += 10;
			continue;
		}
		if (unit == 0 || (unit >= 0xd800 && unit <= 0xdfff))
			memcpy(text + i + 1, mark, sizeof(mark));
		i += 4;
	}
}
