#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "auth/access.h"
#include "auth/cache.h"
#include "auth/rate.h"
#include "base/arena.h"
#include "base/digest.h"

#define RATE_BUCKETS 65536
/* So that a challenge always fits, its quotes closed. */
#define REALM_MAX 64
#define TEXT_MAX  200

struct access {
	struct token_rules rules;
	char *issuer, *audience, *realm;
	bool fetches;
	struct cache *cache;
	struct rate *rate;
	struct keyset *keys;	/* the loop's own */
	struct principal *lent; /* to the last caller; a reference */
	/* Published and not yet taken up. Whole sets go through this pointer,
	 * in one exchange, so no lock is needed. */
	_Atomic(struct keyset *) fresh;
};

/* Only what may stand between quotes there (RFC 6750, 3). */
static char *quotable(const char *text, size_t max)
{
	char *out = mem_strndup(text, strnlen(text, max));

	for (char *c = out; *c != '\0'; c++) {
		if (*c < ' ' || *c > '~' || *c == '"' || *c == '\\')
			*c = '?';
	}
	return out;
}

struct access *access_create(const struct access_options *o,
			     struct keyset *keys)
{
	struct access *a = mem_alloc(sizeof(*a));

	if (o->rules.issuer != NULL)
		a->issuer = mem_strdup(o->rules.issuer);
	if (o->rules.audience != NULL)
		a->audience = mem_strdup(o->rules.audience);
	a->rules = (struct token_rules){
		.issuer = a->issuer,
		.audience = a->audience,
		.leeway_s = o->rules.leeway_s,
	};
	a->realm = quotable(o->realm, REALM_MAX);
	a->fetches = o->jwks_url != NULL;
	a->cache = cache_create(o->cache_entries);
	a->rate = rate_create(RATE_BUCKETS);
	a->keys = keys;
	atomic_init(&a->fresh, NULL);
	return a;
}

void access_destroy(struct access *a)
{
	if (a == NULL)
		return;
	keyset_drop(atomic_exchange(&a->fresh, NULL));
	keyset_drop(a->keys);
	principal_drop(a->lent);
	cache_destroy(a->cache);
	rate_destroy(a->rate);
	free(a->issuer);
	free(a->audience);
	free(a->realm);
	free(a);
}

void access_publish(struct access *a, struct keyset *keys)
{
	keyset_drop(atomic_exchange(&a->fresh, keys));
}

static void take_up(struct access *a)
{
	struct keyset *keys;

	if (atomic_load_explicit(&a->fresh, memory_order_relaxed) == NULL)
		return;
	keys = atomic_exchange(&a->fresh, NULL);
	if (keys == NULL)
		return;
	keyset_drop(a->keys);
	a->keys = keys;
	cache_clear(a->cache);
}

struct keyset *access_keys(struct access *a)
{
	take_up(a);
	return keyset_keep(a->keys);
}

bool access_is_development(struct access *a)
{
	take_up(a);
	return keyset_is_development(a->keys);
}

/* RFC 6750, 3: no error code where no bearer token was sent. */
static void challenge(const struct access *a, const char *error,
		      const char *detail, char out[ACCESS_CHALLENGE_MAX])
{
	char *text;

	if (error == NULL) {
		snprintf(out, ACCESS_CHALLENGE_MAX, "Bearer realm=\"%s\"",
			 a->realm);
		return;
	}
	text = quotable(detail, TEXT_MAX);
	snprintf(out, ACCESS_CHALLENGE_MAX,
		 "Bearer realm=\"%s\", error=\"%s\", error_description=\"%s\"",
		 a->realm, error, text);
	free(text);
}

void access_insufficient_scope(const struct access *a, const char *scope,
			       char www_authenticate[ACCESS_CHALLENGE_MAX])
{
	char *text = quotable(scope, TEXT_MAX);

	snprintf(www_authenticate, ACCESS_CHALLENGE_MAX,
		 "Bearer realm=\"%s\", error=\"insufficient_scope\", "
		 "error_description=\"the token lacks a scope\", scope=\"%s\"",
		 a->realm, text);
	free(text);
}

static bool is_bearer(const char *authorization)
{
	static const char scheme[] = "Bearer";
	size_t n = sizeof(scheme) - 1;

	return strncasecmp(authorization, scheme, n) == 0 &&
	       (authorization[n] == ' ' || authorization[n] == '\0');
}

/* The one word after the scheme; NULL when there is none or more. */
static const char *bearer_token(const char *authorization, size_t *len)
{
	const char *token = authorization + strcspn(authorization, " ");
	const char *after;

	token += strspn(token, " ");
	*len = strcspn(token, " ");
	after = token + *len;
	return *len > 0 && after[strspn(after, " ")] == '\0' ? token : NULL;
}

static enum access_outcome deny(const struct access *a, const char *error,
				const char *detail,
				char www_authenticate[ACCESS_CHALLENGE_MAX],
				struct problem *why)
{
	problem_set(why, PROBLEM_UNAUTHORIZED, "", "%s", detail);
	challenge(a, error, detail, www_authenticate);
	return ACCESS_DENIED;
}

static enum access_outcome lend(struct access *a, struct principal *p,
				struct principal **who)
{
	principal_drop(a->lent);
	a->lent = *who = p;
	return ACCESS_GRANTED;
}

static enum access_outcome check_token(struct access *a, const char *token,
				       size_t len, int64_t now_s,
				       struct principal **who,
				       struct problem *why)
{
	unsigned char hash[DIGEST_SIZE];
	struct principal *p;

	digest_sha256(token, len, hash);
	p = cache_find(a->cache, hash, now_s);
	if (p != NULL) {
		principal_keep(p);
		return lend(a, p, who);
	}
	switch (token_verify(token, len, a->keys, &a->rules, now_s, &p, why)) {
	case TOKEN_VALID:
		cache_put(a->cache, hash, p, now_s);
		return lend(a, p, who);
	case TOKEN_UNKNOWN_KEY:
		return a->fetches ? ACCESS_PENDING : ACCESS_DENIED;
	case TOKEN_INVALID:
		break;
	}
	return ACCESS_DENIED;
}

enum access_outcome access_check(struct access *a, const char *authorization,
				 int64_t now_s, struct principal **who,
				 char www_authenticate[ACCESS_CHALLENGE_MAX],
				 struct problem *why)
{
	enum access_outcome outcome;
	const char *token;
	size_t len = 0;

	*who = NULL;
	www_authenticate[0] = '\0';
	take_up(a);
	if (authorization == NULL || !is_bearer(authorization))
		return deny(a, NULL,
			    "a token is needed: Authorization: Bearer TOKEN",
			    www_authenticate, why);
	token = bearer_token(authorization, &len);
	if (token == NULL)
		return deny(a, "invalid_token",
			    "the header must be Bearer and one token",
			    www_authenticate, why);
	if (len > TOKEN_MAX)
		return deny(a, "invalid_token", "the token is too long",
			    www_authenticate, why);
	outcome = check_token(a, token, len, now_s, who, why);
	if (outcome != ACCESS_GRANTED)
		challenge(a, "invalid_token", why->detail, www_authenticate);
	return outcome;
}

struct rate_state access_rate(struct access *a, const char *owner,
			      const char *endpoint, uint32_t count,
			      int64_t window_ms, int64_t monotonic_ms)
{
	return rate_take(a->rate, owner, endpoint, count, window_ms,
			 monotonic_ms);
}
