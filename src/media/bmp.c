#include "media/parts.h"

/* "BM" <size, 4> <0, 4> <offset, 4> <header size, 4> <width> <height>, of 2
 * bytes each in the oldest header and of 4 in all others; a negative height is
 * a picture from top to bottom. */
void bmp_facts(struct source *s, struct media_facts *out)
{
	unsigned char p[12];

	if (!source_read(s, 14, p, 12))
		return;
	if (number_le(p, 4) == 12) {
		out->width = number_le(p + 4, 2);
		out->height = number_le(p + 6, 2);
	} else {
		out->width = number_le(p + 4, 4);
		out->height = number_le(p + 8, 4);
		if (out->height > INT32_MAX)
			out->height = ((int64_t)1 << 32) - out->height;
	}
	out->frames = 1;
}
