#ifndef RUN_FETCHER_H
#define RUN_FETCHER_H

#include <stdint.h>

#include "base/address.h"
#include "base/attr.h"
#include "base/problem.h"
#include "jobs/blobs.h"
#include "jobs/job.h"
#include "jobs/store.h"

/*
 * The `fetch` thread: jobs in PHASE_FETCHING get the files that they name by
 * URL. It takes them from the store in the order in which they came, fetches
 * many at once (a few of one owner, so that nobody takes all lines), and has
 * each looked at by the rules of its input. All there: the job is queued. One
 * that cannot be had, or is not as it must be: the job ends, with all that is
 * wrong. Canceled or overdue: its transfers end. Nothing is kept over a
 * restart; the next start begins again.
 */
struct fetcher;

struct fetcher_options {
	struct store *store;
	struct blobs *blobs;
	const char *agent;		  /* "comfygate/1.0" */
	const struct address_list *allow; /* outlives the fetcher */
	bool http;			  /* http:// is taken, too */
	int64_t timeout_ms; /* of one file: redirects, tries and all */
	int64_t max_bytes;  /* of one file whose input allows more */
	/* The thread is through: its last call. */
	void (*ended)(void *ctx);
	void *ctx;
};

#define FETCHER_AT_ONCE 32
#define FETCHER_EACH	4 /* of one owner */

MUST_USE struct fetcher *fetcher_start(const struct fetcher_options *o,
				       struct problem *why);
/* Asks the thread to end; jobs stay in their phase. It may still wait for a
 * store that cannot write (store_leave()). Never blocks. */
void fetcher_stop(struct fetcher *f);
/* Waits for its end, after fetcher_stop(). NULL is fine in both. */
void fetcher_free(struct fetcher *f);
/* A job has come into this phase. Any thread, from start to free; never
 * blocks. */
void fetcher_poke(struct fetcher *f, const char *id, enum phase phase);

#endif
