#include <string.h>

#include "media/parts.h"

/*
 * What players of sound files put around the sound:
 *	"ID3" <version, 2> <flags> <size, 4 of 7 bits> …, with "3DI" and the
 *	same again as its footer
 *	"TAG" and 125 bytes at the end
 *	"APETAGEX" <version, 4> <size, 4> <count, 4> <flags, 4> <0, 8>, before
 *	or behind its items
 *	"LYRICSBEGIN" … <size, 6 digits> "LYRICS200"
 */
#define TAGS_MAX 32

static int64_t sevens(const unsigned char *p)
{
	return (int64_t)(p[0] & 127) << 21 | (int64_t)(p[1] & 127) << 14 |
	       (int64_t)(p[2] & 127) << 7 | (p[3] & 127);
}

/* The size of an APE tag whose header or footer is p, with both. */
static int64_t ape_size(const unsigned char *p)
{
	bool both = (p[23] & 0x80) != 0;

	return number_le(p + 12, 4) + (both ? 32 : 0);
}

int64_t tags_end(struct source *s, int64_t at)
{
	unsigned char p[32];

	for (int i = 0; i < TAGS_MAX; i++) {
		int64_t size = 0;

		if (source_read(s, at, p, 10) && memcmp(p, "ID3", 3) == 0)
			size = 10 + sevens(p + 6) +
			       ((p[5] & 0x10) != 0 ? 10 : 0);
		else if (source_read(s, at, p, 32) &&
			 memcmp(p, "APETAGEX", 8) == 0)
			size = ape_size(p);
		if (size == 0 || size > s->size - at)
			break;
		at += size;
	}
	return at;
}

static int64_t lyrics_size(const unsigned char *digits)
{
	int64_t n = 0;

	for (int i = 0; i < 6; i++) {
		if (digits[i] < '0' || digits[i] > '9')
			return 0;
		n = n * 10 + digits[i] - '0';
	}
	return n + 15;
}

/* The size of the tag that ends at `end`; 0: none. */
static int64_t tag_before(struct source *s, int64_t end)
{
	unsigned char p[32];

	if (source_has(s, end - 128, "TAG", 3))
		return 128;
	if (source_read(s, end - 10, p, 10) && memcmp(p, "3DI", 3) == 0)
		return sevens(p + 6) + 20;
	if (source_read(s, end - 15, p, 15) &&
	    memcmp(p + 6, "LYRICS200", 9) == 0)
		return lyrics_size(p);
	if (source_read(s, end - 32, p, 32) && memcmp(p, "APETAGEX", 8) == 0)
		return ape_size(p);
	return 0;
}

int64_t tags_begin(struct source *s, int64_t from)
{
	int64_t end = s->size;

	for (int i = 0; i < TAGS_MAX; i++) {
		int64_t size = tag_before(s, end);

		if (size <= 0 || size > end - from)
			break;
		end -= size;
	}
	return end;
}

bool tags_none(struct strip *s)
{
	struct source out = {0};
	bool none = strip_end(s);

	if (s->memory != NULL)
		source_memory(&out, s->memory->at, s->memory->len, true);
	else
		none = none && source_file(&out, s->out, true);
	none = none && tags_begin(&out, 0) == out.size;
	source_finish(&out);
	return none || strip_bad(s, "its sound ends like a tag");
}
