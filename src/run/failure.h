#ifndef RUN_FAILURE_H
#define RUN_FAILURE_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/problem.h"

/*
 * Everything that can go wrong with an attempt, and what is done about it: one
 * table. Pure.
 */
enum failure {
	FAILURE_NONE,
	FAILURE_STOP,	     /* this process ends: the job stays as it is */
	FAILURE_CANCELED,    /* its owner wants it so */
	FAILURE_DEADLINE,    /* limits.timeout is over */
	FAILURE_UNREACHABLE, /* no connection: nothing was posted */
	FAILURE_UNCERTAIN,   /* posted; nobody says whether it arrived */
	FAILURE_REFUSED,  /* posted twice without an answer; it is not there */
	FAILURE_REJECTED, /* ComfyUI says that the graph is wrong */
	FAILURE_UPLOAD,	  /* an input file could not be put there */
	FAILURE_UNTAKEN, /* … and will not be: too large, or it does not fit */
	FAILURE_UNREAD,	 /* … or was not to be read where it had been put */
	FAILURE_LOST,	 /* neither queued nor in the history: a restart */
	FAILURE_GONE,	 /* nobody listens there any more */
	FAILURE_BEHIND,	 /* it waits behind a prompt that is stuck */
	FAILURE_STALLED,     /* it runs, and gives no sign of life */
	FAILURE_RAISED,	     /* a node raised */
	FAILURE_MEMORY,	     /* … for lack of GPU memory */
	FAILURE_INTERRUPTED, /* somebody else stopped it */
	FAILURE_FILES_GONE,  /* a cached run whose files were deleted (s03) */
	FAILURE_NO_OUTPUT,   /* it ended well and gave not what was wanted */
	FAILURE_WRONG_KIND,  /* a video for a picture, and the like */
	FAILURE_TOO_LARGE,   /* an output file past the ceiling */
	FAILURE_UNCLEAN,     /* an output file that keeps its metadata */
	FAILURE_UNCONVERTED, /* an output file that cannot be converted */
	FAILURE_INTERNAL,    /* our own mistake, or our disk */
	FAILURE__COUNT
};

enum remedy {
	REMEDY_LEAVE,	  /* in its phase, for the next start */
	REMEDY_CANCELED,  /* the end, as asked */
	REMEDY_END,	  /* the end: failed */
	REMEDY_ELSEWHERE, /* another attempt, elsewhere where there is one */
};

/* What is tried first, once for a job, before the same post is made again. */
enum second {
	SECOND_NONE,
	SECOND_FREE,   /* memory and cache are freed */
	SECOND_UPLOAD, /* the input files are uploaded anew */
};

struct failure_rule {
	const char *name; /* for the log */
	enum remedy remedy;
	bool counted;  /* as an attempt: something may have been run */
	bool throttle; /* the backend is sick */
	enum second second;
	enum problem_code code;
	const char *detail; /* for the caller */
};

const struct failure_rule *failure_rule(enum failure f);
/* What to do now, with so many attempts begun of so many allowed. */
MUST_USE enum remedy failure_remedy(enum failure f, unsigned attempts,
				    unsigned max_attempts);

#endif
