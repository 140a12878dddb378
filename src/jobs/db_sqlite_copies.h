#ifndef JOBS_DB_SQLITE_COPIES_H
#define JOBS_DB_SQLITE_COPIES_H

#include <sqlite3.h>

#include "base/attr.h"
#include "base/problem.h"
#include "jobs/db.h"

/* The writer's statements about copies of small output files, beside those of
 * db_sqlite.c. */
enum { DB_COPY_STATEMENTS = 3 };

struct db_copies {
	sqlite3_stmt *s[DB_COPY_STATEMENTS];
};

MUST_USE bool db_copies_prepare(sqlite3 *sql, struct db_copies *c,
				struct problem *why);
void db_copies_finalize(struct db_copies *c);
/* db_sqlite.c */
struct db_copies *db_copies(struct db *db);

#endif
