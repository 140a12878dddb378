#include "image.h"

#include <stdlib.h>
#include <string.h>

struct image *image_new(int width, int height, int batch, int channels)
{
	struct image *im = mem_zero(sizeof(*im));

	im->width = width;
	im->height = height;
	im->batch = batch;
	im->channels = channels;
	im->px = mem_zero(image_stride(im) * (size_t)batch);
	return im;
}

size_t image_stride(const struct image *im)
{
	return (size_t)im->width * (size_t)im->height * (size_t)im->channels;
}

const unsigned char *image_at(const struct image *im, int index)
{
	return im->px + image_stride(im) * (size_t)index;
}

struct image *image_copy(const struct image *im)
{
	struct image *out =
		image_new(im->width, im->height, im->batch, im->channels);

	memcpy(out->px, im->px, image_stride(im) * (size_t)im->batch);
	return out;
}

void image_free(struct image *im)
{
	if (!im)
		return;
	free(im->px);
	free(im);
}

static unsigned char *pixel(const struct image *im, int b, int x, int y)
{
	return im->px + image_stride(im) * (size_t)b +
	       ((size_t)y * (size_t)im->width + (size_t)x) *
		       (size_t)im->channels;
}

static void blend_pixel(const struct image *im, int b, float fx, float fy,
			unsigned char *out)
{
	int x0 = (int)fx, y0 = (int)fy, c;
	int x1 = x0 + 1 < im->width ? x0 + 1 : x0;
	int y1 = y0 + 1 < im->height ? y0 + 1 : y0;
	const float ax = fx - (float)x0, ay = fy - (float)y0;

	for (c = 0; c < im->channels; c++) {
		const float top = (float)pixel(im, b, x0, y0)[c] * (1 - ax) +
				  (float)pixel(im, b, x1, y0)[c] * ax;
		const float low = (float)pixel(im, b, x0, y1)[c] * (1 - ax) +
				  (float)pixel(im, b, x1, y1)[c] * ax;

		out[c] = (unsigned char)(top * (1 - ay) + low * ay + 0.5F);
	}
}

struct image *image_scale(const struct image *im, int width, int height,
			  bool smooth)
{
	struct image *out = image_new(width, height, im->batch, im->channels);
	const float sx = (float)im->width / (float)width;
	const float sy = (float)im->height / (float)height;
	int b, x, y;

	for (b = 0; b < im->batch; b++)
		for (y = 0; y < height; y++)
			for (x = 0; x < width; x++) {
				float fx = ((float)x + 0.5F) * sx;
				float fy = ((float)y + 0.5F) * sy;

				if (!smooth) {
					memcpy(pixel(out, b, x, y),
					       pixel(im, b, (int)fx, (int)fy),
					       (size_t)im->channels);
					continue;
				}
				fx = fx > 0.5F ? fx - 0.5F : 0;
				fy = fy > 0.5F ? fy - 0.5F : 0;
				blend_pixel(im, b, fx, fy, pixel(out, b, x, y));
			}
	return out;
}

struct image *image_to_rgb(const struct image *im)
{
	struct image *out = image_new(im->width, im->height, im->batch, 3);
	const size_t n =
		(size_t)im->width * (size_t)im->height * (size_t)im->batch;
	size_t i;

	for (i = 0; i < n; i++) {
		const unsigned char *p = im->px + i * (size_t)im->channels;
		unsigned char *q = out->px + i * 3;

		q[0] = p[0];
		q[1] = im->channels == 1 ? p[0] : p[1];
		q[2] = im->channels == 1 ? p[0] : p[2];
	}
	return out;
}

/* 5x7, a row a byte, for the letters the stamp needs */
static const struct glyph {
	char c;
	unsigned char row[7];
} font[] = {
	{'A', {14, 17, 17, 31, 17, 17, 17}},
	{'D', {30, 17, 17, 17, 17, 17, 30}},
	{'E', {31, 16, 16, 30, 16, 16, 31}},
	{'I', {14, 4, 4, 4, 4, 4, 14}},
	{'N', {17, 25, 21, 19, 17, 17, 17}},
	{'S', {15, 16, 16, 14, 1, 1, 30}},
	{'T', {31, 4, 4, 4, 4, 4, 4}},
	{'-', {0, 0, 0, 31, 0, 0, 0}},
	{'0', {14, 17, 19, 21, 25, 17, 14}},
	{'1', {4, 12, 4, 4, 4, 4, 14}},
	{'2', {14, 17, 1, 6, 8, 16, 31}},
	{'3', {30, 1, 1, 14, 1, 1, 30}},
	{'4', {2, 6, 10, 18, 31, 2, 2}},
	{'5', {31, 16, 30, 1, 1, 17, 14}},
	{'6', {6, 8, 16, 30, 17, 17, 14}},
	{'7', {31, 1, 2, 4, 8, 8, 8}},
	{'8', {14, 17, 17, 14, 17, 17, 14}},
	{'9', {14, 17, 17, 15, 1, 2, 12}},
};

static bool glyph_bit(char c, int x, int y)
{
	size_t i;

	for (i = 0; i < sizeof(font) / sizeof(*font); i++)
		if (font[i].c == c)
			return x < 5 && y < 7 && font[i].row[y] >> (4 - x) & 1;
	return false;
}

static void stamp_one(struct image *im, int b, const char *text, int scale)
{
	const int len = (int)strlen(text);
	const int h = 9 * scale, w = (6 * len + 1) * scale;
	int x, y, c;

	for (y = 0; y < h && y < im->height; y++)
		for (x = 0; x < w && x < im->width; x++) {
			unsigned char *p =
				pixel(im, b, x,
				      im->height - 1 - (h - 1 - y) >= 0
					      ? im->height - h + y
					      : y);
			const int gx = x / scale - 1, gy = y / scale - 1;
			const bool on = gx >= 0 && gy >= 0 && gx / 6 < len &&
					glyph_bit(text[gx / 6], gx % 6, gy);

			for (c = 0; c < im->channels && c < 3; c++)
				p[c] = on ? 255 : (unsigned char)(p[c] / 4);
		}
}

void image_stamp(struct image *im, const char *text)
{
	const int fit = im->width / (6 * (int)strlen(text) + 1);
	const int scale = fit > 4 ? 4 : fit;
	int b;

	if (scale < 1 || im->height < 9 * scale)
		return;
	for (b = 0; b < im->batch; b++)
		stamp_one(im, b, text, scale);
}

static uint64_t mix(uint64_t x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdULL;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53ULL;
	return x ^ x >> 33;
}

struct image *image_dream(int width, int height, int batch, uint64_t seed)
{
	struct image *im = image_new(width, height, batch, 3);
	int b, x, y, c;

	for (b = 0; b < batch; b++) {
		const uint64_t s =
			mix(seed + (uint64_t)b * 0x9e3779b97f4a7c15U);
		unsigned char from[3], to[3];
		const int cell = 32 + (int)(s & 31);

		for (c = 0; c < 3; c++) {
			from[c] = (unsigned char)(s >> (8 * c));
			to[c] = (unsigned char)(s >> (24 + 8 * c));
		}
		for (y = 0; y < height; y++)
			for (x = 0; x < width; x++) {
				const unsigned t = (unsigned)(x * 128 / width +
							      y * 127 / height);
				const unsigned k =
					(unsigned)mix(s ^ (uint64_t)(x / cell) ^
						      (uint64_t)(y / cell)
							      << 20) &
					31;
				unsigned char *p = pixel(im, b, x, y);

				for (c = 0; c < 3; c++)
					p[c] = (unsigned char)((from[c] * (255 -
									   t) +
								to[c] * t) /
								       290 +
							       k);
			}
	}
	return im;
}
