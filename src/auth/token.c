#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <jwt.h>

#include "auth/claims.h"
#include "auth/jose.h"
#include "auth/key.h"
#include "auth/token.h"
#include "base/arena.h"

static const jwt_alg_t libjwt_hmac[] = {
	[ALG_HS256] = JWT_ALG_HS256,
	[ALG_HS384] = JWT_ALG_HS384,
	[ALG_HS512] = JWT_ALG_HS512,
};

/*
 * libjwt 1.x is given HS* only: an empty key or a PEM as a key would make it
 * accept what it must not, and neither can be the secret of a struct key. It
 * does not know at+jwt, so OpenSSL verifies those.
 */
static bool verify_by_libjwt(const char *token, enum alg alg,
			     const struct key *key)
{
	size_t len = 0;
	const unsigned char *secret = key_secret(key, &len);
	jwt_t *jwt = NULL;
	bool good;

	assert(secret != NULL && len >= KEY_SECRET_MIN && len <= INT_MAX);
	good = jwt_decode(&jwt, token, secret, (int)len) == 0 &&
	       jwt_get_alg(jwt) == libjwt_hmac[alg];
	jwt_free(jwt);
	return good;
}

static bool verify(const char *token, const struct jose *jose,
		   const struct key *key)
{
	if (alg_info(jose->alg)->family == FAMILY_HMAC && !jose->access_token)
		return verify_by_libjwt(token, jose->alg, key);
	return key_verify(key, jose->alg, token, jose->signed_len,
			  jose->signature, jose->signature_len);
}

static bool bad(struct problem *why, const char *detail)
{
	return problem_set(why, PROBLEM_UNAUTHORIZED, "", "%s", detail);
}

/* A key that the token names: that one or none. */
static enum token_outcome try_named(const char *token, const struct jose *jose,
				    const struct key *key, struct problem *why)
{
	if (!key_serves(key, jose->alg))
		bad(why, "the token's key does not serve its algorithm");
	else if (!verify(token, jose, key))
		bad(why, "the token's signature is wrong");
	else
		return TOKEN_VALID;
	return TOKEN_INVALID;
}

/*
 * Without a key of its name a token is tried with those that could have made
 * it: with all that serve its algorithm when it names none, with the nameless
 * of them when it names one that we do not have. Each is a key of the
 * operator's, and serves what its own type serves, so trying can at worst fail.
 */
static enum token_outcome try_others(const char *token, const struct jose *jose,
				     const struct keyset *keys,
				     struct problem *why)
{
	unsigned tried = 0;

	for (size_t i = 0; i < keyset_count(keys); i++) {
		const struct key *key = keyset_at(keys, i);

		if (!key_serves(key, jose->alg) ||
		    (jose->kid != NULL && key_kid(key) != NULL))
			continue;
		if (tried++ == KEYSET_NAMELESS_MAX) {
			bad(why, "the token names no key (kid), and many "
				 "would serve it");
			return TOKEN_INVALID;
		}
		if (verify(token, jose, key))
			return TOKEN_VALID;
	}
	if (tried > 0)
		bad(why, "the token's signature is wrong");
	else if (jose->kid != NULL)
		bad(why, "the token's key is not known here (kid)");
	else
		bad(why, "no key here serves the token's algorithm");
	return jose->kid != NULL ? TOKEN_UNKNOWN_KEY : TOKEN_INVALID;
}

static enum token_outcome check_signature(const char *token,
					  const struct jose *jose,
					  const struct keyset *keys,
					  struct problem *why)
{
	const struct key *named =
		jose->kid != NULL ? keyset_find(keys, jose->kid) : NULL;

	return named != NULL ? try_named(token, jose, named, why)
			     : try_others(token, jose, keys, why);
}

enum token_outcome token_verify(const char *token, size_t len,
				const struct keyset *keys,
				const struct token_rules *rules, int64_t now_s,
				struct principal **out, struct problem *why)
{
	enum token_outcome outcome = TOKEN_INVALID;
	struct arena a = {0};
	struct jose jose;

	*out = NULL;
	if (jose_read(token, len, &a, &jose, why))
		outcome = check_signature(arena_strndup(&a, token, len), &jose,
					  keys, why);
	if (outcome == TOKEN_VALID) {
		*out = claims_read(jose.payload, jose.payload_len, rules, now_s,
				   why);
		if (*out == NULL)
			outcome = TOKEN_INVALID;
	}
	arena_finish(&a);
	return outcome;
}

static bool add_grants(jwt_t *jwt, const char *subject, const char *scope,
		       const char *issuer, const char *audience, int64_t now_s,
		       int64_t lifetime_s)
{
	return jwt_add_grant(jwt, "sub", subject) == 0 &&
	       jwt_add_grant(jwt, "scope", scope) == 0 &&
	       (issuer == NULL || jwt_add_grant(jwt, "iss", issuer) == 0) &&
	       (audience == NULL || jwt_add_grant(jwt, "aud", audience) == 0) &&
	       jwt_add_grant_int(jwt, "iat", now_s) == 0 &&
	       jwt_add_grant_int(jwt, "exp", now_s + lifetime_s) == 0;
}

char *token_mint(const void *secret, size_t secret_len, const char *subject,
		 const char *scope, const char *issuer, const char *audience,
		 int64_t now_s, int64_t lifetime_s)
{
	jwt_t *jwt = NULL;
	char *token = NULL;

	assert(secret_len >= KEY_SECRET_MIN && secret_len <= INT_MAX);
	if (jwt_new(&jwt) != 0)
		return NULL;
	if (add_grants(jwt, subject, scope, issuer, audience, now_s,
		       lifetime_s) &&
	    jwt_set_alg(jwt, JWT_ALG_HS256, secret, (int)secret_len) == 0)
		token = jwt_encode_str(jwt);
	jwt_free(jwt);
	return token;
}
