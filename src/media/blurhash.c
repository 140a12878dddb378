#include "media/blurhash.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define COLUMNS	   4
#define ROWS	   3
#define COMPONENTS (COLUMNS * ROWS)
#define PI	   3.14159265358979323846

static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			     "abcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~";
#define BASE 83
static_assert(sizeof(digits) == BASE + 1, "base 83");
/* size, greatest component, average, the other components */
static_assert(BLURHASH_SIZE == 1 + 1 + 4 + 2 * (COMPONENTS - 1) + 1,
	      "28 characters");

/* Linear light of one colour; sRGB, IEC 61966-2-1. */
static double to_linear(unsigned char value)
{
	double v = value / 255.0;

	return v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4);
}

static unsigned to_srgb(double value)
{
	double v = fmin(fmax(value, 0), 1);
	double s = v <= 0.0031308 ? v * 12.92 : 1.055 * pow(v, 1 / 2.4) - 0.055;

	return (unsigned)(s * 255 + 0.5);
}

static double signed_root(double v)
{
	return copysign(sqrt(fabs(v)), v);
}

static char *put(char *to, unsigned value, size_t length)
{
	for (size_t i = length; i-- > 0; value /= BASE)
		to[i] = digits[value % BASE];
	return to + length;
}

/* How much of a picture goes like one wave, by colour. */
static void component(const unsigned char *rgb, size_t width, size_t height,
		      size_t column, size_t row, const double linear[256],
		      double out[3])
{
	double scale =
		(column + row == 0 ? 1.0 : 2.0) / (double)(width * height);

	out[0] = out[1] = out[2] = 0;
	for (size_t y = 0; y < height; y++) {
		double down = cos(PI * (double)(row * y) / (double)height);

		for (size_t x = 0; x < width; x++) {
			const unsigned char *p = rgb + 3 * (y * width + x);
			double wave = down * cos(PI * (double)(column * x) /
						 (double)width);

			for (int c = 0; c < 3; c++)
				out[c] += wave * linear[p[c]];
		}
	}
	for (int c = 0; c < 3; c++)
		out[c] *= scale;
}

/* In steps of 1/166. */
static unsigned greatest_step(double f[COMPONENTS][3])
{
	double most = 0;

	for (size_t i = 1; i < COMPONENTS; i++)
		for (int c = 0; c < 3; c++)
			most = fmax(most, fabs(f[i][c]));
	return (unsigned)fmin(fmax(floor(most * 166 - 0.5), 0), 82);
}

static unsigned quantised(const double f[3], double most)
{
	unsigned value = 0;

	for (int c = 0; c < 3; c++)
		value = value * 19 +
			(unsigned)fmin(
				fmax(floor(signed_root(f[c] / most) * 9 + 9.5),
				     0),
				18);
	return value;
}

void blurhash_encode(const unsigned char *rgb, size_t width, size_t height,
		     char out[BLURHASH_SIZE])
{
	double linear[256], f[COMPONENTS][3], most;
	unsigned step;
	char *to = out;

	assert(width > 0 && width <= BLURHASH_EDGE && height > 0 &&
	       height <= BLURHASH_EDGE);
	for (int i = 0; i < 256; i++)
		linear[i] = to_linear((unsigned char)i);
	for (size_t i = 0; i < COMPONENTS; i++)
		component(rgb, width, height, i % COLUMNS, i / COLUMNS, linear,
			  f[i]);
	step = greatest_step(f);
	most = (step + 1) / 166.0;
	to = put(to, COLUMNS - 1 + (ROWS - 1) * 9, 1);
	to = put(to, step, 1);
	to = put(to,
		 to_srgb(f[0][0]) << 16 | to_srgb(f[0][1]) << 8 |
			 to_srgb(f[0][2]),
		 4);
	for (size_t i = 1; i < COMPONENTS; i++)
		to = put(to, quantised(f[i], most), 2);
	*to = '\0';
}

bool blurhash_valid(const char *text, size_t n)
{
	return n >= BLURHASH_SIZE &&
	       text[0] == digits[COLUMNS - 1 + (ROWS - 1) * 9] &&
	       strnlen(text, n) == BLURHASH_SIZE - 1 &&
	       strspn(text, digits) == BLURHASH_SIZE - 1;
}
