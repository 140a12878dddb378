/* The messages of a run, to whom the real server would send them. Worker
 * thread; each takes the world's lock. */
#ifndef STANDIN_EMIT_H
#define STANDIN_EMIT_H

#include "run.h"

enum emit_scope {
	EMIT_TO_CLIENT, /* nobody when the prompt has no client_id */
	EMIT_TO_ALL,	/* everybody when the prompt has no client_id */
};

void emit(struct run *r, const char *type, const char *data,
	  enum emit_scope scope);
/* also kept for the history */
void emit_message(struct run *r, const char *type, const char *data,
		  enum emit_scope scope);
void emit_binary(struct run *r, const char *type, const struct str *frame);
void emit_progress_state(struct run *r);
void emit_executing(struct run *r, const struct enode *n);
void emit_executed(struct run *r, const struct enode *n);

#endif
