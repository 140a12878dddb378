#ifndef RUN_POOL_H
#define RUN_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/attr.h"
#include "base/problem.h"
#include "jobs/blobs.h"
#include "jobs/board.h"
#include "jobs/files.h"
#include "jobs/store.h"
#include "run/convert.h"

/*
 * The half of the house that runs jobs: the backends, their slots (fibers
 * that carry one job at a time from claim to end), the events thread, the
 * fetch thread, health and the janitor. It meets the answering half in jobs/
 * only.
 */
struct pool;

struct backend_options {
	const char *name; /* unique; in the store and the log */
	const char *url;
	const char *pool;   /* "default" */
	const char *header; /* for a proxy before it, or NULL; a secret */
	unsigned slots;	    /* 2: one runs, the next lies ready */
};

struct pool_options {
	const struct backend_options *backends;
	size_t count;
	struct store *store;
	struct files *files;
	struct blobs *blobs; /* NULL where no job has input files */
	struct board *board;
	struct convert *convert;  /* for pictures (run/convert.h) */
	int64_t stall_ms;	  /* no event and no progress for so long */
	int64_t poll_ms;	  /* the slow look at the history; 2000 */
	int64_t call_timeout_ms;  /* of one small HTTP call; 10000 */
	int64_t fetch_timeout_ms; /* of one file, in or out; 600000 */
	int64_t max_output_bytes; /* of one output file */
	int64_t forget_after_ms;  /* rows of ended jobs live so long */
	int64_t keep_files_bytes; /* of all output files; 0: no limit */
	/* Input files by URL, see run/fetcher.h; without a timeout none: */
	const char *url_agent;
	const struct address_list *url_allow; /* outlives the pool */
	bool url_http;
	int64_t url_timeout_ms;
	int64_t max_input_bytes; /* of one input file */
};

MUST_USE struct pool *pool_start(const struct pool_options *o,
				 struct problem *why);
/* Stop claiming; slots finish the job they have while time is left, then
 * leave it in its phase for the next start. Joins all within about `ms`. After
 * this it runs nothing, but others may still ask for its state or cancel, until
 * it is freed. */
void pool_end(struct pool *p, int64_t ms);
void pool_free(struct pool *p);
/* From the store's listener: a running job is to be canceled. Never blocks. */
void pool_cancel(struct pool *p, const char *job_id);

/* Likewise: a job has come into this phase. */
void pool_poke(struct pool *p, const char *job_id, enum phase phase);

/* For /readyz and admission: any thread, cheap. */
struct backend_state {
	char name[64];
	char pool[64];
	bool up;	  /* answers, and is not throttled */
	bool socket;	  /* events come */
	char reason[128]; /* why not up; "" otherwise. For the log only */
	char version[32];
	unsigned busy; /* slots with a job */
};

size_t pool_backends(struct pool *p, struct backend_state *out, size_t max);
/* False when no backend serves jobs of that pool, up or down: a job would
 * wait for ever. */
bool pool_exists(struct pool *p, const char *pool);

#endif
