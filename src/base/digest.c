#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/digest.h"

/* OpenSSL fails here only for want of memory, or when it is broken. */
static void must(int ok)
{
	if (ok != 1)
		abort();
}

static EVP_MD *sha256;

static void fetch(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	must(sha256 != NULL);
}

/* EVP_sha256() is looked up anew, under a lock, at every use. */
static const EVP_MD *algorithm(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, fetch);
	return sha256;
}

void digest_sha256(const void *bytes, size_t n, unsigned char out[DIGEST_SIZE])
{
	unsigned len = 0;

	must(EVP_Digest(bytes, n, out, &len, algorithm(), NULL));
}

/* HMAC() looks up both algorithms and sets up the key at every call, which
 * costs six times as much as the hashing. */
struct digest_mac {
	EVP_MAC_CTX *ctx;
};

struct digest_mac *digest_mac_create(const void *key, size_t key_len)
{
	char name[] = "SHA256";
	OSSL_PARAM how[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name,
						 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	struct digest_mac *m = mem_alloc(sizeof(*m));

	m->ctx = EVP_MAC_CTX_new(hmac);
	EVP_MAC_free(hmac); /* the context holds it */
	must(m->ctx != NULL);
	must(EVP_MAC_init(m->ctx, key, key_len, how));
	return m;
}

void digest_mac(struct digest_mac *m, const void *bytes, size_t n,
		unsigned char out[DIGEST_SIZE])
{
	size_t len = 0;

	must(EVP_MAC_init(m->ctx, NULL, 0, NULL)); /* the same key again */
	must(EVP_MAC_update(m->ctx, bytes, n));
	must(EVP_MAC_final(m->ctx, out, &len, DIGEST_SIZE));
}

void digest_mac_destroy(struct digest_mac *m)
{
	if (m == NULL)
		return;
	EVP_MAC_CTX_free(m->ctx);
	free(m);
}

void digest_hex(const unsigned char digest[DIGEST_SIZE],
		char out[DIGEST_HEX_SIZE])
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < DIGEST_SIZE; i++) {
		out[2 * i] = hex[digest[i] >> 4];
		out[2 * i + 1] = hex[digest[i] & 15];
	}
	out[DIGEST_HEX_SIZE - 1] = '\0';
}

bool digest_hex_valid(const char *text)
{
	return text != NULL && strlen(text) == DIGEST_HEX_SIZE - 1 &&
	       strspn(text, "0123456789abcdef") == DIGEST_HEX_SIZE - 1;
}

bool digest_same(const void *a, const void *b, size_t n)
{
	return CRYPTO_memcmp(a, b, n) == 0;
}

void digest_random(void *out, size_t n)
{
	unsigned char *at = out;

	while (n > 0) {
		ssize_t got = getrandom(at, n, 0);

		if (got < 0) {
			if (errno == EINTR)
				continue;
			abort();
		}
		at += got;
		n -= (size_t)got;
	}
}

struct digest {
	EVP_MD_CTX *ctx;
};

struct digest *digest_create(void)
{
	struct digest *d = mem_alloc(sizeof(*d));

	d->ctx = EVP_MD_CTX_new();
	must(d->ctx != NULL);
	must(EVP_DigestInit_ex(d->ctx, algorithm(), NULL));
	return d;
}

void digest_add(struct digest *d, const void *bytes, size_t n)
{
	if (n > 0)
		must(EVP_DigestUpdate(d->ctx, bytes, n));
}

void digest_end(struct digest *d, unsigned char out[DIGEST_SIZE])
{
	unsigned len = 0;

	must(EVP_DigestFinal_ex(d->ctx, out, &len));
	EVP_MD_CTX_free(d->ctx);
	free(d);
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			       "abcdefghijklmnopqrstuvwxyz0123456789-_";

char *digest_base64url(struct arena *a, const void *bytes, size_t n)
{
	const unsigned char *in = bytes;
	char *out = arena_alloc(a, n / 3 * 4 + 5);
	unsigned hold = 0, bits = 0;
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		hold = (hold << 8 | in[i]) & 0xFFFF;
		bits += 8;
		while (bits >= 6) {
			bits -= 6;
			out[at++] = alphabet[(hold >> bits) & 63];
		}
	}
	if (bits > 0)
		out[at++] = alphabet[(hold << (6 - bits)) & 63];
	out[at] = '\0';
	return out;
}

static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

unsigned char *digest_base64url_decode(struct arena *a, const char *text,
				       size_t n, size_t *len)
{
	unsigned char *out;
	unsigned hold = 0, bits = 0;
	size_t at = 0;

	if (n % 4 == 1)
		return NULL;
	out = arena_alloc(a, n / 4 * 3 + 4);
	for (size_t i = 0; i < n; i++) {
		int v = value_of(text[i]);

		if (v < 0)
			return NULL;
		hold = (hold << 6 | (unsigned)v) & 0xFFFF;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			out[at++] = (unsigned char)(hold >> bits);
		}
	}
	if ((hold & ((1u << bits) - 1)) != 0)
		return NULL; /* two texts would stand for the same bytes */
	*len = at;
	return out;
}
