#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fiber.h"
#include "base/log.h"
#include "jobs/store_private.h"

#define RETRY_MS 250
#define TIDY_MAX 500
#define TIDY_MS	 60000
#define TIMED_OUT                                                              \
	"{\"code\":\"timeout\",\"detail\":\"the job waited longer "            \
	"than it may\"}"

static void finish(struct store *s, struct op *op, bool committed)
{
	struct work *w = (struct work *)op;

	(void)s;
	if (committed && w->ours && op->files != NULL)
		files_given_drop(op->files);
	waiter_tell(w->waiter, committed);
}

/* Each op that is queued gets finished, so this ends. */
bool work_carry_out(struct store *s, struct work *w, work_apply *apply)
{
	w->op.apply = apply;
	w->op.finish = finish;
	w->committed = w->ours = false;
	w->waiter = waiter_take(s);
	store_queue(s, &w->op);
	while (!waiter_await(w->waiter, clock_monotonic_ms() + 1000,
			     &w->committed))
		;
	waiter_give(s, w->waiter);
	return w->committed;
}

/* What follows from an end at that time, but for the row itself. */
static bool end_with(struct store *s, const struct db_row *row, enum phase to,
		     bool cancel_asked, const char *outputs,
		     const char *problem, int64_t now)
{
	struct job ended = row->job;

	ended.phase = to;
	ended.outputs = outputs;
	ended.problem = problem;
	ended.ended_at = now;
	limits_count(s, &row->job, -1);
	store_tell_ended(s, &ended, cancel_asked);
	return names_drop(s, row);
}

bool work_end_row(struct store *s, const struct db_row *row, enum phase to,
		  bool cancel_asked, const char *outputs, int64_t bytes,
		  const char *problem)
{
	int64_t now = clock_wall_ms();

	return end_with(s, row, to, cancel_asked, outputs, problem, now) &&
	       db_end(s->db, row->seq, to, outputs, bytes, problem, now);
}

/* An end that has no outputs. */
static bool end_row(struct store *s, const struct db_row *row, enum phase to,
		    const char *problem)
{
	return work_end_row(s, row, to, row->job.cancel_asked, NULL, 0,
			    problem);
}

static bool requeue_row(struct store *s, const struct db_row *row,
			int64_t not_before, bool counted)
{
	limits_move(s, &row->job, row->job.phase, PHASE_QUEUED);
	store_tell(s, row->job.id, PHASE_QUEUED, row->job.cancel_asked);
	s->delayed = s->delayed || not_before > 0;
	return db_requeue(s->db, row->seq, not_before, counted);
}

/* Is it still this attempt's, and may it go there? Canceled while it ran, a
 * job does not return to the queue: it ends. */
static bool apply_move(struct store *s, struct op *op)
{
	struct work *w = (struct work *)op;
	enum phase from;
	struct db_row row;
	bool good = true;

	w->ours = false;
	if (op->files != NULL && op->files->failed)
		return true;
	switch (db_row(s->db, w->id, &s->scratch, &row)) {
	case DB_ERROR:
		good = false;
		break;
	case DB_NONE:
		break;
	case DB_FOUND:
		from = notes_take(s, w->id, w->prompt_id, row.job.phase);
		w->ours = strcmp(row.job.prompt_id, w->prompt_id) == 0 &&
			  phase_may_follow(from, w->to);
		if (!w->ours)
			break;
		if (w->to == PHASE_QUEUED && row.job.cancel_asked)
			good = end_row(s, &row, PHASE_CANCELED, NULL);
		else if (w->to == PHASE_QUEUED)
			good = requeue_row(s, &row, w->not_before, w->counted);
		else
			good = work_end_row(s, &row, w->to,
					    row.job.cancel_asked, w->outputs,
					    w->bytes, w->problem) &&
			       given_add(s, row.seq, op->files);
		break;
	}
	return good;
}

/* Mostly the row is as the claim has it, but for its phase: then it is ended
 * without a look at it. In all other cases it is looked at. */
static bool apply_success(struct store *s, struct op *op)
{
	struct work *w = (struct work *)op;
	struct db_row row = {.seq = w->job->seq,
			     .names_blobs = w->job->files != NULL,
			     .job = job_as_read(w->job)};
	int64_t now = clock_wall_ms();
	enum phase least = PHASE_RAN;

	w->ours = false;
	if (op->files->failed)
		return true;
	/* A note of it need not have been written. */
	if (notes_take(s, w->id, w->prompt_id, PHASE_CLAIMED) == PHASE_RAN)
		least = PHASE_CLAIMED;
	switch (db_succeed(s->db, row.seq, w->prompt_id, least, w->outputs,
			   w->bytes, now)) {
	case DB_ERROR:
		return false;
	case DB_NONE:
		return apply_move(s, op);
	case DB_FOUND:
		break;
	}
	w->ours = true;
	return end_with(s, &row, w->to, false, w->outputs, NULL, now) &&
	       given_add(s, row.seq, op->files);
}

static bool gives_up(struct store *s)
{
	bool leaving;

	box_lock(&s->box);
	leaving = s->leaving;
	box_unlock(&s->box);
	return leaving;
}

/*
 * What a run came to is not lost to a full disk: it is written when there is
 * room again. Only a stop gives up, and the next start finds the job in its
 * phase.
 */
bool work_insist(struct store *s, struct work *w, work_apply *apply)
{
	bool done;

	while (!(done = work_carry_out(s, w, apply)) && !gives_up(s))
		fiber_pause(clock_monotonic_ms() + RETRY_MS);
	return done && w->ours;
}

bool store_release(struct store *s, const char *id, const char *prompt_id,
		   int64_t not_before, bool counted)
{
	struct work w = {.id = id,
			 .prompt_id = prompt_id,
			 .to = PHASE_QUEUED,
			 .not_before = not_before,
			 .counted = counted};

	return work_insist(s, &w, apply_move);
}

bool store_end(struct store *s, const char *id, const char *prompt_id,
	       enum phase phase, const char *problem)
{
	struct work w = {.id = id,
			 .prompt_id = prompt_id,
			 .to = phase,
			 .problem = problem};

	return work_insist(s, &w, apply_move);
}

bool store_succeed(struct store *s, const struct job *job, const char *outputs,
		   int64_t bytes, struct files_given *files)
{
	struct work w = {.op.files = files,
			 .id = job->id,
			 .prompt_id = job->prompt_id,
			 .job = job,
			 .to = PHASE_SUCCEEDED,
			 .outputs = outputs,
			 .bytes = bytes};

	return work_insist(s, &w, apply_success);
}

/* ---- orphans of backends that are not there any more ---- */

struct adoption {
	struct work work;
	const char *const *backends;
	size_t count;
};

static bool named(const struct adoption *ad, const char *backend)
{
	for (size_t i = 0; i < ad->count; i++)
		if (strcmp(ad->backends[i], backend) == 0)
			return true;
	return false;
}

static bool adopt_one(struct store *s, const char *id)
{
	struct db_row row;
	enum db_found found = db_row(s->db, id, &s->scratch, &row);
	bool good = found != DB_ERROR;

	if (found == DB_FOUND && row.job.cancel_asked)
		good = end_row(s, &row, PHASE_CANCELED, NULL);
	else if (found == DB_FOUND)
		good = requeue_row(s, &row, 0, false);
	return good;
}

static bool apply_adopt(struct store *s, struct op *op)
{
	struct adoption *ad = (struct adoption *)op;

	for (struct orphan *o = s->orphans; o != NULL; o = o->next) {
		if (o->taken || named(ad, o->backend))
			continue;
		o->taken = true;
		if (!adopt_one(s, o->id))
			return false;
	}
	return true;
}

void store_adopt(struct store *s, const char *const *backends, size_t count)
{
	struct adoption ad = {.backends = backends, .count = count};

	if (!work_carry_out(s, &ad.work, apply_adopt))
		log_event(LOG_ERROR, "store.not_adopted", NULL);
}

/* ---- the janitor ---- */

struct tidying {
	struct work work;
	int64_t now, forget_before, next;
	char (*files)[ID_SIZE]; /* whose files go after the commit */
	size_t file_count;
};

static bool end_one(struct store *s, const char *id)
{
	struct arena a = {0};
	struct db_row row;
	bool good = db_row(s->db, id, &a, &row) == DB_FOUND &&
		    end_row(s, &row, PHASE_FAILED, TIMED_OUT);

	arena_finish(&a);
	return good;
}

static bool end_overdue(struct store *s, int64_t now, char (*ids)[ID_SIZE])
{
	size_t n = db_overdue(s->db, now, ids, TIDY_MAX);

	for (size_t i = 0; i < n; i++)
		if (!end_one(s, ids[i]))
			return false;
	return true;
}

static bool apply_tidy(struct store *s, struct op *op)
{
	struct tidying *t = (struct tidying *)op;
	char(*ids)[ID_SIZE] = mem_array(TIDY_MAX, ID_SIZE);
	bool good = end_overdue(s, t->now, ids);
	size_t n;

	good = good &&
	       db_expire_uploads(s->db, t->now, TIDY_MAX, names_dropped, s);
	t->file_count = db_files_due(s->db, t->now, t->files, TIDY_MAX);
	good = good && db_within(s->db);
	for (size_t i = 0; good && i < t->file_count; i++)
		good = db_set_files_gone(s->db, t->files[i]);
	n = good ? db_forgettable(s->db, t->forget_before, ids, TIDY_MAX) : 0;
	good = good && db_within(s->db);
	for (size_t i = 0; good && i < n; i++)
		good = db_delete(s->db, ids[i]);
	t->next = n == TIDY_MAX ? t->now : db_next_due(s->db);
	free(ids);
	return good;
}

int64_t store_tidy(struct store *s, int64_t now, int64_t forget_before)
{
	struct tidying t = {.now = now, .forget_before = forget_before};
	struct problem why = {0};

	t.files = mem_array(TIDY_MAX, ID_SIZE);
	if (!work_carry_out(s, &t.work, apply_tidy))
		t.file_count = 0;
	for (size_t i = 0; i < t.file_count; i++)
		if (!files_remove_job(s->o.files, t.files[i], &why))
			log_event(LOG_WARN, "store.files_left", "job",
				  t.files[i], "why", why.detail, NULL);
	free(t.files);
	if (!t.work.committed || t.next == 0 || t.next > now + TIDY_MS)
		return now + TIDY_MS;
	return t.next > now ? t.next : now;
}
