#include <string.h>

#include "media/blurhash.h"
#include "tap.h"

/* What woltapp's own encoder (npm blurhash 2.0.5) makes of the same pixels. It
 * forgets the sign where it looks for the greatest component, which its
 * encoders in C and Swift do not; in these pictures the greatest is positive.
 */

static void black(size_t x, size_t y, unsigned char p[3])
{
	(void)x;
	(void)y;
	memset(p, 0, 3);
}

static void white(size_t x, size_t y, unsigned char p[3])
{
	(void)x;
	(void)y;
	memset(p, 255, 3);
}

static void one(size_t x, size_t y, unsigned char p[3])
{
	(void)x;
	(void)y;
	memcpy(p, (unsigned char[]){200, 100, 50}, 3);
}

static void ramp(size_t x, size_t y, unsigned char p[3])
{
	p[0] = (unsigned char)(255 - x * 17);
	p[1] = (unsigned char)(255 - y * 23);
	p[2] = (unsigned char)(90 + x * 4 + y * 2);
}

static void board(size_t x, size_t y, unsigned char p[3])
{
	memset(p, 0, 3);
	p[(x / 4 + y / 4) % 2 ? 0 : 2] = 255;
}

static void wide(size_t x, size_t y, unsigned char p[3])
{
	(void)y;
	p[0] = (unsigned char)(255 - x * 8);
	p[1] = (unsigned char)(200 - x * 3);
	p[2] = 60;
}

static void noise(size_t x, size_t y, unsigned char p[3])
{
	p[0] = (unsigned char)((x * 73 + y * 151) % 256 * (17 - x) / 17);
	p[1] = (unsigned char)((x * 31 + y * 17) % 256 * (13 - y) / 13);
	p[2] = (unsigned char)((x * 7 + y * 201) % 256 / 2);
}

static const struct {
	const char *name;
	size_t width, height;
	void (*pixel)(size_t x, size_t y, unsigned char p[3]);
	const char *hash;
} pictures[] = {
	{"black", 8, 8, black, "L00000fQfQfQfQfQfQfQfQfQfQfQ"},
	{"white", 8, 8, white, "LfTSUA~qfQ~q~qt7fQt7fQfQfQfQ"},
	{"one pixel", 1, 1, one, "L~M|T9}=}=}=}=}=}=}=}=}=}=}="},
	{"ramp", 16, 12, ramp, "L_Hx+n}9,XxZuas,o1kAguf%fQf%"},
	{"board", 32, 20, board, "L9LjfLsdfQoA]HjufQjufQFOfQA{"},
	{"wide", 32, 2, wide, "L.Hx;?}:$hxY^}-SxEs.fQfQfQfQ"},
	{"noise", 17, 13, noise, "LMATo+|2#Uv-uanSi~igY0V_WCVc"},
};

static const struct {
	const char *name;
	const char *text;
	bool valid;
} texts[] = {
	{"a hash", "L_Hx+n}9,XxZuas,o1kAguf%fQf%", true},
	{"empty", "", false},
	{"other components", "K_Hx+n}9,XxZuas,o1kAguf%fQf%", false},
	{"too short", "L_Hx+n}9,XxZuas,o1kAguf%fQf", false},
	{"too long", "L_Hx+n}9,XxZuas,o1kAguf%fQf%0", false},
	{"a quote", "L_Hx+n}9,XxZuas,o1kAguf%fQf\"", false},
	{"a control character", "L_Hx+n}9,XxZuas,o1kAguf%fQf\n", false},
};

int main(void)
{
	unsigned char rgb[32 * 32 * 3];
	char hash[BLURHASH_SIZE];

	for (size_t i = 0; i < COUNT(pictures); i++) {
		size_t w = pictures[i].width, h = pictures[i].height;

		for (size_t k = 0; k < w * h; k++)
			pictures[i].pixel(k % w, k / w, rgb + 3 * k);
		blurhash_encode(rgb, w, h, hash);
		is_str(hash, pictures[i].hash, pictures[i].name);
		ok(blurhash_valid(hash, sizeof(hash)), "%s: well formed",
		   pictures[i].name);
	}
	for (size_t i = 0; i < COUNT(texts); i++)
		ok(blurhash_valid(texts[i].text, strlen(texts[i].text) + 1) ==
			   texts[i].valid,
		   "valid: %s", texts[i].name);
	ok(!blurhash_valid(texts[0].text, BLURHASH_SIZE - 1),
	   "valid: without its end");
	return tap_done();
}
