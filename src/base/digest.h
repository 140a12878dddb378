#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"

/* Hashes, randomness and base64url, by OpenSSL. Any thread. */
#define DIGEST_SIZE	32
#define DIGEST_HEX_SIZE 65

void digest_sha256(const void *bytes, size_t n, unsigned char out[DIGEST_SIZE]);
void digest_hex(const unsigned char digest[DIGEST_SIZE],
		char out[DIGEST_HEX_SIZE]);
/* Is it what digest_hex() writes: 64 digits, lower case? NULL: false. */
MUST_USE bool digest_hex_valid(const char *text);
/* Takes as long wherever the difference is. */
MUST_USE bool digest_same(const void *a, const void *b, size_t n);
void digest_random(void *out, size_t n);

/* HMAC-SHA-256 (RFC 2104) with a key that is set up once. One thread at a
 * time. The key has at least a byte; it is copied. */
struct digest_mac;
struct digest_mac *digest_mac_create(const void *key, size_t key_len);
void digest_mac(struct digest_mac *m, const void *bytes, size_t n,
		unsigned char out[DIGEST_SIZE]);
void digest_mac_destroy(struct digest_mac *m); /* NULL is fine */

/* Bytes that come in pieces. */
struct digest;
struct digest *digest_create(void);
void digest_add(struct digest *d, const void *bytes, size_t n);
void digest_end(struct digest *d, unsigned char out[DIGEST_SIZE]); /* frees */

/* RFC 4648, 5, without padding. Decoding is strict: no other characters, no
 * padding, no spare bits. NULL where the text is not of that form. */
char *digest_base64url(struct arena *a, const void *bytes, size_t n);
MUST_USE unsigned char *digest_base64url_decode(struct arena *a,
						const char *text, size_t n,
						size_t *len);

#endif
