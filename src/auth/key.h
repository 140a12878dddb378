#ifndef AUTH_KEY_H
#define AUTH_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/evp.h>

#include "auth/alg.h"
#include "base/attr.h"
#include "base/problem.h"

/*
 * One key, parsed once, and the signatures it verifies. What it serves follows
 * from what it is, never from a token: a secret HS*, RSA RS* and PS*, EC its
 * own curve's ES*, Edwards curves EdDSA. Immutable but for its count, which is
 * atomic: sets on several threads share their keys.
 */
struct key;

#define KEY_SECRET_MIN 32
#define KEY_KID_MAX    255

/* Takes over pkey, also when it fails. NULL where no algorithm of ours fits:
 * a curve or type we do not serve, RSA below 2048 bits. */
MUST_USE struct key *key_from_pkey(EVP_PKEY *pkey, struct problem *why);
/* Copies the bytes; NULL when there are fewer than KEY_SECRET_MIN. HS384 needs
 * 48, HS512 64 of them. */
MUST_USE struct key *key_from_secret(const void *bytes, size_t len,
				     struct problem *why);
struct key *key_keep(struct key *k);
void key_drop(struct key *k); /* NULL is fine */

/* Before the key is shared. False when nothing is left to serve. */
MUST_USE bool key_narrow(struct key *k, unsigned algs);
void key_set_kid(struct key *k, const char *kid);

const char *key_kid(const struct key *k); /* NULL: it has none */
bool key_serves(const struct key *k, enum alg a);
/* The secret's bytes; NULL for a public key. */
const unsigned char *key_secret(const struct key *k, size_t *len);

/* By OpenSSL. sig is the decoded signature part of the token; of another than
 * the algorithm's exact length it is refused. */
MUST_USE bool key_verify(const struct key *k, enum alg a, const void *text,
			 size_t text_len, const unsigned char *sig,
			 size_t sig_len);

#endif
