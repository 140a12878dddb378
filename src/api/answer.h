#ifndef API_ANSWER_H
#define API_ANSWER_H

#include <stddef.h>

#include "base/buf.h"
#include "base/problem.h"
#include "http/exchange.h"

/* Answers in JSON: documents, and problems (RFC 9457) by one table from code
 * to status and title. Loop thread. */

/* The problem as JSON members without braces' context: {"type":…,"title":…,
 * "status":…,"detail":…,"errors":[…]}; request_id and job where not NULL. */
void answer_write_problem(struct buf *to, enum problem_code code,
			  const char *detail, const char *request_id,
			  const char *job, const char *errors_json);

/* Replies with a problem; headers already in *r (may be NULL) are kept. */
void answer_problem(struct exchange *x, struct reply *r, enum problem_code code,
		    const char *detail);
void answer_problem_of_job(struct exchange *x, struct reply *r,
			   enum problem_code code, const char *detail,
			   const char *job, const char *errors_json);
/* 422 (or the code given) with every item of the list. */
void answer_problems(struct exchange *x, enum problem_code code,
		     const char *detail, const struct problem_list *l);
/* Replies with the JSON in b, which stays the caller's. */
void answer_json(struct exchange *x, struct reply *r, int status,
		 const struct buf *b);

#endif
