#include "auth_sign.h"

#include "auth/jwk.h"
#include "auth/key.h"
#include "auth/secret.h"
#include "base/json.h"
#include "base/log.h"
#include "tap.h"

#define SECRET_32 "0123456789abcdef0123456789abcdef"

static struct problem why;

static struct keyset *load(struct keyset_sources s)
{
	memset(&why, 0, sizeof(why));
	return keyset_load(&s, &why);
}

static struct keyset *load_text(const char *text)
{
	return load((struct keyset_sources){
		.jwks_text = text,
		.jwks_text_len = strlen(text),
	});
}

static char *set_of(const char *keys)
{
	return arena_printf(&sign_arena, "{\"keys\":[%s]}", keys);
}

/* Which algorithms the only key of a set serves, as text. */
static const char *served(const char *jwk)
{
	char *text = arena_strdup(&sign_arena, "");
	struct keyset *k = load((struct keyset_sources){
		.jwks_file = sign_file("set", set_of(jwk), 0600),
	});

	if (k == NULL)
		return arena_strdup(&sign_arena, why.detail);
	for (unsigned a = 0; a < ALG__COUNT && keyset_count(k) == 1; a++) {
		if (key_serves(keyset_at(k, 0), (enum alg)a))
			text = arena_printf(&sign_arena, "%s%s ", text,
					    alg_info((enum alg)a)->name);
	}
	keyset_drop(k);
	return text;
}

static void test_served(void)
{
	static const struct {
		const char *name;
		enum sign_key key;
		const char *extra, *want;
	} cases[] = {
		{"oct", SIGN_SECRET_KEY, "", "HS256 HS384 HS512 "},
		{"RSA", SIGN_RSA, "", "RS256 RS384 RS512 PS256 PS384 PS512 "},
		{"P-256", SIGN_P256, "", "ES256 "},
		{"P-384", SIGN_P384, "", "ES384 "},
		{"P-521", SIGN_P521, "", "ES512 "},
		{"Ed25519", SIGN_ED25519, "", "EdDSA Ed25519 "},
		{"Ed448", SIGN_ED448, "", "EdDSA Ed448 "},
		{"alg narrows", SIGN_RSA, ",\"alg\":\"PS256\"", "PS256 "},
		{"use sig", SIGN_P256, ",\"use\":\"sig\"", "ES256 "},
		{"key_ops verify", SIGN_P256,
		 ",\"key_ops\":[\"sign\",\"verify\"]", "ES256 "},
		{"unknown members", SIGN_P256,
		 ",\"x5t\":\"AA\",\"nbf\":1,\"oth\":null", "ES256 "},
		{"alg of another type", SIGN_RSA, ",\"alg\":\"ES256\"",
		 "alg is not one of this type and size of key"},
		{"alg of another curve", SIGN_P384, ",\"alg\":\"ES256\"",
		 "alg is not one of this type and size of key"},
		{"alg a number", SIGN_RSA, ",\"alg\":1", "alg must be text"},
		{"use a number", SIGN_RSA, ",\"use\":1", "use must be text"},
		{"key_ops text", SIGN_RSA, ",\"key_ops\":\"verify\"",
		 "key_ops must be an array"},
		{"kid empty", SIGN_RSA, ",\"kid\":\"\"",
		 "kid must be text of 1 to 255 bytes"},
		{"kid a number", SIGN_RSA, ",\"kid\":3",
		 "kid must be text of 1 to 255 bytes"},
		{"use enc only", SIGN_RSA, ",\"use\":\"enc\"",
		 "holds no key that verifies signatures"},
		{"key_ops without verify", SIGN_RSA, ",\"key_ops\":[\"sign\"]",
		 "holds no key that verifies signatures"},
		{"alg of encryption", SIGN_RSA, ",\"alg\":\"RSA-OAEP\"",
		 "holds no key that verifies signatures"},
		{"secp256k1", SIGN_SECP256K1, "",
		 "crv must be P-256, P-384 or P-521 for an EC key"},
		{"RSA of 1024 bits", SIGN_RSA_SMALL, "",
		 "an RSA key must have 2048 to 16384 bits, this one has "
		 "1024"},
		{"private", SIGN_P256, ",\"d\":\"AAAA\"",
		 "this is a private key: publish its public half, and "
		 "replace the pair if others could read it"},
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		is_str(served(sign_jwk(cases[i].key, cases[i].extra)),
		       cases[i].want, cases[i].name);
}

/* JWKs written by hand, none of which is a key. */
static void test_bad_jwks(void)
{
	static const struct {
		const char *name, *jwk, *detail;
	} cases[] = {
		{"no kty", "{\"k\":\"AAAA\"}", "member kty"},
		{"no object", "7", "member kty"},
		{"kty unknown", "{\"kty\":\"rsa\"}", "kty must be"},
		{"oct short",
		 "{\"kty\":\"oct\",\"k\":"
		 "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
		 "at least 32 bytes, this one has 31"},
		{"oct empty", "{\"kty\":\"oct\",\"k\":\"\"}",
		 "the member k must be base64url"},
		{"oct missing", "{\"kty\":\"oct\"}", "the member k must"},
		{"n missing", "{\"kty\":\"RSA\",\"e\":\"AQAB\"}",
		 "the member n must"},
		{"e missing", "{\"kty\":\"RSA\",\"n\":\"AQAB\"}",
		 "the member e must"},
		{"e even", "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"Ag\"}",
		 "no RSA public key"},
		{"e one", "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQ\"}",
		 "no RSA public key"},
		{"n small", "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}",
		 "2048 to 16384 bits"},
		{"crv missing", "{\"kty\":\"EC\",\"x\":\"AA\",\"y\":\"AA\"}",
		 "crv must be"},
		{"x short",
		 "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":"
		 "\"AA\"}",
		 "full length"},
		{"X25519", "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"AA\"}",
		 "crv must be Ed25519 or Ed448"},
		{"Ed25519 short",
		 "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}",
		 "length of its curve"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *got = served(cases[i].jwk);

		ok(strstr(got, cases[i].detail) != NULL, "%s (%s)",
		   cases[i].name, got);
	}
	is_str(why.where + strlen(why.where) - 7, "/keys/0",
	       "where names the key");
}

/* RFC 7518, 3.2. */
static void test_secret_lengths(void)
{
	static const struct {
		int bytes;
		const char *alg, *want;
	} cases[] = {
		{32, "", "HS256 "},
		{47, "", "HS256 "},
		{48, "", "HS256 HS384 "},
		{63, "", "HS256 HS384 "},
		{64, "", "HS256 HS384 HS512 "},
		{47, ",\"alg\":\"HS384\"",
		 "alg is not one of this type and size of key"},
		{63, ",\"alg\":\"HS512\"",
		 "alg is not one of this type and size of key"},
		{64, ",\"alg\":\"HS512\"", "HS512 "},
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		is_str(served(arena_printf(
			       &sign_arena, "{\"kty\":\"oct\",\"k\":\"%s\"%s}",
			       sign_b64(SIGN_SECRET, (size_t)cases[i].bytes),
			       cases[i].alg)),
		       cases[i].want, "a secret and its length");
}

static void test_off_curve(void)
{
	char *jwk = sign_jwk(SIGN_P256, "");
	char *y = strstr(jwk, "\"y\":\"") + 5;

	*y = *y == 'A' ? 'B' : 'A';
	is_str(served(jwk), "x and y are no point of their curve",
	       "a point that is not on its curve");
	jwk = sign_jwk(SIGN_P256, "");
	memcpy(strstr(jwk, "P-256"), "P-384", 5);
	is_str(served(jwk), "x and y must have the full length of their curve",
	       "coordinates of another curve");
	jwk = sign_jwk(SIGN_P256, "");
	y = strstr(jwk, "\"y\":\"") + 5;
	y[42] = y[42] == 'B' ? 'C' : 'B'; /* only each fourth letter fits */
	is_str(served(jwk),
	       "the member y must be base64url text without padding",
	       "spare bits in base64url");
}

static void test_files(void)
{
	char *pem = sign_pem(sign_key(SIGN_RSA));
	char *both = arena_printf(&sign_arena, "%s\n%s", pem,
				  sign_pem(sign_key(SIGN_ED25519)));
	char *nine = arena_strdup(&sign_arena, "");
	struct keyset *k;

	k = load((struct keyset_sources){
		.pem_file = sign_file("key.pem", both, 0644)});
	ok(k != NULL && keyset_count(k) == 2, "two keys in one PEM file");
	keyset_drop(k);
	for (int i = 0; i < 9; i++)
		nine = arena_printf(&sign_arena, "%s%s", nine, pem);
	ok(load((struct keyset_sources){
		   .pem_file = sign_file("key.pem", nine, 0644)}) == NULL &&
		   strstr(why.detail, "more than 8"),
	   "nine keys in one PEM file (%s)", why.detail);
	pem[strlen(pem) / 2] = '!';
	ok(load((struct keyset_sources){
		   .pem_file = sign_file("key.pem", pem, 0644)}) == NULL &&
		   strstr(why.detail, "broken PEM block"),
	   "a damaged PEM file (%s)", why.detail);
	ok(load((struct keyset_sources){
		   .pem_file = sign_file("key.pem", "hello\n", 0644)}) ==
			   NULL &&
		   strstr(why.detail, "no PEM block"),
	   "no PEM file (%s)", why.detail);
	ok(load((struct keyset_sources){.pem_file = "/nonexistent/k"}) ==
			   NULL &&
		   why.code == PROBLEM_NOT_FOUND,
	   "a missing PEM file (%s: %s)", why.where, why.detail);
	ok(load((struct keyset_sources){
		   .jwks_file = sign_file("set", "{\"keys\":{}}", 0644)}) ==
			   NULL &&
		   strstr(why.detail, "array keys"),
	   "keys that are no array (%s)", why.detail);
	ok(load((struct keyset_sources){
		   .jwks_file = sign_file("set", "{", 0644)}) == NULL &&
		   strstr(why.where, "/set"),
	   "a JWKS file that is no JSON (%s: %s)", why.where, why.detail);
	ok(load((struct keyset_sources){
		   .jwks_file = sign_file("set",
					  set_of(sign_jwk(SIGN_SECRET_KEY, "")),
					  0644)}) == NULL &&
		   strstr(why.detail, "chmod 600"),
	   "a secret in a JWKS file that all can read (%s)", why.detail);
	k = load((struct keyset_sources){0});
	ok(k != NULL && keyset_count(k) == 0, "no sources: an empty set");
	keyset_drop(k);
}

static char *pem_private(EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *at, *text;
	long n;

	sign_must(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL,
					   NULL) == 1);
	n = BIO_get_mem_data(bio, &at);
	text = arena_strndup(&sign_arena, at, (size_t)n);
	BIO_free(bio);
	return text;
}

static char *pem_certificate(EVP_PKEY *key)
{
	X509 *cert = X509_new();
	BIO *bio = BIO_new(BIO_s_mem());
	char *at, *text;
	long n;

	sign_must(X509_gmtime_adj(X509_getm_notBefore(cert), 0) != NULL &&
		  X509_gmtime_adj(X509_getm_notAfter(cert), 60) != NULL &&
		  X509_set_pubkey(cert, key) == 1 &&
		  X509_sign(cert, key, EVP_sha256()) > 0 &&
		  PEM_write_bio_X509(bio, cert) == 1);
	n = BIO_get_mem_data(bio, &at);
	text = arena_strndup(&sign_arena, at, (size_t)n);
	BIO_free(bio);
	X509_free(cert);
	return text;
}

static void test_pem_kinds(void)
{
	struct keyset *k = load((struct keyset_sources){
		.pem_file =
			sign_file("key.pem",
				  pem_certificate(sign_key(SIGN_P256)), 0644)});

	ok(k != NULL && key_serves(keyset_at(k, 0), ALG_ES256),
	   "a certificate");
	keyset_drop(k);
	k = load((struct keyset_sources){
		.pem_file = sign_file("key.pem",
				      sign_pem(sign_key(SIGN_RSA_PSS)), 0644)});
	ok(k != NULL && key_serves(keyset_at(k, 0), ALG_PS256) &&
		   !key_serves(keyset_at(k, 0), ALG_RS256),
	   "a key for RSA-PSS alone");
	keyset_drop(k);
	ok(load((struct keyset_sources){
		   .pem_file = sign_file("key.pem",
					 pem_private(sign_key(SIGN_P256)),
					 0600)}) == NULL &&
		   strstr(why.detail, "private key"),
	   "a private key in PEM (%s)", why.detail);
	ok(load((struct keyset_sources){
		   .pem_file = sign_file("key.pem",
					 sign_pem(sign_key(SIGN_SECP256K1)),
					 0644)}) == NULL &&
		   strstr(why.detail, "P-256, P-384 or P-521"),
	   "secp256k1 in PEM (%s)", why.detail);
	ok(load((struct keyset_sources){
		   .pem_file = sign_file("key.pem",
					 sign_pem(sign_key(SIGN_RSA_SMALL)),
					 0644)}) == NULL &&
		   strstr(why.detail, "this one has 1024"),
	   "RSA of 1024 bits in PEM (%s)", why.detail);
}

static void test_secrets(void)
{
	static const struct {
		const char *name, *text;
		mode_t mode;
		const char *detail; /* NULL: it is taken */
	} cases[] = {
		{"32 bytes", SECRET_32, 0600, NULL},
		{"32 bytes and a newline", SECRET_32 "\n", 0400, NULL},
		{"31 bytes and a newline", "0123456789abcdef0123456789abcde\n",
		 0600, "at least 32 bytes, this one has 31"},
		{"empty", "", 0600, "this one has 0"},
		{"a newline", "\n", 0600, "this one has 0"},
		{"readable by its group", SIGN_SECRET, 0640, "chmod 600"},
		{"readable by all", SIGN_SECRET, 0604, "chmod 600"},
		{"writable by its group", SIGN_SECRET, 0620, "chmod 600"},
		{"a PEM file",
		 "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0\n",
		 0600, "is a PEM file"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct keyset *k = load((struct keyset_sources){
			.secret_file = sign_file("secret", cases[i].text,
						 cases[i].mode)});

		ok(cases[i].detail == NULL
			   ? k != NULL && !keyset_is_development(k)
			   : k == NULL && strstr(why.detail, cases[i].detail),
		   "secret: %s (%s)", cases[i].name, why.detail);
		keyset_drop(k);
	}
	ok(load((struct keyset_sources){.secret_file = "/nonexistent/s"}) ==
			   NULL &&
		   why.code == PROBLEM_NOT_FOUND,
	   "secret: missing");
}

static void test_development(void)
{
	const char *near = sign_file("near", "", 0600);
	char *path = arena_printf(&sign_arena, "%s.d/state/dev.key", near);
	struct keyset *k, *plain, *both;
	char *first, *second;
	size_t n = 0, m = 0;
	struct stat st;

	sign_must(secret_ensure_development(path, &why));
	ok(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600,
	   "the development key is its owner's alone");
	first = secret_read(path, &n, &why);
	sign_must(first != NULL);
	ok(n == strlen(SECRET_DEVELOPMENT) + 43 &&
		   secret_is_development(first, n) &&
		   !secret_is_development(first, n - 44),
	   "it has its prefix and 256 random bits");
	sign_must(secret_ensure_development(path, &why));
	second = secret_read(path, &m, &why);
	ok(second != NULL && m == n && memcmp(first, second, n) == 0,
	   "it is made once");
	k = load((struct keyset_sources){.secret_file = path});
	plain = sign_set_of(SIGN_RSA, "");
	both = keyset_join(plain, k);
	ok(k != NULL && keyset_is_development(k) &&
		   !keyset_is_development(plain) && keyset_is_development(both),
	   "a set says that it holds it, joined or not");
	ok(!secret_ensure_development("/proc/none/dev.key", &why),
	   "a folder that cannot be made is told (%s)", why.detail);
	keyset_drop(k);
	keyset_drop(plain);
	keyset_drop(both);
	secret_free(first, n);
	secret_free(second, m);
}

/* What is an error in a file is left out of fetched text. */
static void test_fetched(void)
{
	char *good = sign_jwk(SIGN_P256, ",\"kid\":\"a\"");
	char *text = set_of(arena_printf(
		&sign_arena, "%s,%s,{\"kty\":\"x\"},%s,%s,7,%s", good,
		sign_jwk(SIGN_RSA, ",\"kid\":\"a\""),
		sign_jwk(SIGN_SECRET_KEY, ",\"kid\":\"s\""),
		sign_jwk(SIGN_P384, ",\"kid\":\"d\",\"d\":\"AAAA\""),
		sign_jwk(SIGN_ED25519, ",\"kid\":\"b\"")));
	struct keyset *k = load_text(text);

	ok(k != NULL && keyset_count(k) == 2 && keyset_find(k, "a") &&
		   keyset_find(k, "b"),
	   "bad, secret, private and double keys are left out");
	ok(k != NULL && keyset_find(k, "s") == NULL &&
		   keyset_find(k, "d") == NULL,
	   "a fetched secret never serves");
	keyset_drop(k);
	ok(load((struct keyset_sources){
		   .jwks_file = sign_file(
			   "set",
			   set_of(arena_printf(
				   &sign_arena, "%s,%s", good,
				   sign_jwk(SIGN_RSA, ",\"kid\":\"a\""))),
			   0644)}) == NULL &&
		   strstr(why.detail, "same kid") &&
		   strstr(why.where, "/keys/1"),
	   "in a file a kid may be there once (%s: %s)", why.where, why.detail);
	ok(load_text("{\"keys\":[]}") == NULL, "an empty fetched set");
	ok(load_text("<html>") == NULL, "fetched text that is no JSON");
	ok(load_text("{\"keys\":[],\"keys\":[]}") == NULL,
	   "fetched text with a member twice");
}

static void test_ceilings(void)
{
	char *jwk = arena_strdup(&sign_arena, ""), *named = jwk;
	struct keyset *k;

	for (int i = 0; i < 130; i++)
		named = arena_printf(
			&sign_arena, "%s%s%s", named, i > 0 ? "," : "",
			sign_jwk(SIGN_ED25519,
				 arena_printf(&sign_arena, ",\"kid\":\"%d\"",
					      i)));
	k = load_text(set_of(named));
	ok(k != NULL && keyset_count(k) == 128, "at most 128 keys are taken");
	keyset_drop(k);
	for (int i = 0; i < 12; i++)
		jwk = arena_printf(&sign_arena, "%s%s%s", jwk, i > 0 ? "," : "",
				   sign_jwk(SIGN_ED25519, ""));
	k = load_text(set_of(jwk));
	ok(k != NULL && keyset_count(k) == KEYSET_NAMELESS_MAX,
	   "at most 8 without a kid");
	keyset_drop(k);
}

static void test_join(void)
{
	struct keyset *a = sign_set_of(SIGN_P256, ",\"kid\":\"x\"");
	struct keyset *b = sign_set(set_of(arena_printf(
		&sign_arena, "%s,%s", sign_jwk(SIGN_RSA, ",\"kid\":\"x\""),
		sign_jwk(SIGN_RSA, ",\"kid\":\"y\""))));
	struct keyset *k = keyset_join(a, b);

	keyset_drop(a);
	keyset_drop(b);
	ok(keyset_count(k) == 2 && key_serves(keyset_find(k, "x"), ALG_ES256) &&
		   key_serves(keyset_find(k, "y"), ALG_RS256),
	   "of two keys with one kid the first set's counts");
	ok(keyset_keep(k) == k, "kept");
	keyset_drop(k);
	ok(keyset_find(k, "y") != NULL, "alive while somebody keeps it");
	keyset_drop(k);
	keyset_drop(NULL);
}

int main(void)
{
	log_set_level(LOG_NONE);
	test_served();
	test_bad_jwks();
	test_secret_lengths();
	test_off_curve();
	test_files();
	test_pem_kinds();
	test_secrets();
	test_development();
	test_fetched();
	test_ceilings();
	test_join();
	sign_free();
	return tap_done();
}
