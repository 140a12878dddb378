#include "base/data_uri.h"

#include <stdint.h>
#include <string.h>

#include "base/text.h"

#define SCHEME	   "data:"
#define HEAD_MAX   1024 /* the media type with its parameters */
#define PIECE_SIZE 6144 /* divides by 3: whole groups of base64 */

typedef bool sink_function(void *ctx, const void *bytes, size_t n);

struct out {
	sink_function *sink;
	void *ctx;
	size_t len;
	unsigned char piece[PIECE_SIZE];
};

static bool flush(struct out *o)
{
	size_t n = o->len;

	o->len = 0;
	return n == 0 || o->sink(o->ctx, o->piece, n);
}

static bool put(struct out *o, unsigned byte)
{
	o->piece[o->len++] = (unsigned char)byte;
	return o->len < sizeof(o->piece) || flush(o);
}

static bool refuse(struct problem *why, const char *what)
{
	return problem_set(why, PROBLEM_INVALID_INPUT, "", "%s", what);
}

/* RFC 4648, table 1; one more than the value, so that 0 is none. */
static const unsigned char base64[256] = {
	['A'] = 1,  ['B'] = 2,	['C'] = 3,  ['D'] = 4,	['E'] = 5,  ['F'] = 6,
	['G'] = 7,  ['H'] = 8,	['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12,
	['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16, ['Q'] = 17, ['R'] = 18,
	['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
	['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30,
	['e'] = 31, ['f'] = 32, ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36,
	['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41, ['p'] = 42,
	['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
	['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54,
	['2'] = 55, ['3'] = 56, ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60,
	['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64,
};

static const char no_base64[] = "holds a character that is not base64";

/* The n characters, 1 to 4, of one group; false for a foreign one. */
static bool group(const unsigned char *at, size_t n, uint32_t *bits)
{
	uint32_t v = 0;

	for (size_t i = 0; i < n; i++) {
		if (base64[at[i]] == 0)
			return false;
		v = v << 6 | (base64[at[i]] - 1u);
	}
	*bits = v;
	return true;
}

/* The last group, without its padding: 2 characters are one byte and 4 bits
 * that must be 0, 3 are two bytes and 2 bits. */
static bool last_group(struct out *o, const unsigned char *at, size_t n,
		       struct problem *why)
{
	uint32_t bits = 0;

	if (!group(at, n, &bits))
		return refuse(why, no_base64);
	if (n == 1)
		return refuse(why, "ends within a group of base64");
	if ((bits & (n == 2 ? 15u : 3u)) != 0)
		return refuse(why, "its base64 ends with bits that are spare");
	return n == 2 ? put(o, bits >> 4)
		      : put(o, bits >> 10) && put(o, bits >> 2 & 255);
}

static bool from_base64(struct out *o, const char *text, size_t n,
			struct problem *why)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t padding = 0;
	uint32_t bits = 0;

	while (padding < 2 && padding < n && at[n - 1 - padding] == '=')
		padding++;
	if (padding > 0 && n % 4 != 0)
		return refuse(why, "its base64 is padded wrongly");
	n -= padding;
	for (; n >= 4; at += 4, n -= 4) {
		if (!group(at, 4, &bits))
			return refuse(why, no_base64);
		if (!put(o, bits >> 16) || !put(o, bits >> 8 & 255) ||
		    !put(o, bits & 255))
			return false;
	}
	return (n == 0 || last_group(o, at, n, why)) && flush(o);
}

/* A '#' would begin a fragment, and be no part of the data. */
static bool from_percent(struct out *o, const char *at, size_t n,
			 struct problem *why)
{
	for (; n > 0; at++, n--) {
		unsigned byte = (unsigned char)*at;

		if (byte == '%') {
			int high = n > 2 ? text_hex_digit(at[1]) : -1;
			int low = n > 2 ? text_hex_digit(at[2]) : -1;

			if (high < 0 || low < 0)
				return refuse(why, "holds a % without two "
						   "hexadecimal digits");
			byte = (unsigned)(high << 4 | low);
			at += 2;
			n -= 2;
		} else if (byte < ' ' || byte > '~' || byte == '#') {
			return refuse(why, "holds a character that must be "
					   "written as %XX");
		}
		if (!put(o, byte))
			return false;
	}
	return flush(o);
}

bool data_uri_is(const char *text)
{
	char start[sizeof(SCHEME)] = "";

	memcpy(start, text, strnlen(text, sizeof(SCHEME) - 1));
	return text_same_nocase(start, SCHEME);
}

/* ";BASE64" at the end of the head. */
static bool says_base64(const char *head, size_t n)
{
	char end[sizeof(";base64")] = "";

	if (n < sizeof(end) - 1)
		return false;
	memcpy(end, head + n - (sizeof(end) - 1), sizeof(end) - 1);
	return text_same_nocase(end, ";base64");
}

bool data_uri_decode(const char *text, size_t n, sink_function *sink, void *ctx,
		     struct problem *why)
{
	struct out o = {.sink = sink, .ctx = ctx};
	const char *head, *comma;
	size_t head_len;

	if (n < sizeof(SCHEME) - 1 || !data_uri_is(text))
		return refuse(why, "does not begin with data:");
	head = text + sizeof(SCHEME) - 1;
	n -= sizeof(SCHEME) - 1;
	comma = memchr(head, ',', n < HEAD_MAX ? n : HEAD_MAX);
	if (comma == NULL)
		return refuse(why, "has no comma before its data");
	head_len = (size_t)(comma - head);
	for (size_t i = 0; i < head_len; i++)
		if (head[i] < ' ' || head[i] > '~')
			return refuse(why, "has a bad media type");
	n -= head_len + 1;
	return (says_base64(head, head_len) ? from_base64 : from_percent)(
		&o, comma + 1, n, why);
}
