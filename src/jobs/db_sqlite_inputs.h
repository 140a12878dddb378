#ifndef JOBS_DB_SQLITE_INPUTS_H
#define JOBS_DB_SQLITE_INPUTS_H

#include <sqlite3.h>

#include "base/attr.h"
#include "base/problem.h"
#include "jobs/db.h"

/* The writer's statements about input files, beside those of db_sqlite.c:
 * which blobs a job names, and uploads. */
enum { DB_INPUT_STATEMENTS = 8 };

struct db_inputs {
	sqlite3_stmt *s[DB_INPUT_STATEMENTS];
};

MUST_USE bool db_inputs_prepare(sqlite3 *sql, struct db_inputs *in,
				struct problem *why);
void db_inputs_finalize(struct db_inputs *in);
/* db_sqlite.c */
struct db_inputs *db_inputs(struct db *db);

/* An upload's columns, and whether any row names a blob (its ? is the name):
 * the writer and the readers ask the same. */
#define UPLOAD_COLUMNS                                                         \
	"id, owner, sha256, content_type, extension, size_bytes, width, "      \
	"height, duration_ms, frames, alpha, created_at, expires_at"
#define BLOB_NAMED                                                             \
	"SELECT 1 FROM job_files WHERE sha256 = ?1 UNION ALL "                 \
	"SELECT 1 FROM uploads WHERE sha256 = ?1 LIMIT 1"
enum db_found db_ask_blob_named(sqlite3_stmt *s, const char *sha256);

#endif
