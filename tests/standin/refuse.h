/* The "error" of a prompt that is refused as a whole. */
#ifndef STANDIN_REFUSE_H
#define STANDIN_REFUSE_H

#include "validate.h"

void refuse_prompt(struct verdict *out, const char *type, const char *message,
		   const char *details, const char *extra);
/* a node whose class is not known, or that names none (name NULL) */
void refuse_class(const struct world *w, struct verdict *out, const char *id,
		  const char *name, const struct jv *node);

#endif
