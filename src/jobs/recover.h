#ifndef JOBS_RECOVER_H
#define JOBS_RECOVER_H

#include "base/attr.h"
#include "base/problem.h"
#include "jobs/db.h"
#include "jobs/files.h"

/*
 * After a crash, before anybody else works with files or jobs: outputs that a
 * job promises and that the disk has lost are written again from their copies
 * in the database, and all copies are deleted. The rows are the truth: what
 * none asks for, by its name and its SHA-256, is left alone. May run any number
 * of times. False, and *why tells: an output is lost for now (the disk is full
 * to the last); the copies stay, and the daemon must not begin. For
 * store_open().
 */
MUST_USE bool recover_files(struct files *f, struct db *db,
			    struct problem *why);

#endif
