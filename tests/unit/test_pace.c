#include "jobs/pace.h"
#include "unit/store_rig.h"

static const struct {
	const char *name;
	int64_t begun;
	size_t ops;
	int64_t want;
} cases[] = {
	{"none: at once", 1000, 0, 1000},
	{"one: at once", 1000, 1, 1000},
	{"few: at once", 1000, 7, 1000},
	{"many: in 4 ms", 1000, 8, 1004},
	{"very many: no later", 1000, 100000, 1004},
	{"at the beginning of time", 0, 8, 4},
};

/* The store's thread, held in the listener until all ops have queued up. */
struct held {
	struct box box;
	bool there, go;
};

static void hold(void *ctx, const char *id, enum phase phase, bool asked,
		 struct store_ended *told)
{
	struct held *h = ctx;

	(void)id;
	(void)phase;
	(void)asked;
	store_ended_free(told);
	box_lock(&h->box);
	h->there = true;
	box_wake(&h->box);
	while (!h->go)
		(void)box_wait(&h->box, clock_monotonic_ms() + RIG_MS);
	box_unlock(&h->box);
}

static void let_go(struct held *h)
{
	box_lock(&h->box);
	h->go = true;
	box_wake(&h->box);
	box_unlock(&h->box);
}

static void await_held(struct held *h)
{
	box_lock(&h->box);
	while (!h->there)
		(void)box_wait(&h->box, clock_monotonic_ms() + RIG_MS);
	box_unlock(&h->box);
}

/* Eight ops in one transaction, and one after it. */
static void in_the_store(void)
{
	struct rig_answer answers[8] = {0};
	struct job j = rig_job();
	struct held h = {0};
	struct rig r;
	int64_t from;

	box_init(&h.box);
	rig_folder(&r);
	r.listen = hold;
	r.listen_ctx = &h;
	rig_open(&r);
	rig_must(rig_insert(&r, &j) == STORE_DONE);
	await_held(&h);
	for (size_t i = 0; i < COUNT(answers); i++) {
		box_init(&answers[i].box);
		store_cancel(r.store, j.id, "nobody", rig_answered,
			     &answers[i]);
	}
	from = clock_monotonic_ms();
	let_go(&h);
	for (size_t i = 0; i < COUNT(answers); i++)
		rig_must(rig_await(&answers[i]) == STORE_UNKNOWN);
	rig_batch(&r);
	ok(clock_monotonic_ms() - from >= 4,
	   "the transaction after one of eight ops keeps its distance");
	rig_finish(&r);
	box_finish(&h.box);
}

int main(void)
{
	for (size_t i = 0; i < COUNT(cases); i++)
		ok(pace_next(cases[i].begun, cases[i].ops) == cases[i].want,
		   cases[i].name);
	in_the_store();
	return tap_done();
}
