#ifndef JOBS_STORE_PRIVATE_H
#define JOBS_STORE_PRIVATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/box.h"
#include "jobs/db.h"
#include "jobs/store.h"
#include "jobs/tally.h"

/*
 * Inside the store: store.c is the thread (what has queued up becomes one
 * transaction), store_ops.c the operations, store_claims.c who waits for a
 * job. Only the functions of store.h are called from other threads.
 */

/* One thing to do. Made by a caller's thread, queued, applied by the store
 * thread within a transaction, then finished after it. */
struct op {
	struct op *next;
	/* False: the database failed; what it did is undone. */
	bool (*apply)(struct store *s, struct op *op);
	/* After COMMIT (or its failure): tells whoever waits. */
	void (*finish)(struct store *s, struct op *op, bool committed);
	bool hurry; /* somebody waits; notes do not */
	bool applied;
};

/* News for the listener, told after the commit. */
struct news {
	char id[ID_SIZE];
	enum phase phase;
	bool cancel_asked;
};

/* A job whose slot died with the last process; waits for its backend. */
struct orphan {
	struct orphan *next;
	char id[ID_SIZE];
	char *backend;
};

/* A phase that was noted and not yet written (store_note()). */
struct note {
	struct note *next;
	char id[ID_SIZE];
	char prompt_id[ID_SIZE];
	enum phase phase;
};

enum claim_state { CLAIM_WAITS, CLAIM_MATCHED, CLAIM_FILLED, CLAIM_OVER };

struct claim {
	struct claim *next;
	const struct store_claim *want;
	struct arena *arena;
	struct job *out;
	enum claim_state state; /* under the store's lock */
	bool orphan;		/* of the match in this batch */
};

struct store {
	struct store_options o;
	char *path;
	pthread_t thread;

	struct box box; /* guards what follows */
	struct op *first, **last;
	struct claim *claims;
	struct note *notes;
	bool claims_new; /* a claim came in since the last batch */
	bool closing;

	/* The store thread's own. */
	struct db *db;
	struct orphan *orphans;
	struct tally queued; /* by "endpoint/version" */
	struct tally own;    /* unended, by "endpoint/version\nowner" */
	struct tally busy;   /* in work, by backend */
	size_t queued_total;
	struct news *news;
	size_t news_count, news_cap;
	bool queue_grew;    /* something became claimable in this batch */
	int64_t not_before; /* when a delayed job may be claimed; 0: none */
};

/* store.c */
void store_queue(struct store *s, struct op *op); /* any thread */
void store_tell(struct store *s, const char *id, enum phase phase,
		bool cancel_asked);

/* store_limits.c: the counts behind the limits, kept with every change. */
bool limits_load(struct store *s); /* anew from the database */
void limits_count(struct store *s, const char *endpoint, unsigned version,
		  const char *owner, enum phase phase, const char *backend,
		  int change);
uint32_t limits_queued(const struct store *s, const struct job *job);
uint32_t limits_own(const struct store *s, const struct job *job);
uint32_t limits_busy(const struct store *s, const char *backend);

/* store_claims.c, store thread, within the transaction: matches claims with
 * jobs; after it: hands them over, or back. False: the database failed. */
bool claims_match(struct store *s, struct claim **matched);
void claims_settle(struct store *s, struct claim *matched, bool committed);
void claims_close(struct store *s); /* all waiting ones end empty-handed */
void orphans_load(struct store *s, const struct job *job);
void orphans_drop(struct store *s, const char *id);
void orphans_free(struct store *s);

/* The phase of a job's attempt: what is written, or noted since. Any note of
 * it is taken away. */
enum phase notes_take(struct store *s, const char *id, const char *prompt_id,
		      enum phase written);
/* All notes become rows (the transaction is open). */
bool notes_write(struct store *s);
void notes_free(struct store *s);

#endif
