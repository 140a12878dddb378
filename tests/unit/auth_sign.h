#ifndef TESTS_UNIT_AUTH_SIGN_H
#define TESTS_UNIT_AUTH_SIGN_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "auth/keyset.h"
#include "base/arena.h"
#include "base/digest.h"
#include "base/file.h"
#include "remove_tree.h"

/*
 * The other side of auth/: makes keys, JWKs and tokens with OpenSSL alone, so
 * that nothing under test signs what it verifies. What goes wrong here aborts.
 */
#define SIGN_SECRET                                                            \
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct arena sign_arena;

#define sign_must(cond)                                                        \
	do {                                                                   \
		if (!(cond)) {                                                 \
			fprintf(stderr, "# %s:%d: %s\n", __FILE__, __LINE__,   \
				#cond);                                        \
			abort();                                               \
		}                                                              \
	} while (0)

enum sign_key {
	SIGN_SECRET_KEY,
	SIGN_RSA,
	SIGN_RSA_PSS,
	SIGN_P256,
	SIGN_P384,
	SIGN_P521,
	SIGN_SECP256K1,
	SIGN_ED25519,
	SIGN_ED448,
	SIGN_RSA_SMALL,
	SIGN__COUNT
};

static inline EVP_PKEY **sign_slot(enum sign_key which)
{
	static EVP_PKEY *keys[SIGN__COUNT];

	return &keys[which];
}

static inline EVP_PKEY *sign_generate_pss(void)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
	EVP_PKEY *key = NULL;

	sign_must(EVP_PKEY_keygen_init(ctx) == 1 &&
		  EVP_PKEY_generate(ctx, &key) == 1);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/* Made at the first use, kept until sign_free(). */
static inline EVP_PKEY *sign_key(enum sign_key which)
{
	EVP_PKEY **key = sign_slot(which);
	static const char *const ec[SIGN__COUNT] = {
		[SIGN_P256] = "P-256",
		[SIGN_P384] = "P-384",
		[SIGN_P521] = "P-521",
		[SIGN_SECP256K1] = "secp256k1",
	};

	if (*key != NULL || which == SIGN_SECRET_KEY)
		return *key;
	if (ec[which] != NULL)
		*key = EVP_EC_gen(ec[which]);
	else if (which == SIGN_RSA)
		*key = EVP_RSA_gen(2048);
	else if (which == SIGN_RSA_SMALL)
		*key = EVP_RSA_gen(1024);
	else if (which == SIGN_RSA_PSS)
		*key = sign_generate_pss();
	else
		*key = EVP_PKEY_Q_keygen(NULL, NULL,
					 which == SIGN_ED25519 ? "ED25519"
							       : "ED448");
	sign_must(*key != NULL);
	return *key;
}

static char sign_folder[] = "/tmp/comfygate-auth-XXXXXX";
static bool sign_folder_made;

static inline void sign_free(void)
{
	for (unsigned i = 0; i < SIGN__COUNT; i++)
		EVP_PKEY_free(*sign_slot((enum sign_key)i));
	arena_finish(&sign_arena);
	if (sign_folder_made)
		remove_tree(sign_folder);
}

static inline char *sign_b64(const void *bytes, size_t n)
{
	return digest_base64url(&sign_arena, bytes, n);
}

static inline char *sign_text64(const char *text)
{
	return sign_b64(text, strlen(text));
}

/* A number of a key in base64url, at `width` bytes or as long as it is. */
static inline char *sign_number(EVP_PKEY *k, const char *name, int width)
{
	unsigned char bytes[2048];
	BIGNUM *bn = NULL;
	int n;

	sign_must(EVP_PKEY_get_bn_param(k, name, &bn) == 1);
	n = width > 0 ? width : BN_num_bytes(bn);
	sign_must(BN_bn2binpad(bn, bytes, n) == n);
	BN_free(bn);
	return sign_b64(bytes, (size_t)n);
}

/* {"kty":…, EXTRA}; extra is "" or begins with a comma. */
static inline char *sign_jwk(enum sign_key which, const char *extra)
{
	static const struct {
		const char *crv;
		int width;
	} ec[SIGN__COUNT] = {
		[SIGN_P256] = {"P-256", 32},
		[SIGN_P384] = {"P-384", 48},
		[SIGN_P521] = {"P-521", 66},
		[SIGN_SECP256K1] = {"secp256k1", 32},
	};
	EVP_PKEY *k = sign_key(which);
	unsigned char raw[64];
	size_t n = sizeof(raw);

	if (which == SIGN_SECRET_KEY)
		return arena_printf(&sign_arena,
				    "{\"kty\":\"oct\",\"k\":\"%s\"%s}",
				    sign_text64(SIGN_SECRET), extra);
	if (ec[which].crv != NULL)
		return arena_printf(
			&sign_arena,
			"{\"kty\":\"EC\",\"crv\":\"%s\",\"x\":\"%s\","
			"\"y\":\"%s\"%s}",
			ec[which].crv,
			sign_number(k, OSSL_PKEY_PARAM_EC_PUB_X,
				    ec[which].width),
			sign_number(k, OSSL_PKEY_PARAM_EC_PUB_Y,
				    ec[which].width),
			extra);
	if (which == SIGN_ED25519 || which == SIGN_ED448) {
		sign_must(EVP_PKEY_get_raw_public_key(k, raw, &n) == 1);
		return arena_printf(&sign_arena,
				    "{\"kty\":\"OKP\",\"crv\":\"%s\","
				    "\"x\":\"%s\"%s}",
				    which == SIGN_ED25519 ? "Ed25519" : "Ed448",
				    sign_b64(raw, n), extra);
	}
	return arena_printf(&sign_arena,
			    "{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"%s}",
			    sign_number(k, OSSL_PKEY_PARAM_RSA_N, 0),
			    sign_number(k, OSSL_PKEY_PARAM_RSA_E, 0), extra);
}

/* The public key as PEM text. */
static inline char *sign_pem(EVP_PKEY *k)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *at, *text;
	long n;

	sign_must(PEM_write_bio_PUBKEY(bio, k) == 1);
	n = BIO_get_mem_data(bio, &at);
	text = arena_strndup(&sign_arena, at, (size_t)n);
	BIO_free(bio);
	return text;
}

static inline const EVP_MD *sign_digest(const char *alg)
{
	const char *bits = alg + 2;

	return strcmp(bits, "256") == 0	  ? EVP_sha256()
	       : strcmp(bits, "384") == 0 ? EVP_sha384()
	       : strcmp(bits, "512") == 0 ? EVP_sha512()
					  : NULL; /* EdDSA and its kin */
}

/* DER to r and s of a fixed width. */
static inline size_t sign_raw(const unsigned char *der, size_t n, int width,
			      unsigned char *raw)
{
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)n);

	sign_must(sig != NULL);
	sign_must(BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, width) == width);
	sign_must(BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + width, width) ==
		  width);
	ECDSA_SIG_free(sig);
	return 2 * (size_t)width;
}

static inline size_t sign_bytes(const char *alg, EVP_PKEY *k, const char *text,
				unsigned char *sig, size_t max)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL;
	unsigned char der[256];
	size_t n = max;

	sign_must(EVP_DigestSignInit(ctx, &pctx, sign_digest(alg), NULL, k) ==
		  1);
	if (alg[0] == 'P') {
		sign_must(EVP_PKEY_CTX_set_rsa_padding(
				  pctx, RSA_PKCS1_PSS_PADDING) == 1);
		sign_must(EVP_PKEY_CTX_set_rsa_pss_saltlen(
				  pctx, RSA_PSS_SALTLEN_DIGEST) == 1);
	}
	if (EVP_PKEY_get_base_id(k) == EVP_PKEY_EC) {
		n = sizeof(der);
		sign_must(EVP_DigestSign(ctx, der, &n,
					 (const unsigned char *)text,
					 strlen(text)) == 1);
		n = sign_raw(der, n, (EVP_PKEY_get_bits(k) + 7) / 8, sig);
	} else {
		sign_must(EVP_DigestSign(ctx, sig, &n,
					 (const unsigned char *)text,
					 strlen(text)) == 1);
	}
	EVP_MD_CTX_free(ctx);
	return n;
}

static inline char *sign_hmac(const char *alg, const void *secret, size_t len,
			      const char *text)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	sign_must(HMAC(sign_digest(alg), secret, (int)len,
		       (const unsigned char *)text, strlen(text), mac,
		       &n) != NULL);
	return arena_printf(&sign_arena, "%s.%s", text, sign_b64(mac, n));
}

/* header and payload as JSON texts to a whole token. */
static inline char *sign_token(const char *alg, enum sign_key which,
			       const char *header, const char *payload)
{
	unsigned char sig[1024];
	char *text = arena_printf(&sign_arena, "%s.%s", sign_text64(header),
				  sign_text64(payload));
	size_t n;

	if (which == SIGN_SECRET_KEY)
		return sign_hmac(alg, SIGN_SECRET, strlen(SIGN_SECRET), text);
	n = sign_bytes(alg, sign_key(which), text, sig, sizeof(sig));
	return arena_printf(&sign_arena, "%s.%s", text, sign_b64(sig, n));
}

/* A file of the test's own folder, removed by sign_free(). */
static inline const char *sign_file(const char *name, const char *text,
				    mode_t mode)
{
	const char *path;
	FILE *f;

	if (!sign_folder_made)
		sign_must(mkdtemp(sign_folder) != NULL);
	sign_folder_made = true;
	path = arena_printf(&sign_arena, "%s/%s", sign_folder, name);
	unlink(path);
	f = fopen(path, "w");
	sign_must(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
	sign_must(chmod(path, mode) == 0);
	return path;
}

/* A set from the text of a JWKS file. */
static inline struct keyset *sign_set(const char *jwks)
{
	struct problem why = {0};
	struct keyset *k = keyset_load(
		&(struct keyset_sources){
			.jwks_file = sign_file("jwks.json", jwks, 0600),
		},
		&why);

	if (k == NULL)
		fprintf(stderr, "# %s: %s\n", why.where, why.detail);
	sign_must(k != NULL);
	return k;
}

static inline struct keyset *sign_set_of(enum sign_key which, const char *extra)
{
	return sign_set(arena_printf(&sign_arena, "{\"keys\":[%s]}",
				     sign_jwk(which, extra)));
}

#endif
