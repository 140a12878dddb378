#ifndef JOBS_DB_SQLITE_LOG_H
#define JOBS_DB_SQLITE_LOG_H

/*
 * How the writer's connection writes its log. SQLite appends two pieces for
 * each page, a header of 24 bytes and the page, each by a call of its own, some
 * 20 in a transaction; here they are gathered and written in one go before the
 * log is synced, or read. So it is for a connection that syncs each commit
 * (synchronous = FULL): what readers are told of has been written by then. An
 * error of a write is that of the sync, which fails the commit alike.
 */

/* The name of the file access to open the database with; NULL: SQLite has no
 * memory for it. Any thread. */
const char *db_log_vfs(void);

#endif
