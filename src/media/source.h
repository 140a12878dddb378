#ifndef MEDIA_SOURCE_H
#define MEDIA_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The bytes of a file by their place: of an open one, or of one in memory. A
 * read past the end fails, and, where it is limited, so does every read once
 * the work allowed is done, so that no file can keep its reader busy. One
 * thread. source_finish() in every case.
 */
#define SOURCE_WINDOW (16 * 1024)

struct source {
	const unsigned char *memory; /* NULL: fd */
	int fd;
	int64_t size;
	bool limited; /* to `work`, in reads */
	int64_t work;
	int64_t window_at;
	size_t window_len;
	unsigned char *window; /* of an open file, from the heap */
};

/* Enough for the header of any honest file. */
#define SOURCE_WORK 200000

void source_memory(struct source *s, const void *bytes, size_t n, bool limited);
/* False when fd is no file that can be read by place. */
bool source_file(struct source *s, int fd, bool limited);
void source_finish(struct source *s);
/* All n bytes, or false. */
bool source_read(struct source *s, int64_t at, void *to, size_t n);
/* Whether these bytes stand there. */
bool source_has(struct source *s, int64_t at, const void *bytes, size_t n);

/* Numbers of n <= 8 bytes; beyond 2^63-1 they are cut to it. */
int64_t number_be(const unsigned char *p, size_t n);
int64_t number_le(const unsigned char *p, size_t n);
void number_put_be(unsigned char *p, size_t n, int64_t v);
void number_put_le(unsigned char *p, size_t n, int64_t v);
/* a * b / c without overflow; 0 where c is 0, cut to what may be. */
int64_t number_scale(int64_t a, int64_t b, int64_t c);

#endif
