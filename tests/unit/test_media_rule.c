#include <stdlib.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/buf.h"
#include "media/rule.h"
#include "tap.h"
#include "unit/media_rig.h"

/* A rule, a file, and all that is said of it: "code: detail" lines. */
#define PICTURE(k, w, h, n)                                                    \
	.kind = (k), .width = (w), .height = (h), .frames = (n)
#define PNG PICTURE(MEDIA_PNG, 640, 480, 1)

static const char *const only_png[] = {"image/png"};
static const char *const any_image[] = {"image/*"};
static const char *const audio_mimes[] = {"audio/*", "video/webm"};

static const struct {
	const char *what;
	enum media_want want;
	struct media_rule bounds; /* what is not 0 of it */
	struct media_facts f;
	int64_t size;
	const char *said;
} cases[] = {
	{"a PNG", MEDIA_WANT_IMAGE, {0}, {PNG}, 1000, ""},
	{"a PNG as a mask", MEDIA_WANT_MASK, {0}, {PNG}, 1000, ""},
	{"a TIFF",
	 MEDIA_WANT_IMAGE,
	 {0},
	 {PICTURE(MEDIA_TIFF, 9, 9, 2)},
	 9,
	 ""},
	{"a BMP", MEDIA_WANT_IMAGE, {0}, {PICTURE(MEDIA_BMP, 9, 9, 1)}, 9, ""},
	{"an empty file", MEDIA_WANT_FILE, {0}, {0}, 0, "type: is empty\n"},
	{"at the usual size", MEDIA_WANT_IMAGE, {0}, {PNG}, 20971520, ""},
	{"beyond it",
	 MEDIA_WANT_IMAGE,
	 {0},
	 {PNG},
	 20971521,
	 "maxBytes: must have at most 20971520 bytes, has 20971521\n"},
	{"beyond its own size",
	 MEDIA_WANT_FILE,
	 {.max_bytes = 5},
	 {0},
	 6,
	 "maxBytes: must have at most 5 bytes, has 6\n"},
	{"HEIC",
	 MEDIA_WANT_IMAGE,
	 {0},
	 {PICTURE(MEDIA_HEIC, 9, 9, 1)},
	 9,
	 "type: must be an image (PNG, JPEG, WebP, GIF, BMP or TIFF), is "
	 "image/heic\n"},
	{"AVIF",
	 MEDIA_WANT_MASK,
	 {0},
	 {PICTURE(MEDIA_AVIF, 9, 9, 1)},
	 9,
	 "type: must be an image (PNG, JPEG, WebP, GIF, BMP or TIFF), is "
	 "image/avif\n"},
	{"SVG",
	 MEDIA_WANT_IMAGE,
	 {0},
	 {.kind = MEDIA_SVG},
	 9,
	 "type: must be an image (PNG, JPEG, WebP, GIF, BMP or TIFF), is "
	 "image/svg+xml\n"},
	{"nothing known, and too large",
	 MEDIA_WANT_IMAGE,
	 {.max_bytes = 1},
	 {0},
	 9,
	 "maxBytes: must have at most 1 bytes, has 9\n"
	 "type: must be an image (PNG, JPEG, WebP, GIF, BMP or TIFF), is of no "
	 "known kind\n"},
	{"a picture cut before its size",
	 MEDIA_WANT_IMAGE,
	 {0},
	 {PICTURE(MEDIA_PNG, 0, 0, 1)},
	 9,
	 "type: is broken or cut off: its size cannot be read\n"},
	{"a GIF without its end",
	 MEDIA_WANT_IMAGE,
	 {0},
	 {PICTURE(MEDIA_GIF, 9, 9, 0)},
	 9,
	 "type: is broken or cut off: its size cannot be read\n"},
	{"a bomb",
	 MEDIA_WANT_IMAGE,
	 {0},
	 {PICTURE(MEDIA_PNG, 30000, 30000, 1)},
	 109000,
	 "maxPixels: must have at most 67108864 pixels, has 900000000 (30000 x "
	 "30000)\n"},
	{"the most pixels",
	 MEDIA_WANT_IMAGE,
	 {0},
	 {PICTURE(MEDIA_PNG, 8192, 8192, 1)},
	 9,
	 ""},
	{"frames are pixels, too",
	 MEDIA_WANT_IMAGE,
	 {0},
	 {PICTURE(MEDIA_GIF, 8192, 8192, 2)},
	 9,
	 "maxPixels: must have at most 67108864 pixels in all frames, has 2 "
	 "frames of 8192 x 8192\n"},
	{"more frames than can be counted",
	 MEDIA_WANT_IMAGE,
	 {0},
	 {PICTURE(MEDIA_PNG, INT32_MAX, INT32_MAX, UINT32_MAX)},
	 9,
	 "maxPixels: must have at most 67108864 pixels in all frames, has "
	 "4294967295 frames of 2147483647 x 2147483647\n"},
	{"all sides too small",
	 MEDIA_WANT_IMAGE,
	 {.min_width = 641, .min_height = 481},
	 {PNG},
	 9,
	 "minWidth: must be at least 641 pixels wide, is 640\n"
	 "minHeight: must be at least 481 pixels high, is 480\n"},
	{"all sides too large",
	 MEDIA_WANT_IMAGE,
	 {.max_width = 639, .max_height = 479, .max_pixels = 5},
	 {PNG},
	 9,
	 "maxWidth: must be at most 639 pixels wide, is 640\n"
	 "maxHeight: must be at most 479 pixels high, is 480\n"
	 "maxPixels: must have at most 5 pixels, has 307200 (640 x 480)\n"},
	{"at its bounds",
	 MEDIA_WANT_IMAGE,
	 {.min_width = 640,
	  .max_width = 640,
	  .min_height = 480,
	  .max_height = 480,
	  .max_pixels = 307200},
	 {PNG},
	 9,
	 ""},
	{"one media type",
	 MEDIA_WANT_IMAGE,
	 {.mimes = only_png, .mime_count = 1},
	 {PNG},
	 9,
	 ""},
	{"another one",
	 MEDIA_WANT_IMAGE,
	 {.mimes = only_png, .mime_count = 1},
	 {PICTURE(MEDIA_JPEG, 9, 9, 1)},
	 9,
	 "mime: must be of another media type, is image/jpeg\n"},
	{"a star",
	 MEDIA_WANT_IMAGE,
	 {.mimes = any_image, .mime_count = 1},
	 {PICTURE(MEDIA_JPEG, 9, 9, 1)},
	 9,
	 ""},
	{"a star of another type",
	 MEDIA_WANT_FILE,
	 {.mimes = any_image, .mime_count = 1},
	 {.kind = MEDIA_WAV},
	 9,
	 "mime: must be of another media type, is audio/wav\n"},
	{"an alpha channel",
	 MEDIA_WANT_MASK,
	 {.needs_alpha = true},
	 {PNG, .alpha = true},
	 9,
	 ""},
	{"none",
	 MEDIA_WANT_MASK,
	 {.needs_alpha = true},
	 {PNG},
	 9,
	 "alpha: must have an alpha channel, such as a PNG with "
	 "transparency\n"},
	{"a sound", MEDIA_WANT_AUDIO, {0}, {.kind = MEDIA_OPUS}, 9, ""},
	{"a sound in a container of films",
	 MEDIA_WANT_AUDIO,
	 {0},
	 {.kind = MEDIA_WEBM},
	 9,
	 ""},
	{"that is not wanted",
	 MEDIA_WANT_AUDIO,
	 {.mimes = audio_mimes, .mime_count = 1},
	 {.kind = MEDIA_WEBM},
	 9,
	 "mime: must be of another media type, is video/webm\n"},
	{"that is wanted",
	 MEDIA_WANT_AUDIO,
	 {.mimes = audio_mimes, .mime_count = 2},
	 {.kind = MEDIA_WEBM},
	 9,
	 ""},
	{"a film for a sound",
	 MEDIA_WANT_AUDIO,
	 {0},
	 {PICTURE(MEDIA_MP4, 9, 9, 0)},
	 9,
	 "type: must be a sound (WAV, FLAC, MP3, OGG, Opus, M4A, or WebM and "
	 "MP4 without a picture), is video/mp4\n"},
	{"a film", MEDIA_WANT_VIDEO, {0}, {PICTURE(MEDIA_MP4, 9, 9, 9)}, 9, ""},
	{"a film that tells no size",
	 MEDIA_WANT_VIDEO,
	 {0},
	 {.kind = MEDIA_MKV},
	 9,
	 ""},
	{"where its size is bounded",
	 MEDIA_WANT_VIDEO,
	 {.max_height = 5},
	 {.kind = MEDIA_MKV},
	 9,
	 "type: does not tell its width and height\n"},
	{"one frame of a film is bounded",
	 MEDIA_WANT_VIDEO,
	 {.max_pixels = 81},
	 {PICTURE(MEDIA_MP4, 9, 9, 9)},
	 9,
	 ""},
	{"a picture for a film",
	 MEDIA_WANT_VIDEO,
	 {0},
	 {PICTURE(MEDIA_GIF, 9, 9, 9)},
	 9,
	 "type: must be a video (MP4, MOV, WebM or Matroska), is image/gif\n"},
	{"anything is a file", MEDIA_WANT_FILE, {0}, {0}, 9, ""},
};

static void lay(int64_t *to, int64_t from)
{
	if (from != 0)
		*to = from;
}

static struct media_rule rule_of(size_t i)
{
	const struct media_rule *b = &cases[i].bounds;
	struct media_rule r;

	media_rule_init(&r, cases[i].want);
	lay(&r.max_bytes, b->max_bytes);
	lay(&r.min_width, b->min_width);
	lay(&r.max_width, b->max_width);
	lay(&r.min_height, b->min_height);
	lay(&r.max_height, b->max_height);
	lay(&r.max_pixels, b->max_pixels);
	r.mimes = b->mimes;
	r.mime_count = b->mime_count;
	r.needs_alpha = b->needs_alpha;
	return r;
}

static void test_check(void)
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct media_rule r = rule_of(i);
		struct problem_list errors;
		struct arena a = {0};
		struct buf said;
		bool good;

		problem_list_init(&errors, &a);
		buf_init(&said, 4096);
		good = media_rule_check(&r, &cases[i].f, cases[i].size,
					"/photo", &errors);
		for (size_t k = 0; k < errors.count; k++)
			buf_addf(&said, "%s: %s\n", errors.items[k].rule,
				 errors.items[k].detail);
		is_str(buf_str(&said), cases[i].said, cases[i].what);
		ok(good == (errors.count == 0), "%s: says so", cases[i].what);
		ok(errors.count == 0 ||
			   strcmp(errors.items[0].where, "/photo") == 0,
		   "%s: at its place", cases[i].what);
		buf_finish(&said);
		arena_finish(&a);
	}
}

/* A list that is full must not make a bad file a good one. */
static void test_full_list(void)
{
	struct problem_list errors;
	struct arena a = {0};
	struct media_rule r;
	struct media_facts f = {0};

	problem_list_init(&errors, &a);
	for (int i = 0; i < PROBLEM_LIST_MAX; i++)
		problem_list_add(&errors, "", "x", "y");
	media_rule_init(&r, MEDIA_WANT_IMAGE);
	ok(!media_rule_check(&r, &f, 9, "/x", &errors), "refused all the same");
	arena_finish(&a);
}

static void test_names(void)
{
	const char *names[MEDIA_MIMES_MAX];
	enum media_want want;
	struct media_rule r;
	size_t n;

	for (int i = 0; i < MEDIA_WANT__COUNT; i++)
		ok(media_want_named(media_want_name((enum media_want)i),
				    &want) &&
			   (int)want == i,
		   "%s by its name", media_want_name((enum media_want)i));
	ok(!media_want_named("string", &want), "no want");
	n = media_want_mimes(MEDIA_WANT_AUDIO, names);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < i; k++)
			ok(strcmp(names[i], names[k]) != 0, "%s once",
			   names[i]);
	media_rule_init(&r, MEDIA_WANT_AUDIO);
	ok(media_rule_mimes(&r, names) == n, "all where none is named");
	r.mimes = audio_mimes;
	r.mime_count = 2;
	ok(media_rule_mimes(&r, names) == 6 &&
		   strcmp(names[0], "video/webm") == 0,
	   "those that are named");
	ok(media_mime_fits("image/*", "image/png") &&
		   !media_mime_fits("image/*", "imagery/png") &&
		   !media_mime_fits("image/png", "image/pngs") &&
		   !media_mime_fits("/*", "image/png"),
	   "stars");
}

/* The samples as the files of inputs. */
static void test_samples(void)
{
	static const struct {
		const char *name;
		enum media_want want;
		bool alpha;
	} samples[] = {
		{"picture.png", MEDIA_WANT_IMAGE, false},
		{"picture.jpg", MEDIA_WANT_IMAGE, false},
		{"turned.jpg", MEDIA_WANT_IMAGE, false},
		{"lossy.webp", MEDIA_WANT_IMAGE, false},
		{"lossless.webp", MEDIA_WANT_IMAGE, false},
		{"animation.gif", MEDIA_WANT_IMAGE, true},
		{"animation.png", MEDIA_WANT_IMAGE, false},
		{"animation.webp", MEDIA_WANT_IMAGE, false},
		{"film.mp4", MEDIA_WANT_VIDEO, false},
		{"film.mov", MEDIA_WANT_VIDEO, false},
		{"film.mkv", MEDIA_WANT_VIDEO, false},
		{"live.webm", MEDIA_WANT_VIDEO, false},
		{"opus.webm", MEDIA_WANT_VIDEO, false},
		{"vorbis.webm", MEDIA_WANT_VIDEO, false},
		{"sound.wav", MEDIA_WANT_AUDIO, false},
		{"sound.flac", MEDIA_WANT_AUDIO, false},
		{"sound.mp3", MEDIA_WANT_AUDIO, false},
		{"sound.m4a", MEDIA_WANT_AUDIO, false},
		{"sound.opus", MEDIA_WANT_AUDIO, false},
		{"vorbis.ogg", MEDIA_WANT_AUDIO, false},
		{"model.glb", MEDIA_WANT_FILE, false},
		{"sample.latent", MEDIA_WANT_FILE, false},
	};

	for (size_t i = 0; i < COUNT(samples); i++) {
		struct problem_list errors;
		struct arena a = {0};
		struct media_facts f;
		struct media_rule r;
		size_t n;
		unsigned char *bytes = rig_sample(samples[i].name, &n);
		int fd = rig_file(bytes, n);

		problem_list_init(&errors, &a);
		media_rule_init(&r, samples[i].want);
		ok(media_file_facts(fd, &f) &&
			   media_rule_check(&r, &f, (int64_t)n, "", &errors),
		   "%s: %s", samples[i].name,
		   errors.count > 0 ? errors.items[0].detail : "taken");
		ok(f.alpha == samples[i].alpha, "%s: alpha", samples[i].name);
		close(fd);
		free(bytes);
		arena_finish(&a);
	}
}

int main(void)
{
	test_check();
	test_full_list();
	test_names();
	test_samples();
	return tap_done();
}
