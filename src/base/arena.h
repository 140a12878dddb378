#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

#include "base/attr.h"

/*
 * Memory that lives and dies together: what belongs to a request, a job in
 * work or an endpoint is taken from its arena and freed in one go.
 *
 * An arena belongs to one thread at a time; it may be given away whole.
 * Running out of memory aborts: every size a client can choose has a ceiling
 * before it comes here, so it is our mistake and jobs are durable.
 */
struct arena {
	struct arena_block *head; /* newest block; NULL while nothing is held */
	size_t held;		  /* bytes asked of malloc so far */
};

/* A zeroed struct arena is ready for use, too. */
void arena_init(struct arena *a);
void arena_finish(struct arena *a);

/* Zeroed, aligned for any type. Never NULL; n may be 0. */
void *arena_alloc(struct arena *a, size_t n);
void *arena_array(struct arena *a, size_t count, size_t size);
/* Copies, NUL terminated. */
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t n);
/* All texts up to the NULL in a row. */
char *arena_join(struct arena *a, const char *first, ...) SENTINEL;
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF(2, 3);

/* Heap memory that aborts when there is none; freed with free(). */
void *mem_alloc(size_t n); /* zeroed */
void *mem_array(size_t count, size_t size);
void *mem_resize(void *at, size_t n);
char *mem_strdup(const char *s);
char *mem_strndup(const char *s, size_t n);

#endif
