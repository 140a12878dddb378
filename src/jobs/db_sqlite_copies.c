#include "jobs/db_sqlite_copies.h"

#include "jobs/db_sqlite_row.h"

enum statement { ADD, EACH, DROP, STATEMENTS };

static const char *const texts[] = {
	[ADD] = "INSERT INTO copies (n, seq, name, bytes) VALUES (?,?,?,?)",
	/* With the files of a job that are to be there. */
	[EACH] = "SELECT jobs.id, outputs, name, bytes FROM copies"
		 " LEFT JOIN jobs ON jobs.seq = copies.seq AND phase = 4"
		 " AND files_gone = 0 ORDER BY n",
	[DROP] = "DELETE FROM copies WHERE n <= ?",
};
_Static_assert(COUNT(texts) == STATEMENTS, "a statement lacks its text");
_Static_assert((int)STATEMENTS == (int)DB_COPY_STATEMENTS,
	       "room for each statement");
_Static_assert(PHASE_SUCCEEDED == 4, "phases are written as numbers in SQL");

bool db_copies_prepare(sqlite3 *sql, struct db_copies *c, struct problem *why)
{
	return db_prepare(sql, texts, STATEMENTS, c->s, why);
}

void db_copies_finalize(struct db_copies *c)
{
	db_finalize(c->s, STATEMENTS);
}

bool db_add_copy(struct db *db, int64_t n, int64_t seq, const char *name,
		 const void *bytes, size_t size)
{
	sqlite3_stmt *s = db_copies(db)->s[ADD];

	db_bind(s, "iis", n, seq, name);
	sqlite3_bind_blob64(s, 4, bytes, size, SQLITE_STATIC);
	return db_run(s);
}

static void read_one(sqlite3_stmt *s, struct arena *a, struct db_copy *out)
{
	db_row_id(s, 0, out->job);
	out->outputs = db_row_text(s, 1, a);
	out->name = db_row_text(s, 2, a);
	out->bytes = sqlite3_column_blob(s, 3);
	out->size = (size_t)sqlite3_column_bytes(s, 3);
}

bool db_each_copy(struct db *db, db_copy_fn *fn, void *ctx)
{
	sqlite3_stmt *s = db_copies(db)->s[EACH];
	struct arena a = {0};
	struct db_copy copy;
	bool good = true;
	int rc = 0;

	db_bind(s, "");
	while (good && (rc = db_step(s)) > 0) {
		read_one(s, &a, &copy);
		good = fn(ctx, &copy);
		arena_finish(&a);
	}
	sqlite3_reset(s);
	return good && rc == 0;
}

bool db_drop_copies(struct db *db, int64_t until)
{
	sqlite3_stmt *s = db_copies(db)->s[DROP];

	db_bind(s, "i", until);
	return db_run(s);
}
