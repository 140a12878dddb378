#ifndef AUTH_JOSE_H
#define AUTH_JOSE_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/alg.h"
#include "base/arena.h"
#include "base/attr.h"
#include "base/problem.h"

/*
 * The outside of a token, read before any library sees it:
 *
 *	eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl
 *	header               payload         signature
 *
 * Three parts of strict base64url, none empty, and a header that asks for
 * nothing but what we do. Nothing in it is believed yet. Pure.
 */
struct jose {
	enum alg alg;
	const char *kid;   /* NULL: it names no key */
	bool access_token; /* "typ":"at+jwt" (RFC 9068) */
	size_t signed_len; /* of header, dot, payload: what the signature is
			    * over, from the first byte of the token */
	const unsigned char *payload; /* decoded */
	size_t payload_len;
	const unsigned char *signature;
	size_t signature_len;
};

/* All that *out points to lives in the arena. */
MUST_USE bool jose_read(const char *token, size_t len, struct arena *a,
			struct jose *out, struct problem *why);

#endif
