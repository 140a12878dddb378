#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "jobs/outputs.h"
#include "jobs/store_private.h"

/* A new job on its way in, with a copy of all its texts. */
struct insert {
	struct op op;
	struct arena arena;
	struct job job;
	enum phase first; /* queued, or fetching before that */
	struct job_file *files;
	size_t file_count;
	bool unreadable; /* job.files is not of our making */
	enum store_outcome outcome;
	char answer[ID_SIZE]; /* the job's id, or the first one's */
	store_done *done;
	void *ctx;
};

/* The key was there before: the same request, or another one. */
static bool seen_before(struct store *s, struct insert *i, bool *seen)
{
	const char *hash = NULL;

	*seen = false;
	if (i->job.idempotency_key == NULL)
		return true;
	switch (db_by_key(s->db, &i->job, i->answer, &i->arena, &hash)) {
	case DB_ERROR:
		return false;
	case DB_NONE:
		return true;
	case DB_FOUND:
		break;
	}
	*seen = true;
	i->outcome = hash != NULL && i->job.request_hash != NULL &&
				     strcmp(hash, i->job.request_hash) == 0
			     ? STORE_REPLAYED
			     : STORE_MISMATCH;
	return true;
}

static bool is_there(struct store *s, const struct insert *i, const char *from,
		     const char *name)
{
	return files_exists(s->o.files, i->job.id, name) ||
	       db_has_small(s->db, from, name) == DB_FOUND;
}

/* Every file that the outputs name has been linked, or is a row. */
static bool all_there(struct store *s, struct insert *i, const char *from,
		      const char *outputs)
{
	struct output_value *values;
	size_t count;

	if (outputs == NULL ||
	    !outputs_read(outputs, &i->arena, &values, &count))
		return false;
	for (size_t v = 0; v < count; v++)
		for (size_t f = 0; f < values[v].file_count; f++)
			if (!is_there(s, i, from, values[v].files[f].name))
				return false;
	return true;
}

/* A good result that can be shared makes the job ended from the start. Where
 * its files cannot be linked, the job runs like any other. */
static bool share(struct store *s, struct insert *i)
{
	struct problem why = {0};
	const char *outputs = NULL;
	char from[ID_SIZE];

	if (i->job.reuse_key == NULL)
		return true;
	switch (db_reusable(s->db, i->job.reuse_key, i->job.reuse_since,
			    &i->arena, from, &outputs)) {
	case DB_ERROR:
		return false;
	case DB_NONE:
		return true;
	case DB_FOUND:
		break;
	}
	if (!files_share_job(s->o.files, from, i->job.id, &why) ||
	    !all_there(s, i, from, outputs)) {
		log_event(LOG_WARN, "store.not_shared", "job", i->job.id, "why",
			  why.detail, NULL);
		return files_remove_job(s->o.files, i->job.id, &why);
	}
	i->job.phase = PHASE_SUCCEEDED;
	i->job.outputs = outputs;
	i->job.shared_from = arena_strdup(&i->arena, from);
	i->job.reused = true;
	i->job.started_at = i->job.ended_at = i->job.created_at;
	return true;
}

static bool within_limits(struct store *s, struct insert *i)
{
	if (i->job.queue_limit != 0 &&
	    limits_queued(s, &i->job) >= i->job.queue_limit)
		i->outcome = STORE_QUEUE_FULL;
	else if (i->job.own_limit != 0 &&
		 limits_own(s, &i->job) >= i->job.own_limit)
		i->outcome = STORE_TOO_MANY;
	else
		return true;
	return false;
}

static bool apply(struct store *s, struct op *op)
{
	struct insert *i = (struct insert *)op;
	struct job *taken = NULL;
	int64_t seq;
	bool seen;

	/* It may have been tried before, in a transaction that failed. */
	memcpy(i->answer, i->job.id, sizeof(i->answer));
	i->job.phase = i->first;
	i->job.outputs = i->job.shared_from = NULL;
	i->job.reused = false;
	i->job.started_at = i->job.ended_at = 0;
	i->job.prompt_id[0] = '\0';
	i->job.backend = NULL;
	i->job.attempts = 0;
	i->outcome = STORE_FAILED;
	if (i->unreadable)
		return true;
	if (!seen_before(s, i, &seen))
		return false;
	if (seen)
		return true;
	if (!share(s, i))
		return false;
	if (!phase_final(i->job.phase) && !within_limits(s, i))
		return true;
	if (i->job.phase == PHASE_QUEUED)
		taken = claims_take(s, &i->job);
	if (!db_insert(s->db, &i->job, &seq) ||
	    (i->job.reused &&
	     !db_share_small(s->db, i->job.shared_from, seq)) ||
	    (!phase_final(i->job.phase) &&
	     !names_add(s, seq, i->files, i->file_count)))
		return false;
	if (taken != NULL)
		taken->seq = seq;
	i->outcome = STORE_DONE;
	limits_count(s, &i->job, 1);
	if (i->job.phase == PHASE_CLAIMED)
		store_tell(s, i->job.id, PHASE_QUEUED, false);
	store_tell(s, i->job.id, i->job.phase, false);
	return true;
}

static void finish(struct store *s, struct op *op, bool committed)
{
	struct insert *i = (struct insert *)op;
	struct problem why = {0};

	if (!committed && i->job.reused &&
	    !files_remove_job(s->o.files, i->job.id, &why))
		log_event(LOG_WARN, "store.files_left", "job", i->job.id, "why",
			  why.detail, NULL);
	i->done(i->ctx, committed ? i->outcome : STORE_FAILED, i->answer);
	arena_finish(&i->arena);
	free(i);
}

void store_insert(struct store *s, const struct job *job, store_done *done,
		  void *ctx)
{
	struct insert *i = mem_alloc(sizeof(*i));

	i->op = (struct op){.apply = apply, .finish = finish};
	job_copy(&i->arena, job, &i->job);
	i->unreadable = !job_files_read(i->job.files, &i->arena, &i->files,
					&i->file_count);
	if (i->unreadable)
		log_event(LOG_ERROR, "store.files_unread", "job", job->id,
			  NULL);
	i->first = job->phase == PHASE_FETCHING ? PHASE_FETCHING : PHASE_QUEUED;
	memcpy(i->answer, job->id, sizeof(i->answer));
	i->done = done;
	i->ctx = ctx;
	store_queue(s, &i->op);
}
