#include <stdio.h>
#include <stdlib.h>

#include "jobs/db.h"
#include "jobs/db_sqlite_row.h"

/* A page of the list counts for each of its jobs, on the loop thread. */
#define BEFORE_MAX "999"
#define BUSY_MS	   250 /* only while a crash is recovered from */

enum statement { READ, POSITION, LIST, STATEMENTS };

static const char *const texts[] = {
	[READ] = "SELECT " ROW_COLUMNS " FROM jobs WHERE id = ?1 AND"
		 " (?2 IS NULL OR owner = ?2)",
	/* Two ranges of the index, so that only what counts is walked over. */
	[POSITION] = "SELECT count(*) FROM ("
		     "SELECT 1 FROM jobs WHERE phase = 0 AND pool = ?1"
		     " AND priority > ?2 UNION ALL "
		     "SELECT 1 FROM jobs WHERE phase = 0 AND pool = ?1"
		     " AND priority = ?2"
		     " AND seq < (SELECT seq FROM jobs WHERE id = ?3)"
		     " LIMIT " BEFORE_MAX ")",
	/* Ids count up in time as seq does: where the job of the cursor is
	 * deleted, the one before it, whosever it is, holds the place. */
	[LIST] = "SELECT " ROW_COLUMNS " FROM jobs WHERE owner = ?1 AND"
		 " seq < iif(?2 IS NULL, 9223372036854775807, coalesce("
		 "(SELECT seq FROM jobs WHERE id = ?2),"
		 " (SELECT seq + 1 FROM jobs WHERE id < ?2"
		 " ORDER BY id DESC LIMIT 1), 0)) AND"
		 " (?3 = 0 OR (?3 >> phase) & 1) AND"
		 " (?4 IS NULL OR endpoint = ?4) ORDER BY seq DESC LIMIT ?5",
};
_Static_assert(COUNT(texts) == STATEMENTS, "a statement lacks its text");

struct db_reader {
	sqlite3 *sql;
	sqlite3_stmt *s[STATEMENTS];
};

struct db_reader *db_reader_open(const char *path, struct problem *why)
{
	struct db_reader *r = mem_alloc(sizeof(*r));

	if (sqlite3_open_v2(path, &r->sql,
			    SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX,
			    NULL) != SQLITE_OK ||
	    sqlite3_exec(r->sql, "PRAGMA query_only = 1", NULL, NULL, NULL) !=
		    SQLITE_OK) {
		problem_set(why, PROBLEM_INTERNAL, path, "%s",
			    sqlite3_errmsg(r->sql));
		db_reader_close(r);
		return NULL;
	}
	sqlite3_busy_timeout(r->sql, BUSY_MS);
	if (!db_prepare(r->sql, texts, STATEMENTS, r->s, why)) {
		db_reader_close(r);
		return NULL;
	}
	return r;
}

void db_reader_close(struct db_reader *r)
{
	if (r == NULL)
		return;
	db_finalize(r->s, STATEMENTS);
	sqlite3_close(r->sql);
	free(r);
}

bool db_read(struct db_reader *r, const char *id, const char *owner,
	     struct arena *a, struct job *out)
{
	sqlite3_stmt *s = r->s[READ];
	bool there;

	db_bind(s, "ss", id, owner);
	there = db_step(s) > 0;
	if (there)
		db_row_job(s, a, out);
	sqlite3_reset(s);
	return there;
}

unsigned db_position(struct db_reader *r, const struct job *job)
{
	sqlite3_stmt *s = r->s[POSITION];
	unsigned before = 0;

	db_bind(s, "sis", job->pool, (int64_t)job->priority, job->id);
	if (db_step(s) > 0)
		before = (unsigned)sqlite3_column_int(s, 0);
	sqlite3_reset(s);
	return before + 1;
}

size_t db_list(struct db_reader *r, const struct store_query *q,
	       struct arena *a, struct job *jobs)
{
	sqlite3_stmt *s = r->s[LIST];
	size_t n = 0;

	db_bind(s, "ssisi", q->owner, q->before, (int64_t)q->phases,
		q->endpoint, (int64_t)q->limit);
	while (n < q->limit && db_step(s) > 0)
		db_row_job(s, a, &jobs[n++]);
	sqlite3_reset(s);
	return n;
}
