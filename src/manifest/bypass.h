#ifndef MANIFEST_BYPASS_H
#define MANIFEST_BYPASS_H

#include "manifest/graph.h"
#include "manifest/reader.h"
#include "manifest/workflow.h"

/*
 * Inside of manifest/: graphs without some of their nodes. An optional input
 * may say "absent": {"bypass": ["12"]}: where it is left out, node 12 leaves
 * the graph, and who was joined to one of its outputs is joined to its input
 * of that type, as ComfyUI's own bypass does. Which input that is, is found
 * once, at load, for every set of inputs that may be left out.
 */

/* "absent" of an input. */
void read_absent(struct reader *r, const struct place *p, const struct json *v,
		 struct input *in);

/* After workflow_graph(): fills endpoint->variants. Errors where a node that
 * leaves would leave somebody with nothing. */
void bypass_variants(struct reader *r, struct arena *keep);

#endif
