#ifndef INPUT_CHECK_H
#define INPUT_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/problem.h"
#include "input/resolve.h"
#include "manifest/endpoint.h"

/* Inside of input/: one value of a caller against one input. */
struct checker {
	struct arena *arena;
	struct problem_list *errors;
	input_random_fn *random;
	void *random_ctx;
	bool drawn; /* a seed was */
};

/* A value that is right. Everything is in the arena. */
struct value {
	/* What goes into the graph, as JSON text. NULL: see the others. */
	const char *json;
	size_t len;
	const char *plain;	     /* a string's own text, for templates */
	const char *told;	     /* as the job tells it, JSON text */
	const struct choice *choice; /* writes its own private values */
	const struct value *items;   /* an array's */
	size_t item_count;
};

/* False, and all that is wrong added to c->errors, where `given` (never NULL)
 * is no value of `in`. */
MUST_USE bool check_value(struct checker *c, const struct input *in,
			  const struct json *given, const char *pointer,
			  struct value *out);

/* The seed for a caller who gave none. */
void check_draw(struct checker *c, const struct input *in, struct value *out);

#endif
