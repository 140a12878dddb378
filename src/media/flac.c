#include <stdlib.h>

#include "base/arena.h"
#include "media/parts.h"

/*
 * "fLaC", then blocks of <last, 1 bit> <type, 7 bits> <length, 3> <data>, the
 * first of them STREAMINFO, then frames (FF F8 or FF F9 …).
 *
 * STREAMINFO: <block sizes, 4> <frame sizes, 6> <rate, 20 bits>
 * <channels, 3> <bits, 5> <samples, 36> <MD5, 16>
 */
#define STREAMINFO 0
#define SEEKTABLE  3
#define COMMENT	   4
#define LAST	   0x80
#define FRAME_MAX  (256 * 1024)
#define TRIES_MAX  64

void flac_facts(struct source *s, struct media_facts *out)
{
	unsigned char p[18];
	int64_t rate, samples;

	if (!source_read(s, 8, p, 18))
		return;
	rate = number_be(p + 10, 3) >> 4;
	samples = number_be(p + 13, 5) & 0xfffffffff;
	out->duration_ms = number_scale(samples, 1000, rate);
}

/* Every frame ends with a CRC of all of it: x^16 + 8005, begun with 0. So with
 * its own CRC behind it that of a frame is 0. */
static bool is_frame(const unsigned char *p, size_t n)
{
	unsigned crc = 0;

	for (size_t i = 0; i < n; i++) {
		crc ^= (unsigned)p[i] << 8;
		for (int bit = 0; bit < 8; bit++)
			crc = (crc << 1 ^ ((crc & 0x8000) != 0 ? 0x8005 : 0)) &
			      0xffff;
	}
	return crc == 0;
}

/* Frames do not say how long they are, so a file that was cut, or that has
 * something unknown behind its last frame, is told by that frame's CRC. */
static bool ends_whole(struct strip *s, int64_t end)
{
	size_t n = (size_t)(end - s->at < FRAME_MAX ? end - s->at : FRAME_MAX);
	unsigned char *tail = mem_alloc(n);
	bool whole = false;
	unsigned tries = 0;

	if (source_read(&s->in, end - (int64_t)n, tail, n)) {
		for (size_t i = n; i-- > 2 && !whole && tries < TRIES_MAX;) {
			const unsigned char *p = tail + i - 2;

			if (p[0] != 0xff || (p[1] & 0xfe) != 0xf8)
				continue;
			tries++;
			whole = is_frame(p, n - (i - 2));
		}
	}
	free(tail);
	return whole || strip_bad(s, "its last frame is broken");
}

/* The block whose head is next; it is kept, but never as the last. */
static bool keep(struct strip *s, unsigned char *p, int64_t len)
{
	p[0] &= 0x7f;
	return strip_put(s, p, 4) && strip_skip(s, 4) && strip_copy(s, len);
}

bool flac_strip(struct strip *s)
{
	/* No vendor, no comments. */
	static const unsigned char none[] = {
		LAST | COMMENT, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0};
	unsigned char p[4];
	bool last = false;
	int64_t len, end;

	strip_copy(s, 4);
	for (int i = 0; !last && strip_peek(s, p, 4); i++) {
		int type = p[0] & 0x7f;

		last = (p[0] & LAST) != 0;
		len = number_be(p + 1, 3);
		if ((i == 0) != (type == STREAMINFO) ||
		    (type == STREAMINFO && len != 34))
			return strip_bad(s, "its header is not known");
		if (type == STREAMINFO || (type == SEEKTABLE && len % 18 == 0))
			keep(s, p, len);
		else
			strip_skip(s, 4 + len);
	}
	if (!strip_peek(s, p, 2))
		return false;
	if (p[0] != 0xff || (p[1] & 0xfe) != 0xf8)
		return strip_bad(s, "it has no sound");
	strip_put(s, none, sizeof(none));
	end = tags_begin(&s->in, s->at);
	if (!ends_whole(s, end))
		return false;
	return strip_copy(s, end - s->at) && tags_none(s);
}
