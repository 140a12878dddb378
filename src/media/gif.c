#include <string.h>

#include "media/parts.h"

/*
 *	"GIF89a" <width, 2> <height, 2> <flags> <background> <aspect> [colours]
 *	2C <x, y, width, height, 2 each> <flags> [colours] <code size> blocks
 *	21 <label> blocks
 *	3B
 * Blocks are <size, 1> <data>, up to one of size 0.
 */
#define HEAD	  13
#define IMAGE	  0x2c
#define EXTENSION 0x21
#define TRAILER	  0x3b
#define CONTROL	  0xf9
#define APP	  0xff

static int64_t colours(unsigned char flags)
{
	return (flags & 0x80) != 0 ? (int64_t)3 << ((flags & 7) + 1) : 0;
}

/* Where the blocks from `at` on end; -1 when they do not. */
static int64_t blocks_end(struct source *s, int64_t at)
{
	unsigned char size;

	do {
		if (!source_read(s, at, &size, 1))
			return -1;
		at += 1 + size;
	} while (size != 0);
	return at;
}

/* Where an image or an extension that begins at `at` ends; -1: broken. */
static int64_t part_end(struct source *s, int64_t at, unsigned char kind)
{
	unsigned char p[10];

	if (kind == EXTENSION)
		return blocks_end(s, at + 2);
	if (!source_read(s, at, p, 10))
		return -1;
	return blocks_end(s, at + 10 + colours(p[9]) + 1);
}

/* A frame may be larger than the screen that the header tells; then readers
 * make the screen larger. */
static void frame_facts(const unsigned char p[10], struct media_facts *out)
{
	int64_t right = number_le(p + 1, 2) + number_le(p + 5, 2);
	int64_t bottom = number_le(p + 3, 2) + number_le(p + 7, 2);

	out->width = right > out->width ? right : out->width;
	out->height = bottom > out->height ? bottom : out->height;
}

void gif_facts(struct source *s, struct media_facts *out)
{
	unsigned char p[HEAD];
	int64_t at, frames = 0, ms = 0;

	if (!source_read(s, 0, p, HEAD))
		return;
	out->width = number_le(p + 6, 2);
	out->height = number_le(p + 8, 2);
	at = HEAD + colours(p[10]);
	while (source_read(s, at, p, 1) &&
	       (p[0] == IMAGE || p[0] == EXTENSION)) {
		unsigned char kind = p[0];

		frames += kind == IMAGE;
		if (kind == IMAGE && source_read(s, at, p, 10))
			frame_facts(p, out);
		if (kind == EXTENSION && source_read(s, at, p, 6) &&
		    p[1] == CONTROL) {
			ms += number_le(p + 4, 2) * 10;
			out->alpha = out->alpha || (p[3] & 1) != 0;
		}
		at = part_end(s, at, kind);
		if (at < 0)
			return;
	}
	if (p[0] != TRAILER)
		return;
	out->frames = frames;
	out->duration_ms = frames > 1 ? ms : 0;
}

/* 21 F9 04 <flags> <delay, 2> <transparent> 00 */
static bool control(struct strip *s, int64_t end)
{
	if (end - s->at != 8)
		return strip_skip(s, end - s->at);
	return strip_copy(s, 8);
}

/* 21 FF 0B "NETSCAPE2.0" 03 01 <times, 2> 00: how often it is played */
static bool application(struct strip *s, int64_t end)
{
	unsigned char p[19];

	if (end - s->at >= 19 && strip_peek(s, p, 19) && p[2] == 11 &&
	    (memcmp(p + 3, "NETSCAPE2.0", 11) == 0 ||
	     memcmp(p + 3, "ANIMEXTS1.0", 11) == 0) &&
	    p[14] == 3 && p[15] == 1) {
		p[18] = 0;
		strip_put(s, p, 19);
	}
	return strip_skip(s, end - s->at);
}

bool gif_strip(struct strip *s)
{
	unsigned char p[HEAD];
	bool picture = false;

	if (!strip_peek(s, p, HEAD))
		return false;
	strip_copy(s, HEAD + colours(p[10]));
	while (strip_peek(s, p, 1) && p[0] != TRAILER) {
		int64_t end;

		if (p[0] != IMAGE && p[0] != EXTENSION)
			return strip_bad(s, "a block is not known");
		end = part_end(&s->in, s->at, p[0]);
		if (end < 0 || end > s->in.size || !strip_peek(s, p, 2))
			return strip_bad(s, "it ends too early");
		picture = picture || p[0] == IMAGE;
		if (p[0] == IMAGE)
			strip_copy(s, end - s->at);
		else if (p[1] == CONTROL)
			control(s, end);
		else if (p[1] == APP)
			application(s, end);
		else
			strip_skip(s, end - s->at);
	}
	if (!s->failed && !picture)
		return strip_bad(s, "it has no picture");
	return strip_copy(s, 1);
}
