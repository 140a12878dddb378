#ifndef MANIFEST_CATALOGUE_H
#define MANIFEST_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/problem.h"
#include "manifest/endpoint.h"
#include "manifest/load.h"

/*
 * All endpoints of a folder, by name and version. A catalogue is immutable;
 * the loop thread holds the current one and replaces it on reload. Folders
 * whose names begin with '.' or '_' are passed over.
 */
struct catalogue {
	struct endpoint **endpoints; /* sorted by name, then version */
	size_t count;
	/* Folders that could not be loaded: what /readyz and the log say.
	 * kept: the version loaded before still serves. */
	struct broken {
		char *folder;
		char *first; /* the first problem, as "where: detail" */
		size_t problems;
		bool kept;
	} * broken;
	size_t broken_count;
};

/*
 * Loads every folder. `before` (may be NULL) lends its endpoints to folders
 * that are broken now. Two folders with one name and version: both are
 * broken, named in the message. Errors and notices of all folders are added
 * to the lists. Never NULL: a catalogue may be empty.
 */
struct catalogue *catalogue_load(const char *dir,
				 const struct catalogue *before,
				 const struct manifest_host *host,
				 struct problem_list *errors,
				 struct problem_list *notices);
void catalogue_free(struct catalogue *c);
/* NULL when there is none. Borrowed: keep it with endpoint_keep(). */
struct endpoint *catalogue_find(const struct catalogue *c, const char *name,
				unsigned version);

#endif
