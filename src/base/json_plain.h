#ifndef BASE_JSON_PLAIN_H
#define BASE_JSON_PLAIN_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#define JSON_EACH_BYTE(c) (UINT64_C(0x0101010101010101) * (c))

/*
 * For base/json_scan.c and json_write.c: how many of the eight bytes there
 * stand in a string of JSON as they are and need no look of their own (ASCII,
 * no control character, quote or backslash), up to the first that does not. All
 * eight at once: an odd one gets its upper bit set, and so may some behind it.
 */
static inline unsigned json_plain(const char *at)
{
	uint64_t x, odd;

	memcpy(&x, at, sizeof(x));
	x = le64toh(x); /* the first byte lowest: a borrow only goes up */
	odd = (x | (x - JSON_EACH_BYTE(' ')) |
	       ((x ^ JSON_EACH_BYTE('"')) - JSON_EACH_BYTE(1)) |
	       ((x ^ JSON_EACH_BYTE('\\')) - JSON_EACH_BYTE(1))) &
	      JSON_EACH_BYTE(0x80);
	return odd == 0 ? 8 : (unsigned)__builtin_ctzll(odd) / 8;
}

#endif
