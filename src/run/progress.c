#include "run/progress.h"

#include <math.h>
#include <string.h>

#include "base/text.h"

/* Below this there is too little to tell the rest from. */
#define ETA_LEAST_MS 500
#define ETA_MOST_MS  (24 * 3600 * 1000.0)
/* The end is told by the job's end and by nothing before it. */
#define FRACTION_MOST 0.99

static void copy(char *to, size_t size, const char *from)
{
	text_copy(to, size, from != NULL ? from : "");
}

void note_take(struct note *n, const struct event *e)
{
	*n = (struct note){.kind = e->kind,
			   .value = e->value,
			   .max = e->max,
			   .node_count = e->node_count,
			   .nodes_done = e->nodes_done};
	copy(n->node, sizeof(n->node), e->node);
}

void progress_begin(struct progress_track *t, int64_t now)
{
	*t = (struct progress_track){.node_began = now};
}

static void at_node(struct progress_track *t, const char *node, int64_t now)
{
	if (node[0] == '\0' || (t->at_work && strcmp(t->node, node) == 0))
		return;
	copy(t->node, sizeof(t->node), node);
	t->at_work = true;
	t->begun++;
	t->value = t->max = 0;
	t->node_began = now;
}

bool progress_note(struct progress_track *t, const struct note *n, int64_t now)
{
	switch (n->kind) {
	case EVENT_CACHED:
		t->cached = n->node_count;
		return false;
	case EVENT_EXECUTING:
		at_node(t, n->node, now);
		return true;
	case EVENT_PROGRESS:
		at_node(t, n->node, now);
		if (n->nodes_done > t->done)
			t->done = n->nodes_done;
		if (n->max > 0 && n->value >= 0 && isfinite(n->max)) {
			t->value = fmin(n->value, n->max);
			t->max = n->max;
		}
		return true;
	default:
		return false;
	}
}

/* The server's own count may hold the cached nodes, too (s03). */
static double fraction(const struct progress_track *t)
{
	double seen = (double)t->cached;
	double counted = (double)t->done;

	if (t->begun > 0)
		seen += (double)(t->begun - 1);
	if (t->max > 0)
		seen += t->value / t->max;
	return (counted > seen ? counted : seen) / (double)t->total;
}

/* By the steps of the node at work alone, which in graphs that take long is
 * most of it: what the nodes after it cost, nobody knows. */
static int64_t eta(const struct progress_track *t, int64_t now)
{
	double passed = (double)(now - t->node_began), ms;

	if (t->max <= 1 || t->value < 1 || t->value >= t->max ||
	    passed < ETA_LEAST_MS)
		return -1;
	ms = passed * (t->max - t->value) / t->value;
	return ms <= ETA_MOST_MS ? (int64_t)ms : -1;
}

/* The steps of a node are counts; some nodes report fractions (s35). */
static int64_t step(double v)
{
	return v >= 1 && v < 1e9 ? (int64_t)v : 0;
}

void progress_show(struct progress_track *t, const struct prompt *prompt,
		   int64_t now, struct progress *out)
{
	*out = (struct progress){.fraction = -1, .eta_ms = -1};
	if (prompt != NULL) {
		t->total = prompt_nodes(prompt);
		copy(out->node, sizeof(out->node),
		     prompt_class(prompt, t->node));
	}
	if (t->max > 1) {
		out->step = step(t->value);
		out->steps = step(t->max);
	}
	out->eta_ms = eta(t, now);
	if (t->total == 0)
		return;
	t->fraction = fmax(t->fraction, fmin(fraction(t), FRACTION_MOST));
	out->fraction = t->fraction;
}
