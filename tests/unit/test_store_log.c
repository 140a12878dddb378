#include "store_rig.h"

/*
 * What is larger than SQLite's cache (8 MB) is in its log before the commit,
 * and read from there: also by way of jobs/db_sqlite_log.c, which gathers.
 */
#define LARGE (12 << 20)

static struct rig r;

/* Each page of it is another one. */
static char *large_text(void)
{
	char *text = mem_alloc(LARGE + 1);

	for (size_t i = 0; i < LARGE; i += 16)
		(void)snprintf(text + i, 17, "%015zu ", i);
	text[0] = text[LARGE - 1] = '"';
	return text;
}

static bool sound(void)
{
	return rig_number(&r, "SELECT count(*) FROM pragma_integrity_check"
			      " WHERE integrity_check = 'ok'") == 1;
}

static void past_the_cache(const char *large)
{
	struct job j = rig_job(), small = rig_job(), mine;

	rig_init(&r);
	j.prompt = large;
	ok(rig_insert(&r, &j) == STORE_DONE &&
		   rig_insert(&r, &small) == STORE_DONE,
	   "stored");
	ok(rig_phase(&r, j.id) == PHASE_QUEUED &&
		   rig_number(&r, "SELECT max(length(prompt)) FROM work") ==
			   LARGE,
	   "other connections see it");
	rig_reopen(&r);
	ok(rig_claim(&r, "gpu", &mine) && strcmp(mine.id, j.id) == 0 &&
		   strcmp(mine.prompt, large) == 0,
	   "it comes back as it was");
	ok(rig_end(&r, &mine, PHASE_SUCCEEDED) && sound(), "and ends");
	rig_finish(&r);
}

static void undone(const char *large)
{
	struct job before = rig_job(), j = rig_job(), after = rig_job();

	rig_init(&r);
	rig_must(rig_insert(&r, &before) == STORE_DONE);
	rig_must(rig_sql(&r, "CREATE TRIGGER no AFTER INSERT ON work WHEN "
			     "length(new.prompt) > 1000000 BEGIN "
			     "SELECT raise(ABORT, 'no'); END"));
	j.prompt = large;
	ok(rig_insert(&r, &j) == STORE_FAILED &&
		   rig_phase(&r, j.id) == PHASE__COUNT,
	   "what was written ahead is undone");
	ok(rig_insert(&r, &after) == STORE_DONE && sound(),
	   "and what comes then takes its place in the log");
	rig_reopen(&r);
	ok(rig_phase(&r, before.id) == PHASE_QUEUED &&
		   rig_phase(&r, after.id) == PHASE_QUEUED && sound(),
	   "for the next process, too");
	rig_finish(&r);
}

int main(void)
{
	char *large = large_text();

	past_the_cache(large);
	undone(large);
	free(large);
	return tap_done();
}
