#ifndef JOBS_DB_SQLITE_ROW_H
#define JOBS_DB_SQLITE_ROW_H

#include <sqlite3.h>

#include "base/arena.h"
#include "base/problem.h"
#include "jobs/db.h"

/* What the writer and the readers of the SQLite store share: the columns of a
 * job, and prepared statements by a table of texts. */

/* Columns of db_row_job(), in its order. */
#define ROW_COLUMNS                                                            \
	"id, owner, endpoint, version, phase, cancel_asked, inputs, pool, "    \
	"priority, attempts, max_attempts, prompt_id, backend, created_at, "   \
	"started_at, ended_at, deadline_at, keep_ms, files_gone, outputs, "    \
	"problem, reused"
#define ROW_COLUMN_COUNT 22
/* … and behind them those that stand apart (table work). */
#define WORK_COLUMNS	  "prompt, recipe, files"
#define WORK_COLUMN_COUNT 3

/* Reads the current row; strings are copied to the arena. */
void db_row_job(sqlite3_stmt *s, struct arena *a, struct job *out);
/* One text column, copied; NULL where it is null. */
const char *db_row_text(sqlite3_stmt *s, int column, struct arena *a);
/* Copies an id column (or "") into a buffer of ID_SIZE. */
void db_row_id(sqlite3_stmt *s, int column, char id[ID_SIZE]);

/* Prepares texts[0..count) into stmts. False: logged, and why is filled. */
bool db_prepare(sqlite3 *db, const char *const *texts, size_t count,
		sqlite3_stmt **stmts, struct problem *why);
void db_finalize(sqlite3_stmt **stmts, size_t count);

/*
 * Binds by a format, one letter an argument: 's' const char * (NULL is null;
 * must live until the statement is reset), 'i' int64_t. Resets first.
 */
void db_bind(sqlite3_stmt *s, const char *format, ...);
/* Steps a statement that gives no row; logs a failure. */
bool db_run(sqlite3_stmt *s);
/* 1 a row, 0 none, -1 failed (logged). */
int db_step(sqlite3_stmt *s);
enum db_found db_found_of(int stepped);

#endif
