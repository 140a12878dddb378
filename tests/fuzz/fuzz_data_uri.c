#include <openssl/evp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/data_uri.h"
#include "fuzz/fuzz.h"

/*
 * Any text as a data: URI. What is taken as base64 is what OpenSSL makes of its
 * bytes again; and any bytes, so made, come back.
 */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static bool take(void *ctx, const void *bytes, size_t n)
{
	fuzz_must(n > 0, "an empty piece");
	buf_add(ctx, bytes, n);
	return true;
}

static char *encode(const void *bytes, size_t n)
{
	char *text = mem_alloc(n / 3 * 4 + 5);

	EVP_EncodeBlock((unsigned char *)text, bytes, (int)n);
	return text;
}

/* The text, padded or not, is that of its bytes. */
static void same_text(const char *data, size_t n, const struct buf *decoded)
{
	char *again = encode(buf_str(decoded), decoded->len);
	size_t len = strlen(again);

	while (n > 0 && data[n - 1] == '=')
		n--;
	while (len > 0 && again[len - 1] == '=')
		len--;
	fuzz_must(len == n && memcmp(again, data, n) == 0, "another text");
	free(again);
}

static void try_text(const char *text, size_t n)
{
	struct problem why = {0};
	const char *comma = memchr(text, ',', n);
	struct buf b;

	buf_init(&b, n + 1);
	if (data_uri_decode(text, n, take, &b, &why)) {
		size_t head = (size_t)(comma - text);
		size_t data = n - head - 1;

		fuzz_must(b.len <= data, "more than there was");
		if (head >= 7 && strncasecmp(comma - 7, ";base64", 7) == 0)
			same_text(comma + 1, data, &b);
	} else {
		fuzz_must(why.code != PROBLEM_NONE, "refused without a reason");
	}
	buf_finish(&b);
}

static void try_bytes(const uint8_t *bytes, size_t n)
{
	char *text = encode(bytes, n);
	struct problem why = {0};
	struct buf uri, out;

	buf_init(&uri, 2 * n + 100);
	buf_init(&out, n + 1);
	buf_adds(&uri, "data:;base64,");
	buf_adds(&uri, text);
	fuzz_must(data_uri_decode(uri.at, uri.len, take, &out, &why),
		  "good base64 is refused");
	fuzz_must(out.len == n && (n == 0 || memcmp(out.at, bytes, n) == 0),
		  "other bytes");
	buf_finish(&uri);
	buf_finish(&out);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	char *text = mem_alloc(n + 1);

	if (n > 0)
		memcpy(text, bytes, n);
	try_text(text, n);
	try_bytes(bytes, n);
	free(text);
	return 0;
}
