#include <stdlib.h>

#include "base/log.h"
#include "jobs/store_private.h"

/* A job that has just ended keeps its files so long in any case: its caller is
 * about to fetch them. */
#define YOUNG_MS 60000
#define MOST	 500 /* jobs whose files go in one transaction */

struct retiring {
	struct work work;
	struct db_kept *jobs;
	size_t count;
};

static bool apply_retiring(struct store *s, struct op *op)
{
	struct retiring *r = (struct retiring *)op;

	for (size_t i = 0; i < r->count; i++)
		if (!db_set_files_gone(s->db, r->jobs[i].id))
			return false;
	return true;
}

static void remove_files(struct store *s, const struct retiring *r)
{
	struct problem why = {0};

	for (size_t i = 0; i < r->count; i++)
		if (!files_remove_job(s->o.files, r->jobs[i].id, &why))
			log_event(LOG_WARN, "store.files_left", "job",
				  r->jobs[i].id, "why", why.detail, NULL);
	log_event(LOG_INFO, "store.files_capped", "jobs",
		  log_num((long long)r->count), NULL);
}

/* Takes from the front what is too much. */
static size_t count_until(const struct db_kept *jobs, size_t n,
			  int64_t too_much)
{
	size_t i = 0;

	while (i < n && too_much > 0)
		too_much -= jobs[i++].bytes;
	return i;
}

void store_cap_files(struct store *s, struct store_reader *reader, int64_t now,
		     int64_t max_bytes)
{
	struct db_reader *db = (struct db_reader *)reader;
	int64_t too_much = db_kept_bytes(db) - max_bytes;
	struct retiring r = {.count = 0};
	size_t n;

	if (too_much <= 0)
		return;
	r.jobs = mem_array(MOST, sizeof(*r.jobs));
	n = db_kept_oldest(db, now - YOUNG_MS, r.jobs, MOST);
	r.count = count_until(r.jobs, n, too_much);
	/* The row first: whoever looks then finds files that are gone, and what
	 * a crash leaves behind here is a stray. */
	if (r.count > 0 && work_carry_out(s, &r.work, apply_retiring))
		remove_files(s, &r);
	free(r.jobs);
}

struct keeping {
	struct work work;
	int64_t keep_ms;
};

static bool apply_keeping(struct store *s, struct op *op)
{
	return db_limit_keep(s->db, ((struct keeping *)op)->keep_ms);
}

bool store_limit_keep(struct store *s, int64_t keep_ms)
{
	struct keeping k = {.keep_ms = keep_ms};

	return work_carry_out(s, &k.work, apply_keeping);
}
