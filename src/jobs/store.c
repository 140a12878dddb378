#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "jobs/store_private.h"

/* How long a note waits for company: it needs no sync of its own. */
#define NOTE_MS	 50
#define IDLE_MS	 1000
#define RETRY_MS 200

void store_queue(struct store *s, struct op *op)
{
	op->next = NULL;
	box_lock(&s->box);
	*s->last = op;
	s->last = &op->next;
	box_unlock(&s->box);
	box_wake(&s->box);
}

void store_tell(struct store *s, const char *id, enum phase phase,
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
}

static void tell_listener(struct store *s)
{
	for (size_t i = 0; s->o.listen != NULL && i < s->news_count; i++)
		s->o.listen(s->o.listen_ctx, s->news[i].id, s->news[i].phase,
			    s->news[i].cancel_asked);
	s->news_count = 0;
}

/* ---- one transaction of whatever has queued up ---- */

/* An operation that fails is undone by itself; the others go on. */
static bool apply_one(struct store *s, struct op *op)
{
	size_t news = s->news_count;

	if (!db_mark(s->db))
		return false;
	op->applied = op->apply(s, op);
	db_unmark(s->db, op->applied);
	if (!op->applied) {
		s->news_count = news;
		return limits_load(s);
	}
	return true;
}

static bool apply_all(struct store *s, struct op *ops, struct claim **matched)
{
	*matched = NULL;
	if (!db_begin(s->db))
		return false;
	for (struct op *op = ops; op != NULL; op = op->next)
		if (!apply_one(s, op))
			return false;
	return notes_write(s) && claims_match(s, matched) && db_commit(s->db);
}

static void run_batch(struct store *s, struct op *ops)
{
	struct claim *matched;
	bool committed = apply_all(s, ops, &matched);

	if (!committed) {
		log_event(LOG_ERROR, "store.not_written", NULL);
		db_rollback(s->db);
		s->news_count = 0;
		if (!limits_load(s))
			log_event(LOG_ERROR, "store.not_readable", NULL);
	}
	claims_settle(s, matched, committed);
	while (ops != NULL) {
		struct op *next = ops->next;

		ops->finish(s, ops, committed && ops->applied);
		ops = next;
	}
	tell_listener(s);
	s->not_before = s->queued_total > 0
				? db_next_not_before(s->db, clock_wall_ms())
				: 0;
	db_checkpoint(s->db, false);
}

/* ---- the thread ---- */

/* When a waiting claim has something to look at by itself (monotonic ms). */
static int64_t wake_at(const struct store *s, int64_t idle_at)
{
	int64_t at = idle_at;
	int64_t now = clock_monotonic_ms();

	if (s->notes != NULL && now + NOTE_MS < at)
		at = now + NOTE_MS;
	if (s->not_before != 0 && s->claims != NULL) {
		int64_t due = now + s->not_before - clock_wall_ms();

		if (due < at)
			at = due;
	}
	return at;
}

/* Lock held. True: there is something to do in a transaction. */
static bool wait_for_work(struct store *s)
{
	int64_t idle_at = clock_monotonic_ms() + IDLE_MS;

	while (s->first == NULL && !s->closing) {
		bool claimable = s->queued_total > 0 || s->orphans != NULL;
		bool in_time;

		if (s->claims_new && s->claims != NULL && claimable)
			return true;
		s->claims_new = false;
		in_time = box_wait(&s->box, wake_at(s, idle_at));
		if (!in_time)
			return s->notes != NULL ||
			       (s->not_before != 0 && s->claims != NULL &&
				s->not_before <= clock_wall_ms());
	}
	return s->first != NULL || s->notes != NULL;
}

static void *run(void *arg)
{
	struct store *s = arg;
	bool over = false;

	while (!over) {
		struct op *ops = NULL;
		bool work;

		box_lock(&s->box);
		work = wait_for_work(s);
		ops = s->first;
		s->first = NULL;
		s->last = &s->first;
		s->claims_new = false;
		over = s->closing && ops == NULL;
		box_unlock(&s->box);
		if (work || ops != NULL)
			run_batch(s, ops);
		else if (!over)
			db_checkpoint(s->db, true);
	}
	claims_close(s);
	return NULL;
}

/* ---- opening and closing ---- */

static void take_stock(void *ctx, const struct job *job)
{
	struct store *s = ctx;

	limits_count(s, job->endpoint, job->version, job->owner, job->phase,
		     job->backend, 1);
	if (job->phase != PHASE_QUEUED)
		orphans_load(s, job);
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
	box_init(&s->box);
	tally_init(&s->queued);
	tally_init(&s->own);
	tally_init(&s->busy);
	if (!db_each_unended(db, take_stock, s))
		log_event(LOG_ERROR, "store.not_readable", NULL);
	log_event(LOG_INFO, "store.open", "waiting",
		  log_num((long long)s->queued_total), NULL);
	s->thread = box_thread("store", run, s);
	return s;
}

void store_close(struct store *s)
{
	if (s == NULL)
		return;
	box_lock(&s->box);
	s->closing = true;
	box_unlock(&s->box);
	box_wake(&s->box);
	pthread_join(s->thread, NULL);
	db_checkpoint(s->db, true);
	db_close(s->db);
	orphans_free(s);
	notes_free(s);
	tally_finish(&s->queued);
	tally_finish(&s->own);
	tally_finish(&s->busy);
	box_finish(&s->box);
	free(s->news);
	free(s->path);
	free(s);
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
	return db_read((struct db_reader *)r, id, owner, a, out);
}

unsigned store_position(struct store_reader *r, const struct job *job)
{
	return job->phase == PHASE_QUEUED
		       ? db_position((struct db_reader *)r, job)
		       : 0;
}

size_t store_list(struct store_reader *r, const struct store_query *q,
		  struct arena *a, struct job *jobs)
{
	return db_list((struct db_reader *)r, q, a, jobs);
}
