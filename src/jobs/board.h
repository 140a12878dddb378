#ifndef JOBS_BOARD_H
#define JOBS_BOARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/id.h"

/*
 * What runs right now: progress that is worth showing and not worth storing.
 * Slots write, the loop reads; it locks inside itself. A job is on the board
 * from its first progress until board_clear().
 */
struct board;

struct progress {
	double fraction; /* 0 to 1 of the whole graph; negative: unknown */
	char node[64];	 /* class_type of the node at work; "" unknown */
	int64_t step;	 /* of that node; 0 of 0: unknown */
	int64_t steps;
	int64_t eta_ms; /* negative: unknown */
};

/* `changed` is called (any thread, no lock held, must not block) when a job's
 * progress changed, at most once per job until it was read. */
struct board *board_create(void (*changed)(void *ctx, const char *id),
			   void *ctx);
void board_destroy(struct board *b);
void board_set(struct board *b, const char *id, const struct progress *p);
MUST_USE bool board_get(struct board *b, const char *id, struct progress *out);
void board_clear(struct board *b, const char *id);

#endif
