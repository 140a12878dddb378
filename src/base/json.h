#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/problem.h"

/*
 * Strict JSON (RFC 8259) in and out. A scanner of our own checks a text
 * (grammar, UTF-8, duplicate keys, depth, no \u0000) and notes where its values
 * stand; of that a tree of cJSON's is made. Each number keeps its own text, so
 * no integer is ever rounded, and each value knows its place in the source
 * text.
 *
 * A document belongs to one thread at a time; its values live as long as it.
 * `struct json` is one value; no field of it is visible outside json.c.
 */
struct json;
struct json_doc;

enum json_type {
	JSON_NULL,
	JSON_BOOLEAN,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
};

#define JSON_DEPTH_DEFAULT 64

/* Where a value stands in the text that was parsed, in bytes. */
struct json_span {
	size_t at;
	size_t len;
};

/*
 * NULL, and why->code MALFORMED_REQUEST with line and column in the detail,
 * where the text is not strict JSON or nests deeper than depth. The text is
 * not kept. The caller frees the document.
 */
MUST_USE struct json_doc *json_parse(const char *text, size_t len,
				     unsigned depth, struct problem *why);
/* As above but lenient in what Python prints: the bare words NaN, Infinity and
 * -Infinity are taken as null (recording s32), and \u0000 and each half of a
 * surrogate pair as U+FFFD (s33): any node can put them into a text. */
MUST_USE struct json_doc *json_parse_python(const char *text, size_t len,
					    unsigned depth,
					    struct problem *why);
void json_free(struct json_doc *doc); /* NULL is fine */
const struct json *json_root(const struct json_doc *doc);

/* libjansson, which libjwt brings along, has functions of these two names, and
 * a program's functions go before a library's: libjwt would call ours. So the
 * linker gets other names. */
#define json_string base_json_string
#define json_true   base_json_true

/* All readers below take NULL and then answer as for a value of another type,
 * so that json_string(json_get(json_get(x, "a"), "b")) is safe. */
enum json_type json_type(const struct json *v); /* NULL: JSON_NULL */
const char *json_type_name(enum json_type t);	/* "a string", "an object" */
bool json_is(const struct json *v, enum json_type t); /* NULL: false */

const struct json *json_get(const struct json *object, const char *key);
const struct json *json_at(const struct json *array, size_t index);
size_t json_count(const struct json *v); /* members or elements */
const struct json *json_first(const struct json *v);
const struct json *json_next(const struct json *v);
#define json_each(item, container)                                             \
	for (const struct json *item = json_first(container); item != NULL;    \
	     item = json_next(item))
const char *json_key(const struct json *member); /* NULL in an array */

const char *json_string(const struct json *v); /* NULL when no string */
const char *json_number(const struct json *v); /* its text; NULL if none */
bool json_true(const struct json *v);
double json_double(const struct json *v, double otherwise);
/* Exact; false when v is no integer literal in int64_t's range. */
MUST_USE bool json_int64(const struct json *v, int64_t *out);

/* Copies a member that must be a string; false when it is none. */
MUST_USE bool json_take(const struct json *object, const char *key,
			struct arena *a, const char **out);

struct json_span json_span(const struct json_doc *doc, const struct json *v);

/*
 * Writing. A writer puts commas and escapes; it never fails by itself (the
 * buf remembers that it is over). Nesting and keys are the caller's duty.
 */
struct json_writer {
	struct buf *to;
	bool comma; /* a value stands before the next one in this container */
};

void json_writer_init(struct json_writer *w, struct buf *to);
void json_open(struct json_writer *w, char bracket);  /* '{' or '[' */
void json_close(struct json_writer *w, char bracket); /* '}' or ']' */
void json_put_key(struct json_writer *w, const char *key);
void json_put_string(struct json_writer *w, const char *s); /* NULL: null */
void json_put_int(struct json_writer *w, int64_t n);
void json_put_uint(struct json_writer *w, uint64_t n);
void json_put_bool(struct json_writer *w, bool b);
void json_put_null(struct json_writer *w);
/* Text that is JSON already (a number's own text, a rendered object). */
void json_put_raw(struct json_writer *w, const char *json);
/* The value printed again with nothing between tokens, numbers as written. */
void json_put_value(struct json_writer *w, const struct json *v);
/* Shorthands for members. */
void json_member_string(struct json_writer *w, const char *key, const char *s);
void json_member_int(struct json_writer *w, const char *key, int64_t n);
void json_member_raw(struct json_writer *w, const char *key, const char *json);
void json_member_bool(struct json_writer *w, const char *key, bool b);

/* Only the escaped text of s[0..n), without quotes. */
void json_escape(struct buf *to, const char *s, size_t n);

#endif
