#ifndef MEDIA_RULE_H
#define MEDIA_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/problem.h"
#include "media/kind.h"

/*
 * What a file input takes: the rules that a manifest makes of it, and a file
 * held against them. Pure; any thread. A rule's texts are borrowed.
 *
 * Pictures are those that ComfyUI's Pillow (11.1) opens: AVIF and HEIC are
 * none. A sound may be in a container of films that holds no picture, as
 * browsers record it. A film is not decoded by us, so its header may tell
 * nothing of its size; then only bounds on that size refuse it.
 */
enum media_want {
	MEDIA_WANT_IMAGE,
	MEDIA_WANT_MASK,
	MEDIA_WANT_AUDIO,
	MEDIA_WANT_VIDEO,
	MEDIA_WANT_FILE,
	MEDIA_WANT__COUNT
};

/* The most that max_bytes and max_pixels may say. Pillow gives up a picture
 * beyond 2^30 / 6 pixels (DecompressionBombError). */
#define MEDIA_BYTES_MAX	 (INT64_C(16) << 30)
#define MEDIA_PIXELS_MAX INT64_C(178956970)
#define MEDIA_SIDE_MAX	 INT64_C(1000000)

struct media_rule {
	enum media_want want;
	/* "image/png", "audio/" and a star; none: all that the want takes. */
	const char *const *mimes;
	size_t mime_count;
	/* 0: no bound. max_bytes is always set. */
	int64_t max_bytes, min_width, max_width, min_height, max_height;
	int64_t max_pixels; /* of pictures: of all frames together */
	bool needs_alpha;   /* the header must tell of an alpha channel */
};

/* The bounds that hold where nothing is said. */
void media_rule_init(struct media_rule *r, enum media_want want);

const char *media_want_name(enum media_want want); /* "image" */
MUST_USE bool media_want_named(const char *name, enum media_want *out);

/* The media types that files of this want have, each once. */
#define MEDIA_MIMES_MAX 32
size_t media_want_mimes(enum media_want want,
			const char *names[MEDIA_MIMES_MAX]);
/* pattern: a media type, or one with a star for its second half. */
bool media_mime_fits(const char *pattern, const char *mime);
/* Those of the want that the rule takes. */
size_t media_rule_mimes(const struct media_rule *r,
			const char *names[MEDIA_MIMES_MAX]);

/*
 * All that is wrong with a file, at `pointer`: codes maxBytes type mime
 * minWidth maxWidth minHeight maxHeight maxPixels alpha. Facts are those of the
 * whole file (media_file_facts()): a head alone does not tell how many frames
 * there are.
 */
MUST_USE bool media_rule_check(const struct media_rule *r,
			       const struct media_facts *f, int64_t size,
			       const char *pointer,
			       struct problem_list *errors);

#endif
