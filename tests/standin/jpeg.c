#include "image.h"

#include <string.h>

/* Baseline, no subsampling, and of each 8x8 block only its mean: every
 * quantiser is 8, so that a DC coefficient is just the mean minus 128. */

struct bits {
	struct str *out;
	unsigned acc;
	int n;
};

static void put_bits(struct bits *b, unsigned v, int n)
{
	b->acc = b->acc << n | (v & ((1U << n) - 1));
	b->n += n;
	while (b->n >= 8) {
		const char c = (char)(b->acc >> (b->n - 8));

		str_char(b->out, c);
		if (c == (char)0xff)
			str_char(b->out, 0);
		b->n -= 8;
	}
}

static void segment(struct str *out, int marker, const void *p, size_t len)
{
	const char head[4] = {(char)0xff, (char)marker, (char)((len + 2) >> 8),
			      (char)(len + 2)};

	str_add(out, head, 4);
	str_add(out, p, len);
}

static void put_head(const struct image *im, struct str *out)
{
	unsigned char dqt[65];
	const unsigned char sof[] = {8,
				     (unsigned char)(im->height >> 8),
				     (unsigned char)im->height,
				     (unsigned char)(im->width >> 8),
				     (unsigned char)im->width,
				     3,
				     1,
				     0x11,
				     0,
				     2,
				     0x11,
				     0,
				     3,
				     0x11,
				     0};
	/* categories 0 to 8, each with a code of four bits */
	static const unsigned char dc[] = {0, 0, 0, 0, 9, 0, 0, 0, 0,
					   0, 0, 0, 0, 0, 0, 0, 0, 0,
					   1, 2, 3, 4, 5, 6, 7, 8};
	/* end of block only, code 0 of one bit */
	static const unsigned char ac[] = {0x10, 1, 0, 0, 0, 0, 0, 0, 0,
					   0,	 0, 0, 0, 0, 0, 0, 0, 0};
	static const unsigned char sos[] = {3, 1, 0, 2, 0, 3, 0, 0, 63, 0};

	dqt[0] = 0;
	memset(dqt + 1, 8, 64);
	str_add(out, "\xff\xd8", 2);
	segment(out, 0xe0, "JFIF\0\1\1\0\0\1\0\1\0\0", 14);
	segment(out, 0xdb, dqt, sizeof(dqt));
	segment(out, 0xc0, sof, sizeof(sof));
	segment(out, 0xc4, dc, sizeof(dc));
	segment(out, 0xc4, ac, sizeof(ac));
	segment(out, 0xda, sos, sizeof(sos));
}

static void block_mean(const struct image *im, const unsigned char *px, int bx,
		       int by, int rgb[3])
{
	int x, y, c, n = 0;

	rgb[0] = rgb[1] = rgb[2] = 0;
	for (y = by; y < by + 8 && y < im->height; y++)
		for (x = bx; x < bx + 8 && x < im->width; x++, n++)
			for (c = 0; c < 3; c++)
				rgb[c] +=
					px[(y * im->width + x) * im->channels +
					   (im->channels < 3 ? 0 : c)];
	for (c = 0; c < 3; c++)
		rgb[c] /= n;
}

static void put_dc(struct bits *b, int v, int *last)
{
	int diff = v - *last, size = 0, abs = diff < 0 ? -diff : diff;

	*last = v;
	while (abs >> size)
		size++;
	put_bits(b, (unsigned)size, 4);
	if (size)
		put_bits(b, (unsigned)(diff < 0 ? diff - 1 : diff), size);
	put_bits(b, 0, 1);
}

void jpeg_encode(const struct image *im, int index, struct str *out)
{
	const unsigned char *px = image_at(im, index);
	struct bits b = {.out = out};
	int last[3] = {0, 0, 0};
	int x, y, rgb[3];

	put_head(im, out);
	for (y = 0; y < im->height; y += 8)
		for (x = 0; x < im->width; x += 8) {
			block_mean(im, px, x, y, rgb);
			put_dc(&b,
			       (299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2]) /
					       1000 -
				       128,
			       &last[0]);
			put_dc(&b,
			       (-169 * rgb[0] - 331 * rgb[1] + 500 * rgb[2]) /
				       1000,
			       &last[1]);
			put_dc(&b,
			       (500 * rgb[0] - 419 * rgb[1] - 81 * rgb[2]) /
				       1000,
			       &last[2]);
		}
	put_bits(&b, 0x7f, 7);
	str_add(out, "\xff\xd9", 2);
}
