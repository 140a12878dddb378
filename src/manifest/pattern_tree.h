#ifndef MANIFEST_PATTERN_TREE_H
#define MANIFEST_PATTERN_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/problem.h"

/*
 * Inside of pattern: the text of a pattern as a tree. Built by
 * pattern_parse.c, made into a program by pattern.c.
 */
struct range {
	uint32_t low, high;
};

/* A set of code points: ranges in ascending order that do not touch. */
struct class
{
	const struct range *ranges;
	size_t count;
};

enum tree_kind {
	TREE_EMPTY,
	TREE_CLASS,
	TREE_START, /* ^ */
	TREE_END,   /* $ */
	TREE_BOTH,  /* a then b */
	TREE_EITHER,
	TREE_REPEAT, /* a, from least to most times */
};

#define REPEAT_MAX  1000
#define REPEAT_OPEN (REPEAT_MAX + 1) /* no upper end */

struct tree {
	enum tree_kind kind;
	const struct class *class;
	const struct tree *a, *b;
	unsigned least, most;
};

/* NULL, and why, where the text is not of the language of pattern.h. */
MUST_USE const struct tree *pattern_parse(struct arena *a, const char *text,
					  struct problem *why);
MUST_USE bool class_holds(const struct class *c, uint32_t point);
/* The code point at *s (valid UTF-8); moves on. */
uint32_t next_point(const char **s);

#endif
