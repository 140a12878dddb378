/*
 * One run of a prompt, in the worker thread: what its nodes see and may do.
 * Only functions that say so take the world's lock; no node holds it.
 */
#ifndef STANDIN_RUN_H
#define STANDIN_RUN_H

#include "classes.h"
#include "image.h"
#include "value.h"
#include "world.h"

#define MAX_OUT 4

struct enode {
	const char *id;
	const struct class *class;
	const struct jv *inputs;
	uint64_t hash;
	bool hashed, hashing;
	bool wanted, done, cached;
	bool target; /* one of the outputs of this run */
	/* what it shows in progress_state */
	char value[32], max[32];
	bool finished;
	struct value *out[MAX_OUT];
	const char *made_by; /* id of the node the cache had it from */
	struct str ui;	     /* JSON of its outputs, empty when none */
};

struct run {
	struct world *w;
	struct job *job;
	unsigned generation;
	struct enode *nodes;
	size_t count;
	struct enode **order; /* as they began, for progress_state */
	size_t shown;
	struct enode *now; /* the node that executes */
	struct strv executed;
	/* what a node raised */
	bool raised, interrupted, dead;
	char *exc_type, *exc_message;
	bool exc_tip; /* add the out-of-memory advice */
	/* how it ended; the job's from then on */
	const char *end;
	struct str error;
};

/* inputs of the node; the defaults are used when the input is not there */
const struct jv *run_const(struct enode *n, const char *name);
const char *run_text(struct run *r, struct enode *n, const char *name,
		     struct str *tmp);
long long run_int(struct run *r, struct enode *n, const char *name,
		  long long otherwise);
double run_float(struct run *r, struct enode *n, const char *name,
		 double otherwise);
/* what a link leads to; NULL when the input is no link. Borrowed. */
struct value *run_link(struct run *r, struct enode *n, const char *name);
struct enode *run_source(struct run *r, struct enode *n, const char *name,
			 size_t *slot);
struct enode *run_node(struct run *r, const char *id);
/* raises when the input is no image; NULL then */
const struct image *run_image(struct run *r, struct enode *n, const char *name);
/* takes v */
void run_out(struct enode *n, size_t slot, struct value *v);

bool run_raise(struct run *r, const char *type, const char *fmt, ...)
	PRINTF(3, 4);
/* sleeps; false when interrupted meanwhile. Takes the lock. */
bool run_sleep(struct run *r, int64_t ms, bool interruptible);
/* the progress bar, with a preview or NULL; false when interrupted. Locks. */
bool run_progress(struct run *r, struct enode *n, const char *value,
		  const char *max, const struct image *preview, int format);
/* a text frame (event 3). Locks. */
void run_text_frame(struct run *r, struct enode *n, const char *text);

#endif
