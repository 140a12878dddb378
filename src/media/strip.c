#include "media/strip.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
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
static bool write_at(struct strip *s, int64_t at, const void *p, size_t n)
{
	return file_write_at(s->out, p, n, at) || disk_failed(s, "writing");
}

static bool add(struct strip *s, const void *bytes, size_t n)
{
	buf_add(s->memory, bytes, n);
	s->written += (int64_t)n;
	if (buf_over(s->memory) && !s->failed) {
		problem_set(s->why, PROBLEM_TOO_LARGE, "",
			    "larger than %zu bytes", s->memory->max);
		s->failed = true;
	}
	return !s->failed;
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
		size_t part = (size_t)n < STRIP_PIECE ? (size_t)n : STRIP_PIECE;

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
	while (n > (int64_t)STRIP_PIECE) {
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
	if (s->failed)
		return false;
	if (s->memory != NULL)
		return add(s, bytes, n);
	if (s->run_len > 0 && !flush_run(s))
		return false;
	if (n > STRIP_PIECE - s->held && !flush_held(s))
		return false;
	s->written += (int64_t)n;
	if (n > STRIP_PIECE)
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
	if (s->memory != NULL)
		return add(s, s->in.memory + from, (size_t)n);
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
	if (!strip_end(s))
		return false;
	if (s->memory == NULL)
		return write_at(s, at, bytes, n);
	assert(at + (int64_t)n <= s->written);
	memcpy(s->memory->at + at, bytes, n);
	return true;
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

static bool cleanable(enum media_kind kind, struct problem *why)
{
	return media_can_strip(kind) ||
	       problem_set(why, PROBLEM_UNSUPPORTED_MEDIA_TYPE, "",
			   "a file of this kind cannot be cleaned");
}

bool media_strip(enum media_kind kind, int from, int to, struct problem *why)
{
	struct strip s = {.out = to, .kind = kind, .why = why};
	bool good;

	if (!cleanable(kind, why))
		return false;
	if (!source_file(&s.in, from, false) || ftruncate(to, 0) != 0) {
		disk_failed(&s, "opening");
		source_finish(&s.in);
		return false;
	}
	s.hold = mem_alloc(STRIP_PIECE);
	good = strips[kind](&s) && strip_end(&s);
	source_finish(&s.in);
	free(s.hold);
	return good;
}

bool media_strip_memory(enum media_kind kind, const void *bytes, size_t n,
			struct buf *to, struct problem *why)
{
	struct strip s = {.memory = to, .kind = kind, .why = why};
	bool good;

	if (!cleanable(kind, why))
		return false;
	source_memory(&s.in, bytes, n, false);
	good = strips[kind](&s) && !s.failed;
	source_finish(&s.in);
	return good;
}
