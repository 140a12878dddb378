#include <stdio.h>
#include <stdlib.h>

#include "jobs/db.h"
#include "jobs/db_sqlite_inputs.h"
#include "jobs/db_sqlite_retention.h"
#include "jobs/db_sqlite_row.h"
#include "jobs/db_sqlite_small.h"

/* A page of the list counts for each of its jobs, on the loop thread. */
#define BEFORE_MAX "999"
#define BUSY_MS	   250 /* only while a crash is recovered from */

enum statement {
	READ,
	POSITION,
	LIST,
	SMALL,
	UPLOAD,
	FETCHING,
	NAMED,
	KEPT,
	OLDEST,
	STATEMENTS
};

/* Both phases in which a job waits, each with an index, and of each the two
 * ranges before the job, so that only what counts is walked over. */
#define BEFORE(phase)                                                          \
	"SELECT 1 FROM jobs WHERE phase = " phase " AND pool = ?1"             \
	" AND priority > ?2 UNION ALL "                                        \
	"SELECT 1 FROM jobs WHERE phase = " phase " AND pool = ?1"             \
	" AND priority = ?2"                                                   \
	" AND seq < (SELECT seq FROM jobs WHERE id = ?3)"

static const char *const texts[] = {
	[READ] = "SELECT " ROW_COLUMNS " FROM jobs WHERE id = ?1 AND"
		 " (?2 IS NULL OR owner = ?2)",
	[POSITION] = "SELECT count(*) FROM (" BEFORE("0") " UNION ALL " BEFORE(
		"7") " LIMIT " BEFORE_MAX ")",
	/* Ids count up in time as seq does: where the job of the cursor is
	 * deleted, the one before it, whosever it is, holds the place. */
	[LIST] = "SELECT " ROW_COLUMNS " FROM jobs WHERE owner = ?1 AND"
		 " seq < iif(?2 IS NULL, 9223372036854775807, coalesce("
		 "(SELECT seq FROM jobs WHERE id = ?2),"
		 " (SELECT seq + 1 FROM jobs WHERE id < ?2"
		 " ORDER BY id DESC LIMIT 1), 0)) AND"
		 " (?3 = 0 OR (?3 >> phase) & 1) AND"
		 " (?4 IS NULL OR endpoint = ?4) ORDER BY seq DESC LIMIT ?5",
	[SMALL] = "SELECT bytes FROM " JOB_AND_SMALL
		  " WHERE id = ? AND phase = 4 AND files_gone = 0 AND name = ?",
	[UPLOAD] = "SELECT " UPLOAD_COLUMNS " FROM uploads WHERE id = ? AND"
		   " owner = ? AND expires_at > ?",
	/* By seq, not by id: they are inserted in that order, so that none
	 * comes in behind one that was seen. Those that come next are found in
	 * the index alone. */
	[FETCHING] = "SELECT " ROW_COLUMNS ", recipe, files FROM"
		     " (SELECT seq FROM jobs INDEXED BY jobs_line"
		     " WHERE phase = 7 AND seq > coalesce("
		     "(SELECT seq FROM jobs WHERE id = ?), 0)"
		     " ORDER BY seq LIMIT ?) AS next"
		     " CROSS JOIN jobs USING (seq) CROSS JOIN work USING (seq)"
		     " ORDER BY seq",
	[NAMED] = BLOB_NAMED,
	[KEPT] = KEPT_BYTES,
	[OLDEST] = KEPT_OLDEST,
};
_Static_assert(COUNT(texts) == STATEMENTS, "a statement lacks its text");
_Static_assert(PHASE_QUEUED == 0 && PHASE_SUCCEEDED == 4 && PHASE_FETCHING == 7,
	       "phases are written as numbers in SQL");

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

enum db_found db_read(struct db_reader *r, const char *id, const char *owner,
		      struct arena *a, struct job *out)
{
	sqlite3_stmt *s = r->s[READ];
	int rc;

	db_bind(s, "ss", id, owner);
	rc = db_step(s);
	if (rc > 0)
		db_row_job(s, a, out);
	sqlite3_reset(s);
	return db_found_of(rc);
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

bool db_read_small(struct db_reader *r, const char *id, const char *name,
		   struct arena *a, const char **bytes, size_t *size)
{
	sqlite3_stmt *s = r->s[SMALL];
	bool there;

	db_bind(s, "ss", id, name);
	there = db_step(s) > 0;
	if (there) {
		const void *blob = sqlite3_column_blob(s, 0);

		*size = (size_t)sqlite3_column_bytes(s, 0);
		*bytes = arena_strndup(a, blob != NULL ? blob : "", *size);
	}
	sqlite3_reset(s);
	return there;
}

static void read_upload(sqlite3_stmt *s, struct arena *a, struct upload *out)
{
	int c = 0;

	*out = (struct upload){0};
	db_row_id(s, c++, out->id);
	out->owner = db_row_text(s, c++, a);
	snprintf(out->sha256, sizeof(out->sha256), "%s",
		 (const char *)sqlite3_column_text(s, c++));
	out->content_type = db_row_text(s, c++, a);
	out->extension = db_row_text(s, c++, a);
	out->size_bytes = sqlite3_column_int64(s, c++);
	out->width = sqlite3_column_int64(s, c++);
	out->height = sqlite3_column_int64(s, c++);
	out->duration_ms = sqlite3_column_int64(s, c++);
	out->frames = sqlite3_column_int64(s, c++);
	out->alpha = sqlite3_column_int(s, c++) != 0;
	out->created_at = sqlite3_column_int64(s, c++);
	out->expires_at = sqlite3_column_int64(s, c++);
}

bool db_read_upload(struct db_reader *r, const char *id, const char *owner,
		    int64_t now, struct arena *a, struct upload *out)
{
	sqlite3_stmt *s = r->s[UPLOAD];
	bool there;

	db_bind(s, "ssi", id, owner, now);
	there = db_step(s) > 0;
	if (there)
		read_upload(s, a, out);
	sqlite3_reset(s);
	return there;
}

size_t db_fetching(struct db_reader *r, const char *after, struct arena *a,
		   struct job *jobs, size_t max)
{
	sqlite3_stmt *s = r->s[FETCHING];
	size_t n = 0;

	db_bind(s, "si", after, (int64_t)max);
	while (n < max && db_step(s) > 0) {
		db_row_job(s, a, &jobs[n]);
		jobs[n].recipe = db_row_text(s, ROW_COLUMN_COUNT, a);
		jobs[n++].files = db_row_text(s, ROW_COLUMN_COUNT + 1, a);
	}
	sqlite3_reset(s);
	return n;
}

enum db_found db_reader_blob_named(struct db_reader *r, const char *sha256)
{
	return db_ask_blob_named(r->s[NAMED], sha256);
}

int64_t db_kept_bytes(struct db_reader *r)
{
	sqlite3_stmt *s = r->s[KEPT];
	int64_t bytes;

	db_bind(s, "");
	bytes = db_step(s) > 0 ? sqlite3_column_int64(s, 0) : -1;
	sqlite3_reset(s);
	return bytes;
}

size_t db_kept_oldest(struct db_reader *r, int64_t until, struct db_kept *out,
		      size_t max)
{
	sqlite3_stmt *s = r->s[OLDEST];
	size_t n = 0;

	db_bind(s, "ii", until, (int64_t)max);
	while (n < max && db_step(s) > 0) {
		db_row_id(s, 0, out[n].id);
		out[n++].bytes = sqlite3_column_int64(s, 1);
	}
	sqlite3_reset(s);
	return n;
}
