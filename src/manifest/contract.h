#ifndef MANIFEST_CONTRACT_H
#define MANIFEST_CONTRACT_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/problem.h"
#include "manifest/endpoint.h"

/*
 * The public contract: what a caller can see of an endpoint. Written as JSON
 * Schema (2020-12) for callers, locked in contract.json, compared at load.
 * No node id, target or private value is ever in it.
 */

/* The body of GET /v{n}/{endpoint}. */
void contract_write(const struct endpoint *e, struct buf *to);
/* What `comfygate lock` stores: only what callers were promised. */
void contract_lock_text(const struct endpoint *e, struct buf *to);
/*
 * Compares with a locked contract: breaking changes go to errors (each named,
 * with the way out), compatible ones to notices.
 */
void contract_compare(const struct endpoint *e, const struct json *locked,
		      const char *where, struct problem_list *errors,
		      struct problem_list *notices);
/* The same with contract.json of the endpoint's folder. False where something
 * breaks; a folder without the file is told in a notice. */
MUST_USE bool contract_check(const struct endpoint *e,
			     struct problem_list *errors,
			     struct problem_list *notices);

#endif
