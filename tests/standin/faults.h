/*
 * Failures on demand, from --fault or POST /standin/fault. A fault names a
 * kind, what it matches, how often it fires, and settings of its kind; all are
 * listed in README.md. Under the world's lock; a fault is never freed.
 */
#ifndef STANDIN_FAULTS_H
#define STANDIN_FAULTS_H

#include "run.h"

struct fault {
	struct fault *next;
	uint64_t id;
	char *kind;
	char *match; /* class_type or text of the prompt; empty: any */
	int times;   /* that it may still fire, -1 for ever */
	int ms, polls, status;
	long bytes;
	char *at, *type, *message, *path, *events, *mode;
	char *filename, *subfolder;
};

/* kind[,key=value...]; NULL when a key or the kind is not known */
struct fault *fault_add_spec(struct world *w, const char *spec);
struct fault *fault_add_json(struct world *w, const struct jv *v);
void faults_clear(struct world *w);
void faults_print(const struct world *w, struct str *out);

/* each gives the first fault that fires, and counts it */
const struct fault *fault_for_prompt(struct world *w, const char *kind,
				     struct job *j, const char *text);
const struct fault *fault_for_node(struct world *w, const char *kind,
				   struct run *r, const struct enode *n);
const struct fault *fault_for_path(struct world *w, const char *kind,
				   const char *path);

/*
 * Something happens at a moment of a prompt's life: arrive, submit, run,
 * success, end. Plays crash, restart, close-socket, deaf-socket, stall-socket,
 * wipe-input. j is NULL at "arrive".
 * n is the node at "run", else NULL. Lock held.
 */
void faults_moment(struct world *w, const char *at, struct run *r,
		   struct job *j, const struct enode *n);

#endif
