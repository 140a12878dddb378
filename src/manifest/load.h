#ifndef MANIFEST_LOAD_H
#define MANIFEST_LOAD_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/problem.h"
#include "manifest/endpoint.h"

/*
 * A folder -> an endpoint, or all that is wrong with it. Each problem's
 * `where` is "endpoints/portrait/manifest.json: /inputs/steps/to" (the folder
 * as the operator named it), its detail says what is wrong and what would be
 * right. Reads manifest.json, the workflow that it names (a plain file name in
 * the same folder), and contract.json where there is one. Any thread.
 *
 * The result has one reference. Notices are compatible changes against the
 * locked contract and the like: told, but no error.
 */
MUST_USE struct endpoint *manifest_load(const char *folder,
					struct problem_list *errors,
					struct problem_list *notices);

/* As above, but does not look at contract.json: for `comfygate lock`. */
MUST_USE struct endpoint *manifest_load_unlocked(const char *folder,
						 struct problem_list *errors);

/*
 * Examples and defaults are checked like requests, which is input/'s work:
 * the loader of the house (cli/check, the catalogue) passes the function in,
 * so that manifest/ stays below input/. Called for each plan's inputs of a
 * complete endpoint; adds to errors with pointers relative to the inputs
 * object. NULL: not checked.
 */
typedef void manifest_check_fn(const struct endpoint *e, const char *inputs,
			       struct arena *arena,
			       struct problem_list *errors);
void manifest_check_examples(const struct endpoint *e, manifest_check_fn *check,
			     struct problem_list *errors);

/* What an endpoint needs besides its folder: the house says what it has. */
struct manifest_host {
	manifest_check_fn *check; /* as above */
	bool converts; /* the program that converts pictures is there */
};

/* As above, and whether this host can do what the outputs want. */
void manifest_check(const struct endpoint *e, const struct manifest_host *host,
		    struct problem_list *errors);

#endif
