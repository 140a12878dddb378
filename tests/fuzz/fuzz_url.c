#include <curl/curl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/url.h"
#include "fuzz/fuzz.h"

/*
 * Any text as a URL and as an operator's list. What is taken and printed is
 * taken again, to be the same; and libcurl, which connects, sees the same host
 * and port in it.
 */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static bool same(const char *a, const char *b)
{
	return (a == NULL) == (b == NULL) && (a == NULL || strcmp(a, b) == 0);
}

static void curl_agrees(const struct url *u, const char *printed)
{
	CURLU *h = curl_url();
	char *host = NULL, *port = NULL, *user = NULL;
	char want_host[300], want_port[16];

	snprintf(want_host, sizeof(want_host), u->literal_v6 ? "[%s]" : "%s",
		 u->host);
	snprintf(want_port, sizeof(want_port), "%u", u->port);
	fuzz_must(curl_url_set(h, CURLUPART_URL, printed, 0) == CURLUE_OK,
		  "libcurl refuses it");
	fuzz_must(curl_url_get(h, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
			  same(host, want_host),
		  "libcurl sees another host");
	fuzz_must(curl_url_get(h, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) ==
				  CURLUE_OK &&
			  same(port, want_port),
		  "libcurl sees another port");
	fuzz_must(curl_url_get(h, CURLUPART_USER, &user, 0) == CURLUE_NO_USER,
		  "libcurl sees a user");
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(h);
}

static void try_url(const char *text)
{
	struct arena a = {0};
	struct url u, again;
	struct buf b;

	buf_init(&b, 65536);
	if (url_split(text, &a, &u)) {
		url_print(&u, &b);
		fuzz_must(url_split(buf_str(&b), &a, &again),
			  "what was printed is refused");
		fuzz_must(same(u.host, again.host) &&
				  same(u.path, again.path) &&
				  same(u.query, again.query) &&
				  u.port == again.port && u.tls == again.tls &&
				  u.literal_v6 == again.literal_v6,
			  "what was printed is another URL");
		curl_agrees(&u, buf_str(&b));
	}
	buf_finish(&b);
	arena_finish(&a);
}

static void try_list(const char *text)
{
	struct problem why = {0};
	struct address_list l;
	struct arena a = {0};

	if (!address_list_read(text, &a, &l, &why))
		fuzz_must(why.code != PROBLEM_NONE, "refused without a reason");
	else
		for (size_t i = 0; i < l.count; i++)
			fuzz_must(l.rules[i].host != NULL ||
					  l.rules[i].bits >= 7,
				  "too wide a block");
	arena_finish(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	char *text = malloc(n + 1);

	fuzz_must(text != NULL, "no memory");
	memcpy(text, bytes, n);
	text[n] = '\0';
	try_url(text);
	try_list(text);
	free(text);
	return 0;
}
