#include <string.h>

#include "media/parts.h"

/*
 * "RIFF" <size, 4> <form, 4>, then chunks: <type, 4> <size, 4> <data>, padded
 * to an even size. WebP and WAV are such files.
 */
#define HEAD 12

static bool chunk_read(struct source *s, int64_t at, int64_t *len, char type[5])
{
	unsigned char p[8];

	if (!source_read(s, at, p, 8))
		return false;
	memcpy(type, p, 4);
	type[4] = '\0';
	*len = number_le(p + 4, 4);
	return true;
}

static int64_t padded(int64_t len)
{
	return len + (len & 1);
}

static bool is(const char *type, const char *of)
{
	return strcmp(type, of) == 0;
}

/* ---- WebP ---- */

/*
 *	"VP8X" <size> <flags, 4> <width - 1, 3> <height - 1, 3>
 *	"VP8L" <size> 2F <width - 1, 14 bits> <height - 1, 14 bits>
 *	       <alpha, 1 bit> …
 *	"VP8 " <size> <frame tag, 3> 9D 01 2A <width, 14 bits, 2> <height, 2>
 *	"ANMF" <size> <x, 3> <y, 3> <width, 3> <height, 3> <ms, 3> <flags>
 *	       chunks
 */
#define FLAG_ALPHA 0x10
#define FLAG_EXIF  0x08
#define FLAG_XMP   0x04

static void first_size(struct source *s, int64_t at, const char *type,
		       struct media_facts *out)
{
	unsigned char p[10];

	if (is(type, "VP8L") && source_read(s, at, p, 5) && p[0] == 0x2f) {
		int64_t bits = number_le(p + 1, 4);

		out->width = (bits & 0x3fff) + 1;
		out->height = ((bits >> 14) & 0x3fff) + 1;
		out->alpha = (bits >> 28 & 1) != 0;
	}
	if (!source_read(s, at, p, 10))
		return;
	if (is(type, "VP8X")) {
		out->width = number_le(p + 4, 3) + 1;
		out->height = number_le(p + 7, 3) + 1;
		out->alpha = (p[0] & FLAG_ALPHA) != 0;
	} else if (is(type, "VP8 ") && memcmp(p + 3, "\x9d\x01\x2a", 3) == 0) {
		out->width = number_le(p + 6, 2) & 0x3fff;
		out->height = number_le(p + 8, 2) & 0x3fff;
	}
}

void webp_facts(struct source *s, struct media_facts *out)
{
	int64_t at = HEAD, len, frames = 0, ms = 0;
	unsigned char p[3];
	char type[5];

	while (chunk_read(s, at, &len, type)) {
		if (at == HEAD)
			first_size(s, at + 8, type, out);
		if (is(type, "ANMF")) {
			frames++;
			if (source_read(s, at + 8 + 12, p, 3))
				ms += number_le(p, 3);
		} else if (is(type, "VP8 ") || is(type, "VP8L")) {
			out->frames = 1;
			return;
		}
		at += 8 + padded(len);
	}
	if (at < s->size || frames == 0)
		return;
	out->frames = frames;
	out->duration_ms = frames > 1 ? ms : 0;
}

static bool picture(const char *type)
{
	return is(type, "VP8 ") || is(type, "VP8L") || is(type, "ALPH");
}

/* The size of what stays of a frame whose chunks are [at, end); -1: broken. */
static int64_t frame_size(struct source *s, int64_t at, int64_t end)
{
	int64_t sum = 0, len;
	char type[5];

	while (at < end) {
		if (!chunk_read(s, at, &len, type) || len > end - at - 8)
			return -1;
		if (picture(type))
			sum += 8 + padded(len);
		at += 8 + padded(len);
	}
	return at == end ? sum : -1;
}

static bool frame(struct strip *s, int64_t len)
{
	int64_t end = s->at + 8 + len, sub;
	int64_t size = len < 16 ? -1 : frame_size(&s->in, s->at + 24, end);
	unsigned char p[8] = "ANMF";
	char type[5];

	if (size < 0 || (len & 1) != 0)
		return strip_bad(s, "a frame is broken");
	number_put_le(p + 4, 4, 16 + size);
	strip_put(s, p, 8);
	strip_skip(s, 8);
	strip_copy(s, 16);
	while (!s->failed && s->at < end) {
		if (!chunk_read(&s->in, s->at, &sub, type))
			return strip_bad(s, "it ends too early");
		if (picture(type))
			strip_copy(s, 8 + padded(sub));
		else
			strip_skip(s, 8 + padded(sub));
	}
	return !s->failed;
}

static bool webp_chunk(struct strip *s, const char *type, int64_t len,
		       int64_t *flags, int *orientation)
{
	bool head = is(type, "VP8X") && len == 10;
	int64_t exif = s->at + 8;

	if (head)
		*flags = s->written + 8;
	if (is(type, "ANMF"))
		return frame(s, len);
	if (head || picture(type) || is(type, "ICCP") ||
	    (is(type, "ANIM") && len == 6))
		return strip_copy(s, 8 + padded(len));
	if (is(type, "EXIF")) {
		if (source_has(&s->in, exif, "Exif\0", 6)) {
			exif += 6;
			len -= 6;
		}
		*orientation = exif_orientation(&s->in, exif, len);
		len += exif - s->at - 8;
	}
	return strip_skip(s, 8 + padded(len));
}

/* The sizes and flags as they are now. */
static bool webp_finish(struct strip *s, int64_t flags, int orientation)
{
	unsigned char p[8] = "EXIF", exif[EXIF_MINIMAL];

	if (orientation != 1 && flags > 0) {
		number_put_le(p + 4, 4, EXIF_MINIMAL);
		exif_minimal(orientation, exif);
		strip_put(s, p, 8);
		strip_put(s, exif, EXIF_MINIMAL);
	}
	number_put_le(p, 4, s->written - 8);
	if (!strip_patch(s, 4, p, 4))
		return false;
	if (flags == 0)
		return true;
	if (!source_read(&s->in, HEAD + 8, p, 1))
		return strip_bad(s, "it ends too early");
	p[0] = (unsigned char)(p[0] & 0xff & ~(FLAG_EXIF | FLAG_XMP));
	if (orientation != 1)
		p[0] |= FLAG_EXIF;
	return strip_patch(s, flags, p, 1);
}

/* Where the file's own size says that it ends. */
static int64_t riff_end(struct strip *s)
{
	unsigned char p[HEAD];
	int64_t size;

	if (!strip_peek(s, p, HEAD))
		return -1;
	size = number_le(p + 4, 4);
	if (size < 4 || size > s->in.size - 8) {
		strip_bad(s, "it ends too early");
		return -1;
	}
	strip_copy(s, HEAD);
	return 8 + size;
}

bool webp_strip(struct strip *s)
{
	int64_t end = riff_end(s), flags = 0, len;
	bool seen = false;
	int orientation = 1;
	char type[5];

	while (!s->failed && s->at < end) {
		if (!chunk_read(&s->in, s->at, &len, type) ||
		    8 + padded(len) > end - s->at)
			return strip_bad(s, "a chunk ends too early");
		/* The first chunk tells how large it is. */
		if (s->at == HEAD ? !is(type, "VP8X") && !is(type, "VP8 ") &&
					    !is(type, "VP8L")
				  : is(type, "VP8X"))
			return strip_bad(s, "its header is not the first");
		seen = seen || is(type, "VP8 ") || is(type, "VP8L") ||
		       is(type, "ANMF");
		if (!webp_chunk(s, type, len, &flags, &orientation))
			return false;
	}
	if (!seen)
		return strip_bad(s, "it has no picture");
	return webp_finish(s, flags, orientation);
}

/* ---- WAV ---- */

/* "fmt " <size> <format, 2> <channels, 2> <rate, 4> <bytes a second, 4> … */
void wav_facts(struct source *s, struct media_facts *out)
{
	int64_t at = HEAD, len, rate = 0;
	unsigned char p[12];
	char type[5];

	while (chunk_read(s, at, &len, type)) {
		if (is(type, "fmt ") && source_read(s, at + 8, p, 12))
			rate = number_le(p + 8, 4);
		if (is(type, "data")) {
			out->duration_ms = number_scale(len, 1000, rate);
			return;
		}
		at += 8 + padded(len);
	}
}

/* Chunks of numbers, of the very size that their numbers take. */
static bool wav_keeps(struct strip *s, const char *type, int64_t len)
{
	unsigned char p[36];
	int64_t at = s->at + 8;

	if (is(type, "fmt "))
		return len >= 14 && len <= 66;
	if (is(type, "fact"))
		return len == 4;
	if (is(type, "cue ") && len >= 4 && source_read(&s->in, at, p, 4))
		return len == 4 + 24 * number_le(p, 4);
	if (is(type, "smpl") && len >= 36 && source_read(&s->in, at, p, 36))
		return len == 36 + 24 * number_le(p + 28, 4);
	return is(type, "data");
}

bool wav_strip(struct strip *s)
{
	int64_t end = riff_end(s), len;
	bool format = false, data = false;
	unsigned char p[4] = {0};
	char type[5];

	while (!s->failed && end - s->at >= 8) {
		if (!chunk_read(&s->in, s->at, &len, type) ||
		    len > end - s->at - 8)
			return strip_bad(s, "a chunk ends too early");
		format = format || is(type, "fmt ");
		data = data || is(type, "data");
		if (!wav_keeps(s, type, len)) {
			if (is(type, "fmt "))
				return strip_bad(s, "its format is not known");
			strip_skip(s, 8 + len);
		} else {
			strip_copy(s, 8 + len);
			if ((len & 1) != 0)
				strip_put(s, p, 1);
		}
		/* Some leave out the padding of the last. */
		if ((len & 1) != 0 && s->at < end)
			strip_skip(s, 1);
	}
	if (!format || !data)
		return strip_bad(s, "it has no sound");
	number_put_le(p, 4, s->written - 8);
	return strip_patch(s, 4, p, 4);
}
