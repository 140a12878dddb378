#include <string.h>

#include "media/parts.h"

/*
 * FF D8, then segments: FF <marker> <length, 2, itself counted> <data>; after
 * a scan's header (FF DA) the coded picture up to the next FF that is followed
 * by neither 00 nor D0 to D7; FF D9 ends the file.
 */
#define SOI 0xd8
#define EOI 0xd9
#define SOS 0xda

/* Tables, frames and scans: all that decoding needs. */
static bool of_picture(unsigned char m)
{
	return (m >= 0xc0 && m <= 0xcf) || (m >= 0xda && m <= 0xdf);
}

/* "JFIF" 00 <version, 2> <units> <density, 4> <thumbnail>, without the last */
static bool jfif(struct strip *s, int64_t len)
{
	unsigned char p[18];

	if (!strip_peek(s, p, 18))
		return false;
	p[0] = 0xff;
	p[2] = 0;
	p[3] = 16;
	p[16] = p[17] = 0;
	return strip_put(s, p, 18) && strip_skip(s, 2 + len);
}

/* "Adobe" 00 <version, 2> <flags, 4> <transform>: how the colours are kept */
static bool adobe(struct strip *s, int64_t len)
{
	unsigned char p[16];

	if (!strip_peek(s, p, 16))
		return false;
	p[2] = 0;
	p[3] = 14;
	return strip_put(s, p, 16) && strip_skip(s, 2 + len);
}

static bool orientation(struct strip *s, int64_t len, bool *told)
{
	static const unsigned char start[] = {
		0xff, 0xe1, 0, 8 + EXIF_MINIMAL, 'E', 'x', 'i', 'f', 0, 0};
	unsigned char exif[EXIF_MINIMAL];
	int value = exif_orientation(&s->in, s->at + 10, len - 8);

	if (value != 1 && !*told) {
		*told = true;
		exif_minimal(value, exif);
		strip_put(s, start, sizeof(start));
		strip_put(s, exif, sizeof(exif));
	}
	return strip_skip(s, 2 + len);
}

/* At a marker of a segment; len is what its length says. */
static bool segment(struct strip *s, unsigned char m, int64_t len, bool *told)
{
	int64_t data = s->at + 4;

	if (len < 2 || len > strip_left(s) - 2)
		return strip_bad(s, "a segment ends too early");
	if (of_picture(m))
		return strip_copy(s, 2 + len);
	if (m == 0xe0 && len >= 16 && source_has(&s->in, data, "JFIF", 5))
		return jfif(s, len);
	if (m == 0xe1 && len >= 8 && source_has(&s->in, data, "Exif\0", 6))
		return orientation(s, len, told);
	if (m == 0xe2 && source_has(&s->in, data, "ICC_PROFILE", 12))
		return strip_copy(s, 2 + len);
	if (m == 0xee && len >= 14 && source_has(&s->in, data, "Adobe", 5))
		return adobe(s, len);
	if ((m >= 0xe0 && m <= 0xef) || m >= 0xf0)
		return strip_skip(s, 2 + len);
	return strip_bad(s, "a segment is not known");
}

/* How many bytes from p on are of the scan: up to a marker. */
static size_t scan_part(const unsigned char *p, size_t n, bool *end)
{
	size_t at = 0;

	*end = false;
	while (at < n) {
		const unsigned char *ff = memchr(p + at, 0xff, n - at);

		if (ff == NULL)
			return n;
		at = (size_t)(ff - p);
		if (at + 1 == n)
			return at;
		if (ff[1] != 0 && (ff[1] < 0xd0 || ff[1] > 0xd7)) {
			*end = true;
			return at;
		}
		at += 2;
	}
	return n;
}

static bool scan(struct strip *s)
{
	static const int64_t piece = 32 * 1024;
	unsigned char p[32 * 1024];
	bool end = false;

	while (!end) {
		int64_t left = strip_left(s);
		size_t n = left < piece ? (size_t)left : (size_t)piece;
		size_t part;

		if (n < 2)
			return strip_bad(s, "it ends too early");
		if (!strip_peek(s, p, n))
			return false;
		part = scan_part(p, n, &end);
		if (part == 0 && !end)
			return strip_bad(s, "it ends too early");
		if (!strip_copy(s, (int64_t)part))
			return false;
	}
	return true;
}

bool jpeg_strip(struct strip *s)
{
	unsigned char p[4];
	bool told = false, picture = false;

	strip_copy(s, 2);
	while (strip_peek(s, p, 2)) {
		if (p[0] != 0xff)
			return strip_bad(s, "a segment is missing");
		if (p[1] == 0xff) { /* fill */
			strip_skip(s, 1);
			continue;
		}
		if (p[1] == EOI)
			return strip_copy(s, 2) &&
			       (picture || strip_bad(s, "it has no picture"));
		if (p[1] < 0xc0 || (p[1] >= 0xd0 && p[1] <= SOI))
			return strip_bad(s, "a segment is not known");
		if (!strip_peek(s, p, 4) ||
		    !segment(s, p[1], number_be(p + 2, 2), &told))
			return false;
		if (p[1] == SOS && !scan(s))
			return false;
		picture = picture || p[1] == SOS;
	}
	return false;
}
