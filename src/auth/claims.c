#include <math.h>
#include <string.h>

#include "auth/claims.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"

#define CLAIMS_DEPTH 32
#define SUBJECT_MAX  255
/* The end of the year 9999. What is beyond was not meant in seconds. */
#define TIME_MAX 253402300799.0

static bool bad(struct problem *why, const char *detail)
{
	return problem_set(why, PROBLEM_UNAUTHORIZED, "", "%s", detail);
}

enum time_claim { TIME_ABSENT, TIME_GOOD, TIME_BAD };

/* A NumericDate, which may have a fraction (RFC 7519, 2), rounded up: with
 * whole seconds for now, "before 1.5" is "before 2". */
static enum time_claim time_of(const struct json *claims, const char *name,
			       int64_t *out, struct problem *why)
{
	const struct json *v = json_get(claims, name);
	double at = json_double(v, NAN);

	if (v == NULL)
		return TIME_ABSENT;
	if (!json_is(v, JSON_NUMBER) || !(at >= 0 && at <= TIME_MAX)) {
		problem_set(why, PROBLEM_UNAUTHORIZED, "",
			    "%s must be a time in seconds, as a number", name);
		return TIME_BAD;
	}
	*out = (int64_t)ceil(at);
	return TIME_GOOD;
}

/* A time that a token need not name, and that must not be to come. */
static bool has_come(const struct json *claims, const char *name, int64_t now_s,
		     const char *otherwise, struct problem *why)
{
	int64_t at = 0;

	switch (time_of(claims, name, &at, why)) {
	case TIME_ABSENT:
		break;
	case TIME_BAD:
		return false;
	case TIME_GOOD:
		return at <= now_s || bad(why, otherwise);
	}
	return true;
}

static bool check_times(const struct json *claims, int64_t now_s,
			int64_t leeway_s, int64_t *expires_s,
			struct problem *why)
{
	switch (time_of(claims, "exp", expires_s, why)) {
	case TIME_ABSENT:
		return bad(why, "the token has no exp: it must say when it "
				"expires");
	case TIME_BAD:
		return false;
	case TIME_GOOD:
		if (now_s - leeway_s >= *expires_s)
			return bad(why, "the token has expired");
	}
	return has_come(claims, "nbf", now_s + leeway_s,
			"the token is not valid yet (nbf)", why) &&
	       has_come(claims, "iat", now_s + leeway_s,
			"the token was issued in the future (iat)", why);
}

/* Text that may stand in an owner's name and in a log. */
static bool plain(const char *s)
{
	if (s[0] == '\0')
		return false;
	for (; *s != '\0'; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
	}
	return true;
}

static bool check_issuer(const struct json *claims, const char *wanted,
			 const char **issuer, struct problem *why)
{
	const struct json *v = json_get(claims, "iss");

	*issuer = json_string(v);
	if (wanted != NULL && v == NULL)
		return bad(why, "the token names no issuer (iss)");
	if (v != NULL && (*issuer == NULL || !plain(*issuer)))
		return bad(why, "iss must be text");
	if (wanted != NULL && strcmp(*issuer, wanted) != 0)
		return bad(why, "the token is of another issuer (iss)");
	if (*issuer == NULL)
		*issuer = "";
	return true;
}

static bool check_audience(const struct json *claims, const char *wanted,
			   struct problem *why)
{
	const struct json *v = json_get(claims, "aud");
	bool found = false;

	if (wanted == NULL)
		return true;
	if (v == NULL)
		return bad(why, "the token names no audience (aud)");
	if (json_string(v) != NULL)
		return strcmp(json_string(v), wanted) == 0 ||
		       bad(why, "the token is for another audience (aud)");
	if (!json_is(v, JSON_ARRAY))
		return bad(why, "aud must be text or an array of texts");
	json_each (item, v) {
		if (json_string(item) == NULL)
			return bad(why, "aud must be text or an array of "
					"texts");
		found |= strcmp(json_string(item), wanted) == 0;
	}
	return found || bad(why, "the token is for another audience (aud)");
}

/* The subject; `client` when it is a client_id in place of one. */
static const char *subject_of(const struct json *claims, bool *client,
			      struct problem *why)
{
	const struct json *v = json_get(claims, "sub");
	const char *s;

	*client = v == NULL;
	if (v == NULL)
		v = json_get(claims, "client_id");
	s = json_string(v);
	if (v == NULL)
		bad(why, "the token names no subject (sub)");
	else if (s == NULL || !plain(s) || strlen(s) > SUBJECT_MAX)
		bad(why, "sub must be text of 1 to 255 bytes without control "
			 "characters");
	else
		return s;
	return NULL;
}

/* RFC 6749, 3.3: what a scope is made of. */
static bool scope_char(char c)
{
	return c > ' ' && c < 0x7f && c != '"' && c != '\\';
}

/* Appends one scope and a space; what is no scope grants nothing. */
static void add_scope(struct buf *to, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!scope_char(s[i]))
			return;
	}
	if (n == 0)
		return;
	buf_add(to, s, n);
	buf_addc(to, ' ');
}

/* A text holds scopes between spaces; an array's element is one, so that a
 * space in it cannot make two. */
static void add_scopes(struct buf *to, const struct json *v)
{
	const char *s = json_string(v);

	while (s != NULL && *s != '\0') {
		size_t n = strcspn(s, " ");

		add_scope(to, s, n);
		s += n + (s[n] == ' ');
	}
	if (!json_is(v, JSON_ARRAY))
		return;
	json_each (item, v) {
		const char *one = json_string(item);

		if (one != NULL)
			add_scope(to, one, strlen(one));
	}
}

static char *scopes_of(const struct json *claims)
{
	static const char *const names[] = {"scope", "scp", "permissions"};
	struct buf scopes;

	/* Bounded by the token's own length. */
	buf_init(&scopes, 2 * TOKEN_MAX);
	buf_addc(&scopes, ' ');
	for (size_t i = 0; i < COUNT(names); i++)
		add_scopes(&scopes, json_get(claims, names[i]));
	return buf_take(&scopes);
}

/* A client in place of a subject gets a line of its own, so that no subject
 * can have its name: neither holds control characters. */
static char *owner_of(const char *issuer, const char *subject, bool client)
{
	struct buf owner;

	buf_init(&owner, 2 * TOKEN_MAX);
	buf_addf(&owner, "%s\n%s%s", issuer, client ? "client\n" : "", subject);
	return buf_take(&owner);
}

static struct principal *make(const struct json *claims,
			      const struct token_rules *rules, int64_t now_s,
			      struct problem *why)
{
	const char *issuer, *subject;
	struct principal *p;
	int64_t expires_s = 0;
	bool client;

	if (!json_is(claims, JSON_OBJECT)) {
		bad(why, "the token's payload must be an object");
		return NULL;
	}
	if (!check_times(claims, now_s, rules->leeway_s, &expires_s, why) ||
	    !check_issuer(claims, rules->issuer, &issuer, why) ||
	    !check_audience(claims, rules->audience, why))
		return NULL;
	subject = subject_of(claims, &client, why);
	if (subject == NULL)
		return NULL;
	p = mem_alloc(sizeof(*p));
	*p = (struct principal){
		.references = 1,
		.owner = owner_of(issuer, subject, client),
		.subject = mem_strdup(subject),
		.scopes = scopes_of(claims),
		.expires_s = expires_s,
	};
	return p;
}

struct principal *claims_read(const void *payload, size_t len,
			      const struct token_rules *rules, int64_t now_s,
			      struct problem *why)
{
	struct json_doc *doc = json_parse(payload, len, CLAIMS_DEPTH, NULL);
	struct principal *p;

	if (doc == NULL) {
		bad(why, "the token's payload is not strict JSON");
		return NULL;
	}
	p = make(json_root(doc), rules, now_s, why);
	if (p != NULL)
		p->claims = doc;
	else
		json_free(doc);
	return p;
}
