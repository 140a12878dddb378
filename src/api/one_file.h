#ifndef API_ONE_FILE_H
#define API_ONE_FILE_H

#include "api/private.h"
#include "jobs/job.h"

/*
 * A job's one file in place of the job: its bytes, where the caller's Accept
 * wants them more than JSON, or the way to it (?redirect). Only of a job that
 * succeeded; until then, and when it fails, the answer is what it always is.
 * Loop thread.
 */
struct one_file_wish {
	const char *accept;   /* the header; NULL: JSON will do */
	const char *redirect; /* "": the only file; or the name of an output;
				 NULL: not asked for */
};

/* Of the request for a job, which has no wish but redirect; in the request's
 * arena. False: it has replied 400. */
MUST_USE bool one_file_redirect_read(struct call *c, struct one_file_wish *out);
/* Of the request to run an endpoint. False: there is nothing that it could ever
 * give and the caller would take, and nothing is run: it has replied, 406 or
 * 400. */
MUST_USE bool one_file_possible(struct call *c, const struct endpoint *e,
				struct one_file_wish *out);
/* Replies with the file, the way to it, or the reason why neither is given; the
 * headers in *r stay. False: nothing of that is wished, and nothing was sent.
 */
MUST_USE bool one_file_reply(struct exchange *x, struct api *a,
			     struct link_base base, const struct job *job,
			     const struct one_file_wish *w, struct reply *r,
			     struct arena *arena);

#endif
