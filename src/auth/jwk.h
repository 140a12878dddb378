#ifndef AUTH_JWK_H
#define AUTH_JWK_H

#include <stdbool.h>

#include "auth/key.h"
#include "base/json.h"
#include "base/problem.h"

/*
 * One JSON Web Key (RFC 7517, 7518, 8037) to a key. Pure; base64url is read
 * strictly, a point must be on its curve.
 */
enum jwk_outcome {
	JWK_KEY,   /* *out is the caller's */
	JWK_OTHER, /* fine, but not for signatures ("use":"enc"): pass over */
	JWK_BAD,   /* why->detail says it */
};

/* `secrets`: whether "kty":"oct" is taken, which a fetched set never is. */
enum jwk_outcome jwk_read(const struct json *jwk, bool secrets,
			  struct key **out, struct problem *why);

#endif
