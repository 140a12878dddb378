#include <string.h>

#include <zlib.h>

#include "base/attr.h"
#include "media/parts.h"

/*
 * 89 "PNG" 0D 0A 1A 0A, then chunks: <length, 4> <type, 4> <data> <CRC, 4>.
 * A type whose first letter is small may be left out by who does not know it.
 */
#define SIGNATURE 8
#define AROUND	  12 /* length, type and CRC */

/* IHDR: <width, 4> <height, 4> <depth> <colour type> … */
#define GREY_ALPHA   4
#define COLOUR_ALPHA 6

/* What stays: the picture, its colours, its animation. Each has a size that
 * leaves no room for words. */
static const struct {
	char type[5];
	int64_t max;
} kept[] = {
	{"IHDR", 13},	     {"PLTE", 768}, {"IDAT", INT32_MAX}, {"tRNS", 256},
	{"gAMA", 4},	     {"cHRM", 32},  {"sRGB", 1},	 {"sBIT", 4},
	{"bKGD", 6},	     {"hIST", 512}, {"pHYs", 9},	 {"cICP", 4},
	{"mDCV", 24},	     {"cLLI", 8},   {"acTL", 8},	 {"fcTL", 26},
	{"fdAT", INT32_MAX}, {"IEND", 0},
};

static bool chunk_read(struct source *s, int64_t at, int64_t *len, char type[5])
{
	unsigned char p[8];

	if (!source_read(s, at, p, 8))
		return false;
	*len = number_be(p, 4);
	memcpy(type, p + 4, 4);
	type[4] = '\0';
	return *len <= INT32_MAX;
}

static int64_t frame_ms(struct source *s, int64_t at)
{
	unsigned char p[4];
	int64_t den;

	if (!source_read(s, at + 8 + 20, p, 4))
		return 0;
	den = number_be(p + 2, 2);
	return number_be(p, 2) * 1000 / (den > 0 ? den : 100);
}

void png_facts(struct source *s, struct media_facts *out)
{
	unsigned char p[8];
	char type[5];
	int64_t at = SIGNATURE, len, frames = 0, ms = 0;

	if (!source_has(s, 12, "IHDR", 4) || !source_read(s, 16, p, 8))
		return;
	out->width = number_be(p, 4);
	out->height = number_be(p + 4, 4);
	out->frames = 1;
	out->alpha = source_read(s, 25, p, 1) &&
		     (p[0] == GREY_ALPHA || p[0] == COLOUR_ALPHA);
	while (chunk_read(s, at, &len, type)) {
		/* Said before the picture, or there is no animation. */
		if (strcmp(type, "IDAT") == 0 && frames == 0)
			return;
		/* Some readers believe a second one. */
		if (strcmp(type, "IHDR") == 0 && at != SIGNATURE)
			out->width = 0;
		if (strcmp(type, "tRNS") == 0)
			out->alpha = true;
		if (strcmp(type, "acTL") == 0 && source_read(s, at + 8, p, 4))
			frames = number_be(p, 4);
		if (strcmp(type, "fcTL") == 0)
			ms += frame_ms(s, at);
		at += AROUND + len;
	}
	if (frames <= 0)
		return;
	out->frames = frames;
	/* Only when all was seen. */
	if (at >= s->size && frames > 1)
		out->duration_ms = ms;
}

static bool keeps(const char *type, int64_t len)
{
	for (size_t i = 0; i < COUNT(kept); i++) {
		if (strcmp(type, kept[i].type) == 0)
			return len <= kept[i].max;
	}
	return false;
}

static bool put_chunk(struct strip *s, const char *type, const void *data,
		      size_t n)
{
	unsigned char around[8];
	uLong crc = crc32(0, (const Bytef *)type, 4);

	crc = crc32(crc, data, (uInt)n);
	number_put_be(around, 4, (int64_t)n);
	memcpy(around + 4, type, 4);
	strip_put(s, around, 8);
	strip_put(s, data, n);
	number_put_be(around, 4, (int64_t)crc);
	return strip_put(s, around, 4);
}

/* <name, 1 to 79> 00 <method> <profile>: the name is words. At its data. */
static bool profile(struct strip *s, int64_t len)
{
	static const unsigned char start[] = {'i', 'C', 'C', 'P',
					      'i', 'c', 'c', 0};
	unsigned char piece[1024];
	uLong crc = crc32(0, start, 8);
	size_t n = len < 81 ? (size_t)len : 81;
	unsigned char *end;
	int64_t left;

	if (!strip_peek(s, piece, n))
		return false;
	end = memchr(piece, 0, n);
	if (end == NULL || end == piece)
		return strip_skip(s, len + 4);
	left = len - (end + 1 - piece);
	strip_skip(s, len - left);
	number_put_be(piece, 4, left + 4);
	strip_put(s, piece, 4);
	strip_put(s, start, 8);
	while (left > 0 && !s->failed) {
		n = left < 1024 ? (size_t)left : 1024;
		if (!strip_take(s, piece, n))
			return false;
		crc = crc32(crc, piece, (uInt)n);
		strip_put(s, piece, n);
		left -= (int64_t)n;
	}
	number_put_be(piece, 4, (int64_t)crc);
	return strip_put(s, piece, 4) && strip_skip(s, 4);
}

/* One chunk, its head not read yet. */
static bool chunk(struct strip *s, const char *type, int64_t len)
{
	unsigned char exif[EXIF_MINIMAL];
	int orientation;

	if (keeps(type, len))
		return strip_copy(s, AROUND + len);
	if ((type[0] & 0x20) == 0)
		return strip_bad(s, "a chunk that is needed is not known");
	if (strcmp(type, "iCCP") == 0)
		return strip_skip(s, 8) && profile(s, len);
	if (strcmp(type, "eXIf") == 0) {
		orientation = exif_orientation(&s->in, s->at + 8, len);
		exif_minimal(orientation, exif);
		if (orientation != 1)
			put_chunk(s, type, exif, sizeof(exif));
	}
	return strip_skip(s, AROUND + len);
}

bool png_strip(struct strip *s)
{
	bool first = true, picture = false;
	char type[5];
	int64_t len;

	strip_copy(s, SIGNATURE);
	while (!s->failed) {
		if (!chunk_read(&s->in, s->at, &len, type) ||
		    len > strip_left(s) - AROUND)
			return strip_bad(s, "it ends too early");
		if (first && (strcmp(type, "IHDR") != 0 || len != 13))
			return strip_bad(s, "it has no header");
		first = false;
		picture = picture || strcmp(type, "IDAT") == 0;
		if (!chunk(s, type, len))
			return false;
		/* What follows the end is no part of it. */
		if (strcmp(type, "IEND") == 0)
			return picture || strip_bad(s, "it has no picture");
	}
	return false;
}
