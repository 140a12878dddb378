#include "store_rig.h"

/* What the listener is given when a job ends: the job as it is stored. */

static struct rig r;

static struct {
	struct box box;
	struct store_ended *last;
	unsigned count; /* of ends */
	unsigned whole; /* of those, told with their job */
} heard;

static void listen_to(void *ctx, const char *id, enum phase phase, bool asked,
		      struct store_ended *ended)
{
	(void)ctx;
	(void)id;
	(void)asked;
	box_lock(&heard.box);
	if (phase_final(phase)) {
		heard.count++;
		heard.whole += ended != NULL;
		store_ended_free(heard.last);
		heard.last = ended;
	} else {
		rig_must(ended == NULL);
	}
	box_wake(&heard.box);
	box_unlock(&heard.box);
}

static void begin(void)
{
	rig_folder(&r);
	box_init(&heard.box);
	heard.count = heard.whole = 0;
	r.listen = listen_to;
	rig_open(&r);
}

static void end(void)
{
	rig_finish(&r);
	box_finish(&heard.box);
	store_ended_free(heard.last);
	heard.last = NULL;
}

/* Waits for one more end than `before`. */
static void await_end(unsigned before)
{
	int64_t until = clock_monotonic_ms() + RIG_MS;

	box_lock(&heard.box);
	while (heard.count <= before && clock_monotonic_ms() < until)
		(void)box_wait(&heard.box, until);
	box_unlock(&heard.box);
}

static bool same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool same_job(const struct job *a, const struct job *b)
{
	return same_text(a->id, b->id) && same_text(a->owner, b->owner) &&
	       same_text(a->endpoint, b->endpoint) &&
	       a->version == b->version && a->phase == b->phase &&
	       a->cancel_asked == b->cancel_asked &&
	       same_text(a->inputs, b->inputs) && same_text(a->pool, b->pool) &&
	       a->priority == b->priority && a->attempts == b->attempts &&
	       a->max_attempts == b->max_attempts &&
	       same_text(a->prompt_id, b->prompt_id) &&
	       same_text(a->backend, b->backend) &&
	       a->created_at == b->created_at &&
	       a->started_at == b->started_at && a->ended_at == b->ended_at &&
	       a->deadline_at == b->deadline_at && a->keep_ms == b->keep_ms &&
	       a->files_gone == b->files_gone &&
	       same_text(a->outputs, b->outputs) &&
	       same_text(a->problem, b->problem) && a->reused == b->reused;
}

/* It was told once, and what was told is what a reader finds. */
static bool told(const char *id, enum phase phase)
{
	struct job stored;
	bool good;

	await_end(0);
	rig_must(rig_read(&r, id, &stored));
	box_lock(&heard.box);
	good = heard.count == 1 && heard.last != NULL &&
	       heard.last->job.phase == phase && stored.ended_at != 0 &&
	       same_job(&heard.last->job, &stored) &&
	       heard.last->job.prompt == NULL;
	box_unlock(&heard.box);
	return good;
}

static void claimed(struct job *j, struct job *mine)
{
	*j = rig_job();
	rig_must(rig_insert(&r, j) == STORE_DONE);
	rig_must(rig_claim(&r, "gpu", mine));
}

static void ran_to_its_end(void)
{
	static const enum phase ends[] = {PHASE_SUCCEEDED, PHASE_FAILED,
					  PHASE_CANCELED};
	struct job j, mine;

	for (size_t i = 0; i < COUNT(ends); i++) {
		begin();
		claimed(&j, &mine);
		ok(rig_end(&r, &mine, ends[i]) && told(j.id, ends[i]),
		   "%s: told whole", phase_name(ends[i]));
		end();
	}
}

static void in_other_ways(void)
{
	struct job j, mine;

	begin();
	j = rig_job();
	rig_must(rig_insert(&r, &j) == STORE_DONE);
	rig_must(rig_cancel(&r, j.id, j.owner) == STORE_DONE);
	ok(told(j.id, PHASE_CANCELED), "canceled while it waits");
	end();
	begin();
	claimed(&j, &mine);
	rig_must(rig_cancel(&r, j.id, j.owner) == STORE_CANCELING);
	rig_must(store_release(r.store, mine.id, mine.prompt_id, 0, true));
	ok(told(j.id, PHASE_CANCELED), "canceled where it would return");
	end();
	begin();
	claimed(&j, &mine);
	rig_must(rig_cancel(&r, j.id, j.owner) == STORE_CANCELING);
	ok(rig_end(&r, &mine, PHASE_SUCCEEDED) && told(j.id, PHASE_SUCCEEDED),
	   "the cancel came too late");
	end();
	begin();
	j = rig_job();
	j.deadline_at = j.created_at + 1000;
	rig_must(rig_insert(&r, &j) == STORE_DONE);
	(void)store_tidy(r.store, j.deadline_at, 0);
	ok(told(j.id, PHASE_FAILED), "its time is over");
	end();
}

static void *end_it(void *arg)
{
	rig_must(rig_end(&r, arg, PHASE_SUCCEEDED));
	return NULL;
}

/* Texts that callers chose; nobody may be waiting for any of them. */
static void many_at_once(void)
{
	enum { JOBS = 20, SIZE = 1 << 20 };
	char *inputs = mem_alloc(SIZE + 1);
	struct job j;

	memset(inputs, ' ', SIZE);
	begin();
	for (int i = 0; i < JOBS; i++) {
		j = rig_job();
		j.inputs = inputs;
		j.deadline_at = j.created_at + 1000;
		rig_must(rig_insert(&r, &j) == STORE_DONE);
	}
	(void)store_tidy(r.store, j.deadline_at, 0);
	await_end(JOBS - 1);
	ok(heard.whole > 0 && heard.whole < JOBS / 2,
	   "large jobs that end together: %u of %u are told whole", heard.whole,
	   heard.count);
	end();
	free(inputs);
}

/* Nothing is told of a transaction that was undone. */
static void written_later(void)
{
	struct job j, mine;
	pthread_t thread;

	begin();
	claimed(&j, &mine);
	rig_must(rig_sql(&r, "CREATE TRIGGER no BEFORE UPDATE ON jobs BEGIN "
			     "SELECT raise(ABORT, 'no'); END"));
	thread = box_thread("end", end_it, &mine);
	rig_batch(&r); /* behind the first try */
	box_lock(&heard.box);
	ok(heard.count == 0, "not while it cannot be written");
	box_unlock(&heard.box);
	rig_must(rig_sql(&r, "DROP TRIGGER no"));
	pthread_join(thread, NULL);
	ok(told(j.id, PHASE_SUCCEEDED), "and once when it is");
	end();
}

/* Nobody has to end it: it was stored as ended. The reader knows the rest. */
static void shared(void)
{
	struct job j = rig_job(), mine, second;
	char name[] = "image.png";

	begin();
	j.reuse_key = "k";
	j.keep_ms = 60000;
	rig_must(rig_insert(&r, &j) == STORE_DONE);
	rig_must(rig_claim(&r, "gpu", &mine));
	rig_file(&r, j.id, name);
	rig_must(rig_end(&r, &mine, PHASE_SUCCEEDED));
	await_end(0);
	second = rig_job();
	second.reuse_key = "k";
	second.keep_ms = 60000;
	rig_must(rig_insert(&r, &second) == STORE_DONE);
	await_end(1);
	box_lock(&heard.box);
	ok(heard.count == 2 && heard.last == NULL &&
		   rig_phase(&r, second.id) == PHASE_SUCCEEDED,
	   "a result that was there: its end is told, the job is not");
	box_unlock(&heard.box);
	end();
}

int main(void)
{
	ran_to_its_end();
	in_other_ways();
	many_at_once();
	written_later();
	shared();
	return tap_done();
}
