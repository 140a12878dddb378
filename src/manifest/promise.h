#ifndef MANIFEST_PROMISE_H
#define MANIFEST_PROMISE_H

#include "base/buf.h"
#include "base/json.h"
#include "manifest/endpoint.h"

/*
 * Inside of manifest/: what callers were promised, as one line of JSON; the
 * form in which two contracts are compared.
 *
 *	{"name":"portrait","version":1,"scope":"portrait:run",
 *	 "inputs":{"steps":{"type":"integer","required":false,"default":25,
 *	                    "minimum":1,"maximum":60}},
 *	 "outputs":{"image":{"type":"image","many":false,"required":true}}}
 */
void promise_write(const struct endpoint *e, struct buf *to);
/* The bounds of an input as JSON Schema has them, those of files as the
 * manifest has them; a seed's are left out. */
void promise_bounds(struct json_writer *w, const struct input *in);

#endif
