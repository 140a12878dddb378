#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

/*
 * A growing byte string with a ceiling.
 *
 * Every buffer names the most it may hold, so no caller can be made to eat
 * memory. An append that does not fit marks the buffer "over" and adds
 * nothing; later appends add nothing either, so a writer appends freely and
 * asks buf_over() once at the end. The bytes are always NUL terminated.
 *
 * Not shared between threads.
 */
struct buf {
	char *at;   /* NULL until the first append */
	size_t len; /* bytes held, the NUL not counted */
	size_t cap; /* bytes allocated, the NUL counted */
	size_t max; /* ceiling for len */
	bool over;
};

void buf_init(struct buf *b, size_t max);
void buf_finish(struct buf *b);
/* Empties it and forgets "over"; keeps the memory for the next use. */
void buf_clear(struct buf *b);

void buf_add(struct buf *b, const void *bytes, size_t n);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);

MUST_USE bool buf_over(const struct buf *b);
const char *buf_str(const struct buf *b);

/* Gives the string to the caller, who frees it; NULL if over. Empties b. */
MUST_USE char *buf_take(struct buf *b);

#endif
