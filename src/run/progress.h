#ifndef RUN_PROGRESS_H
#define RUN_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "comfy/event.h"
#include "jobs/board.h"
#include "run/prompt.h"

/* An event by value: what goes from the events thread to a slot. */
struct note {
	enum event_kind kind;
	char node[64];
	double value, max;
	size_t node_count, nodes_done;
};

void note_take(struct note *n, const struct event *e);

/*
 * From the events of one run to what a caller is shown. Pure but for what it
 * remembers; time comes in as an argument (monotonic ms).
 *
 * The whole is the number of nodes in the graph: those that ComfyUI had in its
 * cache count as done, the one at work counts by its own progress. The
 * fraction never goes back and is 1 only at the end. The time left is that of
 * the node at work, by its steps.
 */
struct progress_track {
	size_t total; /* nodes of the graph; 0 unknown */
	size_t cached;
	size_t begun; /* nodes seen to begin, the one at work included */
	size_t done;  /* as the server itself counted, if it did */
	bool at_work;
	char node[64];
	double value, max;
	double fraction;
	int64_t node_began; /* when the node at work did */
};

void progress_begin(struct progress_track *t, int64_t now);
/* True when there is something new to show. */
bool progress_note(struct progress_track *t, const struct note *n, int64_t now);
/* prompt NULL: no names, no total. */
void progress_show(struct progress_track *t, const struct prompt *prompt,
		   int64_t now, struct progress *out);

#endif
