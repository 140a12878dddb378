/* GET and POST /history, and GET /api/jobs. Functions take the world's lock
 * themselves, unless they say otherwise. */
#ifndef STANDIN_HISTORY_H
#define STANDIN_HISTORY_H

#include "world.h"

/* lock held; takes the job */
void history_add(struct world *w, struct job *j);
void history_clear(struct world *w);
bool history_has(struct world *w, const char *id); /* lock held */
void history_one(struct world *w, const char *id, struct str *out);
/* texts of the query or NULL; false when the real one answers 500 */
bool history_list(struct world *w, const char *max_items, const char *offset,
		  struct str *out);
bool history_change(struct world *w, const char *body, size_t len);

struct jobs_query {
	const char *status, *limit, *offset, *sort_by, *sort_order, *workflow;
};

/* the HTTP status of the answer */
int jobs_list(struct world *w, const struct jobs_query *q, struct str *out);
int jobs_one(struct world *w, const char *id, struct str *out);

#endif
