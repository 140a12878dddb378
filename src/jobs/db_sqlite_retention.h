#ifndef JOBS_DB_SQLITE_RETENTION_H
#define JOBS_DB_SQLITE_RETENTION_H

#include <sqlite3.h>

#include "base/attr.h"
#include "base/problem.h"
#include "jobs/db.h"

/* The writer's statements about how long output files live, beside those of
 * db_sqlite.c. */
enum { DB_RETENTION_STATEMENTS = 3 };

struct db_retention {
	sqlite3_stmt *s[DB_RETENTION_STATEMENTS];
};

MUST_USE bool db_retention_prepare(sqlite3 *sql, struct db_retention *r,
				   struct problem *why);
void db_retention_finalize(struct db_retention *r);
/* db_sqlite.c */
struct db_retention *db_retention(struct db *db);

/* For the readers (db_sqlite_read.c). The index jobs_files has all that these
 * look at but the ids in the end. */
#define KEPT_BYTES                                                             \
	"SELECT coalesce(sum(files_bytes), 0) FROM jobs "                      \
	"INDEXED BY jobs_files WHERE files_until IS NOT NULL"
#define KEPT_OLDEST                                                            \
	"SELECT id, jobs.files_bytes FROM (SELECT seq FROM jobs "              \
	"INDEXED BY jobs_files WHERE files_until IS NOT NULL "                 \
	"AND ended_at <= ? ORDER BY ended_at LIMIT ?) AS oldest "              \
	"CROSS JOIN jobs USING (seq) ORDER BY ended_at"

#endif
