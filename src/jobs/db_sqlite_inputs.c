#include "jobs/db_sqlite_inputs.h"

#include "jobs/db_sqlite_row.h"

enum statement {
	ADD_JOB_FILE,
	DROP_JOB_FILES,
	FETCHED,
	FETCHED_WORK,
	ADD_UPLOAD,
	UPLOAD_BYTES,
	EXPIRE_UPLOADS,
	NAMED,
	STATEMENTS
};

static const char *const texts[] = {
	[ADD_JOB_FILE] = "INSERT OR IGNORE INTO job_files (seq, sha256)"
			 " VALUES (?,?)",
	[DROP_JOB_FILES] = "DELETE FROM job_files WHERE seq = ?"
			   " RETURNING sha256",
	[FETCHED] = "UPDATE jobs SET phase = 0 WHERE seq = ?",
	[FETCHED_WORK] = "UPDATE work SET files = ?2 WHERE seq = ?1",
	[ADD_UPLOAD] = "INSERT INTO uploads (" UPLOAD_COLUMNS ")"
		       " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
	/* On disk the smallest file takes a block; so many small uploads are
	 * bounded, too, and with them this sum. */
	[UPLOAD_BYTES] = "SELECT coalesce(sum(max(size_bytes, 4096)), 0)"
			 " + max(?2, 4096) FROM uploads WHERE owner = ?1",
	[EXPIRE_UPLOADS] = "DELETE FROM uploads WHERE id IN"
			   " (SELECT id FROM uploads WHERE expires_at <= ?"
			   " ORDER BY expires_at LIMIT ?) RETURNING sha256",
	[NAMED] = BLOB_NAMED,
};
_Static_assert(COUNT(texts) == STATEMENTS, "a statement lacks its text");
_Static_assert((int)STATEMENTS == (int)DB_INPUT_STATEMENTS,
	       "room for each statement");
_Static_assert(PHASE_QUEUED == 0, "phases are written as numbers in SQL");

bool db_inputs_prepare(sqlite3 *sql, struct db_inputs *in, struct problem *why)
{
	return db_prepare(sql, texts, STATEMENTS, in->s, why);
}

void db_inputs_finalize(struct db_inputs *in)
{
	db_finalize(in->s, STATEMENTS);
}

/* Each row that a DELETE … RETURNING gives. */
static bool tell_dropped(sqlite3_stmt *s, db_dropped_fn *fn, void *ctx)
{
	int rc;

	while ((rc = db_step(s)) > 0)
		fn(ctx, (const char *)sqlite3_column_text(s, 0));
	sqlite3_reset(s);
	return rc == 0;
}

bool db_add_job_file(struct db *db, int64_t seq, const char *sha256)
{
	sqlite3_stmt *s = db_inputs(db)->s[ADD_JOB_FILE];

	db_bind(s, "is", seq, sha256);
	return db_run(s);
}

bool db_drop_job_files(struct db *db, int64_t seq, db_dropped_fn *fn, void *ctx)
{
	sqlite3_stmt *s = db_inputs(db)->s[DROP_JOB_FILES];

	db_bind(s, "i", seq);
	return tell_dropped(s, fn, ctx);
}

bool db_set_fetched(struct db *db, int64_t seq, const char *files)
{
	struct db_inputs *in = db_inputs(db);

	db_bind(in->s[FETCHED], "i", seq);
	db_bind(in->s[FETCHED_WORK], "is", seq, files);
	return db_run(in->s[FETCHED]) && db_run(in->s[FETCHED_WORK]);
}

bool db_add_upload(struct db *db, const struct upload *u)
{
	sqlite3_stmt *s = db_inputs(db)->s[ADD_UPLOAD];

	db_bind(s, "sssssiiiiiiii", u->id, u->owner, u->sha256, u->content_type,
		u->extension, u->size_bytes, u->width, u->height,
		u->duration_ms, u->frames, (int64_t)u->alpha, u->created_at,
		u->expires_at);
	return db_run(s);
}

int64_t db_upload_bytes(struct db *db, const char *owner, int64_t one_more)
{
	sqlite3_stmt *s = db_inputs(db)->s[UPLOAD_BYTES];
	int64_t bytes;

	db_bind(s, "si", owner, one_more);
	bytes = db_step(s) > 0 ? sqlite3_column_int64(s, 0) : -1;
	sqlite3_reset(s);
	return bytes;
}

bool db_expire_uploads(struct db *db, int64_t now, size_t max,
		       db_dropped_fn *fn, void *ctx)
{
	sqlite3_stmt *s = db_inputs(db)->s[EXPIRE_UPLOADS];

	db_bind(s, "ii", now, (int64_t)max);
	return tell_dropped(s, fn, ctx);
}

enum db_found db_ask_blob_named(sqlite3_stmt *s, const char *sha256)
{
	int rc;

	db_bind(s, "s", sha256);
	rc = db_step(s);
	sqlite3_reset(s);
	return db_found_of(rc);
}

enum db_found db_blob_named(struct db *db, const char *sha256)
{
	return db_ask_blob_named(db_inputs(db)->s[NAMED], sha256);
}
