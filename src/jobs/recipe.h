#ifndef JOBS_RECIPE_H
#define JOBS_RECIPE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/problem.h"

/*
 * What to take out of a run, and whose field a node's input is: carried by the
 * job, so that the running half needs no manifest.
 *
 *	{"outputs":[{"name":"image","type":"image","node":"9","key":null,
 *	             "many":false,"required":true,"temp":false,
 *	             "metadata":false,"format":"webp","quality":90,
		     "thumbnail":512,"blurhash":true}],
 *	 "fields":[{"node":"3","input":"steps","field":"/steps"}]}
 *
 * What is left out is not wanted: the last four, for one.
 */
enum want_type {
	WANT_IMAGE,
	WANT_VIDEO,
	WANT_AUDIO,
	WANT_MODEL,
	WANT_FILE,
	WANT_TEXT,
	WANT_JSON,
	WANT__COUNT
};

/* Of images: what they are converted to. */
enum want_format {
	WANT_AS_IT_IS,
	WANT_PNG,
	WANT_WEBP,
	WANT_JPEG,
	WANT_FORMAT__COUNT
};

struct want {
	const char *name;
	enum want_type type;
	const char *node;
	const char *key; /* NULL: every list of the node */
	bool many;
	bool required;
	bool temp;
	bool metadata; /* files are given with theirs; else cleaned of it */
	enum want_format format;
	unsigned quality;   /* 1 to 100; 0: the usual one */
	unsigned thumbnail; /* the width of a second, small file; 0: none */
	bool blurhash;
};

struct field {
	const char *node;
	const char *input;
	const char *field; /* JSON Pointer into the caller's inputs */
};

struct recipe {
	struct want *wants;
	size_t want_count;
	struct field *fields;
	size_t field_count;
};

/* Everything lives in the arena. False for a text that this or an older
 * version did not write. */
MUST_USE bool recipe_read(const char *text, struct arena *a, struct recipe *out,
			  struct problem *why);

#endif
