#ifndef RUN_SLOT_H
#define RUN_SLOT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/box.h"
#include "base/id.h"
#include "comfy/client.h"
#include "comfy/history.h"
#include "comfy/ws.h"
#include "jobs/blobs.h"
#include "jobs/board.h"
#include "jobs/files.h"
#include "jobs/job.h"
#include "jobs/recipe.h"
#include "jobs/store.h"
#include "run/backend.h"
#include "run/inbox.h"
#include "run/progress.h"
#include "run/prompt.h"

struct aside;
struct convert;
struct health;
struct input_file;

/* What all slots share: set before their carrier starts, and kept until it
 * is joined. */
struct shared {
	struct store *store;
	struct files *files;
	struct blobs *blobs;
	struct board *board;
	struct ws *ws;
	struct health *health;
	struct convert *convert;
	struct aside *aside; /* for what would hold up other slots */
	struct backend *backends;
	size_t backend_count;

	int64_t stall_ms;
	int64_t poll_ms;
	int64_t call_ms;
	int64_t fetch_ms;
	int64_t max_output_bytes;

	atomic_bool stopping; /* claim nothing more */
	atomic_bool leaving;  /* leave even a running job in its phase */

	struct box box;
	unsigned alive; /* under the lock: slots and fetcher that still run */
	/* Under the lock: jobs whose cancellation was asked for, the last few:
	 * the news may come before the slot has opened its inbox. */
	char cancels[64][ID_SIZE];
	size_t cancel_at;
};

/*
 * A fiber that carries one job at a time from its claim to its end. What
 * follows the inbox belongs to that fiber alone; but `given`, the texts
 * and `ahead` are lent to the store while it is asked. All fibers of a pool are
 * on one thread, "slots" (base/fiber.h): what takes long goes to `aside`.
 */
struct slot {
	struct shared *shared;
	struct backend *backend;
	size_t backend_index;
	struct inbox inbox;

	struct comfy_client *client;

	/* The job after this one: asked for together with the end of this, so
	 * that one commit writes both. */
	struct {
		struct claim *claim; /* NULL: none is asked for */
		char prompt_id[ID_SIZE];
		struct arena arena;
		struct job job;
	} ahead;

	/* What the last job was about: mostly the next one has the same. */
	struct {
		const char *text; /* NULL: there was none */
		struct arena arena;
		struct recipe recipe;
	} known;

	/* Of the job in work; all zero between jobs. */
	struct arena arena;
	struct job job;
	struct recipe recipe;
	struct input_file *inputs; /* run/prepare.h */
	size_t input_count;
	const char *text; /* the job's prompt with the names of its files */
	struct prompt *prompt; /* parsed late, see prompt.h */
	struct progress_track track;
	struct history history;
	struct files_given given; /* what it has given */
	int scratch;	     /* a large file, to be cleaned; outlives the job */
	const char *outputs; /* JSON text, for the end */
	int64_t outputs_bytes; /* what their files take */
	const char *problem;   /* JSON text, for the end */
	const char *detail;    /* better words than the failure's own */
	bool breakable;	       /* a cancel ends the call under way */
	bool resumed;	       /* the attempt began before this process did */
	bool posted;	       /* by this process */
	bool freed;	       /* it was posted again after freeing memory */
	bool put_again;	       /* … after its files were uploaded again */
	bool prompt_tried;
	bool have_history;
	bool has_files; /* there may be some of this job on disk */
	bool counted;	/* for a release */
};

/* A fiber's task; arg: the slot. */
void slot_run(void *arg);
/* From the store's listener: to whichever slot has that job. */
void slot_cancel_job(struct shared *sh, struct slot *slots, size_t count,
		     const char *job_id);

/* For the steps: */
void slot_claim_ahead(struct slot *s);		  /* before an end is written */
const struct prompt *slot_prompt(struct slot *s); /* NULL when unreadable */
bool slot_leaving(const struct slot *s);
bool slot_canceled(struct slot *s);
/* Milliseconds until the job's deadline; INT64_MAX / 2 when it has none. */
int64_t slot_time_left(const struct slot *s);
/* For one call: most, and not past the job's own time; 1 at the least. */
int64_t slot_time_for(const struct slot *s, int64_t most);
/* Sleeps, but wakes for a cancel or a stop. */
void slot_pause(struct slot *s, int64_t ms);
/* Returns when work(ctx) is done: what may take seconds on a thread of its own,
 * so that it holds up no other slot. */
void slot_work(struct slot *s, bool aside, void (*work)(void *ctx), void *ctx);
/* From so many bytes on, reading or writing a file is such work. */
#define SLOT_LARGE ((int64_t)1024 * 1024)

#endif
