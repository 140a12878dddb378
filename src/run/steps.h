#ifndef RUN_STEPS_H
#define RUN_STEPS_H

#include "run/failure.h"
#include "run/slot.h"

/* The way of a claimed job, on the slot's thread: until it has ended, was given
 * back, or is left in its phase for the next start. */
void steps_run(struct slot *s);

/* Each does one thing that may be done twice, and says how it went. */
enum failure submit_prompt(struct slot *s);   /* ComfyUI has it */
enum failure watch_prompt(struct slot *s);    /* it ended: s->history */
enum failure collect_outputs(struct slot *s); /* stored: s->outputs */

/* Makes the place for the first output file while ComfyUI is at work: new
 * folders are synced, which takes longer than all else that follows a run. */
void collect_prepare(struct slot *s);

/* What history says about a run that ended. */
enum failure watch_verdict(const struct history *h);
/* {"code":…,"detail":…,"errors":[…]} in the slot's arena. The errors are those
 * node inputs that are somebody's field, in the caller's words. */
const char *submit_problem(struct slot *s, enum problem_code code,
			   const char *detail, const struct node_error *errors,
			   size_t count);

#endif
