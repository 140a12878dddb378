#ifndef AUTH_TOKEN_H
#define AUTH_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/keyset.h"
#include "auth/principal.h"
#include "base/attr.h"
#include "base/problem.h"

/*
 * Verifies one JWT (RFC 7519, 7515, 8725, 9068). The header is read strictly
 * before any library sees the token; the key is chosen by kid and its own
 * type, never by the token's alg alone; libjwt verifies what it can do safely,
 * OpenSSL's EVP the rest (PS*, EdDSA, at+jwt, and RS/ES with the key parsed
 * once); the claims are checked here. Pure but for the arguments.
 */
#define TOKEN_MAX (8 * 1024)

struct token_rules {
	const char *issuer;   /* NULL: any, but then keys of one party only */
	const char *audience; /* NULL: not looked at */
	int64_t leeway_s;     /* 30 */
};

enum token_outcome {
	TOKEN_VALID,
	TOKEN_INVALID,	   /* why->detail says it for error_description */
	TOKEN_UNKNOWN_KEY, /* no key has its kid, and none without a kid
			    * verified it: fetched keys may be old */
};

/* *out gets a principal with one reference when TOKEN_VALID. now_s is Unix
 * time. The detail never repeats a byte of the token. */
enum token_outcome token_verify(const char *token, size_t len,
				const struct keyset *keys,
				const struct token_rules *rules, int64_t now_s,
				struct principal **out, struct problem *why);

/* Signs {"sub","scope","iat","exp","iss"?,"aud"?} with HS256, for development
 * (`comfygate token`). The secret has at least 32 bytes. The caller frees;
 * NULL where a text is not UTF-8. */
MUST_USE char *token_mint(const void *secret, size_t secret_len,
			  const char *subject, const char *scope,
			  const char *issuer, const char *audience,
			  int64_t now_s, int64_t lifetime_s);

#endif
