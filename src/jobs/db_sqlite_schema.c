#include <stdio.h>

#include "jobs/db_sqlite_schema.h"

/*
 * One text a version, never changed once released: a change is a new step.
 * The prompt stands apart so that rows stay small to read, and goes when its
 * job ends.
 */
static const char *const steps[] = {
	/* 1 */
	"CREATE TABLE jobs ("
	" seq INTEGER PRIMARY KEY,"
	" id TEXT NOT NULL UNIQUE,"
	" owner TEXT NOT NULL,"
	" endpoint TEXT NOT NULL,"
	" version INTEGER NOT NULL,"
	" phase INTEGER NOT NULL,"
	" cancel_asked INTEGER NOT NULL DEFAULT 0,"
	" pool TEXT NOT NULL,"
	" priority INTEGER NOT NULL,"
	" attempts INTEGER NOT NULL DEFAULT 0,"
	" max_attempts INTEGER NOT NULL,"
	" prompt_id TEXT,"
	" backend TEXT,"
	" avoid TEXT,"
	" not_before INTEGER NOT NULL DEFAULT 0,"
	" created_at INTEGER NOT NULL,"
	" started_at INTEGER,"
	" ended_at INTEGER,"
	" deadline_at INTEGER,"
	" keep_ms INTEGER NOT NULL,"
	" files_until INTEGER,"
	" files_gone INTEGER NOT NULL DEFAULT 0,"
	" reused INTEGER NOT NULL DEFAULT 0,"
	" idempotency_key TEXT,"
	" request_hash TEXT,"
	" reuse_key TEXT,"
	/* What may be long stands last: it is not read to get at the rest. */
	" problem TEXT,"
	" outputs TEXT,"
	" inputs TEXT NOT NULL"
	") STRICT;"
	"CREATE TABLE work ("
	" seq INTEGER PRIMARY KEY,"
	" prompt TEXT NOT NULL,"
	" recipe TEXT NOT NULL"
	") STRICT;"
	"CREATE INDEX jobs_queue ON jobs (pool, priority DESC, seq)"
	" WHERE phase = 0;"
	"CREATE INDEX jobs_deadline ON jobs (deadline_at) WHERE phase = 0;"
	"CREATE INDEX jobs_later ON jobs (not_before)"
	" WHERE phase = 0 AND not_before > 0;"
	"CREATE INDEX jobs_owner ON jobs (owner, seq);"
	"CREATE INDEX jobs_ended ON jobs (ended_at)"
	" WHERE ended_at IS NOT NULL AND files_until IS NULL;"
	"CREATE INDEX jobs_files ON jobs (files_until)"
	" WHERE files_until IS NOT NULL;"
	"CREATE UNIQUE INDEX jobs_key"
	" ON jobs (owner, endpoint, version, idempotency_key)"
	" WHERE idempotency_key IS NOT NULL;"
	"CREATE INDEX jobs_reuse ON jobs (reuse_key, seq)"
	" WHERE reuse_key IS NOT NULL AND phase = 4;",
	/* 2: files that come in. What they name is counted by two tables: a
	 * blob goes with the last row about it. */
	"ALTER TABLE work ADD COLUMN files TEXT;"
	"CREATE TABLE job_files ("
	" seq INTEGER NOT NULL," /* of a job that has not ended */
	" sha256 TEXT NOT NULL,"
	" PRIMARY KEY (seq, sha256)"
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX job_files_sha256 ON job_files (sha256);"
	"CREATE TABLE uploads ("
	" id TEXT NOT NULL PRIMARY KEY,"
	" owner TEXT NOT NULL,"
	" sha256 TEXT NOT NULL,"
	" content_type TEXT NOT NULL,"
	" extension TEXT NOT NULL,"
	" size_bytes INTEGER NOT NULL,"
	" width INTEGER NOT NULL,"
	" height INTEGER NOT NULL,"
	" duration_ms INTEGER NOT NULL,"
	" frames INTEGER NOT NULL,"
	" alpha INTEGER NOT NULL,"
	" created_at INTEGER NOT NULL,"
	" expires_at INTEGER NOT NULL"
	") STRICT;"
	"CREATE INDEX uploads_sha256 ON uploads (sha256);"
	"CREATE INDEX uploads_owner ON uploads (owner, size_bytes);"
	"CREATE INDEX uploads_expires ON uploads (expires_at);"
	/* Phase 7 is FETCHING: not claimed, but in line and overdue as one that
	 * is queued. */
	"CREATE INDEX jobs_fetching ON jobs (seq) WHERE phase = 7;"
	"CREATE INDEX jobs_fetching_queue ON jobs (pool, priority DESC, seq)"
	" WHERE phase = 7;"
	"DROP INDEX jobs_deadline;"
	"CREATE INDEX jobs_deadline ON jobs (deadline_at)"
	" WHERE phase IN (0, 7);",
	/* 3: what output files take, counted once where jobs share them. */
	"ALTER TABLE jobs ADD COLUMN files_bytes INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE jobs ADD COLUMN shared_from TEXT;" /* the id of a job */
	"UPDATE jobs SET files_bytes = (SELECT"
	" coalesce(sum(json_extract(file.value, '$.size_bytes')), 0)"
	" FROM json_each(outputs) AS output,"
	" json_each(output.value, '$.files') AS file)"
	" WHERE files_until IS NOT NULL AND reused = 0;"
	"CREATE INDEX jobs_kept ON jobs (ended_at, files_bytes)"
	" WHERE files_until IS NOT NULL;"
	"CREATE INDEX jobs_shared ON jobs (shared_from)"
	" WHERE shared_from IS NOT NULL;",
	/* 4: fewer indexes that a change of phase has to do with. */
	"DROP INDEX jobs_queue;"
	"DROP INDEX jobs_fetching;"
	"DROP INDEX jobs_fetching_queue;"
	"CREATE INDEX jobs_line ON jobs (phase, pool, priority DESC, seq)"
	" WHERE phase = 0 OR phase = 7;"
	"DROP INDEX jobs_later;" /* what has run, too, by now */
	"CREATE INDEX jobs_later ON jobs (not_before) WHERE not_before > 0;"
	"DROP INDEX jobs_files;"
	"DROP INDEX jobs_kept;"
	"CREATE INDEX jobs_files ON jobs (files_until, ended_at, files_bytes)"
	" WHERE files_until IS NOT NULL;"
	"DROP INDEX jobs_reuse;"
	"CREATE INDEX jobs_reuse ON jobs (reuse_key, seq)"
	" WHERE reuse_key IS NOT NULL AND files_until IS NOT NULL;",
	/* 5: bytes of small output files that the disk may not have yet. The
	 * numbers only grow while there are rows. */
	"CREATE TABLE copies ("
	" n INTEGER PRIMARY KEY,"
	" seq INTEGER NOT NULL," /* of the job */
	" name TEXT NOT NULL,"
	" bytes BLOB NOT NULL"
	") STRICT;",
	/* 6: small output files, which are there alone. The copies go: the
	 * files themselves are on disk, and where a job was deleted, the next
	 * one may have got its number, and with it copies that are not its. */
	"DROP TABLE copies;"
	"CREATE TABLE small_files ("
	" n INTEGER PRIMARY KEY," /* see db_sqlite_small.h */
	" name TEXT NOT NULL,"
	" bytes BLOB NOT NULL"
	") STRICT;",
};

static int version_of(sqlite3 *db)
{
	sqlite3_stmt *s;
	int version = -1;

	if (sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &s, NULL) ==
		    SQLITE_OK &&
	    sqlite3_step(s) == SQLITE_ROW)
		version = sqlite3_column_int(s, 0);
	sqlite3_finalize(s);
	return version;
}

static bool apply(sqlite3 *db, int step)
{
	char number[64];

	snprintf(number, sizeof(number), "PRAGMA user_version = %d", step + 1);
	if (sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == 0 &&
	    sqlite3_exec(db, steps[step], NULL, NULL, NULL) == 0 &&
	    sqlite3_exec(db, number, NULL, NULL, NULL) == 0 &&
	    sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == 0)
		return true;
	return false;
}

bool db_schema(sqlite3 *db, struct problem *why)
{
	int version = version_of(db);

	if (version > (int)COUNT(steps))
		return problem_set(why, PROBLEM_INTERNAL, "database",
				   "a newer version of comfygate wrote it "
				   "(schema %d; this one knows %d)",
				   version, (int)COUNT(steps));
	for (; version >= 0 && version < (int)COUNT(steps); version++)
		if (!apply(db, version))
			break;
	if (version == (int)COUNT(steps))
		return true;
	problem_set(why, PROBLEM_INTERNAL, "database", "%s",
		    sqlite3_errmsg(db));
	sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return false;
}
