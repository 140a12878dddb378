#include "media/strip.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "media/parts.h"

int64_t strip_left(const struct strip *s)
{
	return s->in.size - s->at;
}

bool strip_bad(struct strip *s, const char *what)
{
	if (!s->failed)
		problem_set(s->why, PROBLEM_UNSUPPORTED_MEDIA_TYPE, "",
			    "this %s cannot be cleaned: %s",
			    media_type(s->kind)->extension, what);
	s->failed = true;
	return false;
}

static bool disk_failed(struct strip *s, const char *what)
{
	if (!s->failed)
		problem_set(s->why, PROBLEM_INTERNAL, "", "%s: %s", what,
			    strerror(errno));
	s->failed = true;
	return false;
}

bool strip_peek(struct strip *s, void *to, size_t n)
{
	if (s->failed)
		return false;
	if (!source_read(&s->in, s->at, to, n))
		return strip_bad(s, "it ends too early");
	return true;
}

bool strip_take(struct strip *s, void *to, size_t n)
{
	if (!strip_peek(s, to, n))
		return false;
	s->at += (int64_t)n;
	return true;
}

bool strip_skip(struct strip *s, int64_t n)
{
	if (s->failed)
		return false;
	if (n < 0 || n > strip_left(s))
		return strip_bad(s, "it ends too early");
	s->at += n;
	return true;
}

/* By place, so that nobody minds where the file's own offset is. */
static bool write_at(struct strip *s, int64_t at, const unsigned char *p,
		     size_t n)
{
	return file_write_at(s->out, p, n, at) || disk_failed(s, "writing");
}

static bool flush_held(struct strip *s)
{
	size_t n = s->held;

	s->held = 0;
	return n == 0 || write_at(s, s->written - (int64_t)n, s->hold, n);
}

/* The run stands last in what is written; nothing is held with it. */
static bool copy_by_hand(struct strip *s, int64_t from, int64_t to, int64_t n)
{
	while (n > 0) {
		size_t part = n < STRIP_PIECE ? (size_t)n : STRIP_PIECE;

		if (!source_read(&s->in, from, s->hold, part))
			return strip_bad(s, "it ends too early");
		if (!write_at(s, to, s->hold, part))
			return false;
		from += (int64_t)part;
		to += (int64_t)part;
		n -= (int64_t)part;
	}
	return true;
}

static bool flush_run(struct strip *s)
{
	int64_t n = s->run_len, from = s->run_at, to = s->written - n;

	s->run_len = 0;
	/* The kernel copies large ones, where both files let it. */
	while (n > STRIP_PIECE) {
		off_t in = from, out = to;
		ssize_t done = copy_file_range(s->in.fd, &in, s->out, &out,
					       (size_t)n, 0);

		if (done <= 0)
			break;
		from += done;
		to += done;
		n -= done;
	}
	return copy_by_hand(s, from, to, n);
}

bool strip_put(struct strip *s, const void *bytes, size_t n)
{
	if (s->failed || (s->run_len > 0 && !flush_run(s)))
		return false;
	if (n > sizeof(s->hold) - s->held && !flush_held(s))
		return false;
	s->written += (int64_t)n;
	if (n > sizeof(s->hold))
		return write_at(s, s->written - (int64_t)n, bytes, n);
	memcpy(s->hold + s->held, bytes, n);
	s->held += n;
	return true;
}

/* Small pieces go through what is held; a run begins with a large one. */
#define RUN_BEGINS 4096

bool strip_copy(struct strip *s, int64_t n)
{
	int64_t from = s->at;

	if (!strip_skip(s, n))
		return false;
	if (s->run_len > 0 && s->run_at + s->run_len == from) {
		s->run_len += n;
		s->written += n;
		return true;
	}
	if (n < RUN_BEGINS) {
		unsigned char piece[RUN_BEGINS];

		if (!source_read(&s->in, from, piece, (size_t)n))
			return strip_bad(s, "it ends too early");
		return strip_put(s, piece, (size_t)n);
	}
	if ((s->run_len > 0 && !flush_run(s)) || !flush_held(s))
		return false;
	s->run_at = from;
	s->run_len = n;
	s->written += n;
	return true;
}

bool strip_blank(struct strip *s, int64_t n)
{
	static const unsigned char zeros[4096];

	if (!strip_skip(s, n))
		return false;
	while (n > 0) {
		size_t part = n < 4096 ? (size_t)n : 4096;

		if (!strip_put(s, zeros, part))
			return false;
		n -= (int64_t)part;
	}
	return true;
}

bool strip_end(struct strip *s)
{
	if (s->failed)
		return false;
	return flush_run(s) && flush_held(s);
}

bool strip_patch(struct strip *s, int64_t at, const void *bytes, size_t n)
{
	return strip_end(s) && write_at(s, at, bytes, n);
}

/* ---- by kind ---- */

static bool as_it_is(struct strip *s)
{
	return strip_copy(s, s->in.size);
}

/* No row: cannot be cleaned. */
static bool (*const strips[MEDIA_KIND__COUNT])(struct strip *) = {
	[MEDIA_PNG] = png_strip,
	[MEDIA_JPEG] = jpeg_strip,
	[MEDIA_WEBP] = webp_strip,
	[MEDIA_GIF] = gif_strip,
	[MEDIA_MP4] = isobmff_strip,
	[MEDIA_MOV] = isobmff_strip,
	[MEDIA_M4A] = isobmff_strip,
	[MEDIA_WEBM] = matroska_strip,
	[MEDIA_MKV] = matroska_strip,
	[MEDIA_WAV] = wav_strip,
	[MEDIA_FLAC] = flac_strip,
	[MEDIA_MP3] = mp3_strip,
	[MEDIA_OGG] = ogg_strip,
	[MEDIA_OPUS] = ogg_strip,
	[MEDIA_GLB] = glb_strip,
	[MEDIA_SAFETENSORS] = safetensors_strip,
	/* Its words are what it is for; it has no other place. */
	[MEDIA_PLAIN] = as_it_is,
};

bool media_can_strip(enum media_kind kind)
{
	return kind < MEDIA_KIND__COUNT && strips[kind] != NULL;
}

bool media_strip(enum media_kind kind, int from, int to, struct problem *why)
{
	struct strip s; /* its piece alone is large, and is not cleared */

	if (!media_can_strip(kind))
		return problem_set(why, PROBLEM_UNSUPPORTED_MEDIA_TYPE, "",
				   "a file of this kind cannot be cleaned");
	memset(&s, 0, offsetof(struct strip, hold));
	s.kind = kind;
	s.out = to;
	s.why = why;
	if (!source_file(&s.in, from, false) || ftruncate(to, 0) != 0)
		return disk_failed(&s, "opening");
	return strips[kind](&s) && strip_end(&s);
}
