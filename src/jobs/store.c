#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "jobs/pace.h"
#include "jobs/store_private.h"

#define IDLE_MS	 1000
#define LOOK_MS	 100 /* while jobs are in work: for notes, which wake nobody */
#define RETRY_MS 250 /* what nobody waits for, after a failure */

/* Of jobs that are told whole after one transaction: callers choose how large
 * they are, and hundreds may end together. */
#define NEWS_TEXT_MOST ((size_t)8 * 1024 * 1024)

void store_queue(struct store *s, struct op *op)
{
	bool over;

	op->next = NULL;
	box_lock(&s->box);
	over = s->over;
	if (!over) {
		*s->last = op;
		s->last = &op->next;
	}
	box_unlock(&s->box);
	if (over)
		op->finish(s, op, false);
	else
		box_wake(&s->box);
}

static struct news *add_news(struct store *s, const char *id, enum phase phase,
			     bool cancel_asked)
{
	struct news *n;

	if (s->news_count == s->news_cap) {
		s->news_cap = s->news_cap != 0 ? s->news_cap * 2 : 64;
		s->news = mem_resize(s->news, s->news_cap * sizeof(*s->news));
	}
	n = &s->news[s->news_count++];
	memcpy(n->id, id, sizeof(n->id));
	n->phase = phase;
	n->cancel_asked = cancel_asked;
	n->ended = NULL;
	return n;
}

void store_tell(struct store *s, const char *id, enum phase phase,
		bool cancel_asked)
{
	(void)add_news(s, id, phase, cancel_asked);
}

static size_t length(const char *text)
{
	return text != NULL ? strlen(text) : 0;
}

/* The whole job, as somebody waits for it: to look for the row again, with
 * another connection, would cost more than all that ends it. */
void store_tell_ended(struct store *s, const struct job *job, bool cancel_asked)
{
	struct news *n = add_news(s, job->id, job->phase, cancel_asked);
	size_t text = length(job->inputs) + length(job->outputs) +
		      length(job->problem);

	if (s->o.listen == NULL || text > NEWS_TEXT_MOST - s->news_text)
		return;
	s->news_text += text;
	n->ended = mem_alloc(sizeof(*n->ended));
	job_copy(&n->ended->arena, job, &n->ended->job);
}

void store_ended_free(struct store_ended *e)
{
	if (e == NULL)
		return;
	arena_finish(&e->arena);
	free(e);
}

static void tell_listener(struct store *s)
{
	for (size_t i = 0; s->o.listen != NULL && i < s->news_count; i++)
		s->o.listen(s->o.listen_ctx, s->news[i].id, s->news[i].phase,
			    s->news[i].cancel_asked, s->news[i].ended);
	s->news_count = s->news_text = 0;
}

static void forget_news(struct store *s)
{
	while (s->news_count > 0)
		store_ended_free(s->news[--s->news_count].ended);
	s->news_text = 0;
}

/* ---- one transaction of whatever has queued up ---- */

/* What goes into a transaction that no op asks for: notes that are due, claims
 * that wait. */
struct extras {
	bool notes, claims;
};

static bool apply_all(struct store *s, struct op *ops, const struct extras *x)
{
	if (x->claims)
		claims_begin(s);
	for (struct op *op = ops; op != NULL; op = op->next)
		if (!op->apply(s, op) || !db_within(s->db))
			return false;
	return (!x->notes || notes_write(s)) && claims_match(s) &&
	       db_commit(s->db);
}

enum result {
	WRITTEN,
	UNDONE,	   /* nothing of it is in the database, nor in memory */
	NOT_BEGUN, /* and no transaction can be had */
};

static enum result transact(struct store *s, struct op *ops,
			    const struct extras *x)
{
	bool committed;

	if (!db_begin(s->db))
		return NOT_BEGUN;
	committed = apply_all(s, ops, x);
	if (!committed) {
		db_rollback(s->db);
		forget_news(s);
		s->dropped_count = 0;
	}
	limits_settle(s, committed);
	notes_settle(s, committed);
	orphans_settle(s, committed);
	claims_settle(s, committed);
	return committed ? WRITTEN : UNDONE;
}

static void finish_all(struct store *s, struct op *ops, bool committed)
{
	while (ops != NULL) {
		struct op *next = ops->next;

		ops->finish(s, ops, committed);
		ops = next;
	}
	tell_listener(s);
	names_settle(s);
}

/*
 * The transaction failed: each operation gets one of its own. So a new job
 * that is too large for what the disk has left takes no end of another job
 * with it, and what removes something goes through.
 */
static void one_by_one(struct store *s, struct op *ops)
{
	static const struct extras none = {0};
	enum result last = UNDONE;

	while (ops != NULL && last != NOT_BEGUN) {
		struct op *op = ops, *rest = op->next;

		op->next = NULL;
		last = transact(s, op, &none);
		ops = rest;
		finish_all(s, op, last == WRITTEN);
	}
	finish_all(s, ops, false);
}

/* Claims and notes that cannot be written are left alone for a moment, so that
 * they take no part in each transaction and undo it. */
static void try_later(struct store *s)
{
	log_event(LOG_ERROR, "store.not_written", NULL);
	s->retry_at = clock_monotonic_ms() + RETRY_MS;
	box_lock(&s->box);
	s->claims_new = true;
	box_unlock(&s->box);
}

/* Seldom is one delayed: the database is asked when one has been, and when the
 * time of one has come. */
static void look_for_delayed(struct store *s)
{
	int64_t now = clock_wall_ms();

	if (!s->delayed && (s->not_before == 0 || s->not_before > now))
		return;
	s->not_before = db_next_not_before(s->db, now);
	s->delayed = false;
}

static void run_batch(struct store *s, struct op *ops, const struct extras *x)
{
	enum result result;

	given_sync(s, ops);
	result = transact(s, ops, x);
	if (result == UNDONE && ops != NULL) {
		one_by_one(s, ops);
		result = transact(s, NULL, x);
		ops = NULL;
	}
	finish_all(s, ops, result == WRITTEN);
	if (result != WRITTEN)
		try_later(s);
	look_for_delayed(s);
	db_checkpoint(s->db, false);
}

/* ---- the thread ---- */

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/*
 * Box locked. When there is something to do that no op asks for (monotonic
 * ms): notes that have waited long enough, claims that came after the last
 * match, a job whose time to be claimed has come.
 */
static int64_t due_at(const struct store *s, int64_t now)
{
	int64_t at = INT64_MAX;

	if (s->notes_due != 0)
		at = s->notes_due;
	if (s->claims != NULL && s->claims_new &&
	    (s->queued_total > 0 || s->orphans != NULL))
		at = earlier(at, now);
	if (s->claims != NULL && s->not_before != 0)
		at = earlier(at, now + s->not_before - clock_wall_ms());
	return at > s->retry_at ? at : s->retry_at;
}

/* Box locked. False: nothing to do for a second. */
static bool wait_for_work(struct store *s)
{
	int64_t now = clock_monotonic_ms();
	int64_t idle_at = now + IDLE_MS;

	while (s->first == NULL && !s->closing) {
		int64_t due = due_at(s, now);

		if (due <= now)
			return true;
		if (idle_at <= now)
			return false;
		due = earlier(due, idle_at);
		if (s->busy.names > 0)
			due = earlier(due, now + LOOK_MS);
		(void)box_wait(&s->box, due);
		now = clock_monotonic_ms();
	}
	return true;
}

/* Box locked. Let go meanwhile, and what comes in wakes nobody: a wake-up for
 * each op would eat the gain. */
static void keep_pace(struct store *s)
{
	if (s->next_at <= clock_monotonic_ms())
		return;
	box_unlock(&s->box);
	clock_sleep_until_ms(s->next_at);
	box_lock(&s->box);
}

static size_t count(const struct op *ops)
{
	size_t n = 0;

	for (; ops != NULL; ops = ops->next)
		n++;
	return n;
}

/* Waits, and runs what there is. False: closed, and all is written. */
static bool work_once(struct store *s)
{
	struct extras x;
	struct note *fresh;
	struct op *ops;
	bool work, over;
	int64_t now;

	box_lock(&s->box);
	work = wait_for_work(s);
	keep_pace(s);
	now = clock_monotonic_ms();
	ops = s->first;
	s->first = NULL;
	s->last = &s->first;
	over = s->over = s->closing && ops == NULL;
	/* An op's own notes came before it, so they are fetched with it. */
	fresh = notes_fetch(s);
	x.notes = s->closing || (s->notes_due != 0 && s->notes_due <= now &&
				 s->retry_at <= now);
	x.claims = !s->closing && s->claims != NULL && s->retry_at <= now;
	s->claims_new = s->claims_new && !(work && x.claims);
	box_unlock(&s->box);
	notes_merge(s, fresh);
	s->next_at = pace_next(now, count(ops));
	if (ops != NULL || (work && (x.claims || x.notes)))
		run_batch(s, ops, &x);
	else if (!work)
		db_checkpoint(s->db, true);
	return !over;
}

static void *run(void *arg)
{
	struct store *s = arg;

	while (work_once(s))
		;
	claims_close(s);
	return NULL;
}

/* ---- opening and closing ---- */

static void take_stock(void *ctx, const struct job *job)
{
	struct store *s = ctx;

	limits_count(s, job, 1);
	limits_settle(s, true);
	if (!phase_waits(job->phase))
		orphans_load(s, job);
}

static void store_free(struct store *s)
{
	waiters_free(s);
	db_close(s->db);
	orphans_free(s);
	notes_free(s);
	tally_finish(&s->queued);
	tally_finish(&s->fetching);
	tally_finish(&s->own);
	tally_finish(&s->busy);
	arena_finish(&s->scratch);
	box_finish(&s->box);
	free(s->changes);
	free(s->news);
	free(s->dropped);
	free(s->path);
	free(s);
}

struct store *store_open(const struct store_options *o, struct problem *why)
{
	struct db *db = db_open(o->path, why);
	struct store *s;

	if (db == NULL)
		return NULL;
	s = mem_alloc(sizeof(*s));
	s->o = *o;
	s->path = mem_strdup(o->path);
	s->o.path = s->path;
	s->db = db;
	s->last = &s->first;
	s->delayed = true;
	box_init(&s->box);
	tally_init(&s->queued);
	tally_init(&s->fetching);
	tally_init(&s->own);
	tally_init(&s->busy);
	if (!db_each_unended(db, take_stock, s)) {
		problem_set(why, PROBLEM_INTERNAL, o->path,
			    "the jobs in it cannot be read");
		store_free(s);
		return NULL;
	}
	log_event(LOG_INFO, "store.open", "waiting",
		  log_num((long long)s->queued_total), NULL);
	s->thread = box_thread("store", run, s);
	return s;
}

void store_leave(struct store *s)
{
	box_lock(&s->box);
	s->leaving = true;
	box_unlock(&s->box);
}

void store_close(struct store *s)
{
	if (s == NULL)
		return;
	box_lock(&s->box);
	s->closing = s->leaving = true;
	box_unlock(&s->box);
	box_wake(&s->box);
	pthread_join(s->thread, NULL);
	db_checkpoint(s->db, true);
	store_free(s);
}

/* ---- readers ---- */

struct store_reader *store_reader_open(struct store *s, struct problem *why)
{
	return (struct store_reader *)db_reader_open(s->path, why);
}

void store_reader_close(struct store_reader *r)
{
	db_reader_close((struct db_reader *)r);
}

bool store_read(struct store_reader *r, const char *id, const char *owner,
		struct arena *a, struct job *out)
{
	return db_read((struct db_reader *)r, id, owner, a, out) == DB_FOUND;
}

bool store_has_strays(struct store_reader *r, const char *job)
{
	struct arena a = {0};
	struct job j;
	bool strays = false;

	switch (db_read((struct db_reader *)r, job, NULL, &a, &j)) {
	case DB_ERROR:
		break;
	case DB_NONE:
		strays = true;
		break;
	case DB_FOUND:
		strays = j.files_gone ||
			 (phase_final(j.phase) && j.phase != PHASE_SUCCEEDED);
		break;
	}
	arena_finish(&a);
	return strays;
}

bool store_read_small(struct store_reader *r, const char *job, const char *name,
		      struct arena *a, const char **bytes, size_t *size)
{
	return db_read_small((struct db_reader *)r, job, name, a, bytes, size);
}

unsigned store_position(struct store_reader *r, const struct job *job)
{
	return phase_waits(job->phase) ? db_position((struct db_reader *)r, job)
				       : 0;
}

size_t store_list(struct store_reader *r, const struct store_query *q,
		  struct arena *a, struct job *jobs)
{
	return db_list((struct db_reader *)r, q, a, jobs);
}
