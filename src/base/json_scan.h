#ifndef BASE_JSON_SCAN_H
#define BASE_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/json.h"

/*
 * The strict half of json.c, which alone uses it: checks a text against RFC
 * 8259 and notes where each value stands. All but duplicate keys, which need
 * the keys unescaped.
 */
#define JSON_DEPTH_MOST 500 /* below cJSON's own limit, and its stack */
/* A value of two bytes takes a hundred as a tree: 64 MiB of [] after [] would
 * take gigabytes. */
#define JSON_VALUES_MOST 2000000

struct json_scan {
	struct json_span *spans; /* of each value, in document order */
	size_t count;
	size_t cap;
	size_t number_bytes; /* that all numbers and their NULs take */
	char *plain;	     /* the text with each number as a 0 and blanks */
};

/* The caller finishes *scan when true is returned. */
MUST_USE bool json_scan(const char *text, size_t len, unsigned depth,
			bool python, struct json_scan *scan,
			struct problem *why);
void json_scan_finish(struct json_scan *scan);

/* Says in which line and column (in characters) of the text it is. */
bool json_scan_problem(struct problem *why, const char *text, size_t at,
		       const char *fmt, ...) PRINTF(4, 5);

#endif
