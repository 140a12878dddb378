#include <stdarg.h>
#include <string.h>

#include "base/log.h"
#include "jobs/db_sqlite_row.h"

const char *db_row_text(sqlite3_stmt *s, int column, struct arena *a)
{
	const char *text = (const char *)sqlite3_column_text(s, column);

	return text == NULL
		       ? NULL
		       : arena_strndup(a, text,
				       (size_t)sqlite3_column_bytes(s, column));
}

void db_row_id(sqlite3_stmt *s, int column, char id[ID_SIZE])
{
	const char *text = (const char *)sqlite3_column_text(s, column);
	size_t n = text != NULL ? strnlen(text, ID_SIZE - 1) : 0;

	if (n > 0)
		memcpy(id, text, n);
	id[n] = '\0';
}

void db_row_job(sqlite3_stmt *s, struct arena *a, struct job *out)
{
	int c = 0;

	*out = (struct job){0};
	db_row_id(s, c++, out->id);
	out->owner = db_row_text(s, c++, a);
	out->endpoint = db_row_text(s, c++, a);
	out->version = (unsigned)sqlite3_column_int(s, c++);
	out->phase = (enum phase)sqlite3_column_int(s, c++);
	out->cancel_asked = sqlite3_column_int(s, c++) != 0;
	out->inputs = db_row_text(s, c++, a);
	out->pool = db_row_text(s, c++, a);
	out->priority = sqlite3_column_int(s, c++);
	out->attempts = (unsigned)sqlite3_column_int(s, c++);
	out->max_attempts = (unsigned)sqlite3_column_int(s, c++);
	db_row_id(s, c++, out->prompt_id);
	out->backend = db_row_text(s, c++, a);
	out->created_at = sqlite3_column_int64(s, c++);
	out->started_at = sqlite3_column_int64(s, c++);
	out->ended_at = sqlite3_column_int64(s, c++);
	out->deadline_at = sqlite3_column_int64(s, c++);
	out->keep_ms = sqlite3_column_int64(s, c++);
	out->files_gone = sqlite3_column_int(s, c++) != 0;
	out->outputs = db_row_text(s, c++, a);
	out->problem = db_row_text(s, c++, a);
	out->reused = sqlite3_column_int(s, c++) != 0;
}

bool db_prepare(sqlite3 *db, const char *const *texts, size_t count,
		sqlite3_stmt **stmts, struct problem *why)
{
	for (size_t i = 0; i < count; i++)
		if (sqlite3_prepare_v3(db, texts[i], -1,
				       SQLITE_PREPARE_PERSISTENT, &stmts[i],
				       NULL) != SQLITE_OK)
			return problem_set(why, PROBLEM_INTERNAL, "database",
					   "%s in: %s", sqlite3_errmsg(db),
					   texts[i]);
	return true;
}

void db_finalize(sqlite3_stmt **stmts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		sqlite3_finalize(stmts[i]);
		stmts[i] = NULL;
	}
}

void db_bind(sqlite3_stmt *s, const char *format, ...)
{
	va_list ap;

	sqlite3_reset(s);
	va_start(ap, format);
	for (int i = 1; *format != '\0'; format++, i++) {
		if (*format == 's')
			sqlite3_bind_text(s, i, va_arg(ap, const char *), -1,
					  SQLITE_STATIC);
		else
			sqlite3_bind_int64(s, i, va_arg(ap, int64_t));
	}
	va_end(ap);
}

int db_step(sqlite3_stmt *s)
{
	int rc = sqlite3_step(s);

	if (rc == SQLITE_ROW)
		return 1;
	if (rc == SQLITE_DONE)
		return 0;
	log_event(LOG_ERROR, "database.failed", "what",
		  sqlite3_errmsg(sqlite3_db_handle(s)), "statement",
		  sqlite3_sql(s), NULL);
	return -1;
}

enum db_found db_found_of(int stepped)
{
	return stepped > 0 ? DB_FOUND : stepped == 0 ? DB_NONE : DB_ERROR;
}

bool db_run(sqlite3_stmt *s)
{
	int rc = db_step(s);

	sqlite3_reset(s);
	return rc == 0;
}
