#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/log.h"
#include "jobs/db.h"
#include "jobs/db_sqlite_inputs.h"
#include "jobs/db_sqlite_log.h"
#include "jobs/db_sqlite_retention.h"
#include "jobs/db_sqlite_row.h"
#include "jobs/db_sqlite_schema.h"
#include "jobs/db_sqlite_small.h"

/* Pages of 4 KiB in the write-ahead log before it is written back and begun
 * anew: while busy only past a good size, as that costs its transaction some
 * milliseconds. The log keeps its place: a sync of what was written over takes
 * half the time of one that makes the file longer. */
#define CHECKPOINT_BUSY 4096
#define CHECKPOINT_IDLE 64
/* Nobody else writes but a person with a tool: waited for a moment. */
#define BUSY_MS 2000

enum statement {
	BEGIN,
	COMMIT,
	ROW,
	BY_KEY,
	REUSABLE,
	INSERT,
	INSERT_WORK,
	NEXT_QUEUED,
	CLAIM,
	NEXT_NOT_BEFORE,
	SET_PHASE,
	REQUEUE,
	SET_CANCEL,
	END,
	SUCCEED,
	DELETE_WORK,
	DELETE,
	LOAD,
	UNENDED,
	OVERDUE,
	FILES_DUE,
	FORGETTABLE,
	NEXT_DUE,
	STATEMENTS
};

static const char *const texts[] = {
	[BEGIN] = "BEGIN IMMEDIATE",
	[COMMIT] = "COMMIT",
	[ROW] = "SELECT " ROW_COLUMNS ", seq, EXISTS (SELECT 1 FROM job_files"
		" WHERE job_files.seq = jobs.seq) FROM jobs WHERE id = ?",
	[BY_KEY] = "SELECT id, request_hash FROM jobs WHERE owner = ? AND"
		   " endpoint = ? AND version = ? AND idempotency_key = ?",
	[REUSABLE] = "SELECT id, outputs FROM jobs WHERE reuse_key = ? AND"
		     " phase = 4 AND created_at >= ? AND reused = 0"
		     " AND files_until IS NOT NULL"
		     " ORDER BY seq DESC LIMIT 1",
	[INSERT] = "INSERT INTO jobs (id, owner, endpoint, version, phase,"
		   " inputs, pool, priority, max_attempts, created_at,"
		   " started_at, ended_at, deadline_at, keep_ms, files_until,"
		   " outputs, reused, idempotency_key, request_hash, reuse_key,"
		   " shared_from, attempts, prompt_id, backend)"
		   " VALUES (?,?,?,?,?,?,?,?,?,?,nullif(?,0),nullif(?,0),"
		   "nullif(?,0),?,nullif(?,0),?,?,?,?,?,?,?,nullif(?,''),?)",
	[INSERT_WORK] = "INSERT INTO work (seq, prompt, recipe, files)"
			" VALUES (?,?,?,?)",
	[NEXT_QUEUED] = "SELECT " ROW_COLUMNS ", " WORK_COLUMNS ", jobs.seq"
			" FROM jobs LEFT JOIN work USING (seq)"
			" WHERE phase = 0 AND pool = ?1 AND not_before <= ?2"
			" AND (deadline_at IS NULL OR deadline_at > ?2) AND"
			" (?3 OR avoid IS NOT ?4)"
			" ORDER BY priority DESC, jobs.seq LIMIT 1",
	[CLAIM] = "UPDATE jobs SET phase = 1, backend = ?2, prompt_id = ?3,"
		  " attempts = ?4, started_at = ?5 WHERE seq = ?1",
	[NEXT_NOT_BEFORE] = "SELECT min(not_before) FROM jobs"
			    " INDEXED BY jobs_later WHERE phase = 0"
			    " AND not_before > 0 AND not_before > ?",
	[SET_PHASE] = "UPDATE jobs SET phase = ?2 WHERE seq = ?1",
	[REQUEUE] = "UPDATE jobs SET phase = 0, not_before = ?2,"
		    " avoid = iif(?3, backend, avoid), prompt_id = NULL,"
		    " attempts = attempts - iif(?3, 0, 1) WHERE seq = ?1",
	[SET_CANCEL] = "UPDATE jobs SET cancel_asked = 1 WHERE seq = ?",
	[END] = "UPDATE jobs SET phase = ?2, outputs = ?3, problem = ?4,"
		" ended_at = ?5, files_until = iif(?2 = 4, ?5 + keep_ms, NULL),"
		" files_bytes = ?6 WHERE seq = ?1",
	[SUCCEED] = "UPDATE jobs SET phase = 4, outputs = ?2, ended_at = ?3,"
		    " files_until = ?3 + keep_ms, files_bytes = ?4"
		    " WHERE seq = ?1 AND prompt_id = ?5"
		    " AND phase BETWEEN ?6 AND 3 AND cancel_asked = 0",
	[DELETE_WORK] = "DELETE FROM work WHERE seq = ?",
	[DELETE] = "DELETE FROM jobs WHERE id = ?",
	[LOAD] = "SELECT " ROW_COLUMNS ", " WORK_COLUMNS ", jobs.seq"
		 " FROM jobs LEFT JOIN work USING (seq) WHERE id = ?",
	[UNENDED] = "SELECT " ROW_COLUMNS " FROM jobs WHERE phase < 4"
		    " OR phase = 7 ORDER BY seq",
	[OVERDUE] = "SELECT id FROM jobs WHERE phase IN (0, 7) AND"
		    " deadline_at <= ? ORDER BY deadline_at LIMIT ?",
	[FILES_DUE] = "SELECT id FROM jobs WHERE files_until <= ?"
		      " ORDER BY files_until LIMIT ?",
	[FORGETTABLE] = "SELECT id FROM jobs WHERE ended_at <= ? AND"
			" files_until IS NULL ORDER BY ended_at LIMIT ?",
	[NEXT_DUE] = "SELECT min(at) FROM ("
		     "SELECT min(deadline_at) AS at FROM jobs"
		     " WHERE phase IN (0, 7)"
		     " UNION ALL SELECT min(files_until) FROM jobs"
		     " WHERE files_until IS NOT NULL"
		     " UNION ALL SELECT min(expires_at) FROM uploads)",
};
_Static_assert(COUNT(texts) == STATEMENTS, "a statement lacks its text");
_Static_assert(PHASE_QUEUED == 0 && PHASE_CLAIMED == 1 && PHASE_RAN == 3 &&
		       PHASE_SUCCEEDED == 4 && PHASE_FETCHING == 7,
	       "phases are written as numbers in SQL");

struct db {
	sqlite3 *sql;
	sqlite3_stmt *s[STATEMENTS];
	struct db_inputs inputs;
	struct db_retention retention;
	struct db_small small;
	int lock;      /* descriptor of the lock file */
	int log_pages; /* of the write-ahead log, as the last commit said */
	int tried_at;  /* its pages when it was last written back */
};

/* ---- opening ---- */

/* A second daemon on the same file would claim the same jobs. */
static bool take_lock(struct db *db, const char *path, struct problem *why)
{
	char name[4096];

	snprintf(name, sizeof(name), "%s.lock", path);
	db->lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (db->lock < 0)
		return problem_set(why, PROBLEM_INTERNAL, name, "%s",
				   strerror(errno));
	if (flock(db->lock, LOCK_EX | LOCK_NB) != 0)
		return problem_set(why, PROBLEM_INTERNAL, path,
				   "another comfygate has this database open");
	return true;
}

static bool make_private(const char *path, struct problem *why)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return problem_set(why, PROBLEM_INTERNAL, path, "%s",
				   strerror(errno));
	close(fd);
	return true;
}

static int log_grew(void *ctx, sqlite3 *sql, const char *name, int pages)
{
	struct db *db = ctx;

	(void)sql;
	(void)name;
	db->log_pages = pages;
	if (pages < db->tried_at)
		db->tried_at = 0; /* it began anew */
	return SQLITE_OK;
}

/* SQLite does not call it an error when a file system cannot do it. */
static bool use_log(struct db *db, struct problem *why)
{
	sqlite3_stmt *s = NULL;
	bool good = sqlite3_prepare_v2(db->sql, "PRAGMA journal_mode = WAL", -1,
				       &s, NULL) == SQLITE_OK &&
		    sqlite3_step(s) == SQLITE_ROW &&
		    strcmp((const char *)sqlite3_column_text(s, 0), "wal") == 0;

	if (!good)
		problem_set(why, PROBLEM_INTERNAL, "database",
			    "no write-ahead log here: %s",
			    sqlite3_errmsg(db->sql));
	sqlite3_finalize(s);
	return good;
}

static bool setup(struct db *db, struct problem *why)
{
	/* secure_delete: where it is on by default (Debian), each prompt would
	 * be written to the log once more, as zeros, when its job ends. */
	static const char pragmas[] = "PRAGMA synchronous = FULL;"
				      "PRAGMA secure_delete = FAST;"
				      "PRAGMA cache_size = -8000;"
				      "PRAGMA temp_store = MEMORY;"
				      "PRAGMA journal_size_limit = 67108864;";

	sqlite3_busy_timeout(db->sql, BUSY_MS);
	if (!use_log(db, why))
		return false;
	if (sqlite3_exec(db->sql, pragmas, NULL, NULL, NULL) != SQLITE_OK)
		return problem_set(why, PROBLEM_INTERNAL, "database", "%s",
				   sqlite3_errmsg(db->sql));
	if (!db_schema(db->sql, why) ||
	    !db_prepare(db->sql, texts, STATEMENTS, db->s, why) ||
	    !db_inputs_prepare(db->sql, &db->inputs, why) ||
	    !db_retention_prepare(db->sql, &db->retention, why) ||
	    !db_small_prepare(db->sql, &db->small, why))
		return false;
	/* Replaces SQLite's own automatic checkpoints, too: this connection
	 * alone writes the log back, at a time of our choosing. */
	sqlite3_wal_hook(db->sql, log_grew, db);
	return true;
}

/* Its own count of memory costs a lock at every allocation. Refused once
 * SQLite is at work, and then that is that. */
static void no_statistics(void)
{
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

struct db *db_open(const char *path, struct problem *why)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct db *db = mem_alloc(sizeof(*db));

	pthread_once(&once, no_statistics);
	db->lock = -1;
	if (!take_lock(db, path, why) || !make_private(path, why))
		goto fail;
	if (sqlite3_open_v2(path, &db->sql,
			    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
			    db_log_vfs()) != SQLITE_OK) {
		problem_set(why, PROBLEM_INTERNAL, path, "%s",
			    db->sql != NULL ? sqlite3_errmsg(db->sql)
					    : "cannot be opened");
		goto fail;
	}
	if (setup(db, why))
		return db;
fail:
	db_close(db);
	return NULL;
}

void db_close(struct db *db)
{
	if (db == NULL)
		return;
	db_finalize(db->s, STATEMENTS);
	db_inputs_finalize(&db->inputs);
	db_retention_finalize(&db->retention);
	db_small_finalize(&db->small);
	sqlite3_close(db->sql);
	if (db->lock >= 0)
		close(db->lock);
	free(db);
}

struct db_inputs *db_inputs(struct db *db)
{
	return &db->inputs;
}

struct db_retention *db_retention(struct db *db)
{
	return &db->retention;
}

struct db_small *db_small(struct db *db)
{
	return &db->small;
}

/* ---- transactions ---- */

bool db_begin(struct db *db)
{
	return db_run(db->s[BEGIN]);
}

bool db_commit(struct db *db)
{
	return db_run(db->s[COMMIT]);
}

void db_rollback(struct db *db)
{
	/* SQLite may have rolled back by itself, then there is none. */
	if (!sqlite3_get_autocommit(db->sql))
		sqlite3_exec(db->sql, "ROLLBACK", NULL, NULL, NULL);
}

bool db_within(const struct db *db)
{
	return sqlite3_get_autocommit(db->sql) == 0;
}

void db_checkpoint(struct db *db, bool idle)
{
	/* A reader that stays (a backup) makes it partial: not at each commit
	 * again, then. */
	if (db->log_pages - (idle ? 0 : db->tried_at) <
	    (idle ? CHECKPOINT_IDLE : CHECKPOINT_BUSY))
		return;
	sqlite3_busy_timeout(db->sql, 0);
	sqlite3_wal_checkpoint_v2(db->sql, NULL, SQLITE_CHECKPOINT_PASSIVE,
				  NULL, NULL);
	sqlite3_busy_timeout(db->sql, BUSY_MS);
	db->tried_at = db->log_pages;
	if (idle)
		db->log_pages = 0;
}

/* ---- looking ---- */

enum db_found db_row(struct db *db, const char *id, struct arena *a,
		     struct db_row *out)
{
	sqlite3_stmt *s = db->s[ROW];
	int rc;

	db_bind(s, "s", id);
	rc = db_step(s);
	if (rc > 0) {
		db_row_job(s, a, &out->job);
		out->seq = sqlite3_column_int64(s, ROW_COLUMN_COUNT);
		out->names_blobs =
			sqlite3_column_int(s, ROW_COLUMN_COUNT + 1) != 0;
	}
	sqlite3_reset(s);
	return db_found_of(rc);
}

enum db_found db_by_key(struct db *db, const struct job *job, char id[ID_SIZE],
			struct arena *a, const char **hash)
{
	sqlite3_stmt *s = db->s[BY_KEY];
	int rc;

	db_bind(s, "ssis", job->owner, job->endpoint, (int64_t)job->version,
		job->idempotency_key);
	rc = db_step(s);
	if (rc > 0) {
		db_row_id(s, 0, id);
		*hash = db_row_text(s, 1, a);
	}
	sqlite3_reset(s);
	return db_found_of(rc);
}

enum db_found db_reusable(struct db *db, const char *reuse_key, int64_t since,
			  struct arena *a, char id[ID_SIZE],
			  const char **outputs)
{
	sqlite3_stmt *s = db->s[REUSABLE];
	int rc;

	db_bind(s, "si", reuse_key, since);
	rc = db_step(s);
	if (rc > 0) {
		db_row_id(s, 0, id);
		*outputs = db_row_text(s, 1, a);
	}
	sqlite3_reset(s);
	return db_found_of(rc);
}

static int64_t one_number(sqlite3_stmt *s)
{
	int64_t n = db_step(s) > 0 ? sqlite3_column_int64(s, 0) : 0;

	sqlite3_reset(s);
	return n;
}

int64_t db_next_not_before(struct db *db, int64_t now)
{
	db_bind(db->s[NEXT_NOT_BEFORE], "i", now);
	return one_number(db->s[NEXT_NOT_BEFORE]);
}

int64_t db_next_due(struct db *db)
{
	db_bind(db->s[NEXT_DUE], "");
	return one_number(db->s[NEXT_DUE]);
}

/* ROW_COLUMNS, WORK_COLUMNS, seq. */
static void whole_job(sqlite3_stmt *s, struct arena *a, struct job *out)
{
	db_row_job(s, a, out);
	out->prompt = db_row_text(s, ROW_COLUMN_COUNT, a);
	out->recipe = db_row_text(s, ROW_COLUMN_COUNT + 1, a);
	out->files = db_row_text(s, ROW_COLUMN_COUNT + 2, a);
	out->seq =
		sqlite3_column_int64(s, ROW_COLUMN_COUNT + WORK_COLUMN_COUNT);
}

enum db_found db_load(struct db *db, const char *id, struct arena *a,
		      struct job *out)
{
	sqlite3_stmt *s = db->s[LOAD];
	int rc;

	db_bind(s, "s", id);
	rc = db_step(s);
	if (rc > 0)
		whole_job(s, a, out);
	sqlite3_reset(s);
	return db_found_of(rc);
}

bool db_each_unended(struct db *db, db_each_fn *fn, void *ctx)
{
	sqlite3_stmt *s = db->s[UNENDED];
	struct arena a = {0};
	struct job job;
	int rc;

	db_bind(s, "");
	while ((rc = db_step(s)) > 0) {
		db_row_job(s, &a, &job);
		fn(ctx, &job);
		arena_finish(&a);
	}
	sqlite3_reset(s);
	return rc == 0;
}

static size_t list_ids(sqlite3_stmt *s, int64_t at, char (*ids)[ID_SIZE],
		       size_t max)
{
	size_t n = 0;

	db_bind(s, "ii", at, (int64_t)max);
	while (n < max && db_step(s) > 0)
		db_row_id(s, 0, ids[n++]);
	sqlite3_reset(s);
	return n;
}

size_t db_overdue(struct db *db, int64_t now, char (*ids)[ID_SIZE], size_t max)
{
	return list_ids(db->s[OVERDUE], now, ids, max);
}

size_t db_files_due(struct db *db, int64_t now, char (*ids)[ID_SIZE],
		    size_t max)
{
	return list_ids(db->s[FILES_DUE], now, ids, max);
}

size_t db_forgettable(struct db *db, int64_t before, char (*ids)[ID_SIZE],
		      size_t max)
{
	return list_ids(db->s[FORGETTABLE], before, ids, max);
}

/* ---- changing ---- */

bool db_insert(struct db *db, const struct job *job, int64_t *seq)
{
	db_bind(db->s[INSERT], "sssiissiiiiiiiisissssiss", job->id, job->owner,
		job->endpoint, (int64_t)job->version, (int64_t)job->phase,
		job->inputs, job->pool, (int64_t)job->priority,
		(int64_t)job->max_attempts, job->created_at, job->started_at,
		job->ended_at, job->deadline_at, job->keep_ms,
		job->ended_at != 0 ? job->ended_at + job->keep_ms : INT64_C(0),
		job->outputs, (int64_t)job->reused, job->idempotency_key,
		job->request_hash, job->reuse_key, job->shared_from,
		(int64_t)job->attempts, job->prompt_id, job->backend);
	if (!db_run(db->s[INSERT]))
		return false;
	*seq = sqlite3_last_insert_rowid(db->sql);
	if (phase_final(job->phase))
		return true;
	db_bind(db->s[INSERT_WORK], "isss", *seq, job->prompt, job->recipe,
		job->files);
	return db_run(db->s[INSERT_WORK]);
}

static bool set_claimed(struct db *db, const struct store_claim *c, int64_t now,
			struct arena *a, struct job *job)
{
	job->phase = PHASE_CLAIMED;
	job->backend = arena_strdup(a, c->backend);
	memcpy(job->prompt_id, c->prompt_id, sizeof(job->prompt_id));
	job->attempts++;
	if (job->started_at == 0)
		job->started_at = now;
	db_bind(db->s[CLAIM], "issii", job->seq, c->backend, c->prompt_id,
		(int64_t)job->attempts, job->started_at);
	return db_run(db->s[CLAIM]);
}

enum db_found db_claim(struct db *db, const struct store_claim *c, int64_t now,
		       struct arena *a, struct job *out)
{
	sqlite3_stmt *s = db->s[NEXT_QUEUED];
	int rc;

	db_bind(s, "siis", c->pool, now, (int64_t)c->alone, c->backend);
	rc = db_step(s);
	if (rc > 0)
		whole_job(s, a, out);
	sqlite3_reset(s);
	if (rc > 0 && !set_claimed(db, c, now, a, out))
		return DB_ERROR;
	return db_found_of(rc);
}

bool db_set_phase(struct db *db, int64_t seq, enum phase phase)
{
	db_bind(db->s[SET_PHASE], "ii", seq, (int64_t)phase);
	return db_run(db->s[SET_PHASE]);
}

bool db_requeue(struct db *db, int64_t seq, int64_t not_before, bool counted)
{
	db_bind(db->s[REQUEUE], "iii", seq, not_before, (int64_t)counted);
	return db_run(db->s[REQUEUE]);
}

bool db_set_cancel(struct db *db, int64_t seq)
{
	db_bind(db->s[SET_CANCEL], "i", seq);
	return db_run(db->s[SET_CANCEL]);
}

bool db_end(struct db *db, int64_t seq, enum phase phase, const char *outputs,
	    int64_t bytes, const char *problem, int64_t now)
{
	db_bind(db->s[END], "iissii", seq, (int64_t)phase, outputs, problem,
		now, bytes);
	db_bind(db->s[DELETE_WORK], "i", seq);
	return db_run(db->s[END]) && db_run(db->s[DELETE_WORK]);
}

enum db_found db_succeed(struct db *db, int64_t seq, const char *prompt_id,
			 enum phase least, const char *outputs, int64_t bytes,
			 int64_t now)
{
	db_bind(db->s[SUCCEED], "isiisi", seq, outputs, now, bytes, prompt_id,
		(int64_t)least);
	if (!db_run(db->s[SUCCEED]))
		return DB_ERROR;
	if (sqlite3_changes(db->sql) == 0)
		return DB_NONE;
	db_bind(db->s[DELETE_WORK], "i", seq);
	return db_run(db->s[DELETE_WORK]) ? DB_FOUND : DB_ERROR;
}

bool db_delete(struct db *db, const char *id)
{
	db_bind(db->s[DELETE], "s", id);
	return db_drop_small(db, id) && db_run(db->s[DELETE]);
}
