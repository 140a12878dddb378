#include <string.h>

#include "base/attr.h"
#include "media/parts.h"

/*
 * MP4, MOV, M4A (and AVIF, HEIC for their facts): boxes of <size, 4> <type, 4>
 * <data>; size 1: the real one follows in 8 bytes; size 0: up to the end. The
 * tables say where in the file each sample is, so nothing may move: what has
 * to go becomes a "free" box of its size with zeros in it. Only boxes that are
 * known to hold no words stay.
 */
#define DEPTH_MAX 10

enum what {
	BLANK, /* every other box */
	KEEP,
	ENTER,
	HANDLER,
	PLACES,
	SAMPLES,
};

static const struct {
	char type[5];
	enum what what;
	int64_t max; /* bytes of data; more is no such box. 0: any */
} boxes[] = {
	{"ftyp", KEEP, 1024},
	{"styp", KEEP, 1024},
	{"pdin", KEEP, 1024},
	{"moov", ENTER, 0},
	{"trak", ENTER, 0},
	{"mdia", ENTER, 0},
	{"minf", ENTER, 0},
	{"stbl", ENTER, 0},
	{"dinf", ENTER, 0},
	{"edts", ENTER, 0},
	{"mvex", ENTER, 0},
	{"moof", ENTER, 0},
	{"traf", ENTER, 0},
	{"mfra", ENTER, 0},
	{"gmhd", ENTER, 0},
	{"mvhd", KEEP, 112},
	{"tkhd", KEEP, 96},
	{"mdhd", KEEP, 36},
	{"elst", KEEP, 0},
	{"tref", KEEP, 256},
	{"vmhd", KEEP, 12},
	{"smhd", KEEP, 8},
	{"nmhd", KEEP, 4},
	{"gmin", KEEP, 16},
	{"hdlr", HANDLER, 0},
	{"dref", PLACES, 0},
	{"stsd", SAMPLES, 0},
	{"stts", KEEP, 0},
	{"ctts", KEEP, 0},
	{"cslg", KEEP, 36},
	{"stsc", KEEP, 0},
	{"stsz", KEEP, 0},
	{"stz2", KEEP, 0},
	{"stco", KEEP, 0},
	{"co64", KEEP, 0},
	{"stss", KEEP, 0},
	{"sdtp", KEEP, 0},
	{"sbgp", KEEP, 0},
	{"sgpd", KEEP, 0},
	{"subs", KEEP, 0},
	{"mehd", KEEP, 12},
	{"trex", KEEP, 24},
	{"mfhd", KEEP, 8},
	{"tfhd", KEEP, 40},
	{"tfdt", KEEP, 12},
	{"trun", KEEP, 0},
	{"sidx", KEEP, 0},
	{"tfra", KEEP, 0},
	{"mfro", KEEP, 8},
	{"mdat", KEEP, 0},
	/* of a sample's description */
	{"avcC", KEEP, 4096},
	{"hvcC", KEEP, 4096},
	{"av1C", KEEP, 4096},
	{"vpcC", KEEP, 256},
	{"esds", KEEP, 1024},
	{"dOps", KEEP, 512},
	{"dfLa", KEEP, 64},
	{"alac", KEEP, 64},
	{"dac3", KEEP, 16},
	{"dec3", KEEP, 64},
	{"colr", KEEP, 65536},
	{"pasp", KEEP, 8},
	{"clap", KEEP, 32},
	{"btrt", KEEP, 12},
	{"fiel", KEEP, 2},
	{"mdcv", KEEP, 24},
	{"clli", KEEP, 4},
	{"wave", ENTER, 0},
	{"frma", KEEP, 4},
	{"chan", KEEP, 256},
	{"chnl", KEEP, 256},
	{"enda", KEEP, 2},
	{"pcmC", KEEP, 8},
	{"gama", KEEP, 4},
};

struct box {
	char type[5];
	int64_t at, data, end;
};

/* The box at `at` within [.., end); false where there is none or it is broken.
 */
static bool box_read(struct source *s, int64_t at, int64_t end, struct box *b)
{
	unsigned char p[8];
	int64_t size;

	if (end - at < 8 || !source_read(s, at, p, 8))
		return false;
	size = number_be(p, 4);
	memcpy(b->type, p + 4, 4);
	b->type[4] = '\0';
	b->at = at;
	b->data = at + 8;
	if (size == 1) {
		if (end - at < 16 || !source_read(s, at + 8, p, 8))
			return false;
		size = number_be(p, 8);
		b->data = at + 16;
	} else if (size == 0 && end == s->size) {
		size = end - at; /* only the last one of the file may */
	}
	if (size < b->data - at || size > end - at)
		return false;
	b->end = at + size;
	return true;
}

static bool is(const struct box *b, const char *type)
{
	return strcmp(b->type, type) == 0;
}

/* ---- facts ---- */

struct look {
	int64_t scale, duration, fragments;
	struct media_facts *out;
};

static void times(struct source *s, const struct box *b, struct look *l)
{
	unsigned char p[32];
	int64_t skip;

	if (!source_read(s, b->data, p, 32))
		return;
	skip = p[0] == 1 ? 20 : 12;
	l->scale = number_be(p + skip, 4);
	l->duration = number_be(p + skip + 4, p[0] == 1 ? 8 : 4);
	/* all ones: unknown */
	if (l->duration == UINT32_MAX || l->duration == INT64_MAX)
		l->duration = 0;
}

static void larger(struct look *l, int64_t width, int64_t height)
{
	if (width * height <= l->out->width * l->out->height)
		return;
	l->out->width = width;
	l->out->height = height;
}

static void look_at(struct source *s, const struct box *b, struct look *l)
{
	unsigned char p[12] = {0};

	if (is(b, "mvhd")) {
		times(s, b, l);
	} else if (is(b, "mehd") && source_read(s, b->data, p, 12)) {
		l->fragments = number_be(p + 4, p[0] == 1 ? 8 : 4);
	} else if (is(b, "ispe") && source_read(s, b->data, p, 12)) {
		larger(l, number_be(p + 4, 4) & INT32_MAX,
		       number_be(p + 8, 4) & INT32_MAX);
	} else if (is(b, "tkhd") && source_read(s, b->data, p, 1) &&
		   source_read(s, b->data + (p[0] == 1 ? 88 : 76), p, 8)) {
		larger(l, number_be(p, 4) >> 16, number_be(p + 4, 4) >> 16);
	}
}

static void look_into(struct source *s, int64_t at, int64_t end, unsigned depth,
		      struct look *l)
{
	static const char *const enter[] = {"moov", "trak", "mvex",
					    "meta", "iprp", "ipco"};
	struct box b;

	for (; box_read(s, at, end, &b); at = b.end) {
		look_at(s, &b, l);
		for (size_t i = 0; i < COUNT(enter) && depth < DEPTH_MAX; i++) {
			if (is(&b, enter[i]))
				look_into(s, b.data + (i == 3 ? 4 : 0), b.end,
					  depth + 1, l);
		}
	}
}

void isobmff_facts(struct source *s, struct media_facts *out)
{
	struct look l = {.out = out};

	look_into(s, 0, s->size, 0, &l);
	if (l.duration == 0)
		l.duration = l.fragments;
	out->duration_ms = number_scale(l.duration, 1000, l.scale);
}

/* ---- cleaning ---- */

static enum what what_is(const struct box *b)
{
	for (size_t i = 0; i < COUNT(boxes); i++) {
		if (is(b, boxes[i].type))
			return boxes[i].max > 0 &&
					       b->end - b->data > boxes[i].max
				       ? BLANK
				       : boxes[i].what;
	}
	return BLANK;
}

static bool blank(struct strip *s, const struct box *b)
{
	return strip_copy(s, 4) && strip_put(s, "free", 4) &&
	       strip_skip(s, 4) && strip_copy(s, b->data - b->at - 8) &&
	       strip_blank(s, b->end - b->data);
}

static bool clean(struct strip *s, int64_t end, unsigned depth,
		  const char *track);

/* <version, 4> <0, 4> <what it handles, 4> <0, 12> <name> */
static bool handler(struct strip *s, const struct box *b)
{
	if (b->end - b->data < 12)
		return blank(s, b);
	return strip_copy(s, b->data - b->at + 12) &&
	       strip_blank(s, b->end - s->at);
}

/* <version, 4> <count, 4>, then boxes of <flags, 4> and a place; all samples
 * are in this file, which has no name. */
static bool places(struct strip *s, const struct box *b)
{
	struct box place;

	strip_copy(s, b->data - b->at);
	if (b->end - b->data < 8)
		return strip_blank(s, b->end - b->data);
	strip_copy(s, 8);
	while (!s->failed && box_read(&s->in, s->at, b->end, &place)) {
		int64_t n = place.end - s->at;

		strip_copy(s, n < 12 ? n : 12);
		strip_blank(s, place.end - s->at);
	}
	return strip_blank(s, b->end - s->at);
}

/*
 * One way in which samples are coded: <6> <place, 2>, then for a picture 16
 * bytes, width and height, 14 bytes, a name of 32, 4 bytes; for a sound 20
 * bytes, more in QuickTime's versions 1 and 2. Boxes end it.
 */
static bool sample(struct strip *s, const struct box *b, const char *track)
{
	int64_t n = b->end - b->data;
	unsigned char p[10];

	if (strcmp(track, "vide") == 0 && n >= 78)
		return strip_copy(s, b->data - b->at + 42) &&
		       strip_blank(s, 32) && strip_copy(s, 4) &&
		       clean(s, b->end, DEPTH_MAX - 2, track);
	if (strcmp(track, "soun") == 0 && n >= 28 &&
	    source_read(&s->in, b->data, p, 10)) {
		int64_t fixed = p[9] == 1 ? 44 : p[9] == 2 ? 64 : 28;
		struct box first;

		/* Version 1 outside of QuickTime has no more than 0. */
		if (p[9] == 1 &&
		    (n < 44 || (n > 44 && !box_read(&s->in, b->data + 44,
						    b->end, &first))))
			fixed = 28;
		if (n < fixed)
			return strip_bad(s, "a sample's description is broken");
		return strip_copy(s, b->data - b->at + fixed) &&
		       clean(s, b->end, DEPTH_MAX - 2, track);
	}
	/* Text, time codes and the like: what they need is not known. */
	return strip_bad(s, "it has a track that is neither film nor sound");
}

static bool samples(struct strip *s, const struct box *b, const char *track)
{
	struct box entry;

	if (b->end - b->data < 8)
		return strip_bad(s, "a sample's description is broken");
	strip_copy(s, b->data - b->at + 8);
	while (!s->failed && box_read(&s->in, s->at, b->end, &entry))
		sample(s, &entry, track);
	return strip_blank(s, b->end - s->at);
}

/* What the track is, said in a box of its "mdia", which comes before "minf". */
static void track_of(struct source *s, const struct box *mdia, char track[5])
{
	struct box b;

	for (int64_t at = mdia->data; box_read(s, at, mdia->end, &b);
	     at = b.end) {
		if (is(&b, "hdlr") && b.end - b.data >= 12)
			(void)source_read(s, b.data + 8, track, 4);
	}
}

static bool clean_box(struct strip *s, const struct box *b, unsigned depth,
		      const char *track)
{
	char own[5] = "";

	switch (what_is(b)) {
	case KEEP:
		return strip_copy(s, b->end - b->at);
	case ENTER:
		if (is(b, "mdia"))
			track_of(&s->in, b, own);
		return strip_copy(s, b->data - b->at) &&
		       clean(s, b->end, depth + 1,
			     own[0] != '\0' ? own : track);
	case HANDLER:
		return handler(s, b);
	case PLACES:
		return places(s, b);
	case SAMPLES:
		return samples(s, b, track);
	default:
		return blank(s, b);
	}
}

static bool clean(struct strip *s, int64_t end, unsigned depth,
		  const char *track)
{
	struct box b;

	if (depth > DEPTH_MAX)
		return strip_bad(s, "its boxes nest too deep");
	while (!s->failed && s->at < end) {
		/* QuickTime ends some lists by a size of 0. */
		if (end - s->at < 8)
			return strip_blank(s, end - s->at);
		if (!box_read(&s->in, s->at, end, &b))
			return strip_bad(s, "a box ends too early");
		clean_box(s, &b, depth, track);
	}
	return !s->failed;
}

bool isobmff_strip(struct strip *s)
{
	bool film = false;
	struct box b;

	for (int64_t at = 0; box_read(&s->in, at, s->in.size, &b); at = b.end)
		film = film || is(&b, "moov");
	if (!film)
		return strip_bad(s, "it has no film");
	return clean(s, s->in.size, 0, "");
}
