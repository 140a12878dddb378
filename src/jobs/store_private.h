#ifndef JOBS_STORE_PRIVATE_H
#define JOBS_STORE_PRIVATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/box.h"
#include "base/tally.h"
#include "jobs/db.h"
#include "jobs/job_files.h"
#include "jobs/store.h"

/*
 * Inside the store: store.c is the thread (what has queued up becomes one
 * transaction), store_insert.c, store_ask.c, store_work.c, store_fetch.c,
 * store_uploads.c and store_retention.c the operations, store_claims.c who
 * waits for a job, store_orphans.c the jobs that the last process had in work,
 * store_waiter.c what somebody waits on, store_notes.c what need not be waited
 * for, store_limits.c the counts behind the limits, store_names.c which blobs
 * are named, store_files.c what makes output files durable. Only the functions
 * of store.h are called from other threads.
 *
 * What the store keeps in memory beside the database (counts, orphans, notes)
 * goes back to what it was when a transaction fails: it is marked while the
 * transaction is open and settled after it.
 */

/* One thing to do. Made by a caller, queued, applied by the store
 * thread within a transaction, then finished after it. */
struct op {
	struct op *next;
	/* False: the database failed. May be called again, alone, after a
	 * transaction that was rolled back. */
	bool (*apply)(struct store *s, struct op *op);
	/* After COMMIT (or its failure): tells whoever waits. */
	void (*finish)(struct store *s, struct op *op, bool committed);
	/* What must be durable when it is; NULL: nothing. */
	struct files_given *files;
};

/* News for the listener, told after the commit. */
struct news {
	char id[ID_SIZE];
	enum phase phase;
	bool cancel_asked;
	struct store_ended *ended; /* or NULL */
};

/* A job whose slot died with the last process; waits for its backend. */
struct orphan {
	struct orphan *next;
	char id[ID_SIZE];
	char *backend;
	bool taken; /* by this transaction */
};

/* A phase that was noted and not yet written (store_note()). */
struct note {
	struct note *next;
	char id[ID_SIZE];
	char prompt_id[ID_SIZE];
	enum phase phase;
	bool used; /* by this transaction: written, or overtaken by an end */
};

/* What a slot's fiber, or a thread, waits on for the store thread's word. The
 * store keeps them and frees none before it closes: so the word is given first
 * and the one who waits is woken then, without the lock that he would run into.
 */
struct waiter {
	struct waiter *next; /* while nobody uses it; under the store's lock */
	struct box box;	     /* guards what follows */
	bool told, good;
};

/* A slot that asks for a job. Whoever takes it out of the list either puts it
 * back or tells it, and then forgets it. */
struct claim {
	struct claim *next;
	struct store_claim want;
	struct arena *arena;
	struct job *out;
	unsigned wakes; /* the store's, when it came */
	/* The store thread's, while it matches: */
	uint32_t busy; /* of its backend: jobs in work */
	bool tried;
	struct waiter *waiter;
};

/* A count that this transaction changed. */
struct change {
	struct tally *of;
	const char *name; /* in the store's scratch */
	int by;
};

struct store {
	struct store_options o;
	char *path;
	pthread_t thread;

	struct box box; /* guards what follows; the store thread waits on it */
	struct op *first, **last;
	struct claim *claims;	/* the newest first */
	struct waiter *waiters; /* that nobody uses */
	unsigned waiting;	/* those in use */
	struct note *notes;
	int64_t notes_due; /* monotonic ms; 0: no note anywhere */
	unsigned wakes;	   /* calls of store_wake_claims() */
	bool claims_new;   /* a claim came in since the last batch */
	bool leaving;	   /* what cannot be written is given up */
	bool closing;
	bool over; /* the thread takes nothing any more */

	/* The store thread's own. */
	struct db *db;
	struct orphan *orphans;
	struct claim *free;    /* claims that this transaction may serve … */
	struct claim *matched; /* … and has served */
	bool counted;	       /* the free ones know how busy they are */
	struct note *pending;  /* notes taken from the box */
	struct tally queued;   /* by "endpoint/version" */
	struct tally fetching;
	struct tally own;  /* unended, by "endpoint/version\nowner" */
	struct tally busy; /* in work, by backend */
	size_t queued_total;
	struct change *changes; /* of the open transaction */
	size_t change_count, change_cap;
	struct arena scratch;
	struct news *news;
	size_t news_count, news_cap;
	size_t news_text;		  /* bytes of the jobs told whole */
	char (*dropped)[DIGEST_HEX_SIZE]; /* blobs that lost a name */
	size_t dropped_count, dropped_cap;
	int64_t not_before; /* when a delayed job may be claimed; 0: none */
	bool delayed;	    /* a job was put off: not_before may be earlier */
	int64_t retry_at;   /* monotonic ms: not before, after a failure */
	int64_t next_at;    /* monotonic ms: no transaction before (pace.h) */
};

/* store.c */
/* Any thread. Once the store has closed the op is finished at once, on the
 * caller's thread, as not committed. */
void store_queue(struct store *s, struct op *op);
void store_tell(struct store *s, const char *id, enum phase phase,
		bool cancel_asked);
void store_tell_ended(struct store *s, const struct job *job,
		      bool cancel_asked);

/* store_waiter.c. One is taken for each word that is waited for, given back
 * when it has come. */
struct waiter *waiter_take(struct store *s);
void waiter_give(struct store *s, struct waiter *w);
void waiter_tell(struct waiter *w, bool good); /* the store thread, once */
/* False: the time was over first. */
bool waiter_await(struct waiter *w, int64_t until_ms, bool *good);
void waiters_free(struct store *s);

/* store_work.c: what the running half does to a job; who asks waits for the
 * commit (a fiber gives way). The texts are the caller's. */
struct work {
	struct op op;
	const char *id, *prompt_id;
	const struct job *job; /* as it was claimed; or NULL */
	enum phase to;
	const char *outputs, *problem;
	int64_t bytes; /* of the files in the outputs */
	int64_t not_before;
	bool counted;
	bool ours; /* it was this attempt's to move */
	struct waiter *waiter;
	bool committed;
};

typedef bool work_apply(struct store *s, struct op *op);
/* Queues it and waits. */
bool work_carry_out(struct store *s, struct work *w, work_apply *apply);
/* The same again and again until it is committed, or the store is left. True
 * where it is, and was ours. */
bool work_insist(struct store *s, struct work *w, work_apply *apply);

/* The job in the row ends; bytes: of the files in the outputs. */
bool work_end_row(struct store *s, const struct db_row *row, enum phase to,
		  bool cancel_asked, const char *outputs, int64_t bytes,
		  const char *problem);

/* store_names.c. The job names the blobs of these files; or none any more. */
bool names_add(struct store *s, int64_t seq, const struct job_file *files,
	       size_t count);
bool names_drop(struct store *s, const struct db_row *row);
/* A db_dropped_fn; ctx is the store. */
void names_dropped(void *ctx, const char *sha256);
/* After the commit: blobs that nothing names now are removed. */
void names_settle(struct store *s);

/* store_files.c. Before the transaction: what is open is synced, and an op
 * where that failed knows. */
void given_sync(struct store *s, struct op *ops);
/* Within it: small files, those of a job that ends. NULL: there are none. */
bool given_add(struct store *s, int64_t seq, const struct files_given *g);

/* store_limits.c: the counts behind the limits, kept with every change. */
void limits_count(struct store *s, const struct job *job, int by);
/* From one phase to another, neither final. */
void limits_move(struct store *s, const struct job *job, enum phase from,
		 enum phase to);
/* After the transaction: the changes stay, or are undone. */
void limits_settle(struct store *s, bool committed);
uint32_t limits_queued(struct store *s, const struct job *job);
uint32_t limits_own(struct store *s, const struct job *job);
uint32_t limits_busy(const struct store *s, const char *backend);

/* store_claims.c, store thread. As the transaction begins: it may serve the
 * claims that wait. Within it: a job that is about to be inserted is claimed at
 * once where nobody is in line before it and a claim for it waits (what is
 * returned is the claim's own, whose seq is to be set; NULL: it was not); and,
 * in the end, claims are matched with jobs. False: the database failed. After
 * it: they are handed over, or go back. */
void claims_begin(struct store *s);
struct job *claims_take(struct store *s, struct job *job);
bool claims_match(struct store *s);
void claims_settle(struct store *s, bool committed);
void claims_close(struct store *s); /* all waiting ones end empty-handed */

/* store_orphans.c */
void orphans_load(struct store *s, const struct job *job);
struct orphan *orphans_of(const struct store *s, const char *backend);
bool orphans_waiting(const struct store *s);
/* After the transaction: those it took are forgotten, or wait again. */
void orphans_settle(struct store *s, bool committed);
void orphans_free(struct store *s);

/* store_notes.c. What has come in since; box locked. */
struct note *notes_fetch(struct store *s);
void notes_merge(struct store *s, struct note *fresh);
/* The phase of a job's attempt: what is written, or noted since. Its note
 * goes with this transaction. */
enum phase notes_take(struct store *s, const char *id, const char *prompt_id,
		      enum phase written);
/* All notes become rows (the transaction is open). */
bool notes_write(struct store *s);
void notes_settle(struct store *s, bool committed);
void notes_free(struct store *s);

#endif
