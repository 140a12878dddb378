/*
 * Growing strings, memory, hashes and the clock of the stand-in.
 * Out of memory ends the program: it is a test tool. Any thread.
 */
#ifndef STANDIN_BASE_H
#define STANDIN_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_USE     __attribute__((warn_unused_result))
#define PRINTF(a, b) __attribute__((format(printf, a, b)))
#define UNUSED	     __attribute__((unused))

/* p is NUL-terminated whenever it is not NULL */
struct str {
	char *p;
	size_t len;
	size_t cap;
};

void str_add(struct str *s, const char *p, size_t len);
void str_puts(struct str *s, const char *text);
void str_printf(struct str *s, const char *fmt, ...) PRINTF(2, 3);
void str_char(struct str *s, char c);
void str_be32(struct str *s, uint32_t v);
/* a JSON string, quotes included, everything beyond ASCII as \uXXXX */
void str_json(struct str *s, const char *text, size_t len);
void str_json_text(struct str *s, const char *text);
void str_clear(struct str *s);
void str_free(struct str *s);
/* the text, never NULL */
const char *str_text(const struct str *s);

/* a list of strings it owns */
struct strv {
	char **v;
	size_t n;
	size_t cap;
};

void strv_add(struct strv *v, const char *text);
bool strv_has(const struct strv *v, const char *text);
void strv_free(struct strv *v);

void *mem_alloc(size_t n);
void *mem_zero(size_t n);
void *mem_grow(void *p, size_t n);
char *mem_copy(const char *p, size_t len);
char *mem_text(const char *text);

#define HASH_START 1469598103934665603ULL
uint64_t hash_bytes(uint64_t h, const void *p, size_t len);

/* milliseconds since 1970, microseconds of a clock that never jumps */
int64_t clock_ms(void);
int64_t clock_mono_us(void);

/* 36 characters and a NUL */
void uuid_make(char out[37]);
bool uuid_canonical(const char *s, size_t len);

/* reads a whole file; false when it is not a readable plain file */
MUST_USE bool file_read(const char *path, struct str *out);
MUST_USE bool file_write(const char *path, const char *p, size_t len);
/* like mkdir -p */
void file_mkdirs(const char *path);
/* removes what is below path, and path itself when asked */
void file_remove_tree(const char *path, bool self);

#endif
