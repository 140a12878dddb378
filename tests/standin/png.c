#include "image.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define MAX_SIDE   16384
#define MAX_PIXELS (64 * 1024 * 1024)

static void chunk(struct str *out, const char *type, const void *p, size_t len)
{
	uLong crc = crc32(0, (const Bytef *)type, 4);

	crc = crc32(crc, p, (uInt)len);
	str_be32(out, (uint32_t)len);
	str_add(out, type, 4);
	str_add(out, p, len);
	str_be32(out, (uint32_t)crc);
}

void png_text(struct str *out, const char *key, const char *text)
{
	struct str body = {0};

	str_add(&body, key, strlen(key) + 1);
	str_puts(&body, text);
	chunk(out, "tEXt", body.p, body.len);
	str_free(&body);
}

/* deflateInit costs more than a small picture: one stream a thread, reused */
static z_stream *stream(void)
{
	static _Thread_local z_stream z;
	static _Thread_local bool ready;

	if (ready) {
		deflateReset(&z);
		return &z;
	}
	if (deflateInit2(&z, 1, Z_DEFLATED, 15, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		abort();
	ready = true;
	return &z;
}

static void feed(z_stream *z, const unsigned char *p, size_t len, int flush,
		 struct str *out)
{
	unsigned char buf[16384];

	z->next_in = (Bytef *)(uintptr_t)p;
	z->avail_in = (uInt)len;
	do {
		z->next_out = buf;
		z->avail_out = sizeof(buf);
		deflate(z, flush);
		str_add(out, (const char *)buf, sizeof(buf) - z->avail_out);
	} while (!z->avail_out);
}

static void pack(const struct image *im, int index, struct str *out)
{
	const size_t row = (size_t)im->width * (size_t)im->channels;
	const unsigned char *px = image_at(im, index);
	const unsigned char no_filter = 0;
	z_stream *z = stream();
	int y;

	for (y = 0; y < im->height; y++) {
		feed(z, &no_filter, 1, Z_NO_FLUSH, out);
		feed(z, px + (size_t)y * row, row, Z_NO_FLUSH, out);
	}
	feed(z, &no_filter, 0, Z_FINISH, out);
}

void png_encode(const struct image *im, int index, const char *texts,
		size_t texts_len, struct str *out)
{
	static const char colour[] = {0, 0, 4, 2, 6};
	struct str part = {0};

	str_add(out, "\x89PNG\r\n\x1a\n", 8);
	str_be32(&part, (uint32_t)im->width);
	str_be32(&part, (uint32_t)im->height);
	str_char(&part, 8);
	str_char(&part, colour[im->channels]);
	str_add(&part, "\0\0\0", 3);
	chunk(out, "IHDR", part.p, part.len);
	str_add(out, texts ? texts : "", texts_len);
	str_clear(&part);
	pack(im, index, &part);
	chunk(out, "IDAT", part.p, part.len);
	chunk(out, "IEND", "", 0);
	str_free(&part);
}

static uint32_t be32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

struct reader {
	int width, height, depth, colour;
	struct str data;	    /* all IDAT together */
	unsigned char palette[768]; /* r g b */
	unsigned char alpha[256];
	bool has_alpha;
};

static bool read_header(struct reader *r, const unsigned char *p, size_t len)
{
	if (len != 13)
		return false;
	r->width = (int)be32(p);
	r->height = (int)be32(p + 4);
	r->depth = p[8];
	r->colour = p[9];
	return r->width > 0 && r->height > 0 && r->width <= MAX_SIDE &&
	       r->height <= MAX_SIDE &&
	       (long)r->width * r->height <= MAX_PIXELS &&
	       (r->depth == 8 || (r->depth == 16 && r->colour != 3) ||
		(r->depth < 8 && (r->colour == 0 || r->colour == 3))) &&
	       (r->colour == 0 || r->colour == 2 || r->colour == 3 ||
		r->colour == 4 || r->colour == 6) &&
	       !p[12];
}

static bool read_chunks(struct reader *r, const unsigned char *p, size_t len)
{
	size_t at = 8;

	if (len < 8 || memcmp(p, "\x89PNG\r\n\x1a\n", 8))
		return false;
	while (len - at >= 12) {
		const size_t n = be32(p + at);
		const unsigned char *body = p + at + 8;

		if (n > len - at - 12)
			return false;
		if (!memcmp(p + at + 4, "IHDR", 4)) {
			if (!read_header(r, body, n))
				return false;
		} else if (!memcmp(p + at + 4, "PLTE", 4)) {
			memcpy(r->palette, body, n < 768 ? n : 768);
		} else if (!memcmp(p + at + 4, "tRNS", 4) && r->colour == 3) {
			memcpy(r->alpha, body, n < 256 ? n : 256);
			r->has_alpha = true;
		} else if (!memcmp(p + at + 4, "IDAT", 4)) {
			str_add(&r->data, (const char *)body, n);
		} else if (!memcmp(p + at + 4, "IEND", 4)) {
			break;
		}
		at += n + 12;
	}
	return r->width > 0 && r->data.len > 0;
}

static int paeth(int a, int b, int c)
{
	const int p = a + b - c;
	const int pa = abs(p - a), pb = abs(p - b), pc = abs(p - c);

	return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
}

static void unfilter(unsigned char *row, const unsigned char *up, size_t n,
		     size_t bpp, int filter)
{
	size_t i;

	for (i = 0; i < n; i++) {
		const int a = i >= bpp ? row[i - bpp] : 0;
		const int b = up ? up[i] : 0;
		const int c = up && i >= bpp ? up[i - bpp] : 0;
		const int add = filter == 1   ? a
				: filter == 2 ? b
				: filter == 3 ? (a + b) / 2
				: filter == 4 ? paeth(a, b, c)
					      : 0;

		row[i] = (unsigned char)(row[i] + add);
	}
}

static unsigned sample(const struct reader *r, const unsigned char *row,
		       size_t i)
{
	const size_t bit = i * (size_t)r->depth;

	if (r->depth >= 8)
		return row[bit / 8];
	return (unsigned)row[bit / 8] >> (8 - (size_t)r->depth - bit % 8) &
	       ((1U << r->depth) - 1);
}

static void put_row(const struct reader *r, const unsigned char *row,
		    unsigned char *out)
{
	static const int per[] = {1, 0, 3, 1, 2, 0, 4};
	const size_t n = (size_t)per[r->colour];
	const unsigned top = r->depth < 8 ? (1U << r->depth) - 1 : 255;
	size_t x, c;

	for (x = 0; x < (size_t)r->width; x++) {
		unsigned v[4] = {0};

		for (c = 0; c < n; c++)
			v[c] = sample(r, row, x * n + c);
		if (r->colour == 3) {
			memcpy(out, r->palette + v[0] * 3, 3);
			out[3] = r->has_alpha ? r->alpha[v[0]] : 255;
		} else {
			const unsigned char grey =
				(unsigned char)(v[0] * 255 / top);

			out[0] = n < 3 ? grey : (unsigned char)v[0];
			out[1] = n < 3 ? grey : (unsigned char)v[1];
			out[2] = n < 3 ? grey : (unsigned char)v[2];
			out[3] = n == 4	  ? (unsigned char)v[3]
				 : n == 2 ? (unsigned char)v[1]
					  : 255;
		}
		out += 4;
	}
}

static struct image *unpack(struct reader *r)
{
	static const int per[] = {1, 0, 3, 1, 2, 0, 4};
	const size_t bits = (size_t)per[r->colour] * (size_t)r->depth;
	const size_t row = ((size_t)r->width * bits + 7) / 8;
	uLongf size = (uLongf)((row + 1) * (size_t)r->height);
	unsigned char *raw = mem_alloc(size);
	struct image *im = NULL;
	size_t y;

	memset(raw, 0, size);
	if (uncompress(raw, &size, (const Bytef *)r->data.p,
		       (uLong)r->data.len) == Z_OK) {
		im = image_new(r->width, r->height, 1, 4);
		for (y = 0; y < (size_t)r->height; y++) {
			unsigned char *p = raw + y * (row + 1);

			unfilter(p + 1, y ? p - row : NULL, row,
				 bits < 8 ? 1 : bits / 8, p[0]);
			put_row(r, p + 1, im->px + y * (size_t)r->width * 4);
		}
	}
	free(raw);
	return im;
}

struct image *png_decode(const char *p, size_t len)
{
	struct reader r = {0};
	struct image *im = NULL;

	memset(r.alpha, 255, sizeof(r.alpha));
	if (read_chunks(&r, (const unsigned char *)p, len))
		im = unpack(&r);
	str_free(&r.data);
	return im;
}
