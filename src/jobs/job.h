#ifndef JOBS_JOB_H
#define JOBS_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/id.h"

/*
 * The life of a job. Every phase is durable: it is in the store before the
 * side effect that follows it begins, so a daemon that dies at any point finds
 * the job in a phase from which the same step can run again.
 *
 *   QUEUED -> CLAIMED -> SUBMITTED -> RAN -> SUCCEEDED
 *    ^ ^         |           |         |
 *    | +---------+-----------+---------+--> FAILED, CANCELED
 *    |                                           ^
 *   FETCHING ------------------------------------+
 *
 * FETCHING stands before QUEUED where an input file is still to be fetched
 * from its URL; until then no backend gets the job. For callers and for all
 * limits both are "queued".
 *
 * SUBMITTED and RAN are written without being waited for: losing one costs a
 * look at ComfyUI's queue and history, never the job (CLAIMED with its
 * prompt_id is enough to ask "did it run?").
 */
enum phase {
	PHASE_QUEUED,	 /* waits for a backend */
	PHASE_CLAIMED,	 /* has a slot; backend and prompt_id are stored */
	PHASE_SUBMITTED, /* ComfyUI has the prompt */
	PHASE_RAN,	 /* ComfyUI finished; outputs not all stored yet */
	PHASE_SUCCEEDED,
	PHASE_FAILED,
	PHASE_CANCELED,
	PHASE_FETCHING, /* input files are missing; last, as numbers are stored
			 */
	PHASE__COUNT
};

MUST_USE const char *phase_name(enum phase p);
MUST_USE bool phase_final(enum phase p);
/* In no slot yet: queued, or before that. */
MUST_USE bool phase_waits(enum phase p);
MUST_USE bool phase_may_follow(enum phase from, enum phase to);
/* What a caller is told: queued, running, succeeded, failed, canceled. */
MUST_USE const char *phase_status(enum phase p);
/* Callers' status name -> set of phases as bits; 0 for an unknown name. */
unsigned phase_set_of_status(const char *status);

/*
 * One job as it is in the store. Strings belong to the arena that the reading
 * function was given, or to whoever filled the struct in. NULL where not set.
 * Times are wall milliseconds, 0 where not yet.
 */
struct job {
	char id[ID_SIZE]; /* UUIDv7 */
	int64_t seq;	  /* the store's: its row, of one that was claimed */
	const char *owner;
	const char *endpoint;
	unsigned version;
	enum phase phase;
	bool cancel_asked; /* somebody wants it canceled while it runs */

	const char *inputs; /* resolved, public: JSON object text */
	const char *prompt; /* the graph to run; only store_claim() reads it */
	const char *recipe; /* jobs/recipe.h: JSON object text */
	const char *files;  /* jobs/job_files.h, or NULL: no file comes in; read
			     * and kept as the prompt is */

	const char *pool;
	int priority;
	unsigned attempts; /* begun so far */
	unsigned max_attempts;
	char prompt_id[ID_SIZE]; /* of the current attempt; "" before it */
	const char *backend;	 /* of the current attempt */

	int64_t created_at;
	int64_t started_at;
	int64_t ended_at;
	int64_t deadline_at; /* limits.timeout, Cancel-After: then `timeout` */
	int64_t keep_ms;     /* files live this long after the end */
	bool files_gone;     /* … and it is over */

	const char *outputs; /* jobs/outputs.h: JSON object text */
	const char *problem; /* JSON object text {"code":…,"detail":…} */
	bool reused;

	/* Only for store_insert: */
	const char *idempotency_key; /* within owner and route; or NULL */
	const char *request_hash;    /* with the key: SHA-256 hex of the body */
	const char *reuse_key;	     /* SHA-256 hex of what must be equal */
	const char *shared_from;     /* the store's: whose result it shares */
	int64_t reuse_since;	     /* share results of jobs created later */
	uint32_t queue_limit;	     /* limits.queue; 0: none */
	uint32_t own_limit;	     /* limits.concurrency; 0: none */
};

/* All of it, the texts copied to the arena. */
void job_copy(struct arena *a, const struct job *from, struct job *to);
/* Without what store_read() does not give: what it takes to run it, and what is
 * for store_insert alone. The texts stay those of *from. */
struct job job_as_read(const struct job *from);

#endif
