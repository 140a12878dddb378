#ifndef API_PROBLEM_TABLE_H
#define API_PROBLEM_TABLE_H

#include "base/problem.h"

/* What each problem is to callers: one table. Pure. */
struct problem_kind {
	int status;
	const char *title;
	const char *retry_after; /* seconds; NULL: no such header */
	const char *when;	 /* it is told; both in Markdown, one line */
	const char *help;	 /* what to do about it */
};

const struct problem_kind *problem_kind(enum problem_code code);

#endif
