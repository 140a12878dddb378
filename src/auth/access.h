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
	size_t cache_entries; /* 4096 */
	const char *realm;    /* for WWW-Authenticate */
	const char *jwks_url; /* NULL: no keys are fetched */
};

/* Takes over one reference to keys. */
struct access *access_create(const struct access_options *o,
			     struct keyset *keys);
void access_destroy(struct access *a);
/* New keys (any thread); takes over the reference. Forgets what it verified
 * with the old ones. */
void access_publish(struct access *a, struct keyset *keys);
bool access_is_development(struct access *a);

enum access_outcome {
	ACCESS_GRANTED,
	ACCESS_DENIED,  /* why and www_authenticate are filled */
	ACCESS_PENDING, /* unknown kid: ask again when keys were fetched */
};

#define ACCESS_CHALLENGE_MAX 512

/* authorization: the header's value or NULL. On GRANTED *who is borrowed and
 * good until the loop turns; keep it with principal_keep(). */
enum access_outcome access_check(struct access *a, const char *authorization,
				 int64_t now_s, struct principal **who,
				 char www_authenticate[ACCESS_CHALLENGE_MAX],
				 struct problem *why);
/* The challenge for a missing scope (RFC 6750, 3.1; 403). */
void access_insufficient_scope(const struct access *a, const char *scope,
			       char www_authenticate[ACCESS_CHALLENGE_MAX]);

/*
 * Rate limits: one bucket per (owner, endpoint), `count` per `window_ms`,
 * refilled evenly. Memory is bounded: the emptiest-of-news buckets (full ones)
 * are forgotten first.
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
