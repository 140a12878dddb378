#include "media/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"

void source_memory(struct source *s, const void *bytes, size_t n, bool limited)
{
	*s = (struct source){.memory = bytes, .fd = -1, .limited = limited};
	s->work = SOURCE_WORK;
	s->size = (int64_t)n;
	if (n == 0)
		s->memory = (const unsigned char *)"";
}

bool source_file(struct source *s, int fd, bool limited)
{
	struct stat st;

	*s = (struct source){.fd = fd, .limited = limited};
	s->work = SOURCE_WORK;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return false;
	s->size = st.st_size;
	s->window = mem_alloc(SOURCE_WINDOW);
	return true;
}

void source_finish(struct source *s)
{
	free(s->window);
	s->window = NULL;
}

static bool read_file(struct source *s, int64_t at, unsigned char *to, size_t n,
		      size_t *got)
{
	*got = 0;
	while (*got < n) {
		ssize_t done =
			pread(s->fd, to + *got, n - *got, at + (int64_t)*got);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return false;
		if (done == 0)
			break;
		*got += (size_t)done;
	}
	return true;
}

static bool spend(struct source *s, int64_t work)
{
	if (s->limited && s->work < work)
		return false;
	s->work -= s->limited ? work : 0;
	return true;
}

bool source_read(struct source *s, int64_t at, void *to, size_t n)
{
	size_t got;

	if (at < 0 || at > s->size || (int64_t)n > s->size - at)
		return false;
	if (!spend(s, 1 + (int64_t)(n / SOURCE_WINDOW)))
		return false;
	if (s->memory != NULL) {
		memcpy(to, s->memory + at, n);
		return true;
	}
	if (n > SOURCE_WINDOW / 2)
		return read_file(s, at, to, n, &got) && got == n;
	if (at < s->window_at ||
	    at + (int64_t)n > s->window_at + (int64_t)s->window_len) {
		s->window_at = at;
		if (!read_file(s, at, s->window, SOURCE_WINDOW, &s->window_len))
			s->window_len = 0;
		/* a call of the system is dearer than a copy */
		if (s->window_len < n || !spend(s, 100))
			return false;
	}
	memcpy(to, s->window + (at - s->window_at), n);
	return true;
}

bool source_has(struct source *s, int64_t at, const void *bytes, size_t n)
{
	unsigned char there[64];

	return n <= sizeof(there) && source_read(s, at, there, n) &&
	       memcmp(there, bytes, n) == 0;
}

int64_t number_be(const unsigned char *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v > INT64_MAX ? INT64_MAX : (int64_t)v;
}

int64_t number_le(const unsigned char *p, size_t n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | p[n];
	return v > INT64_MAX ? INT64_MAX : (int64_t)v;
}

void number_put_be(unsigned char *p, size_t n, int64_t v)
{
	while (n-- > 0) {
		p[n] = (unsigned char)(v & 255);
		v >>= 8;
	}
}

void number_put_le(unsigned char *p, size_t n, int64_t v)
{
	for (size_t i = 0; i < n; i++) {
		p[i] = (unsigned char)(v & 255);
		v >>= 8;
	}
}

int64_t number_scale(int64_t a, int64_t b, int64_t c)
{
	long double v;

	if (c <= 0 || a < 0 || b < 0)
		return 0;
	v = (long double)a * (long double)b / (long double)c;
	return v >= 9.0e18L ? 0 : (int64_t)v;
}
