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

/* Eight ops in one transaction, and others after it. */
static void in_the_store(void)
{
	struct rig_answer answers[8] = {0};
	struct rig_gate gate;
	char id[ID_SIZE];
	struct rig r;
	int64_t from;

	rig_init(&r);
	id_v7(id);
	rig_gate_close(&r, &gate);
	for (size_t i = 0; i < COUNT(answers); i++) {
		box_init(&answers[i].box);
		store_cancel(r.store, id, "nobody", rig_answered, &answers[i]);
	}
	from = clock_monotonic_ms();
	rig_gate_open(&r, &gate);
	ok(clock_monotonic_ms() - from >= 4,
	   "the transaction after one of eight ops keeps its distance");
	for (size_t i = 0; i < COUNT(answers); i++)
		rig_must(rig_await(&answers[i]) == STORE_UNKNOWN);
	rig_finish(&r);
}

int main(void)
{
	for (size_t i = 0; i < COUNT(cases); i++)
		ok(pace_next(cases[i].begun, cases[i].ops) == cases[i].want,
		   "%s", cases[i].name);
	in_the_store();
	return tap_done();
}
