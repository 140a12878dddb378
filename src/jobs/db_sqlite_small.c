#include "jobs/db_sqlite_small.h"

#include "jobs/db_sqlite_row.h"

enum statement { ADD, HAS, SHARE, COUNT_BYTES, DROP, STATEMENTS };

static const char *const texts[] = {
	[ADD] = "INSERT INTO small_files (n, name, bytes)"
		" VALUES (?1 * 8 + ?2, ?3, ?4)",
	[HAS] = "SELECT 1 FROM " JOB_AND_SMALL " WHERE id = ? AND name = ?",
	[SHARE] = "INSERT INTO small_files (n, name, bytes)"
		  " SELECT n + (?2 - seq) * 8, name, bytes"
		  " FROM " JOB_AND_SMALL " WHERE id = ?1",
	[COUNT_BYTES] = "UPDATE jobs SET files_bytes ="
			" (SELECT coalesce(sum(length(bytes)), 0)"
			" FROM small_files WHERE " SMALL_OF_JOB ")"
			" WHERE seq = ?",
	[DROP] = "DELETE FROM small_files WHERE n IN"
		 " (SELECT n FROM " JOB_AND_SMALL " WHERE id = ?)",
};
_Static_assert(COUNT(texts) == STATEMENTS, "a statement lacks its text");
_Static_assert((int)STATEMENTS == (int)DB_SMALL_STATEMENTS,
	       "room for each statement");
_Static_assert(DB_SMALL_MAX == 8, "it is written as a number in SQL");

bool db_small_prepare(sqlite3 *sql, struct db_small *m, struct problem *why)
{
	return db_prepare(sql, texts, STATEMENTS, m->s, why);
}

void db_small_finalize(struct db_small *m)
{
	db_finalize(m->s, STATEMENTS);
}

bool db_add_small(struct db *db, int64_t seq, unsigned which, const char *name,
		  const void *bytes, size_t size)
{
	sqlite3_stmt *s = db_small(db)->s[ADD];

	db_bind(s, "iis", seq, (int64_t)which, name);
	sqlite3_bind_blob64(s, 4, bytes, size, SQLITE_STATIC);
	return db_run(s);
}

enum db_found db_has_small(struct db *db, const char *id, const char *name)
{
	sqlite3_stmt *s = db_small(db)->s[HAS];
	int rc;

	db_bind(s, "ss", id, name);
	rc = db_step(s);
	sqlite3_reset(s);
	return db_found_of(rc);
}

bool db_share_small(struct db *db, const char *from, int64_t seq)
{
	struct db_small *m = db_small(db);

	db_bind(m->s[SHARE], "si", from, seq);
	db_bind(m->s[COUNT_BYTES], "i", seq);
	return db_run(m->s[SHARE]) && db_run(m->s[COUNT_BYTES]);
}

bool db_drop_small(struct db *db, const char *id)
{
	sqlite3_stmt *s = db_small(db)->s[DROP];

	db_bind(s, "s", id);
	return db_run(s);
}
