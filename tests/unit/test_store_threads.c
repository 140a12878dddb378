#include "unit/store_rig.h"

/* Eight threads do everything at once. Each job is in one hand at a time and
 * ends once; ThreadSanitizer looks at the rest. */
enum { THREADS = 8, JOBS = 480, EACH = JOBS / THREADS };

static struct rig r;
static char ids[JOBS][ID_SIZE];
static atomic_int held[JOBS], ends[JOBS], heard[JOBS];
static atomic_int ended, twice_held, twice_ended, wrong_order, bad_answer;

/* Its number stands at the end of its id. */
static int number_of(const char *id)
{
	return (int)strtol(id + 24, NULL, 16);
}

static void count_end(const char *id)
{
	if (atomic_fetch_add(&ends[number_of(id)], 1) != 0)
		atomic_fetch_add(&twice_ended, 1);
}

/* The store's own word: one final phase a job, on one thread. */
static void listen_to(void *ctx, const char *id, enum phase phase, bool asked,
		      struct store_ended *told)
{
	store_ended_free(told);
	(void)ctx;
	(void)asked;
	if (!phase_final(phase))
		return;
	if (atomic_fetch_add(&heard[number_of(id)], 1) != 0)
		atomic_fetch_add(&twice_ended, 1);
	if (atomic_fetch_add(&ended, 1) + 1 == JOBS)
		store_wake_claims(r.store);
}

struct worker {
	int first;
	unsigned seed;
	struct store_reader *reader;
};

static unsigned chance(struct worker *w, unsigned of)
{
	w->seed = w->seed * 1103515245u + 12345u;
	return (w->seed >> 16) % of;
}

static void put_in(int n)
{
	struct job j = rig_job();

	memcpy(j.id, ids[n], ID_SIZE);
	j.priority = n % 3;
	if (rig_insert(&r, &j) != STORE_DONE)
		atomic_fetch_add(&bad_answer, 1);
}

static void cancel_some(struct worker *w, int so_far)
{
	const char *id = ids[w->first + (int)chance(w, (unsigned)so_far + 1)];

	switch (rig_cancel(&r, id, "me")) {
	case STORE_DONE:
		count_end(id);
		break;
	case STORE_CANCELING:
	case STORE_ENDED:
		break;
	default:
		atomic_fetch_add(&bad_answer, 1);
	}
}

static void work_on(struct worker *w, const struct job *j)
{
	int n = number_of(j->id);
	bool back = chance(w, 4) == 0;

	if (atomic_exchange(&held[n], 1) != 0)
		atomic_fetch_add(&twice_held, 1);
	store_note(r.store, j->id, j->prompt_id, PHASE_SUBMITTED);
	if (back) {
		/* Another may have it before this returns. */
		atomic_store(&held[n], 0);
		if (!store_release(r.store, j->id, j->prompt_id, 0, false))
			atomic_fetch_add(&bad_answer, 1);
		return;
	}
	store_note(r.store, j->id, j->prompt_id, PHASE_RAN);
	if (rig_succeed(&r, j, "{}", 0))
		count_end(j->id);
	else
		atomic_fetch_add(&bad_answer, 1);
	if (store_end(r.store, j->id, j->prompt_id, PHASE_FAILED, "{}"))
		count_end(j->id);
	atomic_store(&held[n], 0);
}

/* What a reader sees only moves on: a final phase stays. */
static void look_around(struct worker *w)
{
	int n = (int)chance(w, JOBS);
	struct arena a = {0};
	struct job jobs[5], one, later;
	struct store_query q = {.owner = "me", .limit = 5};
	size_t count = store_list(w->reader, &q, &a, jobs);

	if (count > 0)
		(void)store_position(w->reader, &jobs[count - 1]);
	if (store_read(w->reader, ids[n], "me", &a, &one) &&
	    phase_final(one.phase) &&
	    (!store_read(w->reader, ids[n], "me", &a, &later) ||
	     later.phase != one.phase))
		atomic_fetch_add(&wrong_order, 1);
	arena_finish(&a);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	int so_far = 0;

	while (atomic_load(&ended) < JOBS) {
		struct store_claim c = rig_want(w->seed % 2 ? "a" : "b");
		struct arena a = {0};
		struct job j;

		c.alone = true;
		if (so_far < EACH)
			put_in(w->first + so_far++);
		if (chance(w, 8) == 0)
			cancel_some(w, so_far - 1);
		if (store_claimed(r.store, store_claim(r.store, &c, &a, &j),
				  clock_monotonic_ms() + 5))
			work_on(w, &j);
		arena_finish(&a);
		look_around(w);
	}
	return NULL;
}

int main(void)
{
	struct worker w[THREADS];
	pthread_t t[THREADS];
	int once = 0, final = 0;
	struct problem why = {0};

	rig_folder(&r);
	r.listen = listen_to;
	rig_open(&r);
	for (int i = 0; i < JOBS; i++)
		snprintf(ids[i], ID_SIZE, "0190b3a2-0000-7000-8000-%012x", i);
	for (int i = 0; i < THREADS; i++) {
		w[i] = (struct worker){.first = i * EACH,
				       .seed = (unsigned)i + 1};
		w[i].reader = store_reader_open(r.store, &why);
		rig_must(w[i].reader != NULL);
		t[i] = box_thread("worker", work, &w[i]);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(t[i], NULL);
		store_reader_close(w[i].reader);
	}
	for (int i = 0; i < JOBS; i++) {
		once += atomic_load(&heard[i]) == 1;
		final += phase_final(rig_phase(&r, ids[i]));
	}
	ok(once == JOBS && atomic_load(&twice_ended) == 0,
	   "each job ended exactly once");
	ok(final == JOBS, "and is ended in the store");
	ok(atomic_load(&twice_held) == 0, "each was in one hand at a time");
	ok(atomic_load(&wrong_order) == 0, "no reader saw one come back");
	ok(atomic_load(&bad_answer) == 0, "no answer was out of place");
	ok(rig_number(&r, "SELECT count(*) FROM work") == 0,
	   "no prompt is left");
	rig_finish(&r);
	return tap_done();
}
