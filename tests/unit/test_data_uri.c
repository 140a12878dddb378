#include "base/data_uri.h"

#include <stdlib.h>

#include "base/buf.h"
#include "tap.h"

static bool take(void *ctx, const void *bytes, size_t n)
{
	buf_add(ctx, bytes, n);
	return true;
}

static void test_good(void)
{
	static const struct {
		const char *text, *bytes;
		size_t n;
	} cases[] = {
		{"data:,", "", 0},
		{"data:;base64,", "", 0},
		{"data:,a%20b", "a b", 3},
		{"data:text/plain;charset=utf-8,A%2cb,c", "A,b,c", 5},
		{"data:,%00%fF\"<>\\^`{|}", "\0\xff\"<>\\^`{|}", 11},
		{"data:,a b", "a b", 3},
		{"data:image/png;base64,aGVsbG8=", "hello", 5},
		{"data:image/png;base64,aGVsbG8", "hello", 5},
		{"DATA:image/png;BASE64,aGVsbG8=", "hello", 5},
		{"data:;base64,AA==", "\0", 1},
		{"data:;base64,AA", "\0", 1},
		{"data:;base64,/+8=", "\xff\xef", 2},
		{"data:;base64,AAAA", "\0\0\0", 3},
		{"data:a/b;c=\"d\";base64,AAAA", "\0\0\0", 3},
		{"data:a;base64;x,AAAA", "AAAA", 4},
		{"data:base64,AAAA", "AAAA", 4},
		{"data:;base64;base64,AAAA", "\0\0\0", 3},
		{"data:no media type at all,x", "x", 1},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct problem why = {0};
		struct buf b;

		buf_init(&b, 1000);
		ok(data_uri_is(cases[i].text) &&
			   data_uri_decode(cases[i].text, strlen(cases[i].text),
					   take, &b, &why),
		   "taken: %s", cases[i].text);
		ok(b.len == cases[i].n &&
			   (b.len == 0 ||
			    memcmp(b.at, cases[i].bytes, b.len) == 0),
		   "its bytes");
		buf_finish(&b);
	}
}

#define FOREIGN "holds a character that is not base64"
#define ESCAPE	"holds a character that must be written as %XX"
#define DIGITS	"holds a % without two hexadecimal digits"
#define NO_DATA "does not begin with data:"

static void test_bad(void)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{"", NO_DATA},
		{"data", NO_DATA},
		{"date:,x", NO_DATA},
		{" data:,x", NO_DATA},
		{"https://a/", NO_DATA},
		{"data:", "has no comma before its data"},
		{"data:text/plain;base64", "has no comma before its data"},
		{"data:a\nb,x", "has a bad media type"},
		{"data:\xc3\xa4,x", "has a bad media type"},
		{"data:;base64,AAA=A", FOREIGN},
		{"data:;base64,AA=", "its base64 is padded wrongly"},
		{"data:;base64,AAA==", "its base64 is padded wrongly"},
		{"data:;base64,AAAA=", "its base64 is padded wrongly"},
		{"data:;base64,AAAA==", "its base64 is padded wrongly"},
		{"data:;base64,=", "its base64 is padded wrongly"},
		{"data:;base64,A===", FOREIGN},
		{"data:;base64,====", FOREIGN},
		{"data:;base64,AA==AAAA", FOREIGN},
		{"data:;base64,A", "ends within a group of base64"},
		{"data:;base64,AAAAA", "ends within a group of base64"},
		{"data:;base64,AB", "its base64 ends with bits that are spare"},
		{"data:;base64,AB==",
		 "its base64 ends with bits that are spare"},
		{"data:;base64,AAB=",
		 "its base64 ends with bits that are spare"},
		{"data:;base64,AA-_", FOREIGN},
		{"data:;base64,AA A", FOREIGN},
		{"data:;base64,AAAA\r\nAAAA", FOREIGN},
		{"data:;base64,AAAA\n", FOREIGN},
		{"data:;base64,AA%3D%3D", FOREIGN},
		{"data:;base64,A\xc3\xa4", FOREIGN},
		{"data:;base64 ,%", DIGITS},
		{"data:,%", DIGITS},
		{"data:,%4", DIGITS},
		{"data:,%4x", DIGITS},
		{"data:,%x4", DIGITS},
		{"data:,a#b", ESCAPE},
		{"data:,a\nb", ESCAPE},
		{"data:,\x7f", ESCAPE},
		{"data:,\xc3\xa4", ESCAPE},
	};
	char text[1100] = "data:";
	struct problem why = {0};
	struct buf b;

	buf_init(&b, 1000);
	for (size_t i = 0; i < COUNT(cases); i++) {
		why = (struct problem){0};
		ok(!data_uri_decode(cases[i].text, strlen(cases[i].text), take,
				    &b, &why) &&
			   why.code == PROBLEM_INVALID_INPUT,
		   "refused: %zu", i);
		is_str(why.detail, cases[i].why, "why");
	}
	ok(!data_uri_decode("data:,\0x", 8, take, &b, &why), "a NUL");
	ok(!data_uri_decode("data:;base64,AA\0A", 17, take, &b, &why), "a NUL");
	memset(text + 5, 'a', 1024);
	text[5 + 1023] = ',';
	ok(data_uri_decode(text, 5 + 1024, take, &b, &why),
	   "a long media type");
	memset(text + 5, 'a', 1024);
	text[5 + 1024] = ',';
	ok(!data_uri_decode(text, 5 + 1025, take, &b, &why), "too long a one");
	buf_finish(&b);
}

struct few {
	size_t calls, seen, most;
};

static bool take_few(void *ctx, const void *bytes, size_t n)
{
	struct few *f = ctx;

	f->calls++;
	f->seen += n;
	return bytes != NULL && f->seen <= f->most;
}

static void test_pieces(void)
{
	const size_t n = 400000;
	char *text = malloc(n + 13);
	struct problem why = {0};
	struct few f = {.most = n};

	if (text == NULL)
		abort();
	memset(text, 'A', n + 13);
	memcpy(text, "data:;base64,", 13);
	ok(data_uri_decode(text, n + 13, take_few, &f, &why) &&
		   f.seen == n / 4 * 3 && f.calls > 10,
	   "in pieces");
	f = (struct few){.most = 20000};
	ok(!data_uri_decode(text, n + 13, take_few, &f, &why) &&
		   f.seen < 30000 && why.code == PROBLEM_NONE,
	   "a sink that has enough");
	memcpy(text, "data:;xxxx64,", 13);
	f = (struct few){.most = n};
	ok(data_uri_decode(text, n + 13, take_few, &f, &why) && f.seen == n,
	   "percent in pieces");
	f = (struct few){.most = 1};
	ok(!data_uri_decode("data:,abc", 9, take_few, &f, &why) &&
		   why.code == PROBLEM_NONE,
	   "one that has enough at the end");
	free(text);
}

int main(void)
{
	test_good();
	test_bad();
	test_pieces();
	return tap_done();
}
