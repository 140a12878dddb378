/* Which key verifies which token. */
#include "token_rig.h"

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

int main(void)
{
	test_algorithms();
	test_wrong_keys();
	test_algorithm_swap();
	test_confusion();
	test_ecdsa_lengths();
	test_pss_salt();
	test_many_keys();
	test_kids();
	sign_free();
	return tap_done();
}
