#include "base/digest.h"
#include "tap.h"

static void test_hashes(void)
{
	unsigned char d[DIGEST_SIZE], piecewise[DIGEST_SIZE];
	char hex[DIGEST_HEX_SIZE];
	struct digest *many;

	digest_sha256("", 0, d);
	digest_hex(d, hex);
	is_str(hex,
	       "e3b0c44298fc1c149afbf4c8996fb924"
	       "27ae41e4649b934ca495991b7852b855",
	       "SHA-256 of nothing");
	digest_sha256("abc", 3, d);
	digest_hex(d, hex);
	is_str(hex,
	       "ba7816bf8f01cfea414140de5dae2223"
	       "b00361a396177a9cb410ff61f20015ad",
	       "SHA-256 of abc");
	many = digest_create();
	digest_add(many, "a", 1);
	digest_add(many, NULL, 0);
	digest_add(many, "bc", 2);
	digest_end(many, piecewise);
	ok(digest_same(d, piecewise, sizeof(d)), "in pieces it is the same");
	piecewise[31] ^= 1;
	ok(!digest_same(d, piecewise, sizeof(d)), "one bit is a difference");

	/* RFC 4231, case 2 */
	digest_hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, d);
	digest_hex(d, hex);
	is_str(hex,
	       "5bdcc146bf60754e6a042426089575c7"
	       "5a003f089d2739839dec58b964ec3843",
	       "HMAC-SHA-256");
	digest_hmac_sha256(NULL, 0, NULL, 0, d);
	digest_hex(d, hex);
	is_str(hex,
	       "b613679a0814d9ec772f95d778c35fc5"
	       "ff1697c493715653c6c712144292c5ad",
	       "HMAC of nothing");
}

static const struct {
	const char *what, *text;
	const char *want; /* NULL: refused */
	size_t len;
} texts[] = {
	{"nothing", "", "", 0},
	{"f", "Zg", "f", 1},
	{"fo", "Zm8", "fo", 2},
	{"foo", "Zm9v", "foo", 3},
	{"foob", "Zm9vYg", "foob", 4},
	{"both special characters", "-_8", "\xFB\xFF", 2},
	{"standard alphabet", "+/8", NULL, 0},
	{"padding", "Zg==", NULL, 0},
	{"spare bits", "Zh", NULL, 0},
	{"spare bits of three", "Zm9", NULL, 0},
	{"one character", "Z", NULL, 0},
	{"five characters", "Zm9vY", NULL, 0},
	{"a space", "Zm 9", NULL, 0},
	{"a newline", "Zm8\n", NULL, 0},
	{"not ASCII", "Zm\xC3\xA9", NULL, 0},
};

static void test_base64url(void)
{
	struct arena a = {0};
	unsigned char bytes[256];
	int good = 0;

	for (size_t i = 0; i < COUNT(texts); i++) {
		size_t n = 0;
		unsigned char *got = digest_base64url_decode(
			&a, texts[i].text, strlen(texts[i].text), &n);

		ok((got != NULL) == (texts[i].want != NULL) &&
			   (got == NULL ||
			    (n == texts[i].len &&
			     memcmp(got, texts[i].want, n) == 0)),
		   "decode: %s", texts[i].what);
		if (texts[i].want != NULL)
			is_str(digest_base64url(&a, texts[i].want,
						texts[i].len),
			       texts[i].text, texts[i].what);
	}
	for (size_t n = 0; n <= 255; n++) {
		size_t len = 999;
		unsigned char *back;
		char *text;

		digest_random(bytes, sizeof(bytes));
		text = digest_base64url(&a, bytes, n);
		back = digest_base64url_decode(&a, text, strlen(text), &len);
		good += back != NULL && len == n && memcmp(back, bytes, n) == 0;
	}
	ok(good == 256, "random bytes of each length there and back");
	arena_finish(&a);
}

static void test_random(void)
{
	unsigned char a[64] = {0}, b[64] = {0};

	digest_random(a, sizeof(a));
	digest_random(b, sizeof(b));
	ok(memcmp(a, b, sizeof(a)) != 0, "two draws differ");
	digest_random(a, 0);
	ok(digest_same("", "", 0), "nothing is the same as nothing");
}

int main(void)
{
	test_hashes();
	test_base64url();
	test_random();
	return tap_done();
}
