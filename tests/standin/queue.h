/*
 * POST /prompt and the queue. Functions take the world's lock themselves,
 * unless they say otherwise. Service thread.
 */
#ifndef STANDIN_QUEUE_H
#define STANDIN_QUEUE_H

#include "world.h"

/* what to answer; drop means: close without a word */
struct answer {
	int status;
	bool drop;
	struct str body;
};

void queue_prompt(struct world *w, const char *body, size_t len,
		  struct answer *out);
void queue_print(struct world *w, struct str *out);
/* false when the real one answers 500 */
bool queue_change(struct world *w, const char *body, size_t len);
bool queue_interrupt(struct world *w, const char *body, size_t len);
bool queue_free_memory(struct world *w, const char *body, size_t len);
/* [number, id, prompt, extra_data, outputs]; lock held */
void queue_print_job(const struct job *j, struct str *out);
/* the history of the old version shows no keys, its queue does; lock held */
void queue_hide_secrets(struct job *j);

#endif
