#ifndef HELPER_PICTURE_H
#define HELPER_PICTURE_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/problem.h"
#include "media/convert.h"

/*
 * The pictures: all that is known of libvips here. PNG, JPEG, WebP and GIF are
 * read, by libvips' loaders for them; every other loader is blocked.
 */

/* Once, before anything else; takes a while and starts no thread, so that the
 * process may fork afterwards. */
MUST_USE bool picture_open(struct problem *why);

/*
 * Does what the request says, from descriptor `in` to `out` and `small` (-1
 * where the request wants none). Orientation is applied, colours are sRGB with
 * eight bits, all metadata is gone, a thumbnail is never larger than the
 * picture. JPEG gets a white ground where the picture is transparent. False and
 * why: the picture is broken, or of a size that the format does not take.
 */
MUST_USE bool picture_convert(const struct convert_request *r, int in, int out,
			      int small, char blurhash[BLURHASH_SIZE],
			      struct problem *why);

#endif
