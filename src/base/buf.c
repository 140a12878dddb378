#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"

#define FIRST_CAP 256

void buf_init(struct buf *b, size_t max)
{
	assert(max > 0 && max < SIZE_MAX / 4);
	*b = (struct buf){.max = max};
}

void buf_finish(struct buf *b)
{
	free(b->at);
	*b = (struct buf){.max = b->max};
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->over = false;
	if (b->at)
		b->at[0] = '\0';
}

/* Where the room does not do: there is more of it, or the buffer is over. */
static bool grow(struct buf *b, size_t n)
{
	size_t cap = b->cap ? b->cap : FIRST_CAP;

	if (b->over || n > b->max - b->len) {
		b->over = true;
		return false;
	}
	while (cap < b->len + n + 1)
		cap *= 2; /* cannot wrap: max is below SIZE_MAX / 4 */
	if (cap > b->max + 1)
		cap = b->max + 1;
	b->at = mem_resize(b->at, cap);
	b->cap = cap;
	return true;
}

/* Makes room for n more bytes and the NUL, or marks the buffer over. What fits
 * into the room is below the ceiling, which bounds that, too. */
static inline bool reserve(struct buf *b, size_t n)
{
	return (n < b->cap - b->len && !b->over) || grow(b, n);
}

void buf_add(struct buf *b, const void *bytes, size_t n)
{
	if (n == 0 || !reserve(b, n))
		return;
	memcpy(b->at + b->len, bytes, n);
	b->len += n;
	b->at[b->len] = '\0';
}

void buf_adds(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_addc(struct buf *b, char c)
{
	if (!reserve(b, 1))
		return;
	b->at[b->len++] = c;
	b->at[b->len] = '\0';
}

/* Printed into the room that there is: mostly it fits. */
void buf_addf(struct buf *b, const char *fmt, ...)
{
	size_t room = b->cap - b->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(room > 0 ? b->at + b->len : NULL, room, fmt, ap);
	va_end(ap);
	assert(n >= 0);
	if (n > 0 && reserve(b, (size_t)n)) {
		if ((size_t)n >= room) {
			va_start(ap, fmt);
			vsnprintf(b->at + b->len, (size_t)n + 1, fmt, ap);
			va_end(ap);
		}
		b->len += (size_t)n;
	}
	if (b->at != NULL)
		b->at[b->len] = '\0';
}

bool buf_over(const struct buf *b)
{
	return b->over;
}

const char *buf_str(const struct buf *b)
{
	return b->at ? b->at : "";
}

char *buf_take(struct buf *b)
{
	char *s = NULL;

	if (!b->over) {
		s = b->at ? b->at : mem_alloc(1);
		b->at = NULL;
	}
	buf_finish(b);
	return s;
}
