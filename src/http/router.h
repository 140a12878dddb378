#ifndef HTTP_ROUTER_H
#define HTTP_ROUTER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/attr.h"

/*
 * Matches a method and path against a table of patterns. Pure. A pattern is
 * segments with captures: "/v1/jobs/{}/cancel". A capture takes one whole,
 * non-empty segment, percent-decoded (a decoded '/', NUL or control character
 * matches nothing). Literal segments win over captures.
 */
#define ROUTE_CAPTURES 3

struct route {
	const char *method; /* "GET" serves HEAD too */
	const char *pattern;
	int id; /* the caller's number for it */
};

enum route_outcome { ROUTE_FOUND, ROUTE_NO_PATH, ROUTE_NO_METHOD };

struct route_match {
	int id;
	const char *captures[ROUTE_CAPTURES];
	char allow[64]; /* for ROUTE_NO_METHOD: "GET, HEAD, POST" */
};

enum route_outcome route_find(const struct route *table, size_t count,
			      const char *method, const char *path,
			      struct arena *arena, struct route_match *out);

#endif
