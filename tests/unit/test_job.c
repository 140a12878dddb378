#include "jobs/job.h"

#include "tap.h"

/* The whole table by hand: row from, column to, in the order of the enum. */
static const char *const may[PHASE__COUNT] = {
	/*                  Q C S R + - X F */
	[PHASE_QUEUED] = ".C...FX.",	[PHASE_CLAIMED] = "Q.S..FX.",
	[PHASE_SUBMITTED] = "Q..R.FX.", [PHASE_RAN] = "Q...+FX.",
	[PHASE_SUCCEEDED] = "........", [PHASE_FAILED] = "........",
	[PHASE_CANCELED] = "........",	[PHASE_FETCHING] = "Q....FX.",
};

static const struct {
	const char *name, *status;
	bool final, waits;
} names[PHASE__COUNT] = {
	[PHASE_QUEUED] = {"queued", "queued", false, true},
	[PHASE_CLAIMED] = {"claimed", "running", false, false},
	[PHASE_SUBMITTED] = {"submitted", "running", false, false},
	[PHASE_RAN] = {"ran", "running", false, false},
	[PHASE_SUCCEEDED] = {"succeeded", "succeeded", true, false},
	[PHASE_FAILED] = {"failed", "failed", true, false},
	[PHASE_CANCELED] = {"canceled", "canceled", true, false},
	[PHASE_FETCHING] = {"fetching", "queued", false, true},
};

static const struct {
	const char *status;
	unsigned set;
} sets[] = {
	{"queued", 1u << PHASE_QUEUED | 1u << PHASE_FETCHING},
	{"running",
	 1u << PHASE_CLAIMED | 1u << PHASE_SUBMITTED | 1u << PHASE_RAN},
	{"succeeded", 1u << PHASE_SUCCEEDED},
	{"failed", 1u << PHASE_FAILED},
	{"canceled", 1u << PHASE_CANCELED},
	{"claimed", 0},
	{"fetching", 0},
	{"Queued", 0},
	{"queue", 0},
	{"", 0},
};

int main(void)
{
	for (unsigned from = 0; from < PHASE__COUNT; from++) {
		for (unsigned to = 0; to < PHASE__COUNT; to++)
			ok(phase_may_follow((enum phase)from, (enum phase)to) ==
				   (may[from][to] != '.'),
			   "%s -> %s: %s", names[from].name, names[to].name,
			   may[from][to] != '.' ? "yes" : "no");
		is_str(phase_name((enum phase)from), names[from].name, "name");
		is_str(phase_status((enum phase)from), names[from].status,
		       "status");
		ok(phase_final((enum phase)from) == names[from].final,
		   "%s: final or not", names[from].name);
		ok(phase_waits((enum phase)from) == names[from].waits,
		   "%s: waits or not", names[from].name);
	}
	for (size_t i = 0; i < COUNT(sets); i++)
		ok(phase_set_of_status(sets[i].status) == sets[i].set,
		   "set of \"%s\"", sets[i].status);
	return tap_done();
}
