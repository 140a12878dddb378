#ifndef RUN_INBOX_H
#define RUN_INBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/box.h"
#include "base/id.h"
#include "run/progress.h"

/*
 * Where a slot hears from others while it waits: events of its prompt, that
 * its job is to be canceled, that the socket was lost, that it is to stop. All
 * may be put in by any thread; only the slot takes out. Events are copied, so
 * nobody holds on to anything of anybody else's.
 */
#define INBOX_NOTES 32

struct mail {
	struct note notes[INBOX_NOTES];
	unsigned count;
	bool ended;  /* the end marker came: the history has it (s17) */
	bool nearly; /* execution_success or _error came: soon */
};

struct inbox {
	struct box box;
	/* Below: under the lock. */
	char job[ID_SIZE]; /* "" while there is none */
	char prompt[ID_SIZE];
	struct mail mail;
	bool urgent;   /* something that ends even a quiet wait */
	bool quiet;    /* the slot is in such a wait */
	bool canceled; /* stays until the next inbox_open() */
	bool deaf;     /* likewise: no more events of this prompt will come */
};

void inbox_init(struct inbox *in);
void inbox_finish(struct inbox *in);
/* The slot has a job from here on; what was left of the one before is gone. */
void inbox_open(struct inbox *in, const char *job, const char *prompt);
void inbox_close(struct inbox *in);

/* False when the event is not for this slot's prompt. */
bool inbox_event(struct inbox *in, const struct event *e);
void inbox_cancel(struct inbox *in, const char *job);
void inbox_deaf(struct inbox *in);
void inbox_wake(struct inbox *in);

bool inbox_is_canceled(struct inbox *in);
bool inbox_is_deaf(struct inbox *in);
/*
 * Waits until there is news or it is `until` (monotonic ms) and moves what
 * came to *out. Quiet: progress alone does not wake, only an end, a cancel, a
 * stop or a lost socket; so a short run costs one wake-up.
 */
void inbox_wait(struct inbox *in, int64_t until, bool quiet, struct mail *out);

#endif
