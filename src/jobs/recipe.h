#ifndef JOBS_RECIPE_H
#define JOBS_RECIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
 *		     "thumbnail":512,"blurhash":true}],
 *	 "fields":[{"node":"3","input":"steps","field":"/steps"}],
 *	 "files":[{"field":"/photo","items":false,"type":"image",
 *	           "mime":["image/png"],"max_bytes":20971520,
 *	           "max_pixels":67108864,"needs_alpha":false}]}
 *
 * What is left out is not wanted: the last four of an output, for one. Of
 * files the bounds that are not there do not hold: min_width, max_width,
 * min_height, max_height, max_pixels. Without files there is no such list.
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

/* What a file input takes; as in media/rule.h, whose names the types have. */
struct file_rule {
	const char *field; /* "/photo"; of an array that holds files, its own */
	bool items;	   /* an array: the rule is for each element */
	const char *type;  /* "image" */
	const char *const *mimes; /* none: all of the type */
	size_t mime_count;
	int64_t max_bytes;
	int64_t min_width, max_width, min_height, max_height; /* 0: none */
	int64_t max_pixels;
	bool needs_alpha;
};

struct recipe {
	struct want *wants;
	size_t want_count;
	struct field *fields;
	size_t field_count;
	struct file_rule *files;
	size_t file_count;
};

/* Everything lives in the arena. False for a text that this or an older
 * version did not write. */
MUST_USE bool recipe_read(const char *text, struct arena *a, struct recipe *out,
			  struct problem *why);

/* The rule of a file by its place, "/photo" or "/refs/1"; NULL: there is none.
 */
const struct file_rule *recipe_file(const struct recipe *r, const char *field);

#endif
