#include <string.h>

#include "media/parts.h"

/*
 *	"II" 2A 00 <offset of the first directory, 4>
 *	<entries, 2>, each <tag, 2> <type, 2> <count, 4> <value, 4>
 *	<offset of the next directory, 4>
 * Orientation: tag 0112, type 3, count 1. "MM" has the numbers turned.
 */
#define ENTRIES_MAX 512

int exif_orientation(struct source *s, int64_t at, int64_t len)
{
	unsigned char p[12];
	int64_t (*number)(const unsigned char *, size_t);
	int64_t dir, count;

	if (len < 14 || !source_read(s, at, p, 8))
		return 1;
	if (memcmp(p, "II*\0", 4) == 0)
		number = number_le;
	else if (memcmp(p, "MM\0*", 4) == 0)
		number = number_be;
	else
		return 1;
	dir = number(p + 4, 4);
	if (dir > len - 2 || !source_read(s, at + dir, p, 2))
		return 1;
	count = number(p, 2);
	dir += 2;
	for (int64_t i = 0; i < count && i < ENTRIES_MAX; i++, dir += 12) {
		int64_t value;

		if (dir > len - 12 || !source_read(s, at + dir, p, 12))
			return 1;
		if (number(p, 2) != 0x112 || number(p + 2, 2) != 3)
			continue;
		value = number(p + 8, 2);
		return value >= 1 && value <= 8 ? (int)value : 1;
	}
	return 1;
}

void exif_minimal(int orientation, unsigned char out[EXIF_MINIMAL])
{
	static const unsigned char model[EXIF_MINIMAL] = {
		'I', 'I', '*', 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1};

	memcpy(out, model, EXIF_MINIMAL);
	out[18] = (unsigned char)orientation;
}
