#ifndef INPUT_CHECK_H
#define INPUT_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/problem.h"
#include "input/files.h"
#include "input/resolve.h"
#include "manifest/endpoint.h"

/* Inside of input/: one value of a caller against one input. */
struct checker {
	struct arena *arena;
	struct problem_list *errors;
	input_random_fn *random;
	void *random_ctx;
	bool drawn;	/* a seed was */
	bool unfetched; /* a file is to be fetched */
	const struct input_files *files;
	struct came *came; /* the files of the body, by pointer */
};

/* A value that is right. Everything is in the arena. */
struct value {
	/* What goes into the graph, as JSON text. NULL: see the others. */
	const char *json;
	size_t len;
	const char *plain;	       /* a string's own text, for templates */
	const char *told;	       /* as the job tells it, JSON text */
	const struct choice *choice;   /* writes its own private values */
	const struct given_file *file; /* its name comes later: json is "" */
	const struct value *items;     /* an array's */
	size_t item_count;
};

/* False, and all that is wrong added to c->errors, where `given` is no value of
 * `in`. `given` is NULL only for a file that came beside the JSON. */
MUST_USE bool check_value(struct checker *c, const struct input *in,
			  const struct json *given, const char *pointer,
			  struct value *out);

/* check_file.c. The files that came with the body are in c->came from then on;
 * NULL: none came. */
void check_files_init(struct checker *c, const struct input_files *files);
/* Whether a file came with the body for this place. */
bool check_file_came(const struct checker *c, const char *pointer);
/* The next one that no input has taken; NULL: no more. *next starts at 0. */
const struct given_file *check_file_unused(struct checker *c, size_t *next);
MUST_USE bool check_file(struct checker *c, const struct input *in,
			 const struct json *given, const char *pointer,
			 struct value *out);

/* The seed for a caller who gave none. */
void check_draw(struct checker *c, const struct input *in, struct value *out);

#endif
