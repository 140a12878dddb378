#ifndef AUTH_KEYSET_H
#define AUTH_KEYSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/problem.h"

/*
 * Keys that tokens are verified with. A set is immutable once made and counted
 * with atomics, so that the keys thread publishes a new one while the loop
 * uses the old. Each key serves only the algorithms of its own type and curve
 * (RFC 8725, 3.1): oct HS*, RSA RS* and PS*, EC its curve's ES*, OKP EdDSA;
 * "alg", "use" and "key_ops" of a JWK narrow that further.
 */
struct keyset;
struct key;

/* Each of these adds to what a set is made of; a bad key in a JWKS file is an
 * error, in a fetched JWKS it is left out with a line in the log. */
struct keyset_sources {
	const char *jwks_file;	 /* or NULL */
	const char *pem_file;	 /* public key or certificate, PEM; or NULL */
	const char *secret_file; /* HMAC secret, >= 32 bytes; or NULL */
	const char *jwks_text;	 /* fetched; or NULL */
	size_t jwks_text_len;
};

MUST_USE struct keyset *keyset_load(const struct keyset_sources *s,
				    struct problem *why);
struct keyset *keyset_keep(struct keyset *k);
void keyset_drop(struct keyset *k); /* NULL is fine */
size_t keyset_count(const struct keyset *k);
/* A new set with the keys of both. Where a kid is in both, or there are too
 * many, a's key counts: the operator's files go before what was fetched. */
struct keyset *keyset_join(const struct keyset *a, const struct keyset *b);
/* True when the secret is the development key that `comfygate token` makes. */
bool keyset_is_development(const struct keyset *k);

/*
 * For token.c. A key without a kid (a PEM file, a secret, a JWK that names
 * none) is nameless; a set has at most KEYSET_NAMELESS_MAX of them, so that
 * trying them all stays cheap.
 */
#define KEYSET_NAMELESS_MAX 8
const struct key *keyset_at(const struct keyset *k, size_t index);
const struct key *keyset_find(const struct keyset *k, const char *kid);

#endif
