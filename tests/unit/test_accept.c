#include "api/accept.h"
#include "tap.h"

static const struct {
	const char *name;
	const char *header;
	const char *type;
	unsigned want;
} cases[] = {
	{"no header", NULL, "image/png", 1000},
	{"an empty one", "", "image/png", 1000},
	{"only commas", " , ,, ", "image/png", 1000},
	{"anything", "*/*", "image/png", 1000},
	{"anything, in Java's words", "text/html, *; q=.2, */*; q=.2",
	 "image/png", 200},
	{"its class", "image/*", "image/png", 1000},
	{"another class", "video/*", "image/png", 0},
	{"a class that begins alike", "imag/*", "image/png", 0},
	{"the type", "image/png", "image/png", 1000},
	{"another type", "image/webp", "image/png", 0},
	{"a longer type", "image/pngx", "image/png", 0},
	{"case does not count", "IMAGE/Png", "image/png", 1000},
	{"nor in a class", "Image/*", "image/png", 1000},
	{"JSON, too", "application/json", "application/json", 1000},
	{"a weight", "image/*;q=0.25", "image/png", 250},
	{"with spaces", "\timage/* ; q=0.25 ", "image/png", 250},
	{"in capitals", "image/*;Q=0.25", "image/png", 250},
	{"of one", "image/*;q=1.000", "image/png", 1000},
	{"of nothing", "image/*;q=0", "image/png", 0},
	{"of a thousandth", "image/*;q=0.001", "image/png", 1},
	{"that ends in a point", "image/*;q=0.", "image/png", 0},
	{"the type before its class", "image/*;q=0.9, image/png;q=0.1",
	 "image/png", 100},
	{"whatever the order", "image/png;q=0.1, image/*;q=0.9", "image/png",
	 100},
	{"the class before any", "*/*;q=0.9,image/*;q=0.2", "image/png", 200},
	{"refused by name", "*/*, image/png;q=0", "image/png", 0},
	{"twice: the better", "image/png;q=0.2, image/png;q=0.4", "image/png",
	 400},
	{"what a browser asks for in <img>",
	 "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
	 "application/json", 800},
	{"… and a picture", "image/avif,image/webp,image/*,*/*;q=0.8",
	 "image/png", 1000},
	{"parameters are of another type", "image/png;depth=8", "image/png", 0},
	{"… but do not hide the class", "image/png;depth=8, image/*;q=0.3",
	 "image/png", 300},
	{"charset is as good as none", "application/json;charset=utf-8",
	 "application/json", 1000},
	{"what follows the weight is none", "image/png;q=0.5;ext=1",
	 "image/png", 500},
	{"a comma in quotes", "image/png;a=\"x,image/webp\", image/gif;q=0.2",
	 "image/webp", 0},
	{"an escaped quote", "a/b;a=\"\\\",image/png;\", image/gif",
	 "image/png", 0},
	{"a quote without its end", "image/gif, a/b;a=\"x, image/png",
	 "image/png", 0},
	{"malformed alone is as if it were not there", "image", "image/png",
	 1000},
	{"malformed beside another", "image, image/png;q=0.3", "image/png",
	 300},
	{"no subtype", "image/, image/gif", "image/png", 0},
	{"no type", "/png, image/gif", "image/png", 0},
	{"a space within", "image /png, image/gif", "image/png", 0},
	{"a weight past one", "image/png;q=1.1, image/*;q=0.2", "image/png",
	 200},
	{"a weight of words", "image/png;q=high, image/*;q=0.2", "image/png",
	 200},
	{"an empty weight", "image/png;q=, image/*;q=0.2", "image/png", 200},
	{"four digits", "image/png;q=0.1234, image/*;q=0.2", "image/png", 200},
	{"half of any is none", "*/png, image/gif", "image/png", 0},
};

int main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned got = accept_quality(cases[i].header, cases[i].type);

		ok(got == cases[i].want, "%s", cases[i].name);
		if (got != cases[i].want)
			fprintf(stderr, "#  got %u, want %u\n", got,
				cases[i].want);
	}
	return tap_done();
}
