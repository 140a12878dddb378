#include "base/log.h"
#include "jobs/store_private.h"

/* Jobs whose input files are still to be fetched. */

struct fetched {
	struct work work;
	const char *text; /* job.files */
	struct job_file *files;
	size_t count;
};

static bool requeue(struct store *s, const struct fetched *f,
		    const struct db_row *row)
{
	limits_move(s, &row->job, PHASE_FETCHING, PHASE_QUEUED);
	store_tell(s, f->work.id, PHASE_QUEUED, row->job.cancel_asked);
	return names_drop(s, row) &&
	       names_add(s, row->seq, f->files, f->count) &&
	       db_set_fetched(s->db, row->seq, f->text);
}

static bool apply(struct store *s, struct op *op)
{
	struct fetched *f = (struct fetched *)op;
	struct db_row row;
	enum db_found found = db_row(s->db, f->work.id, &s->scratch, &row);
	bool good = found != DB_ERROR;

	f->work.ours = found == DB_FOUND && row.job.phase == PHASE_FETCHING;
	if (f->work.ours)
		good = requeue(s, f, &row);
	return good;
}

bool store_fetched(struct store *s, const char *id, const char *files)
{
	struct fetched f = {.work = {.id = id}, .text = files};
	struct arena a = {0};
	bool moved = false;

	if (job_files_read(files, &a, &f.files, &f.count))
		moved = work_insist(s, &f.work, apply);
	else
		log_event(LOG_ERROR, "store.files_unread", "job", id, NULL);
	arena_finish(&a);
	return moved;
}

size_t store_fetching(struct store_reader *r, const char *after,
		      struct arena *a, struct job *jobs, size_t max)
{
	return db_fetching((struct db_reader *)r, after, a, jobs, max);
}
