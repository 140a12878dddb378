#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "jobs/store_private.h"

/* What a caller asks of a job: to be canceled, to be forgotten. */
struct ask {
	struct op op;
	char id[ID_SIZE];
	char *owner;
	enum store_outcome outcome;
	store_done *done;
	void *ctx;
};

/* NONE also where it is somebody else's. */
static enum db_found row_of(struct store *s, const struct ask *a,
			    struct arena *arena, struct db_row *row)
{
	enum db_found found = db_row(s->db, a->id, arena, row);

	if (found == DB_FOUND && strcmp(row->job.owner, a->owner) != 0)
		return DB_NONE;
	return found;
}

static bool cancel_found(struct store *s, struct ask *a,
			 const struct db_row *row)
{
	if (phase_final(row->job.phase)) {
		a->outcome = STORE_ENDED;
		return true;
	}
	if (!phase_waits(row->job.phase)) {
		a->outcome = STORE_CANCELING;
		store_tell(s, a->id, row->job.phase, true);
		return db_set_cancel(s->db, row->seq);
	}
	a->outcome = STORE_DONE;
	return work_end_row(s, row, PHASE_CANCELED, true, NULL, 0, NULL);
}

static bool delete_found(struct store *s, struct ask *a,
			 const struct db_row *row)
{
	a->outcome = phase_final(row->job.phase) ? STORE_ENDED : STORE_RUNNING;
	return a->outcome == STORE_RUNNING ||
	       (db_hand_on_files(s->db, a->id) && db_delete(s->db, a->id));
}

/* Rows are as large as callers made them, and thousands may ask at once: each
 * is kept no longer than it is looked at. */
static bool apply_with(struct store *s, struct ask *a,
		       bool (*act)(struct store *, struct ask *,
				   const struct db_row *))
{
	struct arena arena = {0};
	struct db_row row;
	bool good = true;

	switch (row_of(s, a, &arena, &row)) {
	case DB_FOUND:
		good = act(s, a, &row);
		break;
	case DB_NONE:
		a->outcome = STORE_UNKNOWN;
		break;
	case DB_ERROR:
		good = false;
		break;
	}
	arena_finish(&arena);
	return good;
}

static bool apply_cancel(struct store *s, struct op *op)
{
	return apply_with(s, (struct ask *)op, cancel_found);
}

static bool apply_delete(struct store *s, struct op *op)
{
	return apply_with(s, (struct ask *)op, delete_found);
}

static void answer(struct ask *a, bool committed)
{
	a->done(a->ctx, committed ? a->outcome : STORE_FAILED, a->id);
	free(a->owner);
	free(a);
}

static void finish_cancel(struct store *s, struct op *op, bool committed)
{
	(void)s;
	answer((struct ask *)op, committed);
}

/* The row is gone for good: what a crash leaves behind here is a stray. */
static void finish_delete(struct store *s, struct op *op, bool committed)
{
	struct ask *a = (struct ask *)op;
	struct problem why = {0};

	if (committed && a->outcome == STORE_ENDED &&
	    !files_remove_job(s->o.files, a->id, &why))
		log_event(LOG_WARN, "store.files_left", "job", a->id, "why",
			  why.detail, NULL);
	answer(a, committed);
}

static struct ask *ask(const char *id, const char *owner, store_done *done,
		       void *ctx)
{
	struct ask *a = mem_alloc(sizeof(*a));

	memcpy(a->id, id, sizeof(a->id));
	a->owner = mem_strdup(owner);
	a->done = done;
	a->ctx = ctx;
	return a;
}

void store_cancel(struct store *s, const char *id, const char *owner,
		  store_done *done, void *ctx)
{
	struct ask *a = ask(id, owner, done, ctx);

	a->op = (struct op){.apply = apply_cancel, .finish = finish_cancel};
	store_queue(s, &a->op);
}

void store_delete(struct store *s, const char *id, const char *owner,
		  store_done *done, void *ctx)
{
	struct ask *a = ask(id, owner, done, ctx);

	a->op = (struct op){.apply = apply_delete, .finish = finish_delete};
	store_queue(s, &a->op);
}
