#ifndef MEDIA_PARTS_H
#define MEDIA_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/problem.h"
#include "media/kind.h"
#include "media/source.h"

/*
 * What the files of media/ share: one file for each container, with its facts
 * and its cleaning. Nobody outside includes this.
 *
 * Facts: fill in what the header tells, and leave the rest at 0.
 */
void png_facts(struct source *s, struct media_facts *out);
void jpeg_facts(struct source *s, struct media_facts *out);
void webp_facts(struct source *s, struct media_facts *out);
void wav_facts(struct source *s, struct media_facts *out);
void gif_facts(struct source *s, struct media_facts *out);
void bmp_facts(struct source *s, struct media_facts *out);
void tiff_facts(struct source *s, struct media_facts *out);
void isobmff_facts(struct source *s, struct media_facts *out);
void matroska_facts(struct source *s, struct media_facts *out);
void flac_facts(struct source *s, struct media_facts *out);
void mp3_facts(struct source *s, struct media_facts *out);
void ogg_facts(struct source *s, struct media_facts *out);

/* From the beginning of a file that no mark tells. */
enum media_kind text_kind(const unsigned char *head, size_t n);
bool mp3_frame_at(const unsigned char p[4], int64_t *size);
bool safetensors_mark(const unsigned char *head, size_t n);

/*
 * A file on its way to a clean one. Reading goes forward from `at`; on the way
 * to an open file what is copied is gathered into runs, so that a large one
 * costs few calls. The first failure is kept in *why and every call after it
 * does nothing and answers false, so a cleaner may ask at the end of its loop.
 */
#define STRIP_PIECE ((size_t)64 * 1024)

struct strip {
	struct source in;
	int64_t at;
	struct buf *memory; /* where it goes, if `in` is in memory, too; or */
	int out;	    /* NULL, and an open file */
	int64_t written;    /* where the next byte goes, what is held counted */
	int64_t run_at, run_len;
	size_t held;
	unsigned char *hold; /* STRIP_PIECE bytes on their way to `out` */
	bool failed;
	enum media_kind kind;
	struct problem *why;
};

int64_t strip_left(const struct strip *s);
/* Reads and does not go on. */
bool strip_peek(struct strip *s, void *to, size_t n);
bool strip_take(struct strip *s, void *to, size_t n);
bool strip_skip(struct strip *s, int64_t n);
bool strip_put(struct strip *s, const void *bytes, size_t n);
bool strip_copy(struct strip *s, int64_t n);
/* n bytes of 0 in the place of n bytes. */
bool strip_blank(struct strip *s, int64_t n);
/* Writes anew what was written before. */
bool strip_patch(struct strip *s, int64_t at, const void *bytes, size_t n);
bool strip_end(struct strip *s); /* writes what is held */
/* Says what is wrong with the file; false. */
bool strip_bad(struct strip *s, const char *what);

bool png_strip(struct strip *s);
bool jpeg_strip(struct strip *s);
bool webp_strip(struct strip *s);
bool wav_strip(struct strip *s);
bool gif_strip(struct strip *s);
bool isobmff_strip(struct strip *s);
bool matroska_strip(struct strip *s);
bool flac_strip(struct strip *s);
bool mp3_strip(struct strip *s);
bool ogg_strip(struct strip *s);
bool glb_strip(struct strip *s);
bool safetensors_strip(struct strip *s);

/* EXIF, a TIFF at [at, at + len): its orientation, 1 where it tells none; and
 * one that tells an orientation and nothing else. */
int exif_orientation(struct source *s, int64_t at, int64_t len);
#define EXIF_MINIMAL 26
void exif_minimal(int orientation, unsigned char out[EXIF_MINIMAL]);

/* Where tags at the end of a sound file begin (ID3v1, ID3v2 with its footer,
 * APEv2, Lyrics3), but not before `from`. */
int64_t tags_begin(struct source *s, int64_t from);
/* Whether what was written ends without one: the last bytes of a sound may look
 * like it once that behind them is gone. */
bool tags_none(struct strip *s);
/* Where the ID3v2 tags that begin at `at` end. */
int64_t tags_end(struct source *s, int64_t at);

#endif
