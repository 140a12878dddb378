#include "auth_sign.h"

#include "auth/alg.h"
#include "auth/secret.h"
#include "auth/token.h"
#include "tap.h"

#define NOW 1800000000
#define PAYLOAD                                                                \
	"{\"iss\":\"https://issuer.example\",\"sub\":\"app-user\","            \
	"\"aud\":\"comfygate\",\"exp\":1800000600,\"iat\":1800000000,"         \
	"\"scope\":\"portrait:run sketch:run\"}"

static const struct token_rules rules = {
	.issuer = "https://issuer.example",
	.audience = "comfygate",
	.leeway_s = 30,
};
static struct problem why;

static enum token_outcome verify(const char *token, const struct keyset *keys,
				 const struct token_rules *r)
{
	struct principal *p = NULL;
	enum token_outcome outcome;

	memset(&why, 0, sizeof(why));
	outcome = token_verify(token, strlen(token), keys, r, NOW, &p, &why);
	if ((p != NULL) != (outcome == TOKEN_VALID))
		abort();
	principal_drop(p);
	return outcome;
}

/* Every algorithm with the key it is for. */
static const struct {
	const char *alg;
	enum sign_key key;
} signers[] = {
	{"HS256", SIGN_SECRET_KEY}, {"HS384", SIGN_SECRET_KEY},
	{"HS512", SIGN_SECRET_KEY}, {"RS256", SIGN_RSA},
	{"RS384", SIGN_RSA},	    {"RS512", SIGN_RSA},
	{"PS256", SIGN_RSA},	    {"PS384", SIGN_RSA},
	{"PS512", SIGN_RSA},	    {"ES256", SIGN_P256},
	{"ES384", SIGN_P384},	    {"ES512", SIGN_P521},
	{"EdDSA", SIGN_ED25519},    {"Ed25519", SIGN_ED25519},
	{"EdDSA", SIGN_ED448},	    {"Ed448", SIGN_ED448},
};

static char *header_of(const char *alg, const char *more)
{
	return arena_printf(&sign_arena, "{\"alg\":\"%s\"%s}", alg, more);
}

static void test_algorithms(void)
{
	static const char *const types[] = {
		"",
		",\"typ\":\"JWT\"",
		",\"typ\":\"jwt\"",
		",\"typ\":\"at+jwt\"",
		",\"typ\":\"AT+JWT\"",
		",\"typ\":\"application/at+jwt\"",
	};

	for (size_t i = 0; i < COUNT(signers); i++) {
		struct keyset *keys = sign_set_of(signers[i].key, "");
		size_t good = 0;

		for (size_t t = 0; t < COUNT(types); t++) {
			char *token = sign_token(
				signers[i].alg, signers[i].key,
				header_of(signers[i].alg, types[t]), PAYLOAD);

			good += verify(token, keys, &rules) == TOKEN_VALID;
		}
		ok(good == COUNT(types), "%s is verified with each typ",
		   signers[i].alg);
		keyset_drop(keys);
	}
}

/* A token of each algorithm against the key of each: only its own verifies. */
static void test_wrong_keys(void)
{
	for (size_t i = 0; i < COUNT(signers); i++) {
		char *token =
			sign_token(signers[i].alg, signers[i].key,
				   header_of(signers[i].alg, ""), PAYLOAD);
		unsigned wrong = 0;

		for (unsigned k = 0; k < SIGN__COUNT; k++) {
			struct keyset *keys;

			if (k == SIGN_RSA_PSS || k == SIGN_SECP256K1 ||
			    k == SIGN_RSA_SMALL)
				continue; /* refused as keys: test_keyset */
			keys = sign_set_of((enum sign_key)k, "");
			wrong += (verify(token, keys, &rules) == TOKEN_VALID) !=
				 (k == signers[i].key);
			keyset_drop(keys);
		}
		ok(wrong == 0, "%s of key %zu is verified by its own key only",
		   signers[i].alg, i);
	}
}

/* The header says one algorithm, the signature is of another. */
static void test_algorithm_swap(void)
{
	struct keyset *keys = sign_set_of(SIGN_RSA, "");
	unsigned wrong = 0;

	for (size_t i = 3; i < 9; i++) {
		for (size_t j = 3; j < 9; j++) {
			char *token = sign_token(signers[i].alg, SIGN_RSA,
						 header_of(signers[j].alg, ""),
						 PAYLOAD);

			wrong += (verify(token, keys, &rules) == TOKEN_VALID) !=
				 (i == j);
		}
	}
	ok(wrong == 0, "RS and PS signatures are not taken for one another");
	keyset_drop(keys);
}

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

/* RFC 8725, 2.1: the public key's text as an HMAC secret. */
static void test_confusion(void)
{
	static const enum sign_key publics[] = {SIGN_RSA, SIGN_P256,
						SIGN_ED25519};
	char *text = arena_printf(&sign_arena, "%s.%s",
				  sign_text64("{\"alg\":\"HS256\"}"),
				  sign_text64(PAYLOAD));
	struct keyset *secret;

	for (size_t i = 0; i < COUNT(publics); i++) {
		char *pem = sign_pem(sign_key(publics[i]));
		struct keyset *keys = keyset_load(
			&(struct keyset_sources){
				.pem_file = sign_file("key.pem", pem, 0644),
			},
			&why);
		char *token = sign_hmac("HS256", pem, strlen(pem), text);
		char *bare = sign_hmac("HS256", pem, strlen(pem) - 1, text);

		ok(keys != NULL &&
			   verify(token, keys, &rules) == TOKEN_INVALID &&
			   verify(bare, keys, &rules) == TOKEN_INVALID &&
			   strstr(why.detail, "no key here serves"),
		   "HS256 signed with the PEM of public key %zu", i);
		keyset_drop(keys);
	}
	secret = sign_set_of(SIGN_SECRET_KEY, "");
	ok(verify(sign_hmac("HS256", "", 0, text), secret, &rules) ==
		   TOKEN_INVALID,
	   "HS256 signed with the empty key");
	keyset_drop(secret);
}

/* What is in ES256's signature but not two numbers of 32 bytes each. */
static void test_ecdsa_lengths(void)
{
	struct keyset *keys = sign_set_of(SIGN_P256, "");
	char *text = arena_printf(&sign_arena, "%s.%s",
				  sign_text64("{\"alg\":\"ES256\"}"),
				  sign_text64(PAYLOAD));
	unsigned char sig[256] = {0}, wide[66] = {0};
	unsigned passed = 0;

	for (size_t n = 1; n <= 132; n++) {
		char *token = arena_printf(&sign_arena, "%s.%s", text,
					   sign_b64(sig, n));

		passed += verify(token, keys, &rules) == TOKEN_VALID;
	}
	ok(passed == 0, "ES256 with r = s = 0 at every length");
	sign_must(sign_bytes("ES256", sign_key(SIGN_P256), text, sig,
			     sizeof(sig)) == 64);
	memmove(sig + 1, sig, 64);
	sig[0] = 0;
	ok(verify(arena_printf(&sign_arena, "%s.%s", text, sign_b64(sig, 65)),
		  keys, &rules) == TOKEN_INVALID,
	   "ES256 with a zero before its signature");
	ok(verify(arena_printf(&sign_arena, "%s.%s", text,
			       sign_b64(sig + 1, 64)),
		  keys, &rules) == TOKEN_VALID,
	   "ES256 with its own signature");
	memmove(wide + 1, sig + 1, 32);
	memmove(wide + 34, sig + 33, 32);
	ok(verify(arena_printf(&sign_arena, "%s.%s", text, sign_b64(wide, 66)),
		  keys, &rules) == TOKEN_INVALID,
	   "ES256 with a zero before each of its numbers");
	keyset_drop(keys);
}

/* RFC 7518, 3.5: the salt is as long as the digest. */
static void test_pss_salt(void)
{
	struct keyset *keys = sign_set_of(SIGN_RSA, "");
	char *text = arena_printf(&sign_arena, "%s.%s",
				  sign_text64("{\"alg\":\"PS256\"}"),
				  sign_text64(PAYLOAD));
	static const struct {
		int salt;
		enum token_outcome want;
	} cases[] = {
		{32, TOKEN_VALID}, {20, TOKEN_INVALID}, {0, TOKEN_INVALID}};

	for (size_t i = 0; i < COUNT(cases); i++) {
		EVP_MD_CTX *ctx = EVP_MD_CTX_new();
		EVP_PKEY_CTX *pctx = NULL;
		unsigned char sig[256];
		size_t n = sizeof(sig);

		sign_must(EVP_DigestSignInit(ctx, &pctx, EVP_sha256(), NULL,
					     sign_key(SIGN_RSA)) == 1 &&
			  EVP_PKEY_CTX_set_rsa_padding(
				  pctx, RSA_PKCS1_PSS_PADDING) == 1 &&
			  EVP_PKEY_CTX_set_rsa_pss_saltlen(
				  pctx, cases[i].salt) == 1 &&
			  EVP_DigestSign(ctx, sig, &n,
					 (const unsigned char *)text,
					 strlen(text)) == 1);
		EVP_MD_CTX_free(ctx);
		ok(verify(arena_printf(&sign_arena, "%s.%s", text,
				       sign_b64(sig, n)),
			  keys, &rules) == cases[i].want,
		   "PS256 with a salt of %d bytes", cases[i].salt);
	}
	keyset_drop(keys);
}

/* No token makes us try keys without end. */
static void test_many_keys(void)
{
	char *jwks = arena_strdup(&sign_arena, "");
	struct keyset *keys;

	for (int i = 0; i < 9; i++)
		jwks = arena_printf(
			&sign_arena, "%s%s%s", jwks, i > 0 ? "," : "",
			sign_jwk(SIGN_ED25519,
				 arena_printf(&sign_arena, ",\"kid\":\"%d\"",
					      i)));
	keys = sign_set(arena_printf(&sign_arena, "{\"keys\":[%s]}", jwks));
	ok(verify(sign_token("EdDSA", SIGN_ED448, "{\"alg\":\"EdDSA\"}",
			     PAYLOAD),
		  keys, &rules) == TOKEN_INVALID &&
		   strstr(why.detail, "names no key"),
	   "nine keys that may fit are not all tried (%s)", why.detail);
	keyset_drop(keys);
}

static void expect_kid(const char *name, struct keyset *keys, const char *alg,
		       enum sign_key key, const char *kid,
		       enum token_outcome want)
{
	char *more = kid != NULL
			     ? arena_printf(&sign_arena, ",\"kid\":\"%s\"", kid)
			     : arena_strdup(&sign_arena, "");
	enum token_outcome got =
		verify(sign_token(alg, key, header_of(alg, more), PAYLOAD),
		       keys, &rules);

	ok(got == want, "kid: %s (%s)", name, why.detail);
}

static void test_kids(void)
{
	struct keyset *two =
		sign_set(arena_printf(&sign_arena, "{\"keys\":[%s,%s]}",
				      sign_jwk(SIGN_P256, ",\"kid\":\"ec\""),
				      sign_jwk(SIGN_RSA, ",\"kid\":\"rsa\"")));
	struct keyset *nameless = sign_set_of(SIGN_SECRET_KEY, "");
	struct keyset *mixed = keyset_join(two, nameless);
	struct keyset *none = keyset_load(&(struct keyset_sources){0}, &why);

	expect_kid("its own", two, "ES256", SIGN_P256, "ec", TOKEN_VALID);
	expect_kid("another's", two, "ES256", SIGN_P256, "rsa", TOKEN_INVALID);
	expect_kid("unknown", two, "ES256", SIGN_P256, "x", TOKEN_UNKNOWN_KEY);
	expect_kid("in another case", two, "ES256", SIGN_P256, "EC",
		   TOKEN_UNKNOWN_KEY);
	expect_kid("none, the only key that serves", two, "ES256", SIGN_P256,
		   NULL, TOKEN_VALID);
	expect_kid("none, no key that serves", two, "ES384", SIGN_P384, NULL,
		   TOKEN_INVALID);
	expect_kid("any, with a nameless key", nameless, "HS256",
		   SIGN_SECRET_KEY, "x", TOKEN_VALID);
	expect_kid("any, beside named keys", mixed, "HS256", SIGN_SECRET_KEY,
		   "x", TOKEN_VALID);
	expect_kid("a named key's, for a nameless one", mixed, "HS256",
		   SIGN_SECRET_KEY, "ec", TOKEN_INVALID);
	expect_kid("unknown and no nameless that serves", mixed, "ES256",
		   SIGN_P256, "x", TOKEN_UNKNOWN_KEY);
	expect_kid("any, with no keys at all", none, "ES256", SIGN_P256, "x",
		   TOKEN_UNKNOWN_KEY);
	expect_kid("none, with no keys at all", none, "ES256", SIGN_P256, NULL,
		   TOKEN_INVALID);
	keyset_drop(two);
	keyset_drop(nameless);
	keyset_drop(mixed);
	keyset_drop(none);
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
	test_algorithms();
	test_wrong_keys();
	test_algorithm_swap();
	test_headers();
	test_payloads();
	test_shape();
	test_spare_bits();
	test_confusion();
	test_ecdsa_lengths();
	test_pss_salt();
	test_many_keys();
	test_kids();
	test_mutations();
	test_principal();
	test_mint();
	sign_free();
	return tap_done();
}
