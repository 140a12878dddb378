/* int(), float(), str() and bool() of Python on a JSON value. */
#ifndef STANDIN_COERCE_H
#define STANDIN_COERCE_H

#include "json.h"

/* false with Python's words when v cannot be made a `type` (INT, FLOAT, ...);
 * types it does not know pass unchanged */
bool coerce(struct jdoc *doc, struct jv *v, const char *type, struct str *why);

#endif
