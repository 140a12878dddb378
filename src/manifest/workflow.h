#ifndef MANIFEST_WORKFLOW_H
#define MANIFEST_WORKFLOW_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/json.h"
#include "manifest/graph.h"
#include "manifest/reader.h"

/*
 * Inside of manifest/: workflow.json while a folder is being loaded, node by
 * node, with the place of each value in the text. Targets are claimed on it;
 * then it becomes a graph, text with holes. Lives in the reader's scratch
 * arena; the text is borrowed.
 */
struct plug {
	const char *name;
	struct json_span span; /* of the value */
	const char *wired;     /* id of the node it is linked to, or NULL */
	int64_t slot;	       /* … and which of its outputs */
	const char *owner;     /* who writes it: a JSON Pointer, or NULL */
	const char *fixed;     /* the value that `set` puts here, or NULL */
	bool hole;
	size_t index; /* of the hole, once the graph is made */
};

struct node {
	const char *id;
	const char *class_type;
	struct json_span span;	 /* of the whole node */
	struct json_span inputs; /* of its "inputs" */
	struct plug *plugs;
	size_t plug_count;
};

struct workflow {
	const char *text;
	size_t len;
	struct node *nodes;   /* in the order of the text */
	struct node **sorted; /* by id */
	size_t node_count;
	struct plug *plugs; /* of all nodes, in the order of the text */
	size_t plug_count;
	struct plug_slot *slots; /* who wants to know its hole */
};

/* NULL, and errors, where the text is no workflow in API format. */
struct workflow *workflow_read(struct reader *r, const char *text, size_t len);
const struct node *workflow_node(const struct workflow *w, const char *id);

/* A target as the manifest names it. */
struct target_name {
	const char *node;
	const char *input;
	const char *class_type; /* that the node must have, or NULL */
	const char *owner;	/* JSON Pointer of the input */
	bool again;		/* the owner may have claimed it before */
};

/* NULL, and an error, where it does not exist, is a link, or is taken. */
struct plug *workflow_claim(struct reader *r, const struct place *p,
			    const struct target_name *t);
/* As above, and *slot gets the number of its hole from workflow_graph(). */
struct plug *workflow_hole(struct reader *r, const struct place *p,
			   const struct target_name *t, size_t *slot);
/* Whether a node's input is this JSON text, and no caller can change it. */
bool workflow_fixed(const struct workflow *w, const struct node *n,
		    const char *input, const char *json);
/* Error: node `id` is not there; input (may be NULL) helps to find the one
 * that was meant. */
void workflow_no_node(struct reader *r, const struct place *p, const char *id,
		      const char *input);

/* Where a place of the workflow's text, which lies in no fixed value, is in the
 * graph's. */
size_t workflow_place(const struct workflow *w, size_t at);
/* The text with the fixed values in it, and its holes; all in `keep`. */
void workflow_graph(struct workflow *w, struct arena *keep, struct graph *out);

#endif
