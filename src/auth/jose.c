#include <string.h>

#include "auth/jose.h"
#include "auth/key.h"
#include "auth/token.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/text.h"

#define HEADER_DEPTH 4

static bool bad(struct problem *why, const char *detail)
{
	return problem_set(why, PROBLEM_UNAUTHORIZED, "", "%s", detail);
}

/* The parts' lengths; false unless there are exactly three, none empty. */
static bool split(const char *token, size_t len, size_t part[3],
		  struct problem *why)
{
	size_t n = 0, from = 0;

	for (size_t i = 0; i <= len; i++) {
		if (i < len && token[i] != '.')
			continue;
		if (n == 3)
			return bad(why, "the token must have three parts "
					"(a signed JWT)");
		if (i == from)
			return bad(why, "a part of the token is empty");
		part[n++] = i - from;
		from = i + 1;
	}
	return n == 3 || bad(why, "the token must have three parts "
				  "(a signed JWT)");
}

/*
 * Members that would make a token choose how it is checked. "crit" lists
 * extensions that must be understood, and we have none; the others name or
 * carry keys (RFC 8725, 3.10), or say that the payload is something else.
 */
static bool asks_too_much(const struct json *header, struct problem *why)
{
	static const struct {
		const char *name, *detail;
	} refused[] = {
		{"crit", "crit in the header is not supported"},
		{"jku", "a key named by the token itself is refused"},
		{"jwk", "a key named by the token itself is refused"},
		{"x5u", "a key named by the token itself is refused"},
		{"x5c", "a key named by the token itself is refused"},
		{"enc", "encrypted tokens are not supported"},
		{"zip", "compressed tokens are not supported"},
	};
	const struct json *b64 = json_get(header, "b64");

	for (size_t i = 0; i < COUNT(refused); i++) {
		if (json_get(header, refused[i].name) != NULL)
			return !bad(why, refused[i].detail);
	}
	if (b64 != NULL && !json_true(b64))
		return !bad(why, "an unencoded payload is not supported");
	return false;
}

static bool read_typ(const struct json *header, struct jose *out,
		     struct problem *why)
{
	const struct json *v = json_get(header, "typ");
	const char *typ = json_string(v);

	if (v == NULL)
		return true;
	if (typ == NULL)
		return bad(why, "typ in the header must be text");
	out->access_token = text_same_nocase(typ, "at+jwt") ||
			    text_same_nocase(typ, "application/at+jwt");
	return out->access_token || text_same_nocase(typ, "JWT") ||
	       bad(why, "typ in the header must be JWT or at+jwt");
}

static bool read_kid(const struct json *header, struct arena *a,
		     struct jose *out, struct problem *why)
{
	const struct json *v = json_get(header, "kid");
	const char *kid = json_string(v);

	if (v == NULL)
		return true;
	if (kid == NULL || kid[0] == '\0' || strlen(kid) > KEY_KID_MAX)
		return bad(why, "kid in the header must be text of 1 to 255 "
				"bytes");
	out->kid = arena_strdup(a, kid);
	return true;
}

static bool read_header(const struct json *header, struct arena *a,
			struct jose *out, struct problem *why)
{
	const char *alg = json_string(json_get(header, "alg"));

	if (!json_is(header, JSON_OBJECT))
		return bad(why, "the token's header must be an object");
	if (alg == NULL)
		return bad(why, "alg in the header must be text");
	if (!alg_from_name(alg, &out->alg))
		return bad(why, "the token's algorithm is not supported");
	return !asks_too_much(header, why) && read_typ(header, out, why) &&
	       read_kid(header, a, out, why);
}

bool jose_read(const char *token, size_t len, struct arena *a, struct jose *out,
	       struct problem *why)
{
	size_t part[3] = {0}, header_len = 0;
	unsigned char *header;
	struct json_doc *doc;
	bool good;

	*out = (struct jose){0};
	if (len > TOKEN_MAX)
		return bad(why, "the token is too long");
	if (!split(token, len, part, why))
		return false;
	out->signed_len = part[0] + 1 + part[1];
	header = digest_base64url_decode(a, token, part[0], &header_len);
	out->payload = digest_base64url_decode(a, token + part[0] + 1, part[1],
					       &out->payload_len);
	out->signature = digest_base64url_decode(a, token + out->signed_len + 1,
						 part[2], &out->signature_len);
	if (header == NULL || out->payload == NULL || out->signature == NULL)
		return bad(why, "a part of the token is not base64url");

	doc = json_parse((const char *)header, header_len, HEADER_DEPTH, NULL);
	if (doc == NULL)
		return bad(why, "the token's header is not strict JSON");
	good = read_header(json_root(doc), a, out, why);
	json_free(doc);
	return good;
}
