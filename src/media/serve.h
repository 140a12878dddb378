#ifndef MEDIA_SERVE_H
#define MEDIA_SERVE_H

#include "media/kind.h"

/*
 * Which files are given where an output promises a class: the one place for
 * what a run's files are checked by and for what a caller may hope for. Pure.
 *
 *	MEDIA_IMAGE  pictures, animated ones too
 *	MEDIA_VIDEO  videos, and pictures that move: GIF, WebP, PNG, AVIF
 *	MEDIA_AUDIO  sound, and a video's container that holds nothing else
 *	MEDIA_MODEL  whatever is none of these and no markup: few of the formats
 *	             of 3D say what they are
 *	MEDIA_OTHER  any file
 */
MUST_USE bool media_serves(const struct media_facts *facts,
			   enum media_class promised);
/* May some file of this kind? */
MUST_USE bool media_may_serve(enum media_kind kind, enum media_class promised);
/* A file's name, which is somebody else's: does its extension say that it is
 * of another class? Then those whose name does not are looked at first. */
MUST_USE bool media_name_objects(const char *filename,
				 enum media_class promised);

#endif
