#ifndef MEDIA_STRIP_H
#define MEDIA_STRIP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/problem.h"
#include "media/kind.h"

/*
 * Takes prompts and graphs out of a file without touching a pixel or a sample:
 * text chunks of PNG, EXIF, XMP, IPTC and comments of JPEG and WebP, comments
 * of GIF, user data and tags of MP4, MOV, M4A and WebM, tags of FLAC, MP3, OGG,
 * Opus and WAV, extras of GLB. Colour profiles, orientation and what a player
 * needs stay. Pure but for the files; any thread that may block. Memory is
 * bounded (1 MiB), whatever the file says of itself.
 *
 * Reads `from` (from its beginning) and writes `to`, which is open for reading,
 * too. The kind is what the
 * bytes say (media_file_facts). False: the file is not of that form or ends
 * too early; what was written is of no use then, and the file must not be given
 * to a caller as clean.
 */
MUST_USE bool media_strip(enum media_kind kind, int from, int to,
			  struct problem *why);
/* The same of a file that is in memory, into `to`, which is empty. Past the
 * ceiling of that it is PROBLEM_TOO_LARGE. */
MUST_USE bool media_strip_memory(enum media_kind kind, const void *bytes,
				 size_t n, struct buf *to, struct problem *why);
/* A kind that media_strip() can clean, or that has no place for metadata. */
bool media_can_strip(enum media_kind kind);

#endif
