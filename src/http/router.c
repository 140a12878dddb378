#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "http/router.h"

static bool ends(char c)
{
	return c == '/' || c == '\0';
}

static bool is_capture(const char *segment)
{
	return segment[0] == '{' && segment[1] == '}' && ends(segment[2]);
}

static bool plain(const char *s)
{
	for (; *s != '\0'; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f || *s == '/')
			return false;
	}
	return true;
}

/* Steps over a segment and decodes it. */
static bool capture(const char **path, struct arena *arena, const char **out)
{
	size_t n = strcspn(*path, "/");
	char *decoded;

	if (n == 0 || !text_percent_decode(arena, *path, n, false, &decoded) ||
	    !plain(decoded) || !text_utf8(decoded, strlen(decoded)))
		return false;
	*out = decoded;
	*path += n;
	return true;
}

/* Steps over the same segment in both: mostly they differ early. */
static bool same_segment(const char **pattern, const char **path)
{
	const char *a = *pattern, *b = *path;

	for (; !ends(*a); a++, b++)
		if (*a != *b)
			return false;
	*pattern = a;
	*path = b;
	return ends(*b);
}

/*
 * How well a path fits: 0 not at all, else a bit per segment after a leading
 * 1, set for a literal, so that the larger number is literal further left.
 */
static uint64_t fit(const char *pattern, const char *path, struct arena *arena,
		    const char *captures[ROUTE_CAPTURES])
{
	uint64_t score = 1;
	size_t n = 0;

	while (*pattern++ == '/') {
		if (*path++ != '/')
			return 0;
		score <<= 1;
		if (is_capture(pattern)) {
			if (n == ROUTE_CAPTURES ||
			    !capture(&path, arena, &captures[n++]))
				return 0;
			pattern += 2;
			continue;
		}
		if (!same_segment(&pattern, &path))
			return 0;
		score |= 1;
	}
	return *path == '\0' ? score : 0;
}

static bool serves(const struct route *r, const char *method)
{
	return strcmp(r->method, method) == 0 ||
	       (strcmp(method, "HEAD") == 0 && strcmp(r->method, "GET") == 0);
}

static bool listed(const char *allow, const char *method)
{
	size_t n = strlen(method);

	for (const char *at = strstr(allow, method); at != NULL;
	     at = strstr(at + 1, method)) {
		if ((at == allow || at[-1] == ' ') &&
		    (at[n] == ',' || at[n] == '\0'))
			return true;
	}
	return false;
}

static void allow_method(char allow[64], const char *method)
{
	size_t len = strlen(allow);

	if (listed(allow, method) || len + strlen(method) + 3 > 64)
		return;
	snprintf(allow + len, 64 - len, "%s%s", len > 0 ? ", " : "", method);
}

/* What the routes that fit as well as the best one answer to. */
static void allow_routes(const struct route *table, size_t count, uint64_t best,
			 const char *path, struct arena *arena, char allow[64])
{
	for (size_t i = 0; i < count; i++) {
		const char *captures[ROUTE_CAPTURES] = {NULL};

		if (fit(table[i].pattern, path, arena, captures) != best)
			continue;
		allow_method(allow, table[i].method);
		if (strcmp(table[i].method, "GET") == 0)
			allow_method(allow, "HEAD");
	}
}

enum route_outcome route_find(const struct route *table, size_t count,
			      const char *method, const char *path,
			      struct arena *arena, struct route_match *out)
{
	uint64_t best = 0;
	bool found = false;

	*out = (struct route_match){0};
	for (size_t i = 0; i < count; i++) {
		const char *captures[ROUTE_CAPTURES] = {NULL};
		uint64_t score = fit(table[i].pattern, path, arena, captures);

		if (score == 0 || score < best)
			continue;
		/* A better pattern: the methods of the others do not count
		 * for this path. */
		found = found && score == best;
		best = score;
		if (!found && serves(&table[i], method)) {
			found = true;
			out->id = table[i].id;
			memcpy(out->captures, captures, sizeof(captures));
		}
	}
	if (best == 0)
		return ROUTE_NO_PATH;
	if (found)
		return ROUTE_FOUND;
	allow_routes(table, count, best, path, arena, out->allow);
	return ROUTE_NO_METHOD;
}
