#ifndef API_FILE_SEND_H
#define API_FILE_SEND_H

#include "api/private.h"
#include "base/attr.h"

/*
 * Replies with an output file of a job: nginx sends it from its place on disk,
 * which is named here (X-Accel-Redirect), or, where it is small, its bytes come
 * from the database. Content-Type, Content-Disposition and what keeps it from
 * being run as a page of our origin are added; headers in *r stay. `download`:
 * a browser shall save it, whatever it is. Loop thread.
 *
 * False: there is no such file, and nothing was sent.
 */
MUST_USE bool file_send(struct exchange *x, struct api *a, struct reply *r,
			const char *job, const char *name, bool download,
			struct arena *arena);

#endif
