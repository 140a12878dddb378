#ifndef AUTH_CLAIMS_H
#define AUTH_CLAIMS_H

#include <stddef.h>
#include <stdint.h>

#include "auth/principal.h"
#include "auth/token.h"
#include "base/attr.h"
#include "base/problem.h"

/*
 * The payload of a token whose signature is good, to a principal with one
 * reference; NULL and why when a claim says that it does not count here or now.
 * Pure.
 */
MUST_USE struct principal *claims_read(const void *payload, size_t len,
				       const struct token_rules *rules,
				       int64_t now_s, struct problem *why);

#endif
