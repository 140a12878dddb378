#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include "auth/jwk.h"
#include "base/arena.h"
#include "base/digest.h"

#define COORDINATE_MAX 66

static bool bad(struct problem *why, const char *detail)
{
	return problem_set(why, PROBLEM_INVALID_INPUT, "", "%s", detail);
}

/* A member of base64url text; NULL and why when missing or malformed. */
static unsigned char *bytes_of(struct arena *a, const struct json *jwk,
			       const char *name, size_t *len,
			       struct problem *why)
{
	const char *text = json_string(json_get(jwk, name));
	unsigned char *bytes = NULL;

	if (text != NULL && text[0] != '\0')
		bytes = digest_base64url_decode(a, text, strlen(text), len);
	if (bytes == NULL)
		problem_set(why, PROBLEM_INVALID_INPUT, "",
			    "the member %s must be base64url text without "
			    "padding",
			    name);
	return bytes;
}

/* Takes over the builder. NULL where the numbers make no key of that type. */
static EVP_PKEY *from_params(const char *type, OSSL_PARAM_BLD *bld)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *pkey = NULL;

	if (params == NULL || ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
		pkey = NULL;
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	return pkey;
}

static EVP_PKEY *build_rsa(const BIGNUM *n, const BIGNUM *e)
{
	OSSL_PARAM_BLD *bld;

	/* An even or tiny exponent or an even modulus is no RSA key. */
	if (n == NULL || e == NULL || !BN_is_odd(n) || !BN_is_odd(e) ||
	    BN_num_bits(e) < 2 || BN_num_bits(e) > 64)
		return NULL;
	bld = OSSL_PARAM_BLD_new();
	if (bld == NULL ||
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n) != 1 ||
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, e) != 1) {
		OSSL_PARAM_BLD_free(bld);
		return NULL;
	}
	return from_params("RSA", bld);
}

static EVP_PKEY *read_rsa(struct arena *a, const struct json *jwk,
			  struct problem *why)
{
	size_t n_len = 0, e_len = 0;
	unsigned char *n = bytes_of(a, jwk, "n", &n_len, why);
	unsigned char *e =
		n != NULL ? bytes_of(a, jwk, "e", &e_len, why) : NULL;
	BIGNUM *bn, *be;
	EVP_PKEY *pkey;

	if (e == NULL)
		return NULL;
	/* Lengths are bounded by the JWKS text, far below INT_MAX. */
	bn = BN_bin2bn(n, (int)n_len, NULL);
	be = BN_bin2bn(e, (int)e_len, NULL);
	pkey = build_rsa(bn, be);
	BN_free(bn);
	BN_free(be);
	if (pkey == NULL)
		bad(why, "n and e make no RSA public key");
	return pkey;
}

static EVP_PKEY *build_ec(const char *group, const unsigned char *x,
			  const unsigned char *y, size_t bytes)
{
	unsigned char point[1 + 2 * COORDINATE_MAX];
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();

	point[0] = 4; /* uncompressed */
	memcpy(point + 1, x, bytes);
	memcpy(point + 1 + bytes, y, bytes);
	if (bld == NULL ||
	    OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME,
					    group, 0) != 1 ||
	    OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY,
					     point, 1 + 2 * bytes) != 1) {
		OSSL_PARAM_BLD_free(bld);
		return NULL;
	}
	return from_params("EC", bld);
}

static EVP_PKEY *read_ec(struct arena *a, const struct json *jwk,
			 struct problem *why)
{
	static const struct {
		const char *crv, *group;
		size_t bytes;
	} curves[] = {
		{"P-256", "prime256v1", 32},
		{"P-384", "secp384r1", 48},
		{"P-521", "secp521r1", COORDINATE_MAX},
	};
	const char *crv = json_string(json_get(jwk, "crv"));
	size_t c = 0, x_len = 0, y_len = 0;
	unsigned char *x, *y;
	EVP_PKEY *pkey;

	while (c < COUNT(curves) &&
	       (crv == NULL || strcmp(crv, curves[c].crv) != 0))
		c++;
	if (c == COUNT(curves)) {
		bad(why, "crv must be P-256, P-384 or P-521 for an EC key");
		return NULL;
	}
	x = bytes_of(a, jwk, "x", &x_len, why);
	y = x != NULL ? bytes_of(a, jwk, "y", &y_len, why) : NULL;
	if (y == NULL)
		return NULL;
	if (x_len != curves[c].bytes || y_len != curves[c].bytes) {
		bad(why, "x and y must have the full length of their curve");
		return NULL;
	}
	/* OpenSSL refuses a point that is not on the curve. */
	pkey = build_ec(curves[c].group, x, y, curves[c].bytes);
	if (pkey == NULL)
		bad(why, "x and y are no point of their curve");
	return pkey;
}

static EVP_PKEY *read_okp(struct arena *a, const struct json *jwk,
			  struct problem *why)
{
	const char *crv = json_string(json_get(jwk, "crv"));
	int type = crv == NULL			 ? EVP_PKEY_NONE
		   : strcmp(crv, "Ed25519") == 0 ? EVP_PKEY_ED25519
		   : strcmp(crv, "Ed448") == 0	 ? EVP_PKEY_ED448
						 : EVP_PKEY_NONE;
	size_t len = 0;
	unsigned char *x;
	EVP_PKEY *pkey;

	if (type == EVP_PKEY_NONE) {
		bad(why, "crv must be Ed25519 or Ed448 for an OKP key");
		return NULL;
	}
	x = bytes_of(a, jwk, "x", &len, why);
	if (x == NULL)
		return NULL;
	pkey = EVP_PKEY_new_raw_public_key(type, NULL, x, len);
	if (pkey == NULL)
		bad(why, "x has not the length of its curve");
	return pkey;
}

static struct key *read_oct(struct arena *a, const struct json *jwk,
			    bool secrets, struct problem *why)
{
	size_t len = 0;
	unsigned char *k;
	struct key *key;

	if (!secrets) {
		bad(why, "a secret key (kty oct) does not belong in a set that "
			 "others can read");
		return NULL;
	}
	k = bytes_of(a, jwk, "k", &len, why);
	if (k == NULL)
		return NULL;
	key = key_from_secret(k, len, why);
	explicit_bzero(k, len);
	return key;
}

static struct key *read_by_type(struct arena *a, const struct json *jwk,
				const char *kty, bool secrets,
				struct problem *why)
{
	EVP_PKEY *pkey;

	if (strcmp(kty, "oct") == 0)
		return read_oct(a, jwk, secrets, why);
	if (json_get(jwk, "d") != NULL) {
		bad(why, "this is a private key: publish its public half, and "
			 "replace the pair if others could read it");
		return NULL;
	}
	if (strcmp(kty, "RSA") == 0) {
		pkey = read_rsa(a, jwk, why);
	} else if (strcmp(kty, "EC") == 0) {
		pkey = read_ec(a, jwk, why);
	} else if (strcmp(kty, "OKP") == 0) {
		pkey = read_okp(a, jwk, why);
	} else {
		bad(why, "kty must be RSA, EC, OKP or oct");
		return NULL;
	}
	return pkey != NULL ? key_from_pkey(pkey, why) : NULL;
}

/* Whether "use" and "key_ops" leave it to verify signatures. */
static enum jwk_outcome purpose(const struct json *jwk, struct problem *why)
{
	const struct json *use = json_get(jwk, "use");
	const struct json *ops = json_get(jwk, "key_ops");

	if (use != NULL && json_string(use) == NULL) {
		bad(why, "use must be text");
		return JWK_BAD;
	}
	if (use != NULL && strcmp(json_string(use), "sig") != 0)
		return JWK_OTHER;
	if (ops == NULL)
		return JWK_KEY;
	if (!json_is(ops, JSON_ARRAY)) {
		bad(why, "key_ops must be an array");
		return JWK_BAD;
	}
	json_each (op, ops) {
		if (json_string(op) != NULL &&
		    strcmp(json_string(op), "verify") == 0)
			return JWK_KEY;
	}
	return JWK_OTHER;
}

/* "alg" narrows what the key serves; an algorithm of encryption makes it none
 * of ours. */
static enum jwk_outcome narrow(const struct json *jwk, struct key *key,
			       struct problem *why)
{
	const struct json *v = json_get(jwk, "alg");
	enum alg alg;

	if (v == NULL)
		return JWK_KEY;
	if (json_string(v) == NULL) {
		bad(why, "alg must be text");
		return JWK_BAD;
	}
	if (!alg_from_name(json_string(v), &alg))
		return JWK_OTHER;
	if (!key_narrow(key, ALG_BIT(alg))) {
		bad(why, "alg is not one of this type and size of key");
		return JWK_BAD;
	}
	return JWK_KEY;
}

static bool name_it(const struct json *jwk, struct key *key,
		    struct problem *why)
{
	const struct json *kid = json_get(jwk, "kid");
	const char *text = json_string(kid);

	if (kid == NULL)
		return true;
	if (text == NULL || text[0] == '\0' || strlen(text) > KEY_KID_MAX)
		return bad(why, "kid must be text of 1 to 255 bytes");
	key_set_kid(key, text);
	return true;
}

enum jwk_outcome jwk_read(const struct json *jwk, bool secrets,
			  struct key **out, struct problem *why)
{
	const char *kty = json_string(json_get(jwk, "kty"));
	struct arena a = {0};
	struct key *key = NULL;
	enum jwk_outcome outcome;

	*out = NULL;
	if (kty == NULL) {
		bad(why, "a key must be an object with the member kty");
		return JWK_BAD;
	}
	outcome = purpose(jwk, why);
	if (outcome != JWK_KEY)
		return outcome;
	key = read_by_type(&a, jwk, kty, secrets, why);
	ERR_clear_error();
	outcome = key == NULL ? JWK_BAD : narrow(jwk, key, why);
	if (outcome == JWK_KEY && !name_it(jwk, key, why))
		outcome = JWK_BAD;
	if (outcome == JWK_KEY)
		*out = key;
	else
		key_drop(key);
	arena_finish(&a);
	return outcome;
}
