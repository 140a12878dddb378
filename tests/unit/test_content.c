#include <stdlib.h>

#include "base/attr.h"
#include "run/content.h"
#include "tap.h"

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
	ROW("SVG", "<svg xmlns='http://www.w3.org/2000/svg'/>",
	    "application/octet-stream", "bin", 0, 0),
	ROW("HTML", "<!doctype html><script>", "application/octet-stream",
	    "bin", 0, 0),
	ROW("empty", "", "application/octet-stream", "bin", 0, 0),
	ROW("one byte of a JPEG", "\xff", "application/octet-stream", "bin", 0,
	    0),
};

static void test_heads(void)
{
	for (size_t i = 0; i < COUNT(heads); i++) {
		/* Whole, and byte by byte: pieces are cut anywhere. */
		for (size_t step = 1; step <= 4096; step += 4095) {
			struct content c = {0};
			const struct content_type *t;
			int64_t w, h;

			for (size_t at = 0; at < heads[i].len; at += step) {
				size_t left = heads[i].len - at;

				content_feed(&c, heads[i].bytes + at,
					     left < step ? left : step);
			}
			t = content_type(&c, false, "x.png");
			is_str(t->mime, heads[i].mime, heads[i].what);
			is_str(t->ext, heads[i].ext, heads[i].what);
			ok(content_size(&c, &w, &h) == (heads[i].width > 0),
			   "%s: size known", heads[i].what);
			ok(w == heads[i].width && h == heads[i].height,
			   "%s: size", heads[i].what);
		}
	}
}

static const struct {
	const char *filename;
	bool plain;
	const char *mime, *ext;
} names[] = {
	{"mesh.obj", true, "model/obj", "obj"},
	{"mesh.OBJ", true, "model/obj", "obj"},
	{"scene.gltf", true, "model/gltf+json", "gltf"},
	{"x.latent", true, "application/octet-stream", "latent"},
	{"a.txt", true, "text/plain", "txt"},
	{"a.txt", false, "application/octet-stream", "bin"},
	{"a.svg", true, "application/octet-stream", "bin"},
	{"a.html", true, "application/octet-stream", "bin"},
	{"a.xhtml", true, "application/octet-stream", "bin"},
	{"a.js", true, "application/octet-stream", "bin"},
	{"a.pdf", true, "application/octet-stream", "bin"},
	{"a.xml", true, "application/octet-stream", "bin"},
	{"noext", true, "application/octet-stream", "bin"},
	{"a.obj/../x", true, "application/octet-stream", "bin"},
	{NULL, true, "application/octet-stream", "bin"},
};

static void test_names(void)
{
	for (size_t i = 0; i < COUNT(names); i++) {
		struct content c = {0};
		const struct content_type *t;

		content_feed(&c, "v 0 0 0\n", 8);
		t = content_type(&c, names[i].plain, names[i].filename);
		is_str(t->mime, names[i].mime,
		       names[i].filename ? names[i].filename : "(none)");
		is_str(t->ext, names[i].ext, "extension");
	}
}

/* A picture whose name lies is what its bytes say, also where names count. */
static void test_bytes_win(void)
{
	struct content c = {0};

	content_feed(&c, PNG, sizeof(PNG) - 1);
	is_str(content_type(&c, true, "a.txt")->ext, "png",
	       "bytes before name");
}

/* A JPEG with 70 KB of profile before its frame: beyond the kept head. */
static void test_far_frame(void)
{
	static const unsigned char soi[] = {0xff, 0xd8};
	static const unsigned char app[] = {0xff, 0xe2, 0xff, 0xff};
	static const unsigned char sof[] = {0xff, 0xc0, 0,    17,   8,
					    0x0f, 0xa0, 0x17, 0x70, 3};
	unsigned char *profile = calloc(1, 65533);
	struct content c = {0};
	int64_t w = 0, h = 0;

	content_feed(&c, soi, sizeof(soi));
	for (int i = 0; i < 2; i++) {
		content_feed(&c, app, sizeof(app));
		content_feed(&c, profile, 65533);
	}
	content_feed(&c, sof, sizeof(sof));
	ok(content_size(&c, &w, &h) && w == 6000 && h == 4000,
	   "a frame behind two large profiles");
	free(profile);
}

int main(void)
{
	test_heads();
	test_names();
	test_bytes_win();
	test_far_frame();
	return tap_done();
}
