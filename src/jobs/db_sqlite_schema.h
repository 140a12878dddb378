#ifndef JOBS_DB_SQLITE_SCHEMA_H
#define JOBS_DB_SQLITE_SCHEMA_H

#include <sqlite3.h>

#include "base/attr.h"
#include "base/problem.h"

/* Brings a database to the schema of this version, step by step, each step in
 * a transaction with its number (PRAGMA user_version). Refuses one that a
 * newer version wrote. */
MUST_USE bool db_schema(sqlite3 *db, struct problem *why);

#endif
