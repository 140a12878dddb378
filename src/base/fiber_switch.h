#ifndef BASE_FIBER_SWITCH_H
#define BASE_FIBER_SWITCH_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <ucontext.h>

/*
 * Going from one stack to another on the same thread, with a word to the
 * sanitizers, which otherwise take it for a broken stack. Only base/fiber.c
 * uses this.
 */
struct fiber_stack {
	ucontext_t context; /* to begin with */
	jmp_buf place;	    /* where it was left */
	bool begun;
	void *memory; /* NULL: a thread's own stack */
	size_t size;
	/* What the sanitizers call it. */
	const void *bottom;
	size_t span;
	void *fake, *tsan;
};

/* A stack on which run(arg) begins when it is gone to for the first time; it
 * must not return, with the signal mask of the thread that makes it. Below it
 * lies a page that nobody may touch. Aborts when there is no memory. */
void fiber_stack_make(struct fiber_stack *s, size_t size, void (*run)(void *),
		      void *arg);
/* The stack that this thread stands on, to come back to. */
void fiber_stack_here(struct fiber_stack *s);
void fiber_stack_free(struct fiber_stack *s);

/* Until somebody comes back to `from`. */
void fiber_stack_go(struct fiber_stack *from, struct fiber_stack *to);
/* For ever: `from` is to be freed by who is gone to. */
_Noreturn void fiber_stack_leave(struct fiber_stack *from,
				 struct fiber_stack *to);
/* The first that run() calls; whence: the stack that it was come from. */
void fiber_stack_begin(struct fiber_stack *whence);

#endif
