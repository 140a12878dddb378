#include <string.h>

#include "media/parts.h"

/*
 * Frames of FFE0 and 21 bits: <version, 2> <layer, 2> <no CRC> <bit rate, 4>
 * <sample rate, 2> <padding> …; tags before and behind them. The first frame
 * may hold no sound but "Xing" or "Info" and how many frames there are.
 */
static const int rates[2][3][16] = {
	/* version 1: layers 1, 2, 3 */
	{{0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448},
	 {0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384},
	 {0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320}},
	/* versions 2 and 2.5 */
	{{0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256},
	 {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160},
	 {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160}},
};
static const int hertz[4][3] = {{11025, 12000, 8000}, /* 2.5 */
				{0, 0, 0},
				{22050, 24000, 16000},
				{44100, 48000, 32000}};

struct frame {
	int64_t size, samples, rate;
	int version; /* 3: 1, 2: 2, 0: 2.5 */
	bool mono;
};

static bool frame_read(const unsigned char p[4], struct frame *f)
{
	int layer = 4 - (p[1] >> 1 & 3); /* 1, 2, 3; 4: none */
	int version = p[1] >> 3 & 3, rate = p[2] >> 2 & 3, bits;
	int64_t pad = p[2] >> 1 & 1;

	if (p[0] != 0xff || (p[1] & 0xe0) != 0xe0 || layer == 4 ||
	    version == 1 || rate == 3)
		return false;
	bits = rates[version != 3][layer - 1][p[2] >> 4] * 1000;
	if (bits == 0)
		return false;
	f->rate = hertz[version][rate];
	f->version = version;
	f->mono = p[3] >> 6 == 3;
	f->samples = layer == 1 ? 384 : layer == 3 && version != 3 ? 576 : 1152;
	if (layer == 1)
		f->size = (12 * bits / f->rate + pad) * 4;
	else
		f->size = f->samples / 8 * bits / f->rate + pad;
	return f->size > 4;
}

bool mp3_frame_at(const unsigned char p[4], int64_t *size)
{
	struct frame f;

	if (!frame_read(p, &f))
		return false;
	*size = f.size;
	return true;
}

static bool frame_at(struct source *s, int64_t at, int64_t end, struct frame *f)
{
	unsigned char p[4];

	return end - at >= 4 && source_read(s, at, p, 4) && frame_read(p, f) &&
	       f->size <= end - at;
}

void mp3_facts(struct source *s, struct media_facts *out)
{
	int64_t at = tags_end(s, 0), end = tags_begin(s, at), info;
	unsigned char p[12];
	struct frame f;

	if (!source_read(s, at, p, 4) || !frame_read(p, &f))
		return;
	info = at + 4 +
	       (f.version == 3 ? (f.mono ? 17 : 32) : (f.mono ? 9 : 17));
	if (source_read(s, info, p, 12) &&
	    (memcmp(p, "Xing", 4) == 0 || memcmp(p, "Info", 4) == 0) &&
	    (p[7] & 1) != 0)
		out->duration_ms = number_scale(number_be(p + 8, 4) * f.samples,
						1000, f.rate);
	else
		out->duration_ms = number_scale((end - at) / f.size * f.samples,
						1000, f.rate);
}

/*
 * Only whole frames are taken over. Where there is none, the next one counts
 * that another one follows, or that ends the file.
 */
bool mp3_strip(struct strip *s)
{
	int64_t end, frames = 0;
	bool lost = false;
	struct frame f, next;

	s->at = tags_end(&s->in, 0);
	end = tags_begin(&s->in, s->at);
	while (!s->failed && s->at < end) {
		if (frame_at(&s->in, s->at, end, &f) &&
		    (!lost || s->at + f.size == end ||
		     frame_at(&s->in, s->at + f.size, end, &next))) {
			strip_copy(s, f.size);
			frames++;
			lost = false;
		} else {
			strip_skip(s, 1);
			lost = true;
		}
	}
	if (frames == 0)
		return strip_bad(s, "it has no sound");
	return !s->failed && tags_none(s);
}
