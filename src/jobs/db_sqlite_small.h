#ifndef JOBS_DB_SQLITE_SMALL_H
#define JOBS_DB_SQLITE_SMALL_H

#include <sqlite3.h>

#include "base/attr.h"
#include "base/problem.h"
#include "jobs/db.h"

/* The writer's statements about small output files, beside those of
 * db_sqlite.c. A row's number is its job's seq times 8, and which of its small
 * files it is: those of a job stand side by side. */
enum { DB_SMALL_STATEMENTS = 5 };

#define SMALL_OF_JOB "n BETWEEN seq * 8 AND seq * 8 + 7"
/* CROSS: by the job, never through all small files. */
#define JOB_AND_SMALL "jobs CROSS JOIN small_files ON " SMALL_OF_JOB

struct db_small {
	sqlite3_stmt *s[DB_SMALL_STATEMENTS];
};

MUST_USE bool db_small_prepare(sqlite3 *sql, struct db_small *m,
			       struct problem *why);
void db_small_finalize(struct db_small *m);
/* db_sqlite.c */
struct db_small *db_small(struct db *db);

#endif
