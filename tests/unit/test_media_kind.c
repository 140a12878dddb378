#include <stdlib.h>
#include <unistd.h>

#include "base/attr.h"
#include "tap.h"
#include "unit/media_rig.h"

/* Heads as the formats have them, with the size in them where there is one. */
#define PNG  "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x04\0\0\0\x03\0\x08\x02\0\0\0"
#define GIF  "GIF89a\x40\x01\xf0\0\xf7\0\0"
#define VP8X "RIFF\x24\0\0\0WEBPVP8X\x0a\0\0\0\x10\0\0\0\xff\x07\0\xff\x03\0"
#define VP8L "RIFF\x24\0\0\0WEBPVP8L\x17\0\0\0\x2f\x3f\xc0\x0f\0\0\0\0\0"
#define VP8                                                                    \
	"RIFF\x24\0\0\0WEBPVP8 \x18\0\0\0\x30\x01\0\x9d\x01\x2a\x40\x01\xf0"   \
	"\0\x01"
/* SOI, APP0 of 16, a fill byte, DHT (no frame though it is C4), SOF2. */
#define JPEG                                                                   \
	"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xff\xff\xc4\0" \
	"\x04\x01\x02\xff\xc2\0\x11\x08\x01\xe0\x02\x80\x03\x01"

static const struct {
	const char *what;
	const char *bytes;
	size_t len;
	const char *mime, *ext;
	int64_t width, height;
} heads[] = {
#define ROW(what, bytes, mime, ext, w, h)                                      \
	{                                                                      \
		what, bytes, sizeof(bytes) - 1, mime, ext, w, h                \
	}
	ROW("PNG", PNG, "image/png", "png", 1024, 768),
	ROW("PNG cut before its size", "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0",
	    "image/png", "png", 0, 0),
	ROW("GIF", GIF, "image/gif", "gif", 320, 240),
	ROW("WebP, extended", VP8X, "image/webp", "webp", 2048, 1024),
	ROW("WebP, lossless", VP8L, "image/webp", "webp", 64, 64),
	ROW("WebP, lossy", VP8, "image/webp", "webp", 320, 240),
	ROW("JPEG", JPEG, "image/jpeg", "jpg", 640, 480),
	ROW("JPEG whose scan comes first", "\xff\xd8\xff\xda\0\x08\1\2\3\4\5\6",
	    "image/jpeg", "jpg", 0, 0),
	ROW("JPEG with a length of one", "\xff\xd8\xff\xe0\0\1\xff\xc0",
	    "image/jpeg", "jpg", 0, 0),
	ROW("JPEG of no height", "\xff\xd8\xff\xc0\0\x11\x08\0\0\x02\x80\x03",
	    "image/jpeg", "jpg", 0, 0),
	ROW("AVIF",
	    "\0\0\0\x1c"
	    "ftypavif\0\0\0\0",
	    "image/avif", "avif", 0, 0),
	ROW("AVIF sequence",
	    "\0\0\0\x1c"
	    "ftypavis",
	    "image/avif", "avif", 0, 0),
	ROW("MP4",
	    "\0\0\0\x1c"
	    "ftypisom\0\0\2\0",
	    "video/mp4", "mp4", 0, 0),
	ROW("MOV",
	    "\0\0\0\x14"
	    "ftypqt  \0\0\2\0",
	    "video/quicktime", "mov", 0, 0),
	ROW("M4A",
	    "\0\0\0\x14"
	    "ftypM4A \0\0\2\0",
	    "audio/mp4", "m4a", 0, 0),
	ROW("WebM", "\x1a\x45\xdf\xa3\x9f\x42\x86\x81\1\x42\x82\x84webm",
	    "video/webm", "webm", 0, 0),
	ROW("Matroska", "\x1a\x45\xdf\xa3\x9f\x42\x82\x88matroska",
	    "video/x-matroska", "mkv", 0, 0),
	ROW("WAV", "RIFF\x24\0\0\0WAVEfmt ", "audio/wav", "wav", 0, 0),
	ROW("another RIFF", "RIFF\x24\0\0\0AVI LIST",
	    "application/octet-stream", "bin", 0, 0),
	ROW("FLAC", "fLaC\0\0\0\x22", "audio/flac", "flac", 0, 0),
	ROW("MP3 with tags", "ID3\4\0\0\0\0", "audio/mpeg", "mp3", 0, 0),
	ROW("MP3 bare", "\xff\xfb\x90\x64", "audio/mpeg", "mp3", 0, 0),
	ROW("OGG", "OggS\0\2\0\0", "audio/ogg", "ogg", 0, 0),
	ROW("GLB", "glTF\2\0\0\0", "model/gltf-binary", "glb", 0, 0),
	ROW("HEIC",
	    "\0\0\0\x18"
	    "ftypheic\0\0\0\0mif1",
	    "image/heic", "heic", 0, 0),
	ROW("AVIF that says mif1 first",
	    "\0\0\0\x18"
	    "ftypmif1\0\0\0\0avif",
	    "image/avif", "avif", 0, 0),
	ROW("BMP",
	    "BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x40\1\0\0"
	    "\x10\xff\xff\xff",
	    "image/bmp", "bmp", 320, 240),
	ROW("TIFF", "II*\0\x08\0\0\0", "image/tiff", "tiff", 0, 0),
	ROW("Opus",
	    "OggS\0\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\x13"
	    "OpusHead",
	    "audio/ogg", "opus", 0, 0),
	ROW("safetensors", "\x20\0\0\0\0\0\0\0{\"a\":{}}",
	    "application/octet-stream", "safetensors", 0, 0),
	ROW("a PNG of 2^32-1 by 2^32-1",
	    "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\xff\xff\xff\xff\xff\xff\xff\xff",
	    "image/png", "png", 0, 0),
	ROW("a PNG that is a bomb",
	    "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x75\x30\0\0\x75\x30",
	    "image/png", "png", 30000, 30000),
	ROW("SVG", "<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml",
	    "svg", 0, 0),
	ROW("SVG behind much",
	    "\xef\xbb\xbf \n<?xml version='1.0'?>\n<!-- a > -- b -->"
	    "<!DOCTYPE svg PUBLIC 'x'>\t<SVG onload='x'>",
	    "image/svg+xml", "svg", 0, 0),
	ROW("SVG with a prefix", "<?xml version='1.0'?><a:svg xmlns:a='x'/>",
	    "image/svg+xml", "svg", 0, 0),
	ROW("SVG in UTF-16", "\xff\xfe<\0s\0v\0g\0>\0", "image/svg+xml", "svg",
	    0, 0),
	ROW("HTML", "<!doctype html><script>", "text/html", "html", 0, 0),
	ROW("HTML behind blanks", "\r\n\t\f <ScRiPt>", "text/html", "html", 0,
	    0),
	ROW("HTML behind a comment", "<!--x--><b>", "text/html", "html", 0, 0),
	ROW("a comment without an end", "<!-- <svg>", "text/html", "html", 0,
	    0),
	ROW("XML", "<?xml version='1.0'?><x/>", "text/html", "html", 0, 0),
	ROW("words", "a cat, 1 < 2\n", "text/plain", "txt", 0, 0),
	ROW("words in UTF-8", "\xc3\xa4 cat", "text/plain", "txt", 0, 0),
	ROW("words with a zero", "a\0cat", "application/octet-stream", "bin", 0,
	    0),
	ROW("words in Latin-1", "\xe4 cat and more", "application/octet-stream",
	    "bin", 0, 0),
	ROW("empty", "", "application/octet-stream", "bin", 0, 0),
	ROW("one byte of a JPEG", "\xff", "application/octet-stream", "bin", 0,
	    0),
};

/* A file that breaks off behind its head: in memory, and open. */
static void test_heads(void)
{
	for (size_t i = 0; i < COUNT(heads); i++) {
		int fd = rig_file(heads[i].bytes, heads[i].len);
		struct media_facts f;

		ok(rig_facts(fd, &f), "%s: can be read", heads[i].what);
		is_str(media_type(f.kind)->mime, heads[i].mime, heads[i].what);
		is_str(media_type(f.kind)->extension, heads[i].ext,
		       heads[i].what);
		ok(f.width == heads[i].width && f.height == heads[i].height,
		   "%s: size", heads[i].what);
		close(fd);
	}
}

/* Heads of pictures, as far as their readers believe them. */
#define IHDR(colour)                                                           \
	"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x09\0\0\0\x08\x08" colour       \
	"\0\0\0\1\2\3\4"
#define CHUNK(type, len, data)	     "\0\0\0" len type data "\1\2\3\4"
#define IDAT			     CHUNK("IDAT", "\1", "x")
#define TAG(tag, type, count, value) tag type "\0" count "\0\0\0" value "\0\0\0"
#define II_WIDTH(w)		     TAG("\0\1", "\3", "\1", w)
#define II_HEIGHT(h)		     TAG("\1\1", "\4", "\1", h)
#define II_PAGE(w, h, next)	     "\2\0" II_WIDTH(w) II_HEIGHT(h) next "\0\0\0"
#define GIF_IMAGE		     "\x2c\2\0\3\0\x10\0\x20\0\0\2\2\x44\1\0"

static const struct {
	const char *what, *bytes;
	size_t len;
	int64_t width, height, frames;
	bool alpha;
} pictures[] = {
#define FACTS(what, bytes, w, h, n, alpha)                                     \
	{                                                                      \
		what, bytes, sizeof(bytes) - 1, w, h, n, alpha                 \
	}
	FACTS("PNG of colours", IHDR("\2") IDAT, 9, 8, 1, false),
	FACTS("PNG of greys and alpha", IHDR("\4") IDAT, 9, 8, 1, true),
	FACTS("PNG of colours and alpha", IHDR("\6") IDAT, 9, 8, 1, true),
	FACTS("PNG of a palette", IHDR("\3") IDAT, 9, 8, 1, false),
	FACTS("PNG with a colour that is none",
	      IHDR("\3") CHUNK("tRNS", "\2", "xy") IDAT, 9, 8, 1, true),
	FACTS("what stands behind the picture",
	      IHDR("\3") IDAT CHUNK("tRNS", "\2", "xy"), 9, 8, 1, false),
	FACTS("PNG of two minds about its size",
	      IHDR("\2") CHUNK("IHDR", "\x0d",
			       "\0\0\x75\x30\0\0\x75\x30\x08\2\0\0\0") IDAT,
	      0, 0, 1, false),
	FACTS("WebP, extended, with alpha", VP8X, 2048, 1024, 0, true),
	FACTS("WebP, lossless, without alpha", VP8L, 64, 64, 1, false),
	FACTS("WebP, lossless, with alpha",
	      "RIFF\x24\0\0\0WEBPVP8L\x17\0\0\0\x2f\x3f\xc0\x0f\x10\0\0\0\0",
	      64, 64, 1, true),
	FACTS("GIF", "GIF89a\x40\0\x40\0\0\0\0" GIF_IMAGE ";", 64, 64, 1,
	      false),
	FACTS("GIF with a colour that is none",
	      "GIF89a\x40\0\x40\0\0\0\0!\xf9\4\1\0\0\0\0" GIF_IMAGE ";", 64, 64,
	      1, true),
	FACTS("GIF whose frame is beyond its screen",
	      "GIF89a\1\0\1\0\0\0\0" GIF_IMAGE GIF_IMAGE ";", 18, 35, 2, false),
	FACTS("GIF without an end", "GIF89a\x40\0\x40\0\0\0\0" GIF_IMAGE, 64,
	      64, 0, false),
	FACTS("TIFF", "II*\0\x08\0\0\0" II_PAGE("\x40", "\x30", "\0"), 64, 48,
	      1, false),
	FACTS("TIFF the other way round",
	      "MM\0*\0\0\0\x08\0\2\1\0\0\3\0\0\0\1\x12\x34\0\0"
	      "\1\1\0\4\0\0\0\1\0\1\0\0\0\0\0\0",
	      0x1234, 65536, 1, false),
	FACTS("TIFF of two pages",
	      "II*\0\x08\0\0\0" II_PAGE("\x40", "\x30", "\x26")
		      II_PAGE("\x40", "\x30", "\0"),
	      64, 48, 2, false),
	FACTS("TIFF of pages of two sizes",
	      "II*\0\x08\0\0\0" II_PAGE("\x40", "\x30", "\x26")
		      II_PAGE("\x40", "\x31", "\0"),
	      64, 48, 0, false),
	FACTS("TIFF of one page for ever",
	      "II*\0\x08\0\0\0" II_PAGE("\x40", "\x30", "\x08"), 64, 48, 0,
	      false),
	FACTS("TIFF with a page beyond its end",
	      "II*\0\x08\0\0\0" II_PAGE("\x40", "\x30", "\x77"), 64, 48, 0,
	      false),
	FACTS("TIFF whose width is a list",
	      "II*\0\x08\0\0\0\2\0" TAG("\0\1", "\3", "\2", "\x40")
		      II_HEIGHT("\x30") "\0\0\0\0",
	      0, 0, 1, false),
	FACTS("TIFF with an alpha channel",
	      "II*\0\x08\0\0\0\3\0" II_WIDTH("\x40") II_HEIGHT("\x30")
		      TAG("\x52\1", "\3", "\1", "\2") "\0\0\0\0",
	      64, 48, 1, true),
	FACTS("TIFF with a channel for nothing",
	      "II*\0\x08\0\0\0\3\0" II_WIDTH("\x40") II_HEIGHT("\x30")
		      TAG("\x52\1", "\3", "\1", "\0") "\0\0\0\0",
	      64, 48, 1, false),
	FACTS("TIFF cut in its directory",
	      "II*\0\x08\0\0\0\2\0" II_WIDTH("\x40"), 0, 0, 0, false),
};

static void test_pictures(void)
{
	for (size_t i = 0; i < COUNT(pictures); i++) {
		int fd = rig_file(pictures[i].bytes, pictures[i].len);
		struct media_facts f;

		ok(rig_facts(fd, &f) && f.width == pictures[i].width &&
			   f.height == pictures[i].height,
		   "%s: size, %d x %d", pictures[i].what, (int)f.width,
		   (int)f.height);
		ok(f.frames == pictures[i].frames, "%s: frames, %d",
		   pictures[i].what, (int)f.frames);
		ok(f.alpha == pictures[i].alpha, "%s: alpha", pictures[i].what);
		close(fd);
	}
}

/* The same from a file, in which a JPEG's frame is found, too. */
static void test_files(void)
{
	for (size_t i = 0; i < COUNT(heads); i++) {
		int fd = rig_file(heads[i].bytes, heads[i].len);
		struct media_facts f;

		ok(rig_facts(fd, &f), "%s: a file", heads[i].what);
		is_str(media_type(f.kind)->mime, heads[i].mime, heads[i].what);
		ok(f.width == heads[i].width && f.height == heads[i].height,
		   "%s: size", heads[i].what);
		close(fd);
	}
}

static const struct {
	enum media_kind kind;
	const char *filename, *mime, *ext;
} names[] = {
	{MEDIA_PLAIN, "mesh.obj", "model/obj", "obj"},
	{MEDIA_PLAIN, "mesh.OBJ", "model/obj", "obj"},
	{MEDIA_PLAIN, "scene.gltf", "model/gltf+json", "gltf"},
	{MEDIA_PLAIN, "a.json", "application/json", "json"},
	{MEDIA_PLAIN, "a.js", "text/plain", "txt"},
	{MEDIA_PLAIN, "a.html", "text/plain", "txt"},
	{MEDIA_PLAIN, "a.obj/../x", "text/plain", "txt"},
	{MEDIA_PLAIN, NULL, "text/plain", "txt"},
	{MEDIA_SAFETENSORS, "x.latent", "application/octet-stream", "latent"},
	{MEDIA_UNKNOWN, "x.npy", "application/octet-stream", "npy"},
	{MEDIA_UNKNOWN, "x.zip", "application/zip", "zip"},
	{MEDIA_UNKNOWN, "a.svg", "application/octet-stream", "bin"},
	{MEDIA_UNKNOWN, "a.html", "application/octet-stream", "bin"},
	{MEDIA_UNKNOWN, "a.pdf", "application/octet-stream", "bin"},
	{MEDIA_UNKNOWN, "a.png", "application/octet-stream", "bin"},
	{MEDIA_UNKNOWN, "noext", "application/octet-stream", "bin"},
	/* A picture whose name lies is what its bytes say. */
	{MEDIA_PNG, "a.txt", "image/png", "png"},
	{MEDIA_PNG, "a.obj", "image/png", "png"},
};

static void test_names(void)
{
	for (size_t i = 0; i < COUNT(names); i++) {
		const struct media_type *t =
			media_type_named(names[i].kind, names[i].filename);
		const char *what =
			names[i].filename ? names[i].filename : "(none)";

		is_str(t->mime, names[i].mime, what);
		is_str(t->extension, names[i].ext, what);
	}
}

/* What runs as a page is never shown as one. */
static void test_extensions(void)
{
	static const char *const never[] = {"svg", "html", "txt", "json",
					    "glb", "bin",  "js",  ""};

	for (int k = 0; k < MEDIA_KIND__COUNT; k++) {
		const struct media_type *t = media_type((enum media_kind)k);

		ok((int)t->kind == k, "row %d", k);
		ok(media_type_of_extension(t->extension) == t,
		   "%s: by its extension", t->extension);
	}
	for (size_t i = 0; i < COUNT(never); i++)
		ok(!media_type_of_extension(never[i])->inline_safe,
		   "\"%s\" is a download", never[i]);
	ok(media_type_of_extension("png")->inline_safe, "a picture is shown");
}

/* A JPEG with 130 KB of profile before its frame, and bytes to fill. */
static void test_far_frame(void)
{
	static const unsigned char soi[] = {0xff, 0xd8};
	static const unsigned char app[] = {0xff, 0xff, 0xe2, 0xff, 0xff};
	static const unsigned char sof[] = {0xff, 0xc0, 0,    17,   8,
					    0x0f, 0xa0, 0x17, 0x70, 3};
	unsigned char *profile = calloc(1, 65533);
	struct media_facts f;
	struct buf jpeg;
	int fd;

	buf_init(&jpeg, 1 << 20);
	buf_add(&jpeg, soi, sizeof(soi));
	for (int i = 0; i < 2; i++) {
		buf_add(&jpeg, app, sizeof(app));
		buf_add(&jpeg, profile, 65533);
	}
	buf_add(&jpeg, sof, sizeof(sof));
	fd = rig_file(jpeg.at, jpeg.len);
	ok(rig_facts(fd, &f) && f.width == 6000 && f.height == 4000,
	   "a frame behind two large profiles");
	close(fd);
	/* The size itself does. */
	media_memory_facts(jpeg.at, jpeg.len - 3, &f);
	ok(f.kind == MEDIA_JPEG && f.width == 0 && f.height == 0,
	   "a frame that breaks off");
	buf_finish(&jpeg);
	free(profile);
}

/* Boxes of no size, chunks of length 0, blocks without end: done at once. */
static void test_loops(void)
{
	static const struct {
		const char *what, *start;
		size_t len;
		unsigned char fill;
	} files[] = {
		{"GIF of blocks", GIF, sizeof(GIF) - 1, 0x21},
		{"PNG of chunks", PNG, sizeof(PNG) - 1, 0},
		{"MP4 of boxes",
		 "\0\0\0\x08"
		 "ftypisom",
		 12, 0},
		{"WebP of chunks", VP8X, sizeof(VP8X) - 1, 0},
		{"JPEG of fill", JPEG, 3, 0xff},
		{"Matroska of ones", "\x1a\x45\xdf\xa3", 4, 0xff},
	};
	size_t n = (size_t)32 << 20;
	unsigned char *p = malloc(n);

	for (size_t i = 0; i < COUNT(files); i++) {
		struct media_facts f;
		int fd;

		memset(p, files[i].fill, n);
		memcpy(p, files[i].start, files[i].len);
		fd = rig_file(p, n);
		alarm(20);
		ok(rig_facts(fd, &f), "%s: an end is found", files[i].what);
		alarm(0);
		close(fd);
	}
	free(p);
}

int main(void)
{
	test_heads();
	test_files();
	test_pictures();
	test_names();
	test_extensions();
	test_far_frame();
	test_loops();
	return tap_done();
}
