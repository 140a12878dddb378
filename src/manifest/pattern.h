#ifndef MANIFEST_PATTERN_H
#define MANIFEST_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/problem.h"

/*
 * `pattern` of a string input. The pattern is the operator's, the text is a
 * caller's: matching takes time linear in the text, whatever the pattern. The
 * language is the common part of JSON Schema's (ECMA-262): literals, classes,
 * \d \w \s, groups, | * + ? {m,n}, ^ $; no back references, no look-around. A
 * match may be anywhere unless anchored. By code point. Immutable, any thread.
 */
struct pattern;

MUST_USE struct pattern *pattern_compile(struct arena *a, const char *text,
					 struct problem *why);
MUST_USE bool pattern_matches(const struct pattern *p, const char *s, size_t n);
/* As above, and tells the work: at most the size of the program (2000) for
 * each code point and one more. s is valid UTF-8. */
MUST_USE bool pattern_matches_counted(const struct pattern *p, const char *s,
				      size_t n, size_t *steps);

#endif
