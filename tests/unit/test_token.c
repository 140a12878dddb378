/* What a token says, and how it is written. */
#include "token_rig.h"

/* Headers of a token that is signed right with HS256. */
static const struct {
	const char *name, *header, *detail; /* detail NULL: it passes */
} headers[] = {
	{"plain", "{\"alg\":\"HS256\",\"typ\":\"JWT\"}", NULL},
	{"unknown members are passed over",
	 "{\"alg\":\"HS256\",\"x5t\":\"abc\",\"nonce\":\"n\"}", NULL},
	{"b64 true", "{\"alg\":\"HS256\",\"b64\":true}", NULL},
	{"alg none", "{\"alg\":\"none\"}", "algorithm is not supported"},
	{"alg None", "{\"alg\":\"None\"}", "algorithm is not supported"},
	{"alg NONE", "{\"alg\":\"NONE\"}", "algorithm is not supported"},
	{"alg empty", "{\"alg\":\"\"}", "algorithm is not supported"},
	{"alg lower case", "{\"alg\":\"hs256\"}", "algorithm is not supported"},
	{"alg with a space", "{\"alg\":\"HS256 \"}",
	 "algorithm is not supported"},
	{"alg with a NUL", "{\"alg\":\"HS256\\u0000\"}", "strict JSON"},
	{"alg ES256K", "{\"alg\":\"ES256K\"}", "algorithm is not supported"},
	{"alg a number", "{\"alg\":256}", "alg in the header must be text"},
	{"alg null", "{\"alg\":null}", "alg in the header must be text"},
	{"alg missing", "{\"typ\":\"JWT\"}", "alg in the header must be text"},
	{"alg twice", "{\"alg\":\"HS256\",\"alg\":\"none\"}", "strict JSON"},
	{"alg twice, escaped", "{\"alg\":\"HS256\",\"\\u0061lg\":\"none\"}",
	 "strict JSON"},
	{"crit", "{\"alg\":\"HS256\",\"crit\":[\"exp\"]}", "crit"},
	{"crit empty", "{\"alg\":\"HS256\",\"crit\":[]}", "crit"},
	{"b64 false", "{\"alg\":\"HS256\",\"b64\":false}", "unencoded"},
	{"b64 false and crit",
	 "{\"alg\":\"HS256\",\"b64\":false,\"crit\":[\"b64\"]}", "crit"},
	{"jku", "{\"alg\":\"HS256\",\"jku\":\"https://evil.example\"}",
	 "named by the token itself"},
	{"jwk", "{\"alg\":\"HS256\",\"jwk\":{\"kty\":\"oct\",\"k\":\"AAAA\"}}",
	 "named by the token itself"},
	{"x5u", "{\"alg\":\"HS256\",\"x5u\":\"https://evil.example\"}",
	 "named by the token itself"},
	{"x5c", "{\"alg\":\"HS256\",\"x5c\":[\"AAAA\"]}",
	 "named by the token itself"},
	{"zip", "{\"alg\":\"HS256\",\"zip\":\"DEF\"}", "compressed"},
	{"enc", "{\"alg\":\"HS256\",\"enc\":\"A128GCM\"}", "encrypted"},
	{"typ of another kind", "{\"alg\":\"HS256\",\"typ\":\"JOSE\"}",
	 "typ in the header"},
	{"typ logout+jwt", "{\"alg\":\"HS256\",\"typ\":\"logout+jwt\"}",
	 "typ in the header"},
	{"typ empty", "{\"alg\":\"HS256\",\"typ\":\"\"}", "typ in the header"},
	{"typ a number", "{\"alg\":\"HS256\",\"typ\":1}",
	 "typ in the header must be text"},
	{"kid a number", "{\"alg\":\"HS256\",\"kid\":1}", "kid"},
	{"kid empty", "{\"alg\":\"HS256\",\"kid\":\"\"}", "kid"},
	{"an array", "[\"HS256\"]", "must be an object"},
	{"text", "\"HS256\"", "must be an object"},
	{"not JSON", "{\"alg\":\"HS256\"", "strict JSON"},
	{"something after it", "{\"alg\":\"HS256\"}x", "strict JSON"},
	{"a byte order mark", "\xef\xbb\xbf{\"alg\":\"HS256\"}", "strict JSON"},
	{"not UTF-8", "{\"alg\":\"HS256\",\"a\":\"\xff\"}", "strict JSON"},
	{"deep", "{\"alg\":\"HS256\",\"a\":[[[[[[[[1]]]]]]]]}", "strict JSON"},
};

static void test_headers(void)
{
	struct keyset *keys = sign_set_of(SIGN_SECRET_KEY, "");

	for (size_t i = 0; i < COUNT(headers); i++) {
		char *token = sign_token("HS256", SIGN_SECRET_KEY,
					 headers[i].header, PAYLOAD);
		enum token_outcome got = verify(token, keys, &rules);

		ok(headers[i].detail == NULL
			   ? got == TOKEN_VALID
			   : got == TOKEN_INVALID &&
				     strstr(why.detail, headers[i].detail),
		   "header: %s (%s)", headers[i].name, why.detail);
	}
	keyset_drop(keys);
}

#define WITH(text)                                                             \
	"{\"iss\":\"https://issuer.example\",\"aud\":\"comfygate\"," text "}"
#define EXP "\"exp\":1800000600"
#define SUB "\"sub\":\"a\""

static const struct {
	const char *name, *payload, *detail; /* detail NULL: it passes */
} payloads[] = {
	{"all that is needed", WITH(SUB "," EXP), NULL},
	{"no exp", WITH(SUB), "no exp"},
	{"exp as text", WITH(SUB ",\"exp\":\"1800000600\""), "exp must be"},
	{"exp null", WITH(SUB ",\"exp\":null"), "exp must be"},
	{"exp true", WITH(SUB ",\"exp\":true"), "exp must be"},
	{"exp with a fraction", WITH(SUB ",\"exp\":1800000000.5"), NULL},
	{"exp with an exponent", WITH(SUB ",\"exp\":1.8000006e9"), NULL},
	{"exp in milliseconds", WITH(SUB ",\"exp\":1800000600000"),
	 "exp must be"},
	{"exp huge", WITH(SUB ",\"exp\":1e300"), "exp must be"},
	{"exp beyond a double", WITH(SUB ",\"exp\":1e999"), "exp must be"},
	{"exp beyond 64 bits", WITH(SUB ",\"exp\":18446744073709551616"),
	 "exp must be"},
	{"exp wraps to the future", WITH(SUB ",\"exp\":18446744075509552216"),
	 "exp must be"},
	{"exp negative", WITH(SUB ",\"exp\":-1"), "exp must be"},
	{"exp 0", WITH(SUB ",\"exp\":0"), "expired"},
	{"exp just over, within the leeway", WITH(SUB ",\"exp\":1799999971"),
	 NULL},
	{"exp at the end of the leeway", WITH(SUB ",\"exp\":1799999970"),
	 "expired"},
	{"exp at the end of the leeway and a bit",
	 WITH(SUB ",\"exp\":1799999970.5"), NULL},
	{"exp twice", WITH(SUB ",\"exp\":1," EXP), "strict JSON"},
	{"nbf past", WITH(SUB "," EXP ",\"nbf\":1799999999"), NULL},
	{"nbf within the leeway", WITH(SUB "," EXP ",\"nbf\":1800000030"),
	 NULL},
	{"nbf beyond it", WITH(SUB "," EXP ",\"nbf\":1800000031"), "nbf"},
	{"nbf beyond it by a bit", WITH(SUB "," EXP ",\"nbf\":1800000030.1"),
	 "nbf"},
	{"nbf as text", WITH(SUB "," EXP ",\"nbf\":\"0\""), "nbf must be"},
	{"iat in the future", WITH(SUB "," EXP ",\"iat\":1800000031"), "iat"},
	{"iat within the leeway", WITH(SUB "," EXP ",\"iat\":1800000030"),
	 NULL},
	{"iat as text", WITH(SUB "," EXP ",\"iat\":\"now\""), "iat must be"},
	{"no iss", "{\"aud\":\"comfygate\"," SUB "," EXP "}", "no issuer"},
	{"another iss",
	 "{\"iss\":\"https://issuer.example/\",\"aud\":\"comfygate\"," SUB
	 "," EXP "}",
	 "another issuer"},
	{"iss an array",
	 "{\"iss\":[\"https://issuer.example\"],\"aud\":\"comfygate\"," SUB
	 "," EXP "}",
	 "iss must be text"},
	{"no aud", "{\"iss\":\"https://issuer.example\"," SUB "," EXP "}",
	 "no audience"},
	{"another aud",
	 "{\"iss\":\"https://issuer.example\",\"aud\":\"comfygate2\"," SUB
	 "," EXP "}",
	 "another audience"},
	{"aud in another case",
	 "{\"iss\":\"https://issuer.example\",\"aud\":\"ComfyGate\"," SUB
	 "," EXP "}",
	 "another audience"},
	{"aud an array with it",
	 "{\"iss\":\"https://"
	 "issuer.example\",\"aud\":[\"a\",\"comfygate\"]," SUB "," EXP "}",
	 NULL},
	{"aud an array without it",
	 "{\"iss\":\"https://issuer.example\",\"aud\":[\"a\",\"b\"]," SUB
	 "," EXP "}",
	 "another audience"},
	{"aud an empty array",
	 "{\"iss\":\"https://issuer.example\",\"aud\":[]," SUB "," EXP "}",
	 "another audience"},
	{"aud an array with a number",
	 "{\"iss\":\"https://issuer.example\",\"aud\":[\"comfygate\",1]," SUB
	 "," EXP "}",
	 "aud must be"},
	{"aud an object",
	 "{\"iss\":\"https://issuer.example\",\"aud\":{\"comfygate\":1}," SUB
	 "," EXP "}",
	 "aud must be"},
	{"no sub", WITH(EXP), "no subject"},
	{"client_id in its place", WITH(EXP ",\"client_id\":\"svc\""), NULL},
	{"sub empty", WITH(EXP ",\"sub\":\"\""), "sub must be"},
	{"sub empty and client_id",
	 WITH(EXP ",\"sub\":\"\",\"client_id\":\"svc\""), "sub must be"},
	{"sub a number", WITH(EXP ",\"sub\":7"), "sub must be"},
	{"sub with a newline", WITH(EXP ",\"sub\":\"a\\nb\""), "sub must be"},
	{"an array", "[]", "must be an object"},
	{"null", "null", "must be an object"},
	{"not JSON", "{", "strict JSON"},
	{"a member twice", WITH(SUB "," EXP ",\"x\":1,\"x\":1"), "strict JSON"},
	{"sub twice", WITH(SUB ",\"sub\":\"b\"," EXP), "strict JSON"},
	{"sub with a NUL", WITH(EXP ",\"sub\":\"a\\u0000b\""), "strict JSON"},
};

static void test_payloads(void)
{
	struct keyset *keys = sign_set_of(SIGN_ED25519, "");

	for (size_t i = 0; i < COUNT(payloads); i++) {
		char *token =
			sign_token("EdDSA", SIGN_ED25519, "{\"alg\":\"EdDSA\"}",
				   payloads[i].payload);
		enum token_outcome got = verify(token, keys, &rules);

		ok(payloads[i].detail == NULL
			   ? got == TOKEN_VALID
			   : got == TOKEN_INVALID &&
				     strstr(why.detail, payloads[i].detail),
		   "payload: %s (%s)", payloads[i].name, why.detail);
	}
	keyset_drop(keys);
}

static char *long_subject(size_t n)
{
	char *name = arena_alloc(&sign_arena, n + 1);

	memset(name, 'a', n);
	return sign_token(
		"HS256", SIGN_SECRET_KEY, "{\"alg\":\"HS256\"}",
		arena_printf(&sign_arena, WITH(EXP ",\"sub\":\"%s\""), name));
}

static void test_shape(void)
{
	struct keyset *keys = sign_set_of(SIGN_SECRET_KEY, "");
	char *good = sign_token("HS256", SIGN_SECRET_KEY, "{\"alg\":\"HS256\"}",
				PAYLOAD);
	const char *dot = strchr(good, '.'), *last = strrchr(good, '.');
	char *head = arena_strndup(&sign_arena, good, (size_t)(dot - good));
	char *body =
		arena_strndup(&sign_arena, dot + 1, (size_t)(last - dot - 1));
	const struct {
		const char *name, *token, *detail;
	} cases[] = {
		{"nothing", "", "empty"},
		{"one dot", ".", "empty"},
		{"two dots", "..", "empty"},
		{"three dots", "...", "empty"},
		{"one part", head, "three parts"},
		{"no signature",
		 arena_printf(&sign_arena, "%s.%s.", head, body), "empty"},
		{"no signature, no dot",
		 arena_printf(&sign_arena, "%s.%s", head, body), "three parts"},
		{"no payload", arena_printf(&sign_arena, "%s.%s", head, last),
		 "empty"},
		{"no header", dot, "empty"},
		{"five parts (JWE)",
		 arena_printf(&sign_arena, "%s.AA.AA", good), "three parts"},
		{"a dot after it", arena_printf(&sign_arena, "%s.", good),
		 "three parts"},
		{"padding", arena_printf(&sign_arena, "%s=", good),
		 "not base64url"},
		{"a space after it", arena_printf(&sign_arena, "%s ", good),
		 "not base64url"},
		{"a newline after it", arena_printf(&sign_arena, "%s\n", good),
		 "not base64url"},
		{"a space before it", arena_printf(&sign_arena, " %s", good),
		 "not base64url"},
		{"+ of base64",
		 arena_printf(&sign_arena, "%s.+%s%s", head, body, last),
		 "not base64url"},
		{"/ of base64",
		 arena_printf(&sign_arena, "%s./%s%s", head, body, last),
		 "not base64url"},
		{"not ASCII", arena_printf(&sign_arena, "%s\xc3\xa9", good),
		 "not base64url"},
	};

	ok(verify(good, keys, &rules) == TOKEN_VALID, "shape: good");
	for (size_t i = 0; i < COUNT(cases); i++)
		ok(verify(cases[i].token, keys, &rules) == TOKEN_INVALID &&
			   strstr(why.detail, cases[i].detail),
		   "shape: %s (%s)", cases[i].name, why.detail);
	ok(verify(long_subject(255), keys, &rules) == TOKEN_VALID,
	   "a subject of 255 bytes");
	ok(verify(long_subject(256), keys, &rules) == TOKEN_INVALID &&
		   strstr(why.detail, "255"),
	   "a subject of 256 bytes is refused");
	ok(verify(long_subject(7000), keys, &rules) == TOKEN_INVALID &&
		   strstr(why.detail, "too long"),
	   "a token of more than 8 KiB is refused");
	keyset_drop(keys);
}

/* The last character of a signature of 32 bytes has two spare bits. */
static void test_spare_bits(void)
{
	struct keyset *keys = sign_set_of(SIGN_SECRET_KEY, "");
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "abcdefghijklmnopqrstuvwxyz0123456789-_";
	char *token = sign_token("HS256", SIGN_SECRET_KEY,
				 "{\"alg\":\"HS256\"}", PAYLOAD);
	char *last = token + strlen(token) - 1;
	unsigned passed = 0;

	for (const char *c = set; *c != '\0'; c++) {
		*last = *c;
		passed += verify(token, keys, &rules) == TOKEN_VALID;
	}
	ok(passed == 1, "one spelling of a signature passes, not four");
	keyset_drop(keys);
}

static uint64_t seed = 88172645463325252u;

static size_t dice(size_t sides)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (size_t)(seed % sides);
}

/* One small change somewhere; the result may by chance equal the original. */
static void mutate(char *t, size_t *n)
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmno"
				  "pqrstuvwxyz0123456789-_.=+/ \n";
	size_t at = dice(*n);

	switch (dice(6)) {
	case 0:
		t[at] = (char)(t[at] ^ (1 << dice(8)));
		break;
	case 1:
		t[at] = set[dice(sizeof(set) - 1)];
		break;
	case 2:
		memmove(t + at + 1, t + at, *n - at);
		t[at] = set[dice(sizeof(set) - 1)];
		++*n;
		break;
	case 3:
		memmove(t + at, t + at + 1, *n - at - 1);
		--*n;
		break;
	case 4:
		*n = at;
		break;
	default: {
		size_t other = dice(*n);
		char c = t[at];

		t[at] = t[other];
		t[other] = c;
	}
	}
}

static void test_mutations(void)
{
	static const struct {
		size_t signer;
		const char *typ;
	} chosen[] = {
		{0, "JWT"}, {0, "at+jwt"}, {3, "JWT"}, {9, "JWT"}, {12, "JWT"},
	};
	unsigned passed = 0, changed = 0;

	for (size_t i = 0; i < 10000; i++) {
		static struct keyset *keys[COUNT(chosen)];
		static char *tokens[COUNT(chosen)];
		size_t which = i % COUNT(chosen), s = chosen[which].signer;
		size_t n, whole;
		char copy[2048];
		struct principal *p = NULL;

		if (keys[which] == NULL) {
			keys[which] = sign_set_of(signers[s].key, "");
			tokens[which] = sign_token(
				signers[s].alg, signers[s].key,
				header_of(signers[s].alg,
					  arena_printf(&sign_arena,
						       ",\"typ\":\"%s\"",
						       chosen[which].typ)),
				PAYLOAD);
		}
		whole = n = strlen(tokens[which]);
		memcpy(copy, tokens[which], n);
		for (size_t m = 1 + dice(3); m > 0 && n > 0; m--)
			mutate(copy, &n);
		if (n == whole && memcmp(copy, tokens[which], n) == 0)
			continue;
		changed++;
		if (token_verify(copy, n, keys[which], &rules, NOW, &p, &why) ==
		    TOKEN_VALID)
			passed++;
		principal_drop(p);
		if (i >= 10000 - COUNT(chosen)) {
			ok(verify(tokens[which], keys[which], &rules) ==
				   TOKEN_VALID,
			   "%s still passes unchanged", signers[s].alg);
			keyset_drop(keys[which]);
		}
	}
	ok(passed == 0 && changed > 9000, "of %u changed tokens none passes",
	   changed);
}

/* Scopes from all three claims; what a principal tells. */
static void test_principal(void)
{
	struct keyset *keys = sign_set_of(SIGN_ED25519, "");
	struct principal *p = NULL;
	char *token = sign_token(
		"EdDSA", SIGN_ED25519, "{\"alg\":\"EdDSA\"}",
		WITH(EXP "," SUB ",\"scope\":\"one  two \",\"scp\":[\"three\","
			 "\"four five\",7,\"\"],\"permissions\":[\"six\"],"
			 "\"plan\":\"pro\",\"https://x.example/tier\":\"t\","
			 "\"app\":{\"plan\":\"inner\",\"n\":1,\"a.b\":\"c\"},"
			 "\"a.b\":{\"c\":\"dotted\"}"));

	sign_must(token_verify(token, strlen(token), keys, &rules, NOW, &p,
			       &why) == TOKEN_VALID);
	is_str(p->scopes, " one two three six ", "scopes are merged");
	is_str(p->owner, "https://issuer.example\na", "owner");
	is_str(p->subject, "a", "subject");
	ok(p->expires_s == 1800000600, "expiry");
	ok(principal_has_scope(p, "two") && principal_has_scope(p, "six"),
	   "has a scope");
	ok(!principal_has_scope(p, "tw") && !principal_has_scope(p, "wo") &&
		   !principal_has_scope(p, "") &&
		   !principal_has_scope(p, " ") &&
		   !principal_has_scope(p, "one two") &&
		   !principal_has_scope(p, "four") &&
		   !principal_has_scope(p, "Two"),
	   "has no scope that is not whole");
	is_str(principal_claim(p, "plan"), "pro", "a claim");
	is_str(principal_claim(p, "app.plan"), "inner", "a claim inside");
	is_str(principal_claim(p, "https://x.example/tier"), "t",
	       "a claim with dots in its name");
	is_str(principal_claim(p, "app.a.b"), "c", "dots inside an object");
	is_str(principal_claim(p, "a.b.c"), "dotted", "an object with dots");
	ok(principal_claim(p, "app.n") == NULL &&
		   principal_claim(p, "app") == NULL &&
		   principal_claim(p, "plan.x") == NULL &&
		   principal_claim(p, "") == NULL &&
		   principal_claim(p, "missing") == NULL,
	   "no claim where there is no text");
	principal_drop(p);

	token = sign_token("EdDSA", SIGN_ED25519, "{\"alg\":\"EdDSA\"}",
			   WITH(EXP ",\"client_id\":\"a\""));
	sign_must(token_verify(token, strlen(token), keys, &rules, NOW, &p,
			       &why) == TOKEN_VALID);
	is_str(p->owner, "https://issuer.example\nclient\na",
	       "a client owns other jobs than the subject of its name");
	is_str(p->scopes, " ", "no scopes");
	principal_drop(p);
	keyset_drop(keys);
}

static void test_mint(void)
{
	static const struct token_rules open = {.leeway_s = 0};
	const char *path = sign_file("secret", SIGN_SECRET "\n", 0600);
	struct keyset *keys = keyset_load(
		&(struct keyset_sources){.secret_file = path}, &why);
	char *token = token_mint(SIGN_SECRET, strlen(SIGN_SECRET), "app \"user",
				 "a b", "https://issuer.example", "comfygate",
				 NOW, 60);
	struct principal *p = NULL;

	sign_must(keys != NULL && token != NULL);
	ok(token_verify(token, strlen(token), keys, &rules, NOW, &p, &why) ==
		   TOKEN_VALID,
	   "a minted token is verified");
	is_str(p->subject, "app \"user", "its subject");
	is_str(p->scopes, " a b ", "its scopes");
	ok(p->expires_s == NOW + 60, "its expiry");
	principal_drop(p);
	ok(token_verify(token, strlen(token), keys, &open, NOW + 60, &p,
			&why) == TOKEN_INVALID,
	   "and no longer after it");
	free(token);
	token = token_mint(SIGN_SECRET, strlen(SIGN_SECRET), "a", "", NULL,
			   NULL, NOW, 60);
	ok(verify(token, keys, &open) == TOKEN_VALID &&
		   verify(token, keys, &rules) == TOKEN_INVALID,
	   "without issuer and audience where none is asked for");
	free(token);
	ok(token_mint(SIGN_SECRET, strlen(SIGN_SECRET), "\xff", "", NULL, NULL,
		      NOW, 60) == NULL,
	   "no token for what is not UTF-8");
	keyset_drop(keys);
}

int main(void)
{
	test_headers();
	test_payloads();
	test_shape();
	test_spare_bits();
	test_mutations();
	test_principal();
	test_mint();
	sign_free();
	return tap_done();
}
