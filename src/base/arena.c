#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

/* With its head as much as malloc keeps ready for a thread. */
#define BLOCK_FIRST 992
#define BLOCK_MOST  65536

struct arena_block {
	struct arena_block *next;
	size_t used;
	size_t size;
	alignas(max_align_t) char bytes[];
};

void *mem_alloc(size_t n)
{
	void *at = calloc(1, n ? n : 1);

	if (at == NULL)
		abort();
	return at;
}

void *mem_array(size_t count, size_t size)
{
	void *at = calloc(count ? count : 1, size ? size : 1);

	if (at == NULL)
		abort();
	return at;
}

void *mem_resize(void *at, size_t n)
{
	at = realloc(at, n ? n : 1);
	if (at == NULL)
		abort();
	return at;
}

char *mem_strndup(const char *s, size_t n)
{
	char *copy = mem_alloc(n + 1);

	if (n > 0)
		memcpy(copy, s, n);
	return copy;
}

char *mem_strdup(const char *s)
{
	return mem_strndup(s, strlen(s));
}

void arena_init(struct arena *a)
{
	*a = (struct arena){0};
}

void arena_finish(struct arena *a)
{
	struct arena_block *b, *next;

	for (b = a->head; b != NULL; b = next) {
		next = b->next;
		free(b);
	}
	arena_init(a);
}

static struct arena_block *new_block(struct arena *a, size_t size)
{
	struct arena_block *b = mem_resize(NULL, sizeof(*b) + size);

	*b = (struct arena_block){.size = size};
	a->held += sizeof(*b) + size;
	return b;
}

/* A block with n bytes free. A big piece gets a block of its own, behind the
 * head, so that the rest of the head is still used. */
static struct arena_block *block_for(struct arena *a, size_t n)
{
	struct arena_block *b = a->head;
	size_t size;

	if (b != NULL && n <= b->size - b->used)
		return b;
	size = b == NULL ? BLOCK_FIRST : b->size * 2;
	if (size > BLOCK_MOST)
		size = BLOCK_MOST;
	if (b != NULL && n > size / 4) {
		struct arena_block *own = new_block(a, n);

		own->next = b->next;
		b->next = own;
		return own;
	}
	while (size < n)
		size *= 2;
	b = new_block(a, size);
	b->next = a->head;
	a->head = b;
	return b;
}

/* Not zeroed. */
static void *take(struct arena *a, size_t n)
{
	const size_t unit = alignof(max_align_t);
	struct arena_block *b;
	void *at;

	if (n > SIZE_MAX / 4)
		abort();
	n = (n + (n == 0) + unit - 1) / unit * unit;
	b = block_for(a, n);
	at = b->bytes + b->used;
	b->used += n;
	return at;
}

void *arena_alloc(struct arena *a, size_t n)
{
	return memset(take(a, n), 0, n);
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
	if (size != 0 && count > SIZE_MAX / 4 / size)
		abort();
	return arena_alloc(a, count * size);
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
	char *copy;

	if (n >= SIZE_MAX / 4)
		abort();
	copy = take(a, n + 1);
	if (n > 0)
		memcpy(copy, s, n);
	copy[n] = '\0';
	return copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

char *arena_join(struct arena *a, const char *first, ...)
{
	size_t n = 0;
	char *s, *end;
	va_list ap;

	va_start(ap, first);
	for (const char *t = first; t != NULL; t = va_arg(ap, const char *))
		n += strlen(t);
	va_end(ap);
	s = end = take(a, n + 1);
	va_start(ap, first);
	for (const char *t = first; t != NULL; t = va_arg(ap, const char *)) {
		n = strlen(t);
		memcpy(end, t, n);
		end += n;
	}
	va_end(ap);
	*end = '\0';
	return s;
}

/* Printed where the next piece would be: mostly it fits there. */
char *arena_printf(struct arena *a, const char *fmt, ...)
{
	struct arena_block *b = a->head;
	size_t room = b != NULL ? b->size - b->used : 0;
	char *s = room > 0 ? b->bytes + b->used : NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(s, room, fmt, ap);
	va_end(ap);
	if (n < 0)
		abort(); /* a format of ours is wrong */
	if ((size_t)n < room)
		return take(a, (size_t)n + 1);
	s = take(a, (size_t)n + 1);
	va_start(ap, fmt);
	vsnprintf(s, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return s;
}
