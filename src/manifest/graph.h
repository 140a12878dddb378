#ifndef MANIFEST_GRAPH_H
#define MANIFEST_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"

/*
 * The author's workflow as text with holes. At load the text is kept to the
 * last byte (only the fixed values of `set` are put in), and each place that
 * an input may write becomes a hole: a range of the text. A request copies the
 * text and puts its values into some holes; the others keep the author's own
 * characters. So no number is ever printed again and key order stays.
 *
 *	{"3":{"inputs":{"seed":5,"steps":20, … "6":{"inputs":{"text":"a cat" …
 *	                       ^ hole 0     ^ hole 1              ^^^^^^^ hole 2
 *
 * Immutable after load; any thread.
 */
struct hole {
	size_t at;	   /* in graph.text, ascending, never overlapping */
	size_t len;	   /* of the author's own value */
	const char *node;  /* its id, "57:8" */
	const char *input; /* "seed" */
};

/* A piece of the text that something else stands for: how a node is taken out
 * and those behind it are joined to those before it. It may cover holes. */
struct graph_edit {
	size_t at;
	size_t len;
	const char *text;
	size_t text_len;
};

/* Edits in ascending order, never overlapping. */
struct graph_variant {
	const struct graph_edit *edits;
	size_t count;
};

struct graph {
	const char *text;
	size_t len;
	const struct hole *holes;
	size_t hole_count;
};

/* What one request puts into a hole: JSON text. at == NULL keeps the author's
 * own value. */
struct filling {
	const char *at;
	size_t len;
};

/* Appends the prompt to `to`; fillings has graph->hole_count entries, and so
 * has `at` (may be NULL), which gets where each filling begins, counted from
 * the beginning of the prompt. A filling may be empty: something is put there
 * later. variant: NULL for the graph as it is; what goes into holes that it
 * takes out is GRAPH_NOWHERE. */
#define GRAPH_NOWHERE SIZE_MAX
void graph_render(const struct graph *g, const struct graph_variant *variant,
		  const struct filling *fillings, size_t *at, struct buf *to);

#endif
