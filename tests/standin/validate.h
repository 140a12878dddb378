/* What POST /prompt checks before it queues, with the words of the real one.
 * Service thread; needs no lock. */
#ifndef STANDIN_VALIDATE_H
#define STANDIN_VALIDATE_H

#include "world.h"

struct verdict {
	bool crashed; /* the real one would answer a bare 500 */
	bool ok;
	struct str error;	/* JSON, when not ok */
	struct str node_errors; /* JSON object */
	struct strv good;	/* output nodes to execute */
};

/* may change inputs of the graph: "123" for an INT becomes 123 */
void validate_prompt(struct world *w, struct jdoc *doc, struct jv *graph,
		     const struct jv *partial, struct verdict *out);
void verdict_finish(struct verdict *v);

#endif
