#ifndef RUN_BACKEND_H
#define RUN_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/box.h"
#include "base/id.h"
#include "comfy/client.h"
#include "run/pool.h"

/*
 * One ComfyUI as the slots see it: up, or not, with the reason and a time to
 * try again. Throttling is the only way in which a sick backend is treated:
 * its slots claim nothing until health finds it well. Shared by its slots, the
 * events thread and health; it locks inside itself.
 */
#define BACKEND_FORGETS 256

struct backend {
	struct comfy_server server; /* fixed but for what is atomic in it */
	char *name, *url, *pool, *header;
	unsigned slots;

	struct box box;
	/* Below: under the lock. */
	bool up;
	bool was_up; /* since this process began */
	bool socket;
	char reason[128];
	char version[32];
	char stuck[ID_SIZE]; /* not up again before this prompt is out */
	unsigned failures;   /* in a row: each doubles the pause */
	unsigned missed;     /* probes in a row without a usable answer */
	int64_t check_at;    /* health looks at it then; monotonic ms */
	unsigned busy;
	/* Prompts whose history entries are of no use to anybody any more. */
	char forgets[BACKEND_FORGETS][ID_SIZE];
	size_t forget_count;
};

void backend_init(struct backend *b, const struct backend_options *o);
void backend_finish(struct backend *b);

bool backend_is_up(struct backend *b);
/* Until it is up, `until` (monotonic ms) or backend_wake(). */
bool backend_wait_up(struct backend *b, int64_t until);
void backend_wake(struct backend *b);

/* Down, with the reason for the log. `stuck`: a prompt that must
 * be out of its queue before it is well; or NULL. */
void backend_throttle(struct backend *b, const char *reason, const char *stuck);
/* Health found it well. True when it was down. */
bool backend_recover(struct backend *b, const char *version);
/* A probe of a backend that is up went unanswered: it may just be busy. False
 * when that has happened too often. */
bool backend_missed(struct backend *b);
/* A run ended well: the pauses begin small again. */
void backend_ran_well(struct backend *b);
/* A prompt of ours blocks its worker. */
bool backend_is_stuck(struct backend *b);
void backend_stuck(struct backend *b, char out[ID_SIZE]);

void backend_socket(struct backend *b, bool up);
void backend_busy(struct backend *b, int change);
void backend_state(struct backend *b, struct backend_state *out);
/* Since the start it has never been up. */
bool backend_never_up(struct backend *b);
int64_t backend_check_at(struct backend *b);

/* What is too much is dropped: ComfyUI itself keeps 10,001 entries (s44). */
void backend_forget(struct backend *b, const char *prompt_id);
/* Moves up to max of them out. */
size_t backend_forgets(struct backend *b, char (*out)[ID_SIZE], size_t max);

#endif
