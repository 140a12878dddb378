#ifndef BASE_JSON_SCAN_H
#define BASE_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/json.h"

/*
 * The strict half of json.c, which alone uses it: checks a text against RFC
 * 8259, refuses keys that stand twice, and notes where each value stands. One
 * pass over a copy of the text, in which the strings are unescaped in place.
 */
#define JSON_DEPTH_MOST 500 /* what walks a tree may recurse */
/* A value of two bytes takes a hundred as a tree: 64 MiB of [] after [] would
 * take gigabytes. */
#define JSON_VALUES_MOST 2000000

struct json_mark {
	struct json_span span;
	size_t key; /* where the text of its key begins; 0 in an array */
	size_t end; /* the number of the next value that is not inside it */
};

struct json_scan {
	/* Each value in document order: what a container holds stands right
	 * behind it. */
	struct json_mark *marks;
	size_t count;
	size_t cap;
	/* The copy. All places in it are those of the original; a string or
	 * key is unescaped and ends in a NUL, at its closing quote or before.
	 */
	char *text;
};

/* The caller finishes *scan when true is returned. */
MUST_USE bool json_scan(const char *text, size_t len, unsigned depth,
			bool python, struct json_scan *scan,
			struct problem *why);
void json_scan_finish(struct json_scan *scan);

#endif
