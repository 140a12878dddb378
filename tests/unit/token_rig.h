#ifndef TOKEN_RIG_H
#define TOKEN_RIG_H

/* What the tests of tokens share: the time, rules, and who signs with what. */
#include "auth_sign.h"

#include "auth/alg.h"
#include "auth/secret.h"
#include "auth/token.h"
#include "tap.h"

#define NOW 1800000000
#define PAYLOAD                                                                \
	"{\"iss\":\"https://issuer.example\",\"sub\":\"app-user\","            \
	"\"aud\":\"comfygate\",\"exp\":1800000600,\"iat\":1800000000,"         \
	"\"scope\":\"portrait:run sketch:run\"}"

static const struct token_rules rules = {
	.issuer = "https://issuer.example",
	.audience = "comfygate",
	.leeway_s = 30,
};
static struct problem why;

static inline enum token_outcome verify(const char *token,
					const struct keyset *keys,
					const struct token_rules *r)
{
	struct principal *p = NULL;
	enum token_outcome outcome;

	memset(&why, 0, sizeof(why));
	outcome = token_verify(token, strlen(token), keys, r, NOW, &p, &why);
	if ((p != NULL) != (outcome == TOKEN_VALID))
		abort();
	principal_drop(p);
	return outcome;
}

/* Every algorithm with the key it is for. */
static const struct {
	const char *alg;
	enum sign_key key;
} signers[] = {
	{"HS256", SIGN_SECRET_KEY}, {"HS384", SIGN_SECRET_KEY},
	{"HS512", SIGN_SECRET_KEY}, {"RS256", SIGN_RSA},
	{"RS384", SIGN_RSA},	    {"RS512", SIGN_RSA},
	{"PS256", SIGN_RSA},	    {"PS384", SIGN_RSA},
	{"PS512", SIGN_RSA},	    {"ES256", SIGN_P256},
	{"ES384", SIGN_P384},	    {"ES512", SIGN_P521},
	{"EdDSA", SIGN_ED25519},    {"Ed25519", SIGN_ED25519},
	{"EdDSA", SIGN_ED448},	    {"Ed448", SIGN_ED448},
};

static inline char *header_of(const char *alg, const char *more)
{
	return arena_printf(&sign_arena, "{\"alg\":\"%s\"%s}", alg, more);
}

#endif
