#ifndef AUTH_ACCESS_H
#define AUTH_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/principal.h"
#include "auth/token.h"
#include "base/attr.h"
#include "base/problem.h"

/*
 * From an Authorization header to a principal, fast: verified tokens are
 * remembered by their SHA-256 until they expire, at most 60 s, and at most
 * until the keys change; a caller who comes again costs microseconds. Also
 * the rate limits. The loop thread owns an access; only access_publish() may
 * come from another thread.
 */
struct access;

struct access_options {
	struct token_rules rules;
	size_t cache_entries; /* 4096; 0 remembers nothing */
	const char *realm;    /* for WWW-Authenticate */
	const char *jwks_url; /* NULL: no keys are fetched, none is PENDING */
};

/* Takes over one reference to keys; copies the options' texts. */
struct access *access_create(const struct access_options *o,
			     struct keyset *keys);
void access_destroy(struct access *a);
/* New keys (any thread); takes over the reference. Forgets what it verified
 * with the old ones. */
void access_publish(struct access *a, struct keyset *keys);
/* The keys it uses now, with a reference of the caller's own. */
struct keyset *access_keys(struct access *a);
bool access_is_development(struct access *a);

enum access_outcome {
	ACCESS_GRANTED,
	ACCESS_DENIED,	/* why and www_authenticate are filled */
	ACCESS_PENDING, /* unknown kid: if keys_ask(), again when renewed */
};

#define ACCESS_CHALLENGE_MAX 512

/* authorization: the header's value or NULL. On GRANTED *who is borrowed and
 * good until the next access_check(); keep it with principal_keep(). On
 * PENDING, too, why and www_authenticate are filled: for when it stays so. */
enum access_outcome access_check(struct access *a, const char *authorization,
				 int64_t now_s, struct principal **who,
				 char www_authenticate[ACCESS_CHALLENGE_MAX],
				 struct problem *why);
/* The challenge for a missing scope (RFC 6750, 3.1; 403). */
void access_insufficient_scope(const struct access *a, const char *scope,
			       char www_authenticate[ACCESS_CHALLENGE_MAX]);

/*
 * Rate limits: one bucket per (owner, endpoint), `count` per `window_ms`,
 * refilled evenly. Memory is bounded: of those that share a place the bucket
 * nearest to full is forgotten first.
 */
struct rate_state {
	bool allowed;
	uint32_t remaining;
	int64_t retry_ms; /* until the next one is allowed; 0 when allowed */
	int64_t reset_ms; /* until the bucket is full again */
};

struct rate_state access_rate(struct access *a, const char *owner,
			      const char *endpoint, uint32_t count,
			      int64_t window_ms, int64_t monotonic_ms);

#endif
