#ifndef RUN_STEPS_H
#define RUN_STEPS_H

#include "run/failure.h"
#include "run/slot.h"

/* The way of a claimed job, on the slot's fiber: until it has ended, was given
 * back, or is left in its phase for the next start. */
void steps_run(struct slot *s);

/* Each does one thing that may be done twice, and says how it went. */
enum failure submit_prompt(struct slot *s); /* ComfyUI has it, and its files */
enum failure watch_prompt(struct slot *s);  /* it ended: s->history */
enum failure collect_outputs(struct slot *s); /* stored: s->outputs */

/* What history says about a run that ended. */
enum failure watch_verdict(const struct history *h);
/* Takes the prompt out of ComfyUI's queue, or stops it, and waits until it is
 * out of there, or for so long as is fair. */
void watch_cancel(struct slot *s);

/* What is wrong with a value of the request, in the caller's words. */
struct told_error {
	const char *field; /* JSON Pointer into the inputs */
	const char *code;
	const char *detail;
};

/* {"code":…,"detail":…,"errors":[…]} in the slot's arena. */
const char *submit_problem(struct slot *s, enum problem_code code,
			   const char *detail, const struct told_error *errors,
			   size_t count);
/* STOP, CANCELED or DEADLINE where nothing is to be begun any more. */
enum failure submit_told_to_end(struct slot *s);

#endif
