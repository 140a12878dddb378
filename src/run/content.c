#include "run/content.h"

#include <string.h>

#include "base/text.h"

static const struct content_type unknown = {"application/octet-stream", "bin"};

/* Bytes at `at`, and for containers a second mark. An empty mark fits always;
 * the first row that fits holds. */
static const struct {
	size_t at;
	const char *mark;
	size_t len;
	size_t at2;
	const char *mark2;
	size_t len2;
	struct content_type type;
} marks[] = {
	{0, "\x89PNG\r\n\x1a\n", 8, 0, "", 0, {"image/png", "png"}},
	{0, "\xff\xd8\xff", 3, 0, "", 0, {"image/jpeg", "jpg"}},
	{0, "RIFF", 4, 8, "WEBP", 4, {"image/webp", "webp"}},
	{0, "RIFF", 4, 8, "WAVE", 4, {"audio/wav", "wav"}},
	{0, "GIF87a", 6, 0, "", 0, {"image/gif", "gif"}},
	{0, "GIF89a", 6, 0, "", 0, {"image/gif", "gif"}},
	{4, "ftyp", 4, 8, "avif", 4, {"image/avif", "avif"}},
	{4, "ftyp", 4, 8, "avis", 4, {"image/avif", "avif"}},
	{4, "ftyp", 4, 8, "qt  ", 4, {"video/quicktime", "mov"}},
	{4, "ftyp", 4, 8, "M4A ", 4, {"audio/mp4", "m4a"}},
	{4, "ftyp", 4, 8, "", 0, {"video/mp4", "mp4"}},
	{0, "fLaC", 4, 0, "", 0, {"audio/flac", "flac"}},
	{0, "OggS", 4, 0, "", 0, {"audio/ogg", "ogg"}},
	{0, "ID3", 3, 0, "", 0, {"audio/mpeg", "mp3"}},
	{0, "\xff\xfb", 2, 0, "", 0, {"audio/mpeg", "mp3"}},
	{0, "\xff\xfa", 2, 0, "", 0, {"audio/mpeg", "mp3"}},
	{0, "\xff\xf3", 2, 0, "", 0, {"audio/mpeg", "mp3"}},
	{0, "\xff\xf2", 2, 0, "", 0, {"audio/mpeg", "mp3"}},
	{0, "glTF", 4, 0, "", 0, {"model/gltf-binary", "glb"}},
};

/* Matroska's header names its kind within the first bytes. */
static const char ebml[] = "\x1a\x45\xdf\xa3";
static const struct content_type webm = {"video/webm", "webm"};
static const struct content_type mkv = {"video/x-matroska", "mkv"};

/* Extensions that are taken over where the bytes say nothing. */
static const struct content_type harmless[] = {
	{"model/gltf+json", "gltf"},
	{"model/obj", "obj"},
	{"model/stl", "stl"},
	{"application/octet-stream", "ply"},
	{"application/octet-stream", "fbx"},
	{"application/octet-stream", "usdz"},
	{"application/octet-stream", "splat"},
	{"application/octet-stream", "spz"},
	{"application/octet-stream", "latent"},
	{"application/octet-stream", "safetensors"},
	{"application/octet-stream", "npy"},
	{"application/octet-stream", "npz"},
	{"application/octet-stream", "exr"},
	{"application/zip", "zip"},
	{"application/json", "json"},
	{"text/plain", "txt"},
	{"text/csv", "csv"},
	{"text/plain", "srt"},
};

static bool has(const struct content *c, size_t at, const void *mark, size_t n)
{
	return at + n <= c->head_len && memcmp(c->head + at, mark, n) == 0;
}

static const struct content_type *by_bytes(const struct content *c)
{
	for (size_t i = 0; i < COUNT(marks); i++) {
		if (has(c, marks[i].at, marks[i].mark, marks[i].len) &&
		    has(c, marks[i].at2, marks[i].mark2, marks[i].len2))
			return &marks[i].type;
	}
	if (has(c, 0, ebml, 4))
		return memmem(c->head, c->head_len, "webm", 4) != NULL ? &webm
								       : &mkv;
	return NULL;
}

const struct content_type *content_type(const struct content *c, bool plain,
					const char *filename)
{
	const struct content_type *t = by_bytes(c);
	const char *dot = filename != NULL ? strrchr(filename, '.') : NULL;

	if (t != NULL)
		return t;
	if (!plain || dot == NULL)
		return &unknown;
	for (size_t i = 0; i < COUNT(harmless); i++) {
		if (text_same_nocase(dot + 1, harmless[i].ext))
			return &harmless[i];
	}
	return &unknown;
}

static bool jpeg(const struct content *c)
{
	return has(c, 0, "\xff\xd8\xff", 3);
}

/* A start of frame holds the size; C4, C8 and CC are other things. */
static bool jpeg_frame(unsigned char marker)
{
	return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 &&
	       marker != 0xc8 && marker != 0xcc;
}

/*
 * A JPEG is FF D8, then segments: FF, marker, length of two bytes (itself
 * counted), and in a frame FF C0 00 11 08 <height, 2> <width, 2> …
 */
static void jpeg_byte(struct content *c, unsigned char byte)
{
	unsigned char *p = c->part;

	if (c->part_len == 0 && byte != 0xff) {
		c->walked = true; /* not what a JPEG looks like */
		return;
	}
	if (c->part_len == 1 && byte == 0xff)
		return; /* fill bytes before a marker */
	p[c->part_len++] = byte;
	if (c->part_len == 2 && (p[1] == 0xda || p[1] == 0xd9)) {
		c->walked = true; /* the picture itself begins */
	} else if (c->part_len == 4 && !jpeg_frame(p[1])) {
		c->skip = (int64_t)p[2] * 256 + p[3] - 2;
		c->walked = c->skip < 0;
		c->part_len = 0;
	} else if (c->part_len == sizeof(c->part)) {
		c->height = (int64_t)p[5] * 256 + p[6];
		c->width = (int64_t)p[7] * 256 + p[8];
		c->walked = true;
	}
}

static void jpeg_walk(struct content *c, const unsigned char *at, size_t n)
{
	while (n > 0 && !c->walked) {
		if (c->skip > 0) {
			size_t step = (size_t)c->skip < n ? (size_t)c->skip : n;

			c->skip -= (int64_t)step;
			at += step;
			n -= step;
			continue;
		}
		jpeg_byte(c, *at);
		at++;
		n--;
	}
}

void content_feed(struct content *c, const void *bytes, size_t n)
{
	size_t room = sizeof(c->head) - c->head_len;
	size_t take = n < room ? n : room;

	if (n == 0)
		return;
	if (c->total == 0)
		c->skip = 2; /* past FF D8 */
	memcpy(c->head + c->head_len, bytes, take);
	c->head_len += take;
	c->total += (int64_t)n;
	if (c->total >= 3 && !jpeg(c)) {
		c->walked = true;
		return;
	}
	jpeg_walk(c, bytes, n);
}

static int64_t le(const unsigned char *p, unsigned n)
{
	int64_t v = 0;

	while (n-- > 0)
		v = v * 256 + p[n];
	return v;
}

static int64_t be32(const unsigned char *p)
{
	return ((int64_t)p[0] << 24) | (p[1] << 16) | (p[2] << 8) | p[3];
}

/*
 * RIFF <size> WEBP, then one of
 *	"VP8X" <size> <flags, 4> <width - 1, 3> <height - 1, 3>
 *	"VP8L" <size> 2F <width - 1, 14 bits> <height - 1, 14 bits>
 *	"VP8 " <size> <frame tag, 3> 9D 01 2A <width, 14 bits, 2> <height, 2>
 */
static void webp_size(const struct content *c, int64_t *w, int64_t *h)
{
	const unsigned char *p = c->head;

	if (has(c, 12, "VP8L", 4) && c->head_len >= 25 && p[20] == 0x2f) {
		int64_t bits = le(p + 21, 4);

		*w = (bits & 0x3fff) + 1;
		*h = ((bits >> 14) & 0x3fff) + 1;
	}
	if (c->head_len < 30)
		return;
	if (has(c, 12, "VP8X", 4)) {
		*w = le(p + 24, 3) + 1;
		*h = le(p + 27, 3) + 1;
	} else if (has(c, 12, "VP8 ", 4) && has(c, 23, "\x9d\x01\x2a", 3)) {
		*w = le(p + 26, 2) & 0x3fff;
		*h = le(p + 28, 2) & 0x3fff;
	}
}

bool content_size(const struct content *c, int64_t *width, int64_t *height)
{
	int64_t w = 0, h = 0;

	if (has(c, 0, "\x89PNG\r\n\x1a\n", 8) && c->head_len >= 24) {
		w = be32(c->head + 16);
		h = be32(c->head + 20);
	} else if (has(c, 0, "GIF8", 4) && c->head_len >= 10) {
		w = le(c->head + 6, 2);
		h = le(c->head + 8, 2);
	} else if (has(c, 0, "RIFF", 4) && has(c, 8, "WEBP", 4)) {
		webp_size(c, &w, &h);
	} else if (jpeg(c)) {
		w = c->width;
		h = c->height;
	}
	if (w <= 0 || h <= 0)
		w = h = 0;
	*width = w;
	*height = h;
	return w > 0;
}
