#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

#include "auth/key.h"
#include "base/arena.h"

#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 16384 /* OpenSSL verifies with none that is larger */
#define DER_MAX	     160   /* of an ECDSA signature on P-521: 139 */

struct key {
	atomic_uint references;
	char *kid;
	unsigned algs;	/* ALG_BIT of each it serves */
	EVP_PKEY *pkey; /* NULL: a secret */
	unsigned char *secret;
	size_t secret_len;
	size_t sig_len; /* exact, of a public key's raw signatures */
};

static const struct curve {
	const char *group; /* OpenSSL's name */
	size_t bytes;	   /* of one coordinate */
	enum alg alg;
} curves[] = {
	{"prime256v1", 32, ALG_ES256},
	{"secp384r1", 48, ALG_ES384},
	{"secp521r1", 66, ALG_ES512},
};

static struct key *key_new(void)
{
	struct key *k = mem_alloc(sizeof(*k));

	atomic_init(&k->references, 1);
	return k;
}

static bool fit_rsa(struct key *k, unsigned algs, struct problem *why)
{
	int bits = EVP_PKEY_get_bits(k->pkey);

	if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX)
		return problem_set(why, PROBLEM_INVALID_INPUT, "",
				   "an RSA key must have %d to %d bits, "
				   "this one has %d",
				   RSA_BITS_MIN, RSA_BITS_MAX, bits);
	k->algs = algs;
	k->sig_len = (size_t)EVP_PKEY_get_size(k->pkey);
	return true;
}

static bool fit_ec(struct key *k, struct problem *why)
{
	char group[64] = "";
	size_t len = 0;

	if (EVP_PKEY_get_group_name(k->pkey, group, sizeof(group), &len) != 1)
		group[0] = '\0';
	for (size_t i = 0; i < COUNT(curves); i++) {
		if (strcmp(curves[i].group, group) == 0) {
			k->algs = ALG_BIT(curves[i].alg);
			k->sig_len = 2 * curves[i].bytes;
			return true;
		}
	}
	return problem_set(why, PROBLEM_INVALID_INPUT, "",
			   "the curve of an EC key must be P-256, P-384 or "
			   "P-521");
}

static bool fit(struct key *k, struct problem *why)
{
	switch (EVP_PKEY_get_base_id(k->pkey)) {
	case EVP_PKEY_RSA:
		return fit_rsa(k, ALG_RSA | ALG_PSS, why);
	case EVP_PKEY_RSA_PSS:
		return fit_rsa(k, ALG_PSS, why);
	case EVP_PKEY_EC:
		return fit_ec(k, why);
	case EVP_PKEY_ED25519:
		k->algs = ALG_BIT(ALG_EDDSA) | ALG_BIT(ALG_ED25519);
		k->sig_len = 64;
		return true;
	case EVP_PKEY_ED448:
		k->algs = ALG_BIT(ALG_EDDSA) | ALG_BIT(ALG_ED448);
		k->sig_len = 114;
		return true;
	default:
		return problem_set(why, PROBLEM_INVALID_INPUT, "",
				   "the key must be RSA, EC, Ed25519 or "
				   "Ed448");
	}
}

struct key *key_from_pkey(EVP_PKEY *pkey, struct problem *why)
{
	struct key *k = key_new();

	k->pkey = pkey;
	if (!fit(k, why)) {
		key_drop(k);
		k = NULL;
	}
	ERR_clear_error();
	return k;
}

struct key *key_from_secret(const void *bytes, size_t len, struct problem *why)
{
	struct key *k;

	if (len < KEY_SECRET_MIN) {
		problem_set(why, PROBLEM_INVALID_INPUT, "",
			    "a secret must have at least %d bytes, this one "
			    "has %zu",
			    KEY_SECRET_MIN, len);
		return NULL;
	}
	k = key_new();
	k->secret = mem_alloc(len);
	memcpy(k->secret, bytes, len);
	k->secret_len = len;
	/* RFC 7518, 3.2: at least as long as the hash. */
	k->algs = ALG_BIT(ALG_HS256);
	if (len >= 48)
		k->algs |= ALG_BIT(ALG_HS384);
	if (len >= 64)
		k->algs |= ALG_BIT(ALG_HS512);
	return k;
}

struct key *key_keep(struct key *k)
{
	atomic_fetch_add_explicit(&k->references, 1, memory_order_relaxed);
	return k;
}

void key_drop(struct key *k)
{
	if (k == NULL || atomic_fetch_sub(&k->references, 1) != 1)
		return;
	if (k->secret != NULL)
		OPENSSL_cleanse(k->secret, k->secret_len);
	free(k->secret);
	free(k->kid);
	EVP_PKEY_free(k->pkey);
	free(k);
}

bool key_narrow(struct key *k, unsigned algs)
{
	k->algs &= algs;
	return k->algs != 0;
}

void key_set_kid(struct key *k, const char *kid)
{
	free(k->kid);
	k->kid = mem_strdup(kid);
}

const char *key_kid(const struct key *k)
{
	return k->kid;
}

bool key_serves(const struct key *k, enum alg a)
{
	return (k->algs & ALG_BIT(a)) != 0;
}

const unsigned char *key_secret(const struct key *k, size_t *len)
{
	*len = k->secret_len;
	return k->secret;
}

static bool verify_hmac(const struct key *k, const EVP_MD *md, const void *text,
			size_t text_len, const unsigned char *sig,
			size_t sig_len)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned mac_len = 0;

	if (sig_len != (size_t)EVP_MD_get_size(md))
		return false;
	return HMAC(md, k->secret, (int)k->secret_len, text, text_len, mac,
		    &mac_len) != NULL &&
	       mac_len == sig_len && CRYPTO_memcmp(mac, sig, sig_len) == 0;
}

/* JWS has r and s as two numbers of fixed length (RFC 7518, 3.4), OpenSSL
 * wants them in DER. 0 when they cannot be converted. */
static size_t ecdsa_der(const unsigned char *raw, size_t raw_len,
			unsigned char der[DER_MAX])
{
	int half = (int)(raw_len / 2);
	ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(raw, half, NULL);
	BIGNUM *s = BN_bin2bn(raw + half, half, NULL);
	int len = 0;

	if (sig == NULL || r == NULL || s == NULL ||
	    ECDSA_SIG_set0(sig, r, s) != 1) {
		BN_free(r);
		BN_free(s);
		ECDSA_SIG_free(sig);
		return 0;
	}
	len = i2d_ECDSA_SIG(sig, NULL);
	if (len > 0 && len <= DER_MAX)
		len = i2d_ECDSA_SIG(sig, &der);
	else
		len = 0;
	ECDSA_SIG_free(sig);
	return len > 0 ? (size_t)len : 0;
}

static bool verify_public(const struct key *k, const struct alg_info *alg,
			  const void *text, size_t text_len,
			  const unsigned char *sig, size_t sig_len)
{
	const EVP_MD *md = alg->digest != NULL ? alg->digest() : NULL;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL; /* belongs to ctx */
	bool good;

	good = ctx != NULL &&
	       EVP_DigestVerifyInit(ctx, &pctx, md, NULL, k->pkey) == 1;
	if (good && alg->family == FAMILY_PSS)
		good = EVP_PKEY_CTX_set_rsa_padding(
			       pctx, RSA_PKCS1_PSS_PADDING) == 1 &&
		       EVP_PKEY_CTX_set_rsa_pss_saltlen(
			       pctx, RSA_PSS_SALTLEN_DIGEST) == 1 &&
		       EVP_PKEY_CTX_set_rsa_mgf1_md(pctx, md) == 1;
	if (good)
		good = EVP_DigestVerify(ctx, sig, sig_len, text, text_len) == 1;
	EVP_MD_CTX_free(ctx);
	return good;
}

bool key_verify(const struct key *k, enum alg a, const void *text,
		size_t text_len, const unsigned char *sig, size_t sig_len)
{
	const struct alg_info *alg = alg_info(a);
	unsigned char der[DER_MAX];
	bool good;

	assert(key_serves(k, a));
	if (alg->family == FAMILY_HMAC)
		return verify_hmac(k, alg->digest(), text, text_len, sig,
				   sig_len);
	if (sig_len != k->sig_len)
		return false;
	if (alg->family == FAMILY_EC) {
		sig_len = ecdsa_der(sig, sig_len, der);
		sig = der;
	}
	good = sig_len > 0 &&
	       verify_public(k, alg, text, text_len, sig, sig_len);
	/* A refused signature leaves its reasons in the thread's queue. */
	ERR_clear_error();
	return good;
}
