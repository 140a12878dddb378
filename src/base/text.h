#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"

/* Small things to do with text. Pure functions, no locale. */

MUST_USE bool text_utf8(const char *s, size_t n);
size_t text_code_points(const char *s, size_t n); /* s is valid UTF-8 */
bool text_starts(const char *s, const char *prefix);
bool text_ends(const char *s, const char *suffix);
/* ASCII, case ignored. */
bool text_same_nocase(const char *a, const char *b);
/* As much of it as to[0..size) holds with a NUL behind; size: 1 at least. */
void text_copy(char *to, size_t size, const char *from);

/* The name nearest to `word` among names[0..count), or NULL where none is near
 * enough to help (more than a third of it would change). */
const char *text_nearest(const char *word, const char *const *names,
			 size_t count);

int text_hex_digit(char c); /* its value in any case; -1 for none */
/* RFC 3986: all but unreserved characters become %XX. */
void text_percent_encode(struct buf *to, const char *s);
/* False on a bad escape or %00; `plus` turns '+' into a space. */
MUST_USE bool text_percent_decode(struct arena *a, const char *s, size_t n,
				  bool plus, char **out);

/* "90s" "10m" "24h" "7d" "250ms" -> milliseconds. Whole numbers only, at most
 * 366 days. */
MUST_USE bool text_duration(const char *s, int64_t *ms);

/* The value of one name in a query string or form ("a=1&b=2"), decoded; NULL
 * when it is not there or not decodable. The first counts. */
char *text_query(struct arena *a, const char *query, const char *name);

#endif
