#include <string.h>

#include "base/attr.h"
#include "media/parts.h"

/*
 * WebM and Matroska: elements of <id> <size> <data>. An id keeps the bits that
 * tell its length, a size does not: 81 is 1, 40 02 is 2; all ones: unknown,
 * only for Segment and Cluster. Places in the file are told by Cues and
 * SeekHead, so nothing may move: what has to go becomes a Void element (EC) of
 * its size with zeros in it.
 */
#define VOID 0xec

enum what {
	BLANK, /* every other element */
	KEEP,
	ENTER,
	ZEROS, /* an element that must be there; its text goes */
	PRIVATE,
};

enum {
	ID_EBML = 0x1a45dfa3,
	ID_SEGMENT = 0x18538067,
	ID_CLUSTER = 0x1f43b675,
	ID_TRACKS = 0x1654ae6b,
	ID_INFO = 0x1549a966,
	ID_TRACK = 0xae,
	ID_VIDEO = 0xe0,
};

/* By the element that holds them; 0: the file. */
static const struct {
	int64_t in, id;
	enum what what;
	int64_t max; /* bytes; 0: any */
} elements[] = {
	{0, ID_EBML, ENTER, 0},
	{0, ID_SEGMENT, ENTER, 0},
	{ID_EBML, 0x4286, KEEP, 8},
	{ID_EBML, 0x42f7, KEEP, 8},
	{ID_EBML, 0x42f2, KEEP, 8},
	{ID_EBML, 0x42f3, KEEP, 8},
	{ID_EBML, 0x4282, KEEP, 8},
	{ID_EBML, 0x4287, KEEP, 8},
	{ID_EBML, 0x4285, KEEP, 8},
	{ID_SEGMENT, 0x114d9b74, ENTER, 0}, /* SeekHead */
	{ID_SEGMENT, ID_INFO, ENTER, 0},
	{ID_SEGMENT, ID_TRACKS, ENTER, 0},
	{ID_SEGMENT, ID_CLUSTER, ENTER, 0},
	{ID_SEGMENT, 0x1c53bb6b, ENTER, 0}, /* Cues */
	{0x114d9b74, 0x4dbb, KEEP, 64},
	{0x1c53bb6b, 0xbb, KEEP, 4096},
	{ID_INFO, 0x2ad7b1, KEEP, 8}, /* scale of times */
	{ID_INFO, 0x4489, KEEP, 8},   /* duration */
	{ID_INFO, 0x4461, KEEP, 8},   /* date */
	{ID_INFO, 0x73a4, KEEP, 16},  /* the file's own id */
	{ID_INFO, 0x4d80, ZEROS, 0},  /* who muxed */
	{ID_INFO, 0x5741, ZEROS, 0},  /* who wrote */
	{ID_TRACKS, ID_TRACK, ENTER, 0},
	{ID_TRACK, 0xd7, KEEP, 8},
	{ID_TRACK, 0x73c5, KEEP, 8},
	{ID_TRACK, 0x83, KEEP, 8},
	{ID_TRACK, 0xb9, KEEP, 8},
	{ID_TRACK, 0x88, KEEP, 8},
	{ID_TRACK, 0x55aa, KEEP, 8},
	{ID_TRACK, 0x55ab, KEEP, 8},
	{ID_TRACK, 0x55ac, KEEP, 8},
	{ID_TRACK, 0x55ad, KEEP, 8},
	{ID_TRACK, 0x55ae, KEEP, 8},
	{ID_TRACK, 0x55af, KEEP, 8},
	{ID_TRACK, 0x9c, KEEP, 8},
	{ID_TRACK, 0x6de7, KEEP, 8},
	{ID_TRACK, 0x6df8, KEEP, 8},
	{ID_TRACK, 0x23e383, KEEP, 8},
	{ID_TRACK, 0x234e7a, KEEP, 8},
	{ID_TRACK, 0x23314f, KEEP, 8},
	{ID_TRACK, 0x537f, KEEP, 8},
	{ID_TRACK, 0x55ee, KEEP, 8},
	{ID_TRACK, 0x22b59c, KEEP, 8}, /* language */
	{ID_TRACK, 0x22b59d, KEEP, 16},
	{ID_TRACK, 0x86, KEEP, 32}, /* codec */
	{ID_TRACK, 0x63a2, PRIVATE, 0},
	{ID_TRACK, 0xaa, KEEP, 8},
	{ID_TRACK, 0x56aa, KEEP, 8},
	{ID_TRACK, 0x56bb, KEEP, 8},
	{ID_TRACK, ID_VIDEO, KEEP, 512},
	{ID_TRACK, 0xe1, KEEP, 64},
	{ID_TRACK, 0xe2, KEEP, 256},
	{ID_TRACK, 0x6d80, KEEP, 256},
	{ID_CLUSTER, 0xe7, KEEP, 8},
	{ID_CLUSTER, 0xa7, KEEP, 8},
	{ID_CLUSTER, 0xab, KEEP, 8},
	{ID_CLUSTER, 0xa3, KEEP, 0}, /* a block */
	{ID_CLUSTER, 0xa0, KEEP, 0}, /* a block with what belongs to it */
};

struct element {
	int64_t id, at, data, end;
	bool open; /* its size is not told */
};

/* 1 to 8 bytes, as many as the first one has leading zeros, and one. */
static size_t number_read(struct source *s, int64_t at, size_t max, bool marked,
			  int64_t *out, bool *ones)
{
	unsigned char p[8], mark = 0x80;
	size_t n = 1;
	int64_t most;

	if (!source_read(s, at, p, 1) || p[0] == 0)
		return 0;
	while ((p[0] & mark) == 0) {
		mark >>= 1;
		n++;
	}
	if (n > max || !source_read(s, at, p, n))
		return 0;
	*out = number_be(p, n);
	most = ((int64_t)1 << (7 * n)) - 1;
	*ones = (*out & most) == most;
	if (!marked)
		*out &= most;
	return n;
}

static bool element_read(struct source *s, int64_t at, int64_t end,
			 struct element *e)
{
	size_t id, size;
	int64_t len = 0;
	bool ones;

	*e = (struct element){.at = at};
	id = number_read(s, at, 4, true, &e->id, &ones);
	if (id == 0)
		return false;
	size = number_read(s, at + (int64_t)id, 8, false, &len, &e->open);
	if (size == 0)
		return false;
	e->data = at + (int64_t)(id + size);
	if (e->data > end || (!e->open && len > end - e->data))
		return false;
	e->end = e->open ? end : e->data + len;
	return !e->open || e->id == ID_SEGMENT || e->id == ID_CLUSTER;
}

/* ---- facts ---- */

static int64_t whole(struct source *s, const struct element *e)
{
	unsigned char p[8];
	size_t n = (size_t)(e->end - e->data);

	if (n == 0 || n > 8 || !source_read(s, e->data, p, n))
		return 0;
	return number_be(p, n);
}

static double real(struct source *s, const struct element *e)
{
	int64_t n = e->end - e->data;
	uint64_t bits = 0;
	uint32_t half;
	unsigned char p[8];
	double d;
	float f;

	if ((n != 4 && n != 8) || !source_read(s, e->data, p, (size_t)n))
		return 0;
	for (int64_t i = 0; i < n; i++)
		bits = bits << 8 | p[i];
	if (n == 8) {
		memcpy(&d, &bits, 8);
		return d;
	}
	half = (uint32_t)bits;
	memcpy(&f, &half, 4);
	return (double)f;
}

struct look {
	int64_t scale;
	double duration;
	struct media_facts *out;
};

static void look_into(struct source *s, int64_t at, int64_t end, struct look *l)
{
	struct element e;

	for (; element_read(s, at, end, &e); at = e.end) {
		if (e.id == ID_CLUSTER)
			return; /* what is needed comes before */
		if (e.id == ID_SEGMENT || e.id == ID_INFO ||
		    e.id == ID_TRACKS || e.id == ID_TRACK || e.id == ID_VIDEO)
			look_into(s, e.data, e.end, l);
		else if (e.id == 0x2ad7b1)
			l->scale = whole(s, &e);
		else if (e.id == 0x4489)
			l->duration = real(s, &e);
		else if (e.id == 0xb0 && l->out->width == 0)
			l->out->width = whole(s, &e);
		else if (e.id == 0xba && l->out->height == 0)
			l->out->height = whole(s, &e);
	}
}

void matroska_facts(struct source *s, struct media_facts *out)
{
	struct look l = {.scale = 1000000, .out = out};
	double ms;

	look_into(s, 0, s->size, &l);
	ms = l.duration * (double)l.scale / 1000000;
	if (ms > 0 && ms < 9e15)
		out->duration_ms = (int64_t)(ms + 0.5);
}

/* ---- cleaning ---- */

static enum what what_is(int64_t in, const struct element *e)
{
	for (size_t i = 0; i < COUNT(elements); i++) {
		if (elements[i].in != in || elements[i].id != e->id)
			continue;
		if (elements[i].max > 0 && e->end - e->data > elements[i].max)
			return BLANK;
		return elements[i].what;
	}
	return BLANK;
}

/* EC, then the size in all bytes that the old id and size leave, 8 at most. */
static bool blank(struct strip *s, const struct element *e)
{
	size_t room = (size_t)(e->data - e->at) - 1;
	size_t width = room < 8 ? room : 8;
	unsigned char p[9] = {VOID};
	int64_t size = e->end - e->at - 1 - (int64_t)width;

	number_put_be(p + 1, width, size);
	p[1] |= (unsigned char)(0x80 >> (width - 1));
	return strip_put(s, p, 1 + width) &&
	       strip_skip(s, 1 + (int64_t)width) && strip_blank(s, size);
}

/*
 * Vorbis keeps its three headers there: 02 <lengths of two, in bytes of 255>
 * <id> 03 "vorbis" <length, 4> <vendor> <count, 4> comments 01 <setup>. The
 * second one becomes a vendor of zeros as long as all of it, and no comments.
 */
static bool vorbis(struct strip *s, const struct element *e)
{
	int64_t len[2] = {0, 0}, at = e->data + 1;
	unsigned char p[15] = "\003vorbis", byte;

	for (int i = 0; i < 2; i++) {
		do {
			if (at >= e->end ||
			    !source_read(&s->in, at++, &byte, 1))
				return strip_bad(s, "its sound is broken");
			len[i] += byte;
		} while (byte == 255);
	}
	at += len[0];
	if (len[1] < 16 || at > e->end || len[1] > e->end - at ||
	    !source_has(&s->in, at, p, 7))
		return strip_bad(s, "its sound is broken");
	number_put_le(p + 7, 4, len[1] - 16);
	strip_copy(s, at - s->at);
	strip_put(s, p, 11);
	strip_skip(s, 11);
	strip_blank(s, len[1] - 12);
	strip_put(s, "\001", 1);
	strip_skip(s, 1);
	return strip_copy(s, e->end - s->at);
}

/* What a decoder needs: numbers, but for some sounds. */
static bool private(struct strip *s, const struct element *e)
{
	if (source_has(&s->in, e->data, "\x02\x1e", 2))
		return vorbis(s, e);
	/* A FLAC's first header is enough for it. */
	if (source_has(&s->in, e->data, "fLaC", 4) && e->end - e->data != 42)
		return strip_bad(s, "its sound has comments");
	if (e->end - e->data > 4096)
		return strip_bad(s, "a decoder's data are too large");
	return strip_copy(s, e->end - s->at);
}

static bool clean(struct strip *s, int64_t in, int64_t end, bool open);

static bool clean_element(struct strip *s, int64_t in, const struct element *e)
{
	switch (what_is(in, e)) {
	case KEEP:
		return strip_copy(s, e->end - e->at);
	case ENTER:
		return strip_copy(s, e->data - e->at) &&
		       clean(s, e->id, e->end, e->open);
	case ZEROS:
		return strip_copy(s, e->data - e->at) &&
		       strip_blank(s, e->end - e->data);
	case PRIVATE:
		return private(s, e);
	default:
		return blank(s, e);
	}
}

/* No element is in itself or in one above, so this is four deep at most. */
static bool clean(struct strip *s, int64_t in, int64_t end, bool open)
{
	struct element e;

	while (!s->failed && s->at < end) {
		if (!element_read(&s->in, s->at, end, &e))
			return strip_bad(s, "an element ends too early");
		/* A Cluster of no told size ends where the next begins. */
		if (open && in == ID_CLUSTER && e.id > 0xffffff)
			return true;
		clean_element(s, in, &e);
	}
	return !s->failed;
}

bool matroska_strip(struct strip *s)
{
	struct element e;

	if (!element_read(&s->in, 0, s->in.size, &e) || e.id != ID_EBML ||
	    !element_read(&s->in, e.end, s->in.size, &e) || e.id != ID_SEGMENT)
		return strip_bad(s, "it has no film");
	return clean(s, 0, s->in.size, false);
}
