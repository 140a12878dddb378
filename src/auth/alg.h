#ifndef AUTH_ALG_H
#define AUTH_ALG_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/evp.h>

#include "base/attr.h"

/*
 * The signature algorithms that are taken, one row each (RFC 7518, 3.1; RFC
 * 8037; RFC 9864). What is not in the table does not exist: "none", ES256K.
 * Constant data, any thread.
 */
enum alg {
	ALG_HS256,
	ALG_HS384,
	ALG_HS512,
	ALG_RS256,
	ALG_RS384,
	ALG_RS512,
	ALG_PS256,
	ALG_PS384,
	ALG_PS512,
	ALG_ES256,
	ALG_ES384,
	ALG_ES512,
	ALG_EDDSA,
	ALG_ED25519,
	ALG_ED448,
	ALG__COUNT
};

#define ALG_BIT(a) (1u << (a))
#define ALG_RSA	   (ALG_BIT(ALG_RS256) | ALG_BIT(ALG_RS384) | ALG_BIT(ALG_RS512))
#define ALG_PSS	   (ALG_BIT(ALG_PS256) | ALG_BIT(ALG_PS384) | ALG_BIT(ALG_PS512))

enum alg_family {
	FAMILY_HMAC,
	FAMILY_RSA,
	FAMILY_PSS,
	FAMILY_EC,
	FAMILY_ED,
};

struct alg_info {
	const char *name;
	enum alg_family family;
	const EVP_MD *(*digest)(void); /* NULL: the algorithm has its own */
};

const struct alg_info *alg_info(enum alg a);
/* By its exact name (RFC 7515: case matters); false when there is none. */
MUST_USE bool alg_from_name(const char *name, enum alg *out);

#endif
