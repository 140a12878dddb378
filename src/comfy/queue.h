#ifndef COMFY_QUEUE_H
#define COMFY_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

/*
 * The answer of GET /queue. Pure. It holds every prompt of everybody, whole:
 *
 *	{"queue_running": [[62, "35798812-…", {graph}, {extra}, ["9"]]],
 *	 "queue_pending": [[63, "ed457125-…", …], …]}
 *
 * so it is skimmed for the ids and not made a tree (comfy/skim.h).
 */
struct queue {
	int64_t running;
	int64_t pending;
	bool found_running; /* the prompt asked for */
	bool found_pending;
};

/* prompt_id may be "". False when the text has not that form. */
MUST_USE bool queue_read(const char *text, size_t len, const char *prompt_id,
			 struct queue *out);

#endif
