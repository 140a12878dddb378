#include "auth_sign.h"

#include "auth/access.h"
#include "auth/cache.h"
#include "auth/rate.h"
#include "tap.h"

#define NOW 1800000000

static struct problem why;
static char challenge[ACCESS_CHALLENGE_MAX];
static struct principal *who;

static struct access *make(struct keyset *keys, const char *jwks_url,
			   size_t cache_entries)
{
	return access_create(
		&(struct access_options){
			.rules = {.leeway_s = 30},
			.cache_entries = cache_entries,
			.realm = "comfygate",
			.jwks_url = jwks_url,
		},
		keys);
}

static enum access_outcome check(struct access *a, const char *authorization,
				 int64_t now_s)
{
	memset(&why, 0, sizeof(why));
	return access_check(a, authorization, now_s, &who, challenge, &why);
}

static char *bearer_of(enum sign_key key, const char *alg, const char *kid,
		       const char *sub, int64_t exp)
{
	return arena_printf(
		&sign_arena, "Bearer %s",
		sign_token(alg, key,
			   arena_printf(&sign_arena,
					"{\"alg\":\"%s\",\"kid\":\"%s\"}", alg,
					kid),
			   arena_printf(&sign_arena,
					"{\"sub\":\"%s\",\"exp\":%lld,"
					"\"scope\":\"a:run\"}",
					sub, (long long)exp)));
}

static void test_headers(void)
{
	struct access *a = make(sign_set_of(SIGN_SECRET_KEY, ""), NULL, 64);
	const char *good =
		bearer_of(SIGN_SECRET_KEY, "HS256", "k", "me", NOW + 600);
	const char *token = good + strlen("Bearer ");
	static const char plain[] = "Bearer realm=\"comfygate\"";
	static const char bad[] =
		"Bearer realm=\"comfygate\", error=\"invalid_token\", "
		"error_description=\"";
	const struct {
		const char *name, *header;
		bool granted;
		const char *begins; /* the challenge */
	} cases[] = {
		{"good", good, true, ""},
		{"lower case", arena_printf(&sign_arena, "bearer %s", token),
		 true, ""},
		{"upper case", arena_printf(&sign_arena, "BEARER %s", token),
		 true, ""},
		{"spaces around",
		 arena_printf(&sign_arena, "Bearer   %s  ", token), true, ""},
		{"none", NULL, false, plain},
		{"empty", "", false, plain},
		{"Basic", "Basic dXNlcjpwYXNz", false, plain},
		{"the token alone", token, false, plain},
		{"no space", arena_printf(&sign_arena, "Bearer%s", token),
		 false, plain},
		{"a scheme that begins alike",
		 arena_printf(&sign_arena, "BearerX %s", token), false, plain},
		{"Bearer alone", "Bearer", false, bad},
		{"Bearer and a space", "Bearer ", false, bad},
		{"two tokens",
		 arena_printf(&sign_arena, "Bearer %s %s", token, token), false,
		 bad},
		{"two with a comma",
		 arena_printf(&sign_arena, "Bearer %s,%s", token, token), false,
		 bad},
		{"a tab", arena_printf(&sign_arena, "Bearer\t%s", token), false,
		 plain},
		{"quotes", "Bearer \"a.b.c\"", false, bad},
		{"too long", arena_printf(&sign_arena, "Bearer %09000d", 0),
		 false, bad},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		enum access_outcome got = check(a, cases[i].header, NOW);

		ok(got == (cases[i].granted ? ACCESS_GRANTED : ACCESS_DENIED) &&
			   (who != NULL) == cases[i].granted &&
			   strncmp(challenge, cases[i].begins,
				   strlen(cases[i].begins)) == 0 &&
			   (cases[i].begins != plain ||
			    strcmp(challenge, plain) == 0) &&
			   (cases[i].granted ||
			    why.code == PROBLEM_UNAUTHORIZED),
		   "header: %s (%s)", cases[i].name, challenge);
	}
	check(a, bearer_of(SIGN_SECRET_KEY, "HS256", "k", "me", NOW - 60), NOW);
	is_str(challenge,
	       "Bearer realm=\"comfygate\", error=\"invalid_token\", "
	       "error_description=\"the token has expired\"",
	       "the challenge says why");
	access_destroy(a);
}

static void test_scope_challenge(void)
{
	struct access *a =
		access_create(&(struct access_options){.realm = "a\"b\\c\nd"},
			      sign_set_of(SIGN_SECRET_KEY, ""));
	char *much = arena_printf(&sign_arena, "%0600d", 0);

	access_insufficient_scope(a, "portrait:run", challenge);
	is_str(challenge,
	       "Bearer realm=\"a?b?c?d\", error=\"insufficient_scope\", "
	       "error_description=\"the token lacks a scope\", "
	       "scope=\"portrait:run\"",
	       "a missing scope is named, the realm kept in its quotes");
	access_insufficient_scope(a, much, challenge);
	ok(challenge[strlen(challenge) - 1] == '"',
	   "a long scope still ends with its quote");
	access_destroy(a);
}

static void test_cache(void)
{
	struct access *a = make(sign_set_of(SIGN_SECRET_KEY, ""), NULL, 64);
	char *brief = bearer_of(SIGN_SECRET_KEY, "HS256", "k", "b", NOW + 10);
	char *lasting =
		bearer_of(SIGN_SECRET_KEY, "HS256", "k", "l", NOW + 6000);
	struct principal *first;

	sign_must(check(a, lasting, NOW) == ACCESS_GRANTED);
	first = who;
	principal_keep(first);
	ok(check(a, lasting, NOW + 59) == ACCESS_GRANTED && who == first,
	   "a token is remembered for a minute");
	ok(check(a, lasting, NOW + 60) == ACCESS_GRANTED && who != first,
	   "and then verified again");
	principal_drop(first);
	first = who;
	principal_keep(first);
	ok(check(a, lasting, NOW - 29) == ACCESS_GRANTED && who != first,
	   "also when the clock was set back");
	principal_drop(first);

	sign_must(check(a, brief, NOW) == ACCESS_GRANTED);
	first = who;
	principal_keep(first);
	ok(check(a, brief, NOW + 9) == ACCESS_GRANTED && who == first,
	   "until it expires");
	ok(check(a, brief, NOW + 10) == ACCESS_GRANTED && who != first,
	   "within the leeway it is verified each time");
	ok(check(a, brief, NOW + 40) == ACCESS_DENIED,
	   "after it, it is refused");
	principal_drop(first);
	access_destroy(a);
}

static void test_rotation(void)
{
	struct access *a = make(sign_set_of(SIGN_P256, ",\"kid\":\"old\""),
				"https://x.example", 64);
	char *old = bearer_of(SIGN_P256, "ES256", "old", "me", NOW + 600);
	char *new = bearer_of(SIGN_ED25519, "EdDSA", "new", "me", NOW + 600);

	ok(check(a, old, NOW) == ACCESS_GRANTED, "the old key's token");
	ok(check(a, new, NOW) == ACCESS_PENDING && who == NULL &&
		   why.code == PROBLEM_UNAUTHORIZED &&
		   strstr(challenge, "invalid_token"),
	   "a kid that is not known yet is pending, with its refusal ready");
	access_publish(a, sign_set_of(SIGN_RSA, ",\"kid\":\"x\""));
	access_publish(a, sign_set_of(SIGN_ED25519, ",\"kid\":\"new\""));
	ok(check(a, new, NOW) == ACCESS_GRANTED, "after it was published");
	ok(check(a, old, NOW) == ACCESS_PENDING,
	   "what the old keys verified is forgotten");
	access_publish(a, sign_set_of(SIGN_RSA, ",\"kid\":\"x\""));
	access_destroy(a);

	a = make(sign_set_of(SIGN_P256, ",\"kid\":\"old\""), NULL, 64);
	ok(check(a, new, NOW) == ACCESS_DENIED,
	   "without a URL an unknown kid is simply wrong");
	access_destroy(a);
}

static void test_development(void)
{
	struct access *a = make(sign_set_of(SIGN_RSA, ""), NULL, 0);
	struct keyset *keys;

	ok(!access_is_development(a), "no development key");
	keys = keyset_load(
		&(struct keyset_sources){
			.secret_file = sign_file(
				"dev", "comfygate-development-key:0123456789",
				0600),
		},
		&why);
	sign_must(keys != NULL);
	access_publish(a, keys);
	ok(access_is_development(a), "a published development key is seen");
	keys = access_keys(a);
	ok(keyset_is_development(keys), "and is among its keys");
	keyset_drop(keys);
	access_destroy(a);
	access_destroy(NULL);
}

static struct principal *someone(int64_t expires_s)
{
	struct principal *p = mem_alloc(sizeof(*p));

	p->references = 1;
	p->expires_s = expires_s;
	return p;
}

static void hash_of(unsigned n, unsigned char hash[DIGEST_SIZE])
{
	digest_sha256(&n, sizeof(n), hash);
}

/* A flood of tokens leaves no more than there is room for, the one in use
 * among them. */
static void test_cache_bound(void)
{
	struct cache *c = cache_create(60);
	unsigned char hash[DIGEST_SIZE], own[DIGEST_SIZE];
	struct principal *p = someone(NOW + 600);
	unsigned kept = 0;
	bool always = true;

	hash_of(1000000, own);
	cache_put(c, own, p, NOW);
	for (unsigned i = 0; i < 10000; i++) {
		hash_of(i, hash);
		cache_put(c, hash, p, NOW);
		always &= cache_find(c, own, NOW) == p;
	}
	for (unsigned i = 0; i < 10000; i++) {
		hash_of(i, hash);
		kept += cache_find(c, hash, NOW) != NULL;
	}
	ok(always, "the one that is asked for stays");
	ok(kept == 63 && p->references == 65, "64 places are filled, no more");
	cache_put(c, own, p, NOW);
	ok(p->references == 65, "one token has one place");
	cache_clear(c);
	ok(p->references == 1 && cache_find(c, own, NOW) == NULL,
	   "cleared, it keeps nothing");
	cache_destroy(c);
	c = cache_create(0);
	cache_put(c, own, p, NOW);
	ok(cache_find(c, own, NOW) == NULL, "a cache of nothing");
	cache_destroy(c);
	cache_destroy(NULL);
	principal_drop(p);
}

static void test_rate(void)
{
	/* 6 in 60 s: a burst of 6, then one each 10 s. */
	static const struct {
		int64_t at_ms;
		bool allowed;
		uint32_t remaining;
		int64_t retry_ms, reset_ms;
	} steps[] = {
		{1000, true, 5, 0, 10000},	{1000, true, 4, 0, 20000},
		{1000, true, 3, 0, 30000},	{1000, true, 2, 0, 40000},
		{1000, true, 1, 0, 50000},	{1000, true, 0, 0, 60000},
		{1000, false, 0, 10000, 60000}, {10999, false, 0, 1, 50001},
		{11000, true, 0, 0, 60000},	{11001, false, 0, 9999, 59999},
		{31000, true, 1, 0, 50000},	{81000, true, 5, 0, 10000},
		{99999999, true, 5, 0, 10000},
	};
	struct rate *r = rate_create(1000);

	for (size_t i = 0; i < COUNT(steps); i++) {
		struct rate_state s = rate_take(r, "me", "portrait", 6, 60000,
						steps[i].at_ms);

		ok(s.allowed == steps[i].allowed &&
			   s.remaining == steps[i].remaining &&
			   s.retry_ms == steps[i].retry_ms &&
			   s.reset_ms == steps[i].reset_ms,
		   "rate: step %zu (%d, %u left, retry %lld, reset %lld)", i,
		   s.allowed, s.remaining, (long long)s.retry_ms,
		   (long long)s.reset_ms);
	}
	rate_destroy(r);
}

static void test_rate_apart(void)
{
	struct rate *r = rate_create(1000);
	struct rate_state s;

	ok(rate_take(r, "me", "a", 1, 60000, 0).allowed &&
		   !rate_take(r, "me", "a", 1, 60000, 1).allowed,
	   "one a minute");
	ok(rate_take(r, "me", "b", 1, 60000, 1).allowed &&
		   rate_take(r, "you", "a", 1, 60000, 1).allowed,
	   "another endpoint, another owner have their own");
	s = rate_take(r, "nobody", "a", 0, 60000, 0);
	ok(!s.allowed && s.retry_ms == 60000, "none at all");
	s = rate_take(r, "many", "a", UINT32_MAX, 1, 0);
	ok(s.allowed && s.reset_ms == 1, "more than one in a nanosecond");
	s = rate_take(r, "year", "a", 1, 366LL * 24 * 3600 * 1000, INT32_MAX);
	ok(s.allowed && s.remaining == 0 &&
		   s.reset_ms == 366LL * 24 * 3600 * 1000,
	   "one in a year");
	s = rate_take(r, "year", "a", 2, 1000, INT32_MAX);
	ok(!s.allowed && s.reset_ms == 1000,
	   "a shorter window makes nobody wait for the longer one");
	rate_destroy(r);
	rate_destroy(NULL);
}

/* Many callers at a small table: who is over the limit stays known as long as
 * there are buckets that matter less. */
static void test_rate_bound(void)
{
	struct rate *r = rate_create(8);
	char name[16];
	bool held = true;

	for (int i = 0; i < 10; i++)
		(void)rate_take(r, "greedy", "a", 10, 60000, 0);
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "u%d", i);
		held &= rate_take(r, name, "a", 10, 60000, 0).allowed;
		held &= !rate_take(r, "greedy", "a", 10, 60000, 0).allowed;
	}
	ok(held, "a flood of others does not refill a bucket");
	rate_destroy(r);
}

static void test_rate_access(void)
{
	struct access *a = make(sign_set_of(SIGN_SECRET_KEY, ""), NULL, 0);

	ok(access_rate(a, "me", "a", 1, 1000, 5).allowed &&
		   !access_rate(a, "me", "a", 1, 1000, 6).allowed,
	   "an access has its rates");
	access_destroy(a);
}

int main(void)
{
	test_headers();
	test_scope_challenge();
	test_cache();
	test_rotation();
	test_development();
	test_cache_bound();
	test_rate();
	test_rate_apart();
	test_rate_bound();
	test_rate_access();
	sign_free();
	return tap_done();
}
