#include "base/url.h"

#include <stdlib.h>

#include "base/arena.h"
#include "tap.h"

static void test_good(void)
{
	static const struct {
		const char *text, *host, *path, *query, *printed;
		unsigned port;
		bool tls, v6;
	} cases[] = {
		{"https://example.com", "example.com", "/", NULL,
		 "https://example.com/", 443, true, false},
		{"http://example.com/", "example.com", "/", NULL,
		 "http://example.com/", 80, false, false},
		{"HTTPS://Files.EXAMPLE.Com:8443/A/b.PNG?V=1&x#Top",
		 "files.example.com", "/A/b.PNG", "V=1&x",
		 "https://files.example.com:8443/A/b.PNG?V=1&x", 8443, true,
		 false},
		{"https://a:443/", "a", "/", NULL, "https://a/", 443, true,
		 false},
		{"https://a:80/", "a", "/", NULL, "https://a:80/", 80, true,
		 false},
		{"http://a:00080/", "a", "/", NULL, "http://a/", 80, false,
		 false},
		{"https://a?q", "a", "/", "q", "https://a/?q", 443, true,
		 false},
		{"https://a?", "a", "/", "", "https://a/?", 443, true, false},
		{"https://a#f", "a", "/", NULL, "https://a/", 443, true, false},
		{"https://a/?x=/?y#z?w", "a", "/", "x=/?y", "https://a/?x=/?y",
		 443, true, false},
		{"https://192.0.2.1:1/", "192.0.2.1", "/", NULL,
		 "https://192.0.2.1:1/", 1, true, false},
		{"https://[2001:DB8:0:0::1]/x", "2001:db8::1", "/x", NULL,
		 "https://[2001:db8::1]/x", 443, true, true},
		{"https://[::ffff:192.0.2.1]:99", "::ffff:192.0.2.1", "/", NULL,
		 "https://[::ffff:192.0.2.1]:99/", 99, true, true},
		{"https://xn--mnchen-3ya.example/", "xn--mnchen-3ya.example",
		 "/", NULL, "https://xn--mnchen-3ya.example/", 443, true,
		 false},
		{"https://a_b.c-d.9e.f/", "a_b.c-d.9e.f", "/", NULL,
		 "https://a_b.c-d.9e.f/", 443, true, false},
		{"https://b.s3.amazonaws.com/k%20y?X-Amz-Signature=ab%2Fc",
		 "b.s3.amazonaws.com", "/k%20y", "X-Amz-Signature=ab%2Fc",
		 "https://b.s3.amazonaws.com/k%20y?X-Amz-Signature=ab%2Fc", 443,
		 true, false},
		{"https://a/b@c:d;e,f!$&'()*+=~[]{}|^`?u@v[]", "a",
		 "/b@c:d;e,f!$&'()*+=~[]{}|^`", "u@v[]",
		 "https://a/b@c:d;e,f!$&'()*+=~[]{}|^`?u@v[]", 443, true,
		 false},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena a = {0};
		struct buf b;
		struct url u;

		buf_init(&b, 65536);
		ok(url_split(cases[i].text, &a, &u), "taken: %s",
		   cases[i].text);
		is_str(u.host, cases[i].host, "host");
		is_str(u.path, cases[i].path, "path");
		ok((u.query == NULL) == (cases[i].query == NULL) &&
			   (u.query == NULL ||
			    strcmp(u.query, cases[i].query) == 0),
		   "query");
		ok(u.port == cases[i].port && u.tls == cases[i].tls &&
			   u.literal_v6 == cases[i].v6,
		   "port %u", u.port);
		url_print(&u, &b);
		is_str(buf_str(&b), cases[i].printed, "printed");
		buf_finish(&b);
		arena_finish(&a);
	}
}

static bool taken(const char *text)
{
	struct arena a = {0};
	struct url u;
	bool good = url_split(text, &a, &u);

	arena_finish(&a);
	return good;
}

static void test_bad(void)
{
	static const char *const bad[] = {
		/* scheme */
		"",
		"https",
		"https:",
		"https:/",
		"https:a",
		"https:/a/b",
		"//a/",
		"/a",
		"a/b",
		"ftp://a/",
		"file:///etc/passwd",
		"gopher://a/",
		"data:,x",
		"httpss://a/",
		"htt://a/",
		"x-https://a/",
		" https://a/",
		"https ://a/",
		"javascript:a",
		/* user */
		"https://u@a/",
		"https://u:p@a/",
		"https://@a/",
		"https://a@b:1@c/",
		"https://u%40a/",
		/* host */
		"https://",
		"https:///",
		"https:///a",
		"https://:443/",
		"https://?a",
		"https://#a",
		"https://.a/",
		"https://a./",
		"https://a..b/",
		"https://-a/",
		"https://a-/",
		"https://a.-b/",
		"https://a%2eb/",
		"https://a,b/",
		"https://a*/",
		"https://a b/",
		"https://m\xc3\xbcnchen.example/",
		"https://a\xe3\x80\x82z/",
		"https://localhost\\@a/",
		"https://a\\b/",
		"https:\\\\a/",
		/* addresses in other forms */
		"https://127.1/",
		"https://0x7f.0.0.1/",
		"https://0x7f000001/",
		"https://2130706433/",
		"https://0177.0.0.1/",
		"https://1/",
		"https://127.0.0.1.2/",
		"https://127.0.0.01/",
		"https://127.0.0.256/",
		"https://127.0.0.0x1/",
		"https://a.1/",
		"https://a.0x1/",
		"https://127.0.0./",
		"https://\xef\xbc\x91.1.1.1/",
		"https://1.2.3.4x/",
		"https://[]/",
		"https://[:]/",
		"https://[::1/",
		"https://::1/",
		"https://[::1]]/",
		"https://[[::1]]/",
		"https://[1.2.3.4]/",
		"https://[fe80::1%25eth0]/",
		"https://[fe80::1%eth0]/",
		"https://[::1]a/",
		"https://a[::1]/",
		"https://[v1.x]/",
		"https://[0:0:0:0:0:0:0:0:1]/",
		"https://[::12345]/",
		"https://[::1.2.3]/",
		/* port */
		"https://a:/",
		"https://a:0/",
		"https://a:65536/",
		"https://a:-1/",
		"https://a:+1/",
		"https://a:1a/",
		"https://a:000443/",
		"https://a:4 43/",
		"https://a:443:443/",
		"https://a:0x1bb/",
		"https://[::1]:/",
		"https://[::1]443/",
		/* the rest */
		"https://a/ b",
		"https://a/b ",
		"https://a/\tb",
		"https://a/\n",
		"https://a/\r\nHost: b",
		"https://a/\x7f",
		"https://a/\x01",
		"https://a/\xc3\xa4",
		"https://a/\\..\\b",
		"https://a/<b>",
		"https://a/\"",
		"https://a/%",
		"https://a/%2",
		"https://a/%zz",
		"https://a/?%",
		"https://a/#%",
		"https://a/#a b",
	};
	char text[URL_MAX + 2];

	for (size_t i = 0; i < COUNT(bad); i++)
		ok(!taken(bad[i]), "refused: %zu", i);

	memset(text, 'a', sizeof(text) - 1);
	memcpy(text, "https://a/", 10);
	text[URL_MAX] = '\0';
	ok(taken(text), "as long as may be");
	text[URL_MAX] = 'a';
	text[URL_MAX + 1] = '\0';
	ok(!taken(text), "a byte longer");
}

static void test_host(void)
{
	static const char label[] = "abcdefghijklmnopqrstuvwxyz0123456789abcdef"
				    "ghijklmnopqrstuvwxyz0"
				    "x";
	char text[400];

	snprintf(text, sizeof(text), "https://%.63s/", label);
	ok(taken(text), "a label of 63");
	snprintf(text, sizeof(text), "https://%.64s/", label);
	ok(!taken(text), "of 64");
	snprintf(text, sizeof(text), "https://%.63s.%.63s.%.63s.%.61s/", label,
		 label, label, label);
	ok(taken(text), "a name of 253");
	snprintf(text, sizeof(text), "https://%.63s.%.63s.%.63s.%.62s/", label,
		 label, label, label);
	ok(!taken(text), "of 254");
}

int main(void)
{
	test_good();
	test_bad();
	test_host();
	return tap_done();
}
