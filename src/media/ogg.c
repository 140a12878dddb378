#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/attr.h"
#include "media/parts.h"

/*
 * Pages: "OggS" 00 <flags> <granule, 8> <stream, 4> <number, 4> <CRC, 4>
 * <count> <sizes> <data>. Packets are cut into pieces of 255; a piece that is
 * shorter ends one. The first page holds the first header alone, the second
 * packet is the comments, and the headers end with a page.
 *
 * A new page of comments is shorter, so the pages behind it get new numbers
 * and with them new CRCs.
 */
#define PAGE_MAX  (27 + 255 + 255 * 255)
#define CONTINUED 1
#define FIRST	  2
#define SETUP_MAX (512 * 1024) /* Vorbis: its code books */
#define TAIL	  ((int64_t)65536)

struct page {
	size_t head, len; /* of the header; of all */
	unsigned char bytes[PAGE_MAX];
};

static const struct codec {
	const char *mark;
	size_t len;
	const char *comments; /* an empty packet of them */
	size_t comments_len, comments_mark;
	unsigned more; /* headers behind them */
} codecs[] = {
	{"\001vorbis", 7, "\003vorbis\0\0\0\0\0\0\0\0\001", 16, 7, 1},
	{"OpusHead", 8, "OpusTags\0\0\0\0\0\0\0\0", 16, 8, 0},
};

/* x^32 + 04C11DB7, first bit first, begun with 0. */
static uint32_t crc(const unsigned char *p, size_t n)
{
	uint32_t c = 0;

	for (size_t i = 0; i < n; i++) {
		uint32_t top = (c >> 24 ^ p[i]) << 24;

		for (int bit = 0; bit < 8; bit++)
			top = (top & 0x80000000) != 0 ? top << 1 ^ 0x04c11db7
						      : top << 1;
		c = c << 8 ^ top;
	}
	return c;
}

static bool page_read(struct source *s, int64_t at, struct page *p)
{
	if (!source_read(s, at, p->bytes, 27) ||
	    memcmp(p->bytes, "OggS\0", 5) != 0)
		return false;
	p->head = 27 + (size_t)p->bytes[26];
	if (!source_read(s, at + 27, p->bytes + 27, p->head - 27))
		return false;
	p->len = p->head;
	for (size_t i = 27; i < p->head; i++)
		p->len += p->bytes[i];
	return source_read(s, at + (int64_t)p->head, p->bytes + p->head,
			   p->len - p->head);
}

static bool page_put(struct strip *s, struct page *p, int64_t number)
{
	number_put_le(p->bytes + 18, 4, number);
	memset(p->bytes + 22, 0, 4);
	number_put_le(p->bytes + 22, 4, crc(p->bytes, p->len));
	return strip_put(s, p->bytes, p->len);
}

static const struct codec *codec_of(const struct page *p)
{
	for (size_t i = 0; i < COUNT(codecs); i++) {
		if (p->len - p->head >= 19 &&
		    memcmp(p->bytes + p->head, codecs[i].mark, codecs[i].len) ==
			    0)
			return &codecs[i];
	}
	return NULL;
}

/* The granule of the last page tells how many samples there were. */
static int64_t last_granule(struct source *s)
{
	unsigned char *tail = mem_alloc((size_t)TAIL);
	size_t n = (size_t)(s->size < TAIL ? s->size : TAIL);
	int64_t found = 0;

	if (!source_read(s, s->size - (int64_t)n, tail, n))
		n = 0;
	for (size_t i = n < 27 ? 0 : n - 26; i-- > 0 && found == 0;) {
		if (memcmp(tail + i, "OggS", 5) == 0)
			found = number_le(tail + i + 6, 8);
	}
	free(tail);
	return found == INT64_MAX ? 0 : found;
}

void ogg_facts(struct source *s, struct media_facts *out)
{
	struct page *p = mem_alloc(sizeof(*p));
	int64_t granule;

	if (page_read(s, 0, p) && codec_of(p) != NULL) {
		const unsigned char *head = p->bytes + p->head;

		granule = last_granule(s);
		if (head[0] == 'O' && granule > number_le(head + 10, 2))
			out->duration_ms = number_scale(
				granule - number_le(head + 10, 2), 1000, 48000);
		else if (head[0] == 1)
			out->duration_ms = number_scale(
				granule, 1000, number_le(head + 12, 4));
	}
	free(p);
}

/* ---- cleaning ---- */

struct work {
	const struct codec *codec;
	int64_t stream, number; /* of the next page written */
	struct page page;
	unsigned char *setup; /* the headers behind the comments */
	size_t setup_len;
	unsigned packet; /* 0: the comments */
	size_t packet_len;
};

/* One piece of a header. */
static bool piece(struct strip *s, struct work *w, const unsigned char *p,
		  size_t n)
{
	if (w->packet > w->codec->more)
		return strip_bad(s, "its headers do not end with a page");
	if (w->packet == 0 && w->packet_len == 0 &&
	    (n < w->codec->comments_mark ||
	     memcmp(p, w->codec->comments, w->codec->comments_mark) != 0))
		return strip_bad(s, "its comments are missing");
	if (w->packet > 0) {
		if (n > SETUP_MAX - w->setup_len)
			return strip_bad(s, "its headers are too large");
		memcpy(w->setup + w->setup_len, p, n);
		w->setup_len += n;
	}
	w->packet_len += n;
	if (n < 255) {
		w->packet++;
		w->packet_len = 0;
	}
	return true;
}

/* Reads the next page; it must be of the one stream. */
static bool next_page(struct strip *s, struct work *w)
{
	if (!page_read(&s->in, s->at, &w->page))
		return strip_bad(s, "a page is broken");
	if (number_le(w->page.bytes + 14, 4) != w->stream ||
	    (w->page.bytes[5] & FIRST) != 0)
		return strip_bad(s, "it has several streams");
	return strip_skip(s, (int64_t)w->page.len);
}

static bool headers(struct strip *s, struct work *w)
{
	while (w->packet <= w->codec->more) {
		const unsigned char *at;

		if (!next_page(s, w))
			return false;
		at = w->page.bytes + w->page.head;
		for (size_t i = 27; i < w->page.head; i++) {
			if (!piece(s, w, at, w->page.bytes[i]))
				return false;
			at += w->page.bytes[i];
		}
	}
	return true;
}

/* Comments and setup as packets, cut into pages. */
static bool put_headers(struct strip *s, struct work *w)
{
	const unsigned char *from[2] = {
		(const unsigned char *)w->codec->comments, w->setup};
	size_t left[2] = {w->codec->comments_len, w->setup_len};
	const unsigned packets = w->codec->more + 1;
	unsigned packet = 0;
	bool continued = false;

	assert(packets <= COUNT(left));
	while (packet < packets) {
		struct page *p = &w->page;
		unsigned char *to = p->bytes + 27 + 255;
		size_t count = 0, data = 0;
		bool ended = false;

		memset(p->bytes, 0, 27);
		memcpy(p->bytes, "OggS", 4);
		p->bytes[5] = continued ? CONTINUED : 0;
		number_put_le(p->bytes + 14, 4, w->stream);
		while (packet < packets && count < 255) {
			size_t n = left[packet] < 255 ? left[packet] : 255;

			memcpy(to + data, from[packet], n);
			p->bytes[27 + count++] = (unsigned char)n;
			data += n;
			from[packet] += n;
			left[packet] -= n;
			continued = n == 255;
			ended = ended || n < 255;
			packet += n < 255;
		}
		if (!ended)
			memset(p->bytes + 6, 0xff, 8);
		p->bytes[26] = (unsigned char)count;
		p->head = 27 + count;
		memmove(p->bytes + p->head, to, data);
		p->len = p->head + data;
		if (!page_put(s, p, w->number++))
			return false;
	}
	return true;
}

static bool clean(struct strip *s, struct work *w)
{
	if (!page_read(&s->in, 0, &w->page))
		return strip_bad(s, "it ends too early");
	w->codec = codec_of(&w->page);
	if (w->codec == NULL || w->page.head != 28 ||
	    (w->page.bytes[5] & FIRST) == 0)
		return strip_bad(s, "it is neither Vorbis nor Opus");
	w->stream = number_le(w->page.bytes + 14, 4);
	strip_skip(s, (int64_t)w->page.len);
	if (!page_put(s, &w->page, w->number++) || !headers(s, w) ||
	    !put_headers(s, w))
		return false;
	while (!s->failed && strip_left(s) > 0) {
		/* What is no page does not belong to it. */
		if (!source_has(&s->in, s->at, "OggS", 4))
			return true;
		if (!next_page(s, w) || !page_put(s, &w->page, w->number++))
			return false;
	}
	return !s->failed;
}

bool ogg_strip(struct strip *s)
{
	struct work *w = mem_alloc(sizeof(*w));
	bool done;

	w->setup = mem_alloc(SETUP_MAX);
	done = clean(s, w);
	free(w->setup);
	free(w);
	return done;
}
