#ifndef MEDIA_KIND_H
#define MEDIA_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

/*
 * What a file is, decided by its bytes alone, and what its header says of it:
 * one table for inputs and outputs. Pure; any thread. Nothing here decodes a
 * pixel or a sample, so a bomb costs microseconds.
 */
enum media_class {
	MEDIA_OTHER,
	MEDIA_IMAGE,
	MEDIA_VIDEO,
	MEDIA_AUDIO,
	MEDIA_MODEL, /* 3d */
	MEDIA_TEXT,  /* SVG, HTML, XML, plain: never shown as a page */
};

enum media_kind {
	MEDIA_UNKNOWN,
	MEDIA_PNG, /* APNG too */
	MEDIA_JPEG,
	MEDIA_WEBP,
	MEDIA_GIF,
	MEDIA_AVIF,
	MEDIA_HEIC,
	MEDIA_BMP,
	MEDIA_TIFF,
	MEDIA_MP4,
	MEDIA_MOV,
	MEDIA_WEBM,
	MEDIA_MKV, /* Matroska that is no WebM */
	MEDIA_WAV,
	MEDIA_FLAC,
	MEDIA_MP3,
	MEDIA_OGG, /* Vorbis */
	MEDIA_OPUS,
	MEDIA_M4A,
	MEDIA_GLB,
	MEDIA_SAFETENSORS, /* ComfyUI's latents, too */
	MEDIA_SVG,
	MEDIA_HTML,  /* and all other markup */
	MEDIA_PLAIN, /* text that is no markup */
	MEDIA_KIND__COUNT
};

struct media_type {
	enum media_kind kind;
	enum media_class class;
	const char *mime;      /* "image/png" */
	const char *extension; /* "png" */
	bool inline_safe;      /* may be shown in a page of our origin */
};

/* Rows by kind; MEDIA_UNKNOWN is application/octet-stream, "bin". */
const struct media_type *media_type(enum media_kind kind);
/* By an extension of ours, without the dot; that of MEDIA_UNKNOWN where there
 * is none such. */
const struct media_type *media_type_of_extension(const char *extension);
/*
 * For a file whose bytes tell little (unknown, plain, safetensors) the name it
 * came with may say more: by its extension, from a list of types that no
 * browser runs. NULL is a fine name.
 */
const struct media_type *media_type_named(enum media_kind kind,
					  const char *filename);

struct media_facts {
	enum media_kind kind;
	int64_t width, height; /* 0: unknown */
	int64_t frames;	       /* 0: unknown; 1: no animation */
	int64_t duration_ms;   /* 0: unknown */
	bool alpha; /* a picture whose header tells of an alpha channel */
};

/* Of a whole file: in memory, or open, whose offset is left anywhere. Width and
 * height are those of the header (EXIF rotation not applied), never above
 * 2^31-1. Reads are limited, whatever the file says. False when it cannot be
 * read. */
void media_memory_facts(const void *bytes, size_t n, struct media_facts *out);
MUST_USE bool media_file_facts(int fd, struct media_facts *out);

#endif
