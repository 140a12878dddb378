#include "media/rule.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#define MIB (INT64_C(1) << 20)

static const struct {
	const char *name;
	const char *must_be;
	int64_t max_bytes, max_pixels;
} wants[] = {
	[MEDIA_WANT_IMAGE] = {"image",
			      "an image (PNG, JPEG, WebP, GIF, BMP or TIFF)",
			      20 * MIB, 64 * MIB},
	[MEDIA_WANT_MASK] = {"mask",
			     "an image (PNG, JPEG, WebP, GIF, BMP or TIFF)",
			     20 * MIB, 64 * MIB},
	[MEDIA_WANT_AUDIO] = {"audio",
			      "a sound (WAV, FLAC, MP3, OGG, Opus, M4A, or "
			      "WebM and MP4 without a picture)",
			      50 * MIB, 0},
	[MEDIA_WANT_VIDEO] = {"video", "a video (MP4, MOV, WebM or Matroska)",
			      100 * MIB, 0},
	[MEDIA_WANT_FILE] = {"file", "a file", 100 * MIB, 0},
};
static_assert(COUNT(wants) == MEDIA_WANT__COUNT, "a row for every want");

void media_rule_init(struct media_rule *r, enum media_want want)
{
	*r = (struct media_rule){
		.want = want,
		.max_bytes = wants[want].max_bytes,
		.max_pixels = wants[want].max_pixels,
	};
}

const char *media_want_name(enum media_want want)
{
	assert(want < MEDIA_WANT__COUNT);
	return wants[want].name;
}

bool media_want_named(const char *name, enum media_want *out)
{
	for (size_t i = 0; i < COUNT(wants); i++) {
		if (strcmp(wants[i].name, name) != 0)
			continue;
		*out = (enum media_want)i;
		return true;
	}
	return false;
}

/* A picture, a mask is one, too. */
static bool pictures(enum media_want want)
{
	return want == MEDIA_WANT_IMAGE || want == MEDIA_WANT_MASK;
}

/* silent: there is no picture in the container. */
static bool takes(enum media_want want, enum media_kind kind, bool silent)
{
	enum media_class class = media_type(kind)->class;

	switch (want) {
	case MEDIA_WANT_IMAGE:
	case MEDIA_WANT_MASK:
		return class == MEDIA_IMAGE && kind != MEDIA_AVIF &&
		       kind != MEDIA_HEIC;
	case MEDIA_WANT_AUDIO:
		return class == MEDIA_AUDIO || (class == MEDIA_VIDEO && silent);
	case MEDIA_WANT_VIDEO:
		return class == MEDIA_VIDEO;
	case MEDIA_WANT_FILE:
	case MEDIA_WANT__COUNT:
		break;
	}
	return true;
}

static bool holds(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return false;
}

size_t media_want_mimes(enum media_want want,
			const char *names[MEDIA_MIMES_MAX])
{
	size_t count = 0;

	static_assert(MEDIA_KIND__COUNT <= MEDIA_MIMES_MAX, "room for all");
	for (size_t i = 0; i < MEDIA_KIND__COUNT; i++) {
		const char *mime = media_type((enum media_kind)i)->mime;

		if (takes(want, (enum media_kind)i, true) &&
		    !holds(names, count, mime))
			names[count++] = mime;
	}
	return count;
}

bool media_mime_fits(const char *pattern, const char *mime)
{
	size_t n = strlen(pattern);

	if (n > 2 && strcmp(pattern + n - 2, "/*") == 0)
		return strncmp(pattern, mime, n - 1) == 0;
	return strcmp(pattern, mime) == 0;
}

static bool mime_taken(const struct media_rule *r, const char *mime)
{
	for (size_t i = 0; i < r->mime_count; i++) {
		if (media_mime_fits(r->mimes[i], mime))
			return true;
	}
	return r->mime_count == 0;
}

size_t media_rule_mimes(const struct media_rule *r,
			const char *names[MEDIA_MIMES_MAX])
{
	const char *all[MEDIA_MIMES_MAX];
	size_t n = media_want_mimes(r->want, all), count = 0;

	for (size_t i = 0; i < n; i++) {
		if (mime_taken(r, all[i]))
			names[count++] = all[i];
	}
	return count;
}

/* One file on its way through the checks. */
struct look {
	const struct media_rule *r;
	const struct media_facts *f;
	const char *pointer;
	struct problem_list *errors;
};

static bool check_type(const struct look *l)
{
	const char *mime = media_type(l->f->kind)->mime;
	const char *must = wants[l->r->want].must_be;

	if (!takes(l->r->want, l->f->kind, l->f->width == 0)) {
		if (l->f->kind == MEDIA_UNKNOWN)
			problem_list_add(l->errors, l->pointer, "type",
					 "must be %s, is of no known kind",
					 must);
		else
			problem_list_add(l->errors, l->pointer, "type",
					 "must be %s, is %s", must, mime);
		return false;
	}
	/* What cannot be counted cannot be bounded, and is no whole file. */
	if (pictures(l->r->want) && (l->f->width == 0 || l->f->frames == 0)) {
		problem_list_add(l->errors, l->pointer, "type",
				 "is broken or cut off: its size cannot be "
				 "read");
		return false;
	}
	if (mime_taken(l->r, mime))
		return true;
	problem_list_add(l->errors, l->pointer, "mime",
			 "must be of another media type, is %s", mime);
	return false;
}

static void check_side(const struct look *l, int64_t n, int64_t least,
		       int64_t most, const char *rule_least,
		       const char *rule_most, const char *how)
{
	if (least > 0 && n < least)
		problem_list_add(l->errors, l->pointer, rule_least,
				 "must be at least %" PRId64
				 " pixels %s, is %" PRId64,
				 least, how, n);
	else if (most > 0 && n > most)
		problem_list_add(l->errors, l->pointer, rule_most,
				 "must be at most %" PRId64
				 " pixels %s, is %" PRId64,
				 most, how, n);
}

/* Sides are below 2^31, so only the frames can go beyond. */
static int64_t pixels(const struct media_facts *f, bool all_frames)
{
	int64_t one = f->width * f->height;
	int64_t frames = all_frames ? f->frames : 1;

	return one > INT64_MAX / frames ? INT64_MAX : one * frames;
}

static void check_pixels(const struct look *l)
{
	const struct media_facts *f = l->f;
	bool all = pictures(l->r->want);
	int64_t n = pixels(f, all);

	if (l->r->max_pixels == 0 || n <= l->r->max_pixels)
		return;
	if (all && f->frames > 1)
		problem_list_add(l->errors, l->pointer, "maxPixels",
				 "must have at most %" PRId64
				 " pixels in all frames, has %" PRId64
				 " frames of %" PRId64 " x %" PRId64,
				 l->r->max_pixels, f->frames, f->width,
				 f->height);
	else
		problem_list_add(l->errors, l->pointer, "maxPixels",
				 "must have at most %" PRId64
				 " pixels, has %" PRId64 " (%" PRId64
				 " x %" PRId64 ")",
				 l->r->max_pixels, n, f->width, f->height);
}

static bool bounds_size(const struct media_rule *r)
{
	return r->min_width > 0 || r->max_width > 0 || r->min_height > 0 ||
	       r->max_height > 0 || r->max_pixels > 0;
}

static void check_size(const struct look *l)
{
	const struct media_rule *r = l->r;

	if (!bounds_size(r))
		return;
	if (l->f->width == 0) {
		problem_list_add(l->errors, l->pointer, "type",
				 "does not tell its width and height");
		return;
	}
	check_side(l, l->f->width, r->min_width, r->max_width, "minWidth",
		   "maxWidth", "wide");
	check_side(l, l->f->height, r->min_height, r->max_height, "minHeight",
		   "maxHeight", "high");
	check_pixels(l);
}

bool media_rule_check(const struct media_rule *r, const struct media_facts *f,
		      int64_t size, const char *pointer,
		      struct problem_list *errors)
{
	const struct look look = {r, f, pointer, errors};
	size_t before = errors->count;

	if (size == 0) {
		problem_list_add(errors, pointer, "type", "is empty");
		return false;
	}
	if (size > r->max_bytes)
		problem_list_add(errors, pointer, "maxBytes",
				 "must have at most %" PRId64
				 " bytes, has %" PRId64,
				 r->max_bytes, size);
	if (check_type(&look)) {
		check_size(&look);
		if (r->needs_alpha && !f->alpha)
			problem_list_add(errors, pointer, "alpha",
					 "must have an alpha channel, such as "
					 "a PNG with transparency");
	}
	return errors->count == before && !errors->more;
}
