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
}

/* RFC 4231 */
static const struct {
	const char *what, *key;
	size_t key_len;
	const char *text;
	const char *want;
} macs[] = {
	{"case 2", "Jefe", 4, "what do ya want for nothing?",
	 "5bdcc146bf60754e6a042426089575c7"
	 "5a003f089d2739839dec58b964ec3843"},
	{"case 6, a key longer than a block", NULL, 131,
	 "Test Using Larger Than Block-Size Key - Hash Key First",
	 "60e431591ee0b67f0d8a26aacbf5b77f"
	 "8e0bc6213728c5140546040f0ee37f54"},
};

static void test_mac(void)
{
	unsigned char long_key[131], d[DIGEST_SIZE];
	char hex[DIGEST_HEX_SIZE];

	memset(long_key, 0xaa, sizeof(long_key));
	for (size_t i = 0; i < COUNT(macs); i++) {
		struct digest_mac *m = digest_mac_create(
			macs[i].key ? (void *)macs[i].key : long_key,
			macs[i].key_len);

		/* The key stays from one text to the next. */
		for (int round = 0; round < 3; round++) {
			digest_mac(m, macs[i].text, strlen(macs[i].text), d);
			digest_hex(d, hex);
			is_str(hex, macs[i].want, macs[i].what);
			digest_mac(m, NULL, 0, d);
		}
		digest_mac_destroy(m);
	}
	digest_mac_destroy(NULL);
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
	test_mac();
	test_base64url();
	test_random();
	return tap_done();
}
