#ifndef COMFY_EVENT_H
#define COMFY_EVENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/attr.h"

/*
 * One message of ComfyUI's socket, read into a plain struct. Pure. Events are
 * hints that make things fast; the history is the truth.
 *
 *	{"type":"progress","data":{"value":3,"max":20,"prompt_id":"…",
 *	 "node":"3"}}
 */
enum event_kind {
	EVENT_STATUS,	 /* queue length changed; may carry our sid */
	EVENT_START,	 /* execution_start */
	EVENT_CACHED,	 /* execution_cached: nodes that need not run */
	EVENT_EXECUTING, /* a node begins */
	EVENT_PROGRESS,	 /* value of max in a node; also progress_state, which
			  * has node_count > 0 */
	EVENT_EXECUTED,	 /* a node's outputs; history is not there yet (s17) */
	EVENT_SUCCESS,	 /* likewise */
	EVENT_ERROR,	 /* execution_error; may come before a success (s35) */
	EVENT_INTERRUPTED,
	EVENT_END,   /* executing node null: history is there (s17) */
	EVENT_OTHER, /* unknown or uninteresting: ignored (s45) */
};

struct event {
	enum event_kind kind;
	const char *prompt_id; /* "" where the message has none (s20) */
	const char *node;      /* display node where given; "" none */
	double value, max;     /* finite; of a progress_state: the last node
				* that runs */
	size_t node_count;     /* EVENT_CACHED; and of a progress_state: all
				* that have begun, not all of the graph */
	size_t nodes_done;     /* of a progress_state: finished ones */
};

/* text is one whole text message. Strings in *out live in the arena. False
 * when it is no message of ComfyUI's form (logged by nobody: ignore it). */
MUST_USE bool event_read(const char *text, size_t len, struct arena *a,
			 struct event *out);

#endif
