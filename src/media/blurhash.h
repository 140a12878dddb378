#ifndef MEDIA_BLURHASH_H
#define MEDIA_BLURHASH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "media/convert.h"

/*
 * A picture in 28 characters, for a blurred placeholder while it is loaded: the
 * algorithm and text form of https://github.com/woltapp/blurhash
 * (Algorithm.md), with four by three components. Pure; the helper makes them,
 * the daemon looks whether one is well formed.
 */

/* rgb: width * height pixels of three bytes (sRGB), rows after one another;
 * both from 1 to BLURHASH_EDGE. */
#define BLURHASH_EDGE 256
void blurhash_encode(const unsigned char *rgb, size_t width, size_t height,
		     char out[BLURHASH_SIZE]);
/* n bytes may be looked at. */
MUST_USE bool blurhash_valid(const char *text, size_t n);

#endif
