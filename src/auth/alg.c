#include <assert.h>
#include <string.h>

#include "auth/alg.h"

static const struct alg_info table[] = {
	[ALG_HS256] = {"HS256", FAMILY_HMAC, EVP_sha256},
	[ALG_HS384] = {"HS384", FAMILY_HMAC, EVP_sha384},
	[ALG_HS512] = {"HS512", FAMILY_HMAC, EVP_sha512},
	[ALG_RS256] = {"RS256", FAMILY_RSA, EVP_sha256},
	[ALG_RS384] = {"RS384", FAMILY_RSA, EVP_sha384},
	[ALG_RS512] = {"RS512", FAMILY_RSA, EVP_sha512},
	[ALG_PS256] = {"PS256", FAMILY_PSS, EVP_sha256},
	[ALG_PS384] = {"PS384", FAMILY_PSS, EVP_sha384},
	[ALG_PS512] = {"PS512", FAMILY_PSS, EVP_sha512},
	[ALG_ES256] = {"ES256", FAMILY_EC, EVP_sha256},
	[ALG_ES384] = {"ES384", FAMILY_EC, EVP_sha384},
	[ALG_ES512] = {"ES512", FAMILY_EC, EVP_sha512},
	[ALG_EDDSA] = {"EdDSA", FAMILY_ED, NULL},
	[ALG_ED25519] = {"Ed25519", FAMILY_ED, NULL},
	[ALG_ED448] = {"Ed448", FAMILY_ED, NULL},
};
static_assert(COUNT(table) == ALG__COUNT, "an algorithm lacks its row");

const struct alg_info *alg_info(enum alg a)
{
	assert(a < ALG__COUNT);
	return &table[a];
}

bool alg_from_name(const char *name, enum alg *out)
{
	for (unsigned i = 0; i < ALG__COUNT; i++) {
		if (strcmp(table[i].name, name) == 0) {
			*out = (enum alg)i;
			return true;
		}
	}
	return false;
}
