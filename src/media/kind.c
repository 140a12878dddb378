#include "media/kind.h"

#include <assert.h>
#include <string.h>

#include "base/text.h"
#include "media/parts.h"

#define TYPE(kind, class, mime, ext, shown)                                    \
	[kind] = {kind, class, mime, ext, shown}
static const struct media_type types[] = {
	TYPE(MEDIA_UNKNOWN, MEDIA_OTHER, "application/octet-stream", "bin",
	     false),
	TYPE(MEDIA_PNG, MEDIA_IMAGE, "image/png", "png", true),
	TYPE(MEDIA_JPEG, MEDIA_IMAGE, "image/jpeg", "jpg", true),
	TYPE(MEDIA_WEBP, MEDIA_IMAGE, "image/webp", "webp", true),
	TYPE(MEDIA_GIF, MEDIA_IMAGE, "image/gif", "gif", true),
	TYPE(MEDIA_AVIF, MEDIA_IMAGE, "image/avif", "avif", true),
	TYPE(MEDIA_HEIC, MEDIA_IMAGE, "image/heic", "heic", true),
	TYPE(MEDIA_BMP, MEDIA_IMAGE, "image/bmp", "bmp", true),
	TYPE(MEDIA_TIFF, MEDIA_IMAGE, "image/tiff", "tiff", false),
	TYPE(MEDIA_MP4, MEDIA_VIDEO, "video/mp4", "mp4", true),
	TYPE(MEDIA_MOV, MEDIA_VIDEO, "video/quicktime", "mov", true),
	TYPE(MEDIA_WEBM, MEDIA_VIDEO, "video/webm", "webm", true),
	TYPE(MEDIA_MKV, MEDIA_VIDEO, "video/x-matroska", "mkv", false),
	TYPE(MEDIA_WAV, MEDIA_AUDIO, "audio/wav", "wav", true),
	TYPE(MEDIA_FLAC, MEDIA_AUDIO, "audio/flac", "flac", true),
	TYPE(MEDIA_MP3, MEDIA_AUDIO, "audio/mpeg", "mp3", true),
	TYPE(MEDIA_OGG, MEDIA_AUDIO, "audio/ogg", "ogg", true),
	TYPE(MEDIA_OPUS, MEDIA_AUDIO, "audio/ogg", "opus", true),
	TYPE(MEDIA_M4A, MEDIA_AUDIO, "audio/mp4", "m4a", true),
	TYPE(MEDIA_GLB, MEDIA_MODEL, "model/gltf-binary", "glb", false),
	TYPE(MEDIA_SAFETENSORS, MEDIA_OTHER, "application/octet-stream",
	     "safetensors", false),
	TYPE(MEDIA_SVG, MEDIA_TEXT, "image/svg+xml", "svg", false),
	TYPE(MEDIA_HTML, MEDIA_TEXT, "text/html", "html", false),
	TYPE(MEDIA_PLAIN, MEDIA_TEXT, "text/plain", "txt", false),
};
static_assert(COUNT(types) == MEDIA_KIND__COUNT, "a row for every kind");

/* Types that only a name tells. The kind is what the bytes must be. */
#define OCTETS "application/octet-stream"
static const struct media_type named[] = {
	{MEDIA_PLAIN, MEDIA_MODEL, "model/gltf+json", "gltf", false},
	{MEDIA_PLAIN, MEDIA_MODEL, "model/obj", "obj", false},
	{MEDIA_PLAIN, MEDIA_MODEL, "model/mtl", "mtl", false},
	{MEDIA_PLAIN, MEDIA_MODEL, "model/stl", "stl", false},
	{MEDIA_PLAIN, MEDIA_MODEL, OCTETS, "ply", false},
	{MEDIA_PLAIN, MEDIA_TEXT, "application/json", "json", false},
	{MEDIA_PLAIN, MEDIA_TEXT, "text/csv", "csv", false},
	{MEDIA_PLAIN, MEDIA_TEXT, "text/plain", "srt", false},
	{MEDIA_SAFETENSORS, MEDIA_OTHER, OCTETS, "latent", false},
	{MEDIA_UNKNOWN, MEDIA_MODEL, "model/stl", "stl", false},
	{MEDIA_UNKNOWN, MEDIA_MODEL, OCTETS, "ply", false},
	{MEDIA_UNKNOWN, MEDIA_MODEL, OCTETS, "fbx", false},
	{MEDIA_UNKNOWN, MEDIA_MODEL, OCTETS, "usdz", false},
	{MEDIA_UNKNOWN, MEDIA_MODEL, OCTETS, "splat", false},
	{MEDIA_UNKNOWN, MEDIA_MODEL, OCTETS, "spz", false},
	{MEDIA_UNKNOWN, MEDIA_OTHER, OCTETS, "latent", false},
	{MEDIA_UNKNOWN, MEDIA_OTHER, OCTETS, "npy", false},
	{MEDIA_UNKNOWN, MEDIA_OTHER, OCTETS, "npz", false},
	{MEDIA_UNKNOWN, MEDIA_OTHER, OCTETS, "exr", false},
	{MEDIA_UNKNOWN, MEDIA_OTHER, "application/zip", "zip", false},
};

const struct media_type *media_type(enum media_kind kind)
{
	return &types[kind < MEDIA_KIND__COUNT ? kind : MEDIA_UNKNOWN];
}

const struct media_type *media_type_of_extension(const char *extension)
{
	for (size_t i = 0; i < COUNT(types); i++) {
		if (text_same_nocase(extension, types[i].extension))
			return &types[i];
	}
	for (size_t i = 0; i < COUNT(named); i++) {
		if (text_same_nocase(extension, named[i].extension))
			return &named[i];
	}
	return &types[MEDIA_UNKNOWN];
}

const struct media_type *media_type_named(enum media_kind kind,
					  const char *filename)
{
	const char *dot = filename != NULL ? strrchr(filename, '.') : NULL;

	for (size_t i = 0; dot != NULL && i < COUNT(named); i++) {
		if (named[i].kind == kind &&
		    text_same_nocase(dot + 1, named[i].extension))
			return &named[i];
	}
	return media_type(kind);
}

/*
 * Bytes at `at`, and for containers a second mark. An empty mark fits always;
 * the first row that fits holds.
 */
#define MARK(at, mark, at2, mark2, kind)                                       \
	{                                                                      \
		at, sizeof(mark) - 1, at2, sizeof(mark2) - 1, mark, mark2,     \
			kind                                                   \
	}
static const struct {
	size_t at, len, at2, len2;
	const char *mark, *mark2;
	enum media_kind kind;
} marks[] = {
	MARK(0, "\x89PNG\r\n\x1a\n", 0, "", MEDIA_PNG),
	MARK(0, "\xff\xd8\xff", 0, "", MEDIA_JPEG),
	MARK(0, "RIFF", 8, "WEBP", MEDIA_WEBP),
	MARK(0, "RIFF", 8, "WAVE", MEDIA_WAV),
	MARK(0, "GIF87a", 0, "", MEDIA_GIF),
	MARK(0, "GIF89a", 0, "", MEDIA_GIF),
	MARK(4, "ftyp", 8, "avif", MEDIA_AVIF),
	MARK(4, "ftyp", 8, "avis", MEDIA_AVIF),
	MARK(4, "ftyp", 8, "heic", MEDIA_HEIC),
	MARK(4, "ftyp", 8, "heix", MEDIA_HEIC),
	MARK(4, "ftyp", 8, "heim", MEDIA_HEIC),
	MARK(4, "ftyp", 8, "heis", MEDIA_HEIC),
	MARK(4, "ftyp", 8, "hevc", MEDIA_HEIC),
	MARK(4, "ftyp", 8, "hevx", MEDIA_HEIC),
	MARK(4, "ftyp", 8, "mif1", MEDIA_HEIC),
	MARK(4, "ftyp", 8, "msf1", MEDIA_HEIC),
	MARK(4, "ftyp", 8, "qt  ", MEDIA_MOV),
	MARK(4, "ftyp", 8, "M4A ", MEDIA_M4A),
	MARK(4, "ftyp", 8, "M4B ", MEDIA_M4A),
	MARK(4, "ftyp", 0, "", MEDIA_MP4),
	MARK(0, "fLaC", 0, "", MEDIA_FLAC),
	MARK(0, "OggS", 28, "OpusHead", MEDIA_OPUS),
	MARK(0, "OggS", 0, "", MEDIA_OGG),
	MARK(0, "ID3", 0, "", MEDIA_MP3),
	MARK(0, "glTF", 0, "", MEDIA_GLB),
	MARK(0, "BM", 6, "\0\0\0\0", MEDIA_BMP),
	MARK(0, "II*\0", 0, "", MEDIA_TIFF),
	MARK(0, "MM\0*", 0, "", MEDIA_TIFF),
};

/* A still picture may say "mif1" first and what it is only after. */
static bool brand(const unsigned char *head, size_t n, const char *name)
{
	size_t len = n < 64 ? n : 64;

	for (size_t at = 16; at + 4 <= len; at += 4) {
		if (memcmp(head + at, name, 4) == 0)
			return true;
	}
	return false;
}

static bool is_at(const unsigned char *head, size_t n, size_t at,
		  const char *mark, size_t len)
{
	return at + len <= n && memcmp(head + at, mark, len) == 0;
}

static enum media_kind sniff(const unsigned char *head, size_t n)
{
	int64_t frame;

	for (size_t i = 0; i < COUNT(marks); i++) {
		if (!is_at(head, n, marks[i].at, marks[i].mark, marks[i].len) ||
		    !is_at(head, n, marks[i].at2, marks[i].mark2,
			   marks[i].len2))
			continue;
		if (marks[i].kind == MEDIA_HEIC && brand(head, n, "avif"))
			return MEDIA_AVIF;
		return marks[i].kind;
	}
	/* Matroska's header names its kind within the first bytes. */
	if (is_at(head, n, 0, "\x1a\x45\xdf\xa3", 4))
		return memmem(head, n < 64 ? n : 64, "webm", 4) != NULL
			       ? MEDIA_WEBM
			       : MEDIA_MKV;
	if (n >= 4 && mp3_frame_at(head, &frame))
		return MEDIA_MP3;
	if (safetensors_mark(head, n))
		return MEDIA_SAFETENSORS;
	return text_kind(head, n);
}

/* ---- the walk along a JPEG ---- */

/* A start of frame holds the size; C4, C8 and CC are other things. */
static bool jpeg_frame(unsigned char marker)
{
	return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 &&
	       marker != 0xc8 && marker != 0xcc;
}

/*
 * A JPEG is FF D8, then segments: FF, marker, length of two bytes (itself
 * counted), and in a frame FF C0 00 11 08 <height, 2> <width, 2> … Cameras
 * leave much before it. Before a marker there may be more FF, to fill.
 */
void jpeg_facts(struct source *s, struct media_facts *out)
{
	unsigned char p[9];
	int64_t at = 2, len;

	out->frames = 1;
	while (source_read(s, at, p, 2) && p[0] == 0xff) {
		if (p[1] == 0xff) {
			at++;
			continue;
		}
		if (p[1] == 0xda || p[1] == 0xd9)
			return; /* the picture itself begins */
		if (jpeg_frame(p[1])) {
			if (source_read(s, at, p, sizeof(p))) {
				out->height = number_be(p + 5, 2);
				out->width = number_be(p + 7, 2);
			}
			return;
		}
		if (!source_read(s, at + 2, p + 2, 2))
			return;
		len = number_be(p + 2, 2);
		if (len < 2)
			return;
		at += 2 + len;
	}
}

/* ---- facts ---- */

static void (*const facts_of[MEDIA_KIND__COUNT])(struct source *,
						 struct media_facts *) = {
	[MEDIA_PNG] = png_facts,      [MEDIA_JPEG] = jpeg_facts,
	[MEDIA_WEBP] = webp_facts,    [MEDIA_GIF] = gif_facts,
	[MEDIA_AVIF] = isobmff_facts, [MEDIA_HEIC] = isobmff_facts,
	[MEDIA_BMP] = bmp_facts,      [MEDIA_TIFF] = tiff_facts,
	[MEDIA_MP4] = isobmff_facts,  [MEDIA_MOV] = isobmff_facts,
	[MEDIA_M4A] = isobmff_facts,  [MEDIA_WEBM] = matroska_facts,
	[MEDIA_MKV] = matroska_facts, [MEDIA_WAV] = wav_facts,
	[MEDIA_FLAC] = flac_facts,    [MEDIA_MP3] = mp3_facts,
	[MEDIA_OGG] = ogg_facts,      [MEDIA_OPUS] = ogg_facts,
};

static void facts(struct source *s, const unsigned char *head, size_t n,
		  struct media_facts *out)
{
	*out = (struct media_facts){.kind = sniff(head, n)};
	if (facts_of[out->kind] != NULL)
		facts_of[out->kind](s, out);
	if (out->width <= 0 || out->height <= 0 || out->width > INT32_MAX ||
	    out->height > INT32_MAX)
		out->width = out->height = 0;
	if (out->duration_ms < 0)
		out->duration_ms = 0;
}

/* Its kind is looked for in so many bytes. */
#define SNIFF ((size_t)4096)

void media_memory_facts(const void *bytes, size_t n, struct media_facts *out)
{
	struct source s;

	source_memory(&s, bytes, n, true);
	facts(&s, s.memory, n < SNIFF ? n : SNIFF, out);
	source_finish(&s);
}

bool media_file_facts(int fd, struct media_facts *out)
{
	unsigned char head[SNIFF];
	struct source s;
	size_t n = sizeof(head);
	bool good = source_file(&s, fd, true);

	*out = (struct media_facts){0};
	if (good && s.size < (int64_t)n)
		n = (size_t)s.size;
	good = good && source_read(&s, 0, head, n);
	if (good)
		facts(&s, head, n, out);
	source_finish(&s);
	return good;
}
