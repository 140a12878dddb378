#include "jobs/db_sqlite_retention.h"

#include "jobs/db_sqlite_row.h"

enum statement { HAND_ON, FILES_GONE, LIMIT_KEEP, STATEMENTS };

/*
 * files_bytes of all jobs whose files are there is what they take: what lies on
 * disk and is shared by several jobs counts with one of them, and when that
 * one's files go, another takes the count over. Of small files each job has its
 * own rows, which count with it.
 */
static const char *const texts[] = {
	[HAND_ON] = "UPDATE jobs SET"
		    " files_bytes = max(files_bytes, gone.bytes) FROM"
		    " (SELECT seq AS seq, files_bytes AS bytes,"
		    " coalesce(shared_from, id) AS first FROM jobs"
		    " WHERE id = ? AND files_until IS NOT NULL"
		    " AND files_bytes > 0) AS gone"
		    " WHERE jobs.seq = (SELECT min(other.seq) FROM jobs AS"
		    " other WHERE other.shared_from = gone.first AND"
		    " other.seq <> gone.seq AND"
		    " other.files_until IS NOT NULL)",
	[FILES_GONE] = "UPDATE jobs SET files_gone = 1, files_until = NULL"
		       " WHERE id = ?",
	[LIMIT_KEEP] = "UPDATE jobs SET keep_ms = ?1,"
		       " files_until = min(files_until, ended_at + ?1)"
		       " WHERE keep_ms > ?1",
};
_Static_assert(COUNT(texts) == STATEMENTS, "a statement lacks its text");
_Static_assert((int)STATEMENTS == (int)DB_RETENTION_STATEMENTS,
	       "room for each statement");

bool db_retention_prepare(sqlite3 *sql, struct db_retention *r,
			  struct problem *why)
{
	return db_prepare(sql, texts, STATEMENTS, r->s, why);
}

void db_retention_finalize(struct db_retention *r)
{
	db_finalize(r->s, STATEMENTS);
}

bool db_hand_on_files(struct db *db, const char *id)
{
	sqlite3_stmt *s = db_retention(db)->s[HAND_ON];

	db_bind(s, "s", id);
	return db_run(s);
}

bool db_set_files_gone(struct db *db, const char *id)
{
	sqlite3_stmt *s = db_retention(db)->s[FILES_GONE];

	db_bind(s, "s", id);
	return db_hand_on_files(db, id) && db_drop_small(db, id) && db_run(s);
}

bool db_limit_keep(struct db *db, int64_t keep_ms)
{
	sqlite3_stmt *s = db_retention(db)->s[LIMIT_KEEP];

	db_bind(s, "i", keep_ms);
	return db_run(s);
}
