#include "base/fetch.h"

#include "base/buf.h"
#include "fetch_rig.h"

/* ---- what is served ---- */

static const struct {
	const char *path, *head, *body;
} plain[] = {
	{"/ok", "200 OK\r\nContent-Type: image/png", "hello"},
	{"/empty", "200 OK", ""},
	{"/named", "200 OK\r\nContent-Encoding: identity", "as it is"},
	{"/gzip", "200 OK\r\nContent-Encoding: gzip", "\x1f\x8b"},
	{"/unknown-coding", "200 OK\r\nContent-Encoding: zstd", "z"},
	{"/hints",
	 "103 Early Hints\r\nLocation: /404\r\nContent-Encoding: br\r\n\r\n"
	 "HTTP/1.1 200 OK",
	 "after hints"},
	{"/created", "201 Created", "x"},
	{"/none", "204 No Content", ""},
	{"/part", "206 Partial Content\r\nContent-Range: bytes 0-0/9", "x"},
	{"/choices", "300 Multiple Choices\r\nLocation: /ok", "x"},
	{"/same", "304 Not Modified", ""},
	{"/401", "401 Unauthorized\r\nWWW-Authenticate: Basic", "x"},
	{"/404", "404 Not Found", "a page"},
	{"/407", "407 Proxy Authentication Required", "x"},
	{"/429", "429 Too Many Requests", "x"},
	{"/500", "500 Oh", "trace"},
	{"/501", "501 Not Implemented", "x"},
	{"/503", "503 Busy", "x"},
	{"/nowhere", "302 Found", "no Location"},
	{"/here", "302 Found\r\nLocation: ", ""},
	{"/loop", "302 Found\r\nLocation: /loop", ""},
	{"/3", "302 Found\r\nLocation: 2", "page"},
	{"/2", "303 See Other\r\nLocation: /1", "page"},
	{"/1", "307 Temporary\r\nLocation: //files.test/0", "page"},
	{"/0", "301 Moved\r\nSet-Cookie: a=b; Domain=test\r\nLocation: ok",
	 "page"},
	{"/cookie", "302 Found\r\nSet-Cookie: a=b\r\nLocation: /echo", ""},
	{"/spaces", "302 Found\r\nLocation: /an answer?\xc3\xa4", ""},
	{"/an%20answer?%c3%a4", "200 OK", "found"},
	{"/two", "302 Found\r\nLocation: /ok\r\nLocation: /404", ""},
};

/* Bodies and heads byte by byte. */
static const struct {
	const char *path, *text;
} raw[] = {
	{"/half", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal"},
	{"/longer", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhello"},
	{"/till-the-end", "HTTP/1.0 200 OK\r\n\r\nhello"},
	{"/half-head", "HTTP/1.1 302 Found\r\nLocation: /ok\r\n"},
	{"/chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		     "3\r\nabc\r\n2\r\nde\r\n0\r\nLocation: /404\r\n\r\n"},
	{"/half-chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
			  "\r\n3\r\nabc\r\n2\r\nd"},
	{"/bad-chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		       "zz\r\nabc"},
	{"/te-gzip", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n"
		     "\r\n2\r\n\x1f\x8b\r\n0\r\n\r\n"},
	{"/09", "hello, I am of 1991"},
	{"/huge", "HTTP/1.1 200 OK\r\nContent-Length: 1152921504606846976\r\n"
		  "\r\nx"},
	{"/past-huge", "HTTP/1.1 200 OK\r\n"
		       "Content-Length: 99999999999999999999\r\n\r\nx"},
	{"/minus", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nx"},
	{"/switch", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"
		    "hello"},
	{"/big-page", "HTTP/1.1 404 Not Found\r\n"
		      "Content-Length: 1000000000\r\n\r\nx"},
};

static bool endless(struct net_peer *p, const char *head, const char *more)
{
	bool good = net_say(p, head);

	while (good)
		good = net_say(p, more);
	return false;
}

static bool answer(struct net_peer *p, const char *request, const char *path)
{
	char head[4200];

	for (size_t i = 0; i < COUNT(plain); i++)
		if (strcmp(path, plain[i].path) == 0)
			return net_reply(p, plain[i].head, plain[i].body,
					 strlen(plain[i].body));
	for (size_t i = 0; i < COUNT(raw); i++)
		if (strcmp(path, raw[i].path) == 0)
			return net_say(p, raw[i].text) && false;
	if (text_starts(path, "/echo"))
		return net_reply(p, "200 OK", request, strlen(request));
	if (text_starts(path, "/to?")) {
		snprintf(head, sizeof(head), "302 Found\r\nLocation: %s",
			 path + 4);
		return net_reply(p, head, "page", 4);
	}
	if (strcmp(path, "/endless") == 0)
		return endless(p, "HTTP/1.1 200 OK\r\n\r\n",
			       "0123456789abcdef");
	if (strcmp(path, "/endless-chunks") == 0)
		return endless(p,
			       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked"
			       "\r\n\r\n",
			       "10\r\n0123456789abcdef\r\n");
	if (strcmp(path, "/endless-head") == 0)
		return endless(p, "HTTP/1.1 200 OK\r\n",
			       "X-A: 0123456789abcdef0123456789abcdef\r\n");
	if (strcmp(path, "/endless-hints") == 0)
		return endless(p, "", "HTTP/1.1 103 Early Hints\r\n\r\n");
	if (strcmp(path, "/endless-page") == 0)
		return endless(p, "HTTP/1.1 404 Not Found\r\n\r\n", "no ");
	if (strcmp(path, "/begun") == 0)
		(void)net_say(p, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
				 "b");
	return net_silent(p);
}

static const struct net_name names[] = {
	{"files.test", NET_PUBLIC, 0},
	{"other.test", NET_PUBLIC, 0}, /* not in the certificate */
	{"loopback.test", "127.0.0.1", 0},
	{"loopback6.test", "::1", 0},
	{"mapped.test", "::ffff:127.0.0.1", 0},
	{"metadata.test", "169.254.169.254", 0},
	{"private.test", "10.0.0.1", 0},
	{"ula.test", "fd00::1", 0},
	{"nat64.test", "64:ff9b::7f00:1", 0},
	{"mixed.test", "127.0.0.1 10.0.0.1 " NET_PUBLIC, 0},
	{"listed.test", "127.0.0.1", 0},
	{"gone.test", NULL, 0},
	{"slow.test", NET_PUBLIC, 1500},
	{NULL, NULL, 0},
};

/* ---- one fetch ---- */

static struct fetch *f, *f_https; /* the second takes no http:// */
static struct address_list allow;
static struct arena arena;

struct got {
	struct fetch_result result;
	struct buf body;
	size_t most; /* the sink ends it past this */
	unsigned dones;
};

static bool take(void *ctx, const void *bytes, size_t n)
{
	struct got *g = ctx;

	buf_add(&g->body, bytes, n);
	return g->body.len <= g->most;
}

static void done(void *ctx, const struct fetch_result *r)
{
	struct got *g = ctx;

	g->result = *r;
	g->dones++;
}

static struct fetch_transfer *start(struct fetch *by, struct got *g,
				    const char *url, int64_t max, int64_t ms)
{
	struct fetch_call c = {.url = url,
			       .max_bytes = max,
			       .timeout_ms = ms,
			       .sink = take,
			       .done = done,
			       .ctx = g};

	*g = (struct got){.most = SIZE_MAX};
	buf_init(&g->body, 1 << 24);
	return fetch_begin(by, &c);
}

static void finish(struct fetch *by, struct got *g)
{
	while (g->dones == 0)
		fetch_run(by, clock_monotonic_ms() + 1000);
}

static void get_by(struct fetch *by, struct got *g, const char *url,
		   int64_t max, int64_t ms)
{
	buf_finish(&g->body);
	(void)start(by, g, url, max, ms);
	finish(by, g);
}

/* %P and %T in a URL are the plain port and that of TLS. */
static const char *with_ports(const char *text)
{
	struct buf b;
	char *out;

	buf_init(&b, 65536);
	for (; *text != '\0'; text++) {
		if (text[0] == '%' && (text[1] == 'P' || text[1] == 'T'))
			buf_addf(&b, "%u", net.ports[*++text == 'T']);
		else
			buf_addc(&b, *text);
	}
	out = arena_strdup(&arena, buf_str(&b));
	buf_finish(&b);
	return out;
}

static void get(struct got *g, const char *url)
{
	get_by(f, g, with_ports(url), 100000, 30000);
}

static const char *const outcomes[] = {"whole",	     "unreached", "status",
				       "redirected", "coded",	  "too large",
				       "timed out",  "broken",	  "stopped"};

static const struct fetch_case {
	const char *url;
	enum fetch_outcome outcome;
	const char *body; /* of a whole one */
	int status;
	bool inside, again;
} cases[] = {
	{"http://files.test/ok", FETCH_WHOLE, "hello", 0, false, false},
	{"https://files.test/ok", FETCH_WHOLE, "hello", 0, false, false},
	{"https://files.test:443/ok#x", FETCH_WHOLE, "hello", 0, false, false},
	{"https://files.test/empty", FETCH_WHOLE, "", 0, false, false},
	{"https://files.test/named", FETCH_WHOLE, "as it is", 0, false, false},
	{"https://files.test/hints", FETCH_WHOLE, "after hints", 0, false,
	 false},
	{"https://files.test/chunked", FETCH_WHOLE, "abcde", 0, false, false},
	{"http://files.test/till-the-end", FETCH_WHOLE, "hello", 0, false,
	 false},
	{"http://" NET_PUBLIC "/ok", FETCH_WHOLE, "hello", 0, false, false},

	/* only a 200 is a file */
	{"https://files.test/created", FETCH_STATUS, "", 201, false, false},
	{"https://files.test/none", FETCH_STATUS, "", 204, false, false},
	{"https://files.test/part", FETCH_STATUS, "", 206, false, false},
	{"https://files.test/choices", FETCH_STATUS, "", 300, false, false},
	{"https://files.test/same", FETCH_STATUS, "", 304, false, false},
	{"https://files.test/401", FETCH_STATUS, "", 401, false, false},
	{"https://files.test/404", FETCH_STATUS, "", 404, false, false},
	{"https://files.test/407", FETCH_STATUS, "", 407, false, false},
	{"https://files.test/429", FETCH_STATUS, "", 429, false, true},
	{"https://files.test/500", FETCH_STATUS, "", 500, false, true},
	{"https://files.test/501", FETCH_STATUS, "", 501, false, false},
	{"https://files.test/503", FETCH_STATUS, "", 503, false, true},
	{"https://files.test/nowhere", FETCH_STATUS, "", 302, false, false},
	{"https://files.test/endless-page", FETCH_STATUS, "", 404, false,
	 false},
	{"https://files.test/big-page", FETCH_STATUS, "", 404, false, false},

	/* bodies that lie */
	{"https://files.test/half", FETCH_BROKEN, NULL, 0, false, true},
	{"https://files.test/longer", FETCH_WHOLE, "hel", 0, false, false},
	{"https://files.test/half-chunked", FETCH_BROKEN, NULL, 0, false, true},
	{"https://files.test/bad-chunk", FETCH_BROKEN, NULL, 0, false, true},
	{"https://files.test/half-head", FETCH_BROKEN, "", 0, false, true},
	{"https://files.test/09", FETCH_BROKEN, "", 0, false, true},
	{"https://files.test/minus", FETCH_BROKEN, "", 0, false, true},
	{"https://files.test/switch", FETCH_BROKEN, "", 0, false, true},
	{"https://files.test/huge", FETCH_TOO_LARGE, "", 0, false, false},
	{"https://files.test/endless", FETCH_TOO_LARGE, NULL, 0, false, false},
	{"https://files.test/endless-chunks", FETCH_TOO_LARGE, NULL, 0, false,
	 false},
	{"https://files.test/endless-head", FETCH_BROKEN, "", 0, false, true},
	{"https://files.test/endless-hints", FETCH_BROKEN, "", 0, false, true},

	/* compressed, which nobody asked for */
	{"https://files.test/gzip", FETCH_CODED, "", 0, false, false},
	{"https://files.test/unknown-coding", FETCH_CODED, "", 0, false, false},

	/* redirects */
	{"https://files.test/2", FETCH_WHOLE, "hello", 0, false, false},
	{"https://files.test/3", FETCH_REDIRECTED, "", 0, false, false},
	{"https://files.test/loop", FETCH_REDIRECTED, "", 0, false, false},
	{"https://files.test/two", FETCH_WHOLE, "hello", 0, false, false},
	{"https://files.test/spaces", FETCH_WHOLE, "found", 0, false, false},
	{"http://files.test/to?https://files.test/ok", FETCH_WHOLE, "hello", 0,
	 false, false},
	{"https://files.test/to?http://files.test/ok", FETCH_REDIRECTED, "", 0,
	 false, false},
	{"https://files.test/to?HTTP://files.test/ok", FETCH_REDIRECTED, "", 0,
	 false, false},
	{"https://files.test/to?file:///etc/passwd", FETCH_REDIRECTED, "", 0,
	 false, false},
	{"http://files.test/to?ftp://files.test/", FETCH_REDIRECTED, "", 0,
	 false, false},
	{"https://files.test/to?data:,x", FETCH_REDIRECTED, "", 0, false,
	 false},
	{"https://files.test/to?https://u:p@files.test/ok", FETCH_REDIRECTED,
	 "", 0, false, false},
	{"https://files.test/here", FETCH_REDIRECTED, "", 0, false, false},
	{"http://files.test:443/ok", FETCH_BROKEN, "", 0, false, true},

	/* the operator's own */
	{"http://127.0.0.1:%P/ok", FETCH_WHOLE, "hello", 0, true, false},
	{"https://listed.test:%T/ok", FETCH_WHOLE, "hello", 0, true, false},
	{"https://files.test/to?https://listed.test:%T/ok", FETCH_WHOLE,
	 "hello", 0, true, false},
	{"https://mixed.test/ok", FETCH_WHOLE, "hello", 0, true, false},
};

static void test_cases(void)
{
	struct got g = {0};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct fetch_case *c = &cases[i];

		get(&g, c->url);
		ok(g.result.outcome == c->outcome, "%s: %s (%s)", c->url,
		   outcomes[g.result.outcome], g.result.detail);
		ok(g.result.status == c->status &&
			   g.result.inside == c->inside &&
			   g.result.again == c->again,
		   "status %d, inside %d, again %d", g.result.status,
		   g.result.inside, g.result.again);
		if (c->body != NULL)
			is_str(buf_str(&g.body), c->body, "its bytes");
		ok(g.body.len <= 100000 && g.dones == 1, "told once");
	}
	buf_finish(&g.body);
}

/* Whatever is or is not at an address that is not public: one answer. */
static void test_inside(void)
{
	static const char *const urls[] = {
		/* nobody may go there */
		"http://127.0.0.1/ok",
		"http://127.0.0.1:%T/ok",
		"https://127.0.0.1/",
		"http://127.0.0.2:%P/ok",
		"http://[::1]:%P/ok",
		"http://[::ffff:127.0.0.1]:%P/ok",
		"http://[::127.0.0.1]:%P/ok",
		"http://[64:ff9b::7f00:1]:%P/ok",
		"http://0.0.0.0:%P/ok",
		"http://[::]:%P/ok",
		"https://localhost:%T/ok",
		"http://loopback.test:%T/ok",
		"http://loopback6.test:%P/ok",
		"http://mapped.test:%P/ok",
		"http://metadata.test/latest/meta-data/",
		"http://169.254.169.254/latest/meta-data/",
		"http://private.test/",
		"https://private.test/",
		"http://ula.test/",
		"http://nat64.test:%P/ok",
		"http://files.test/to?http://127.0.0.1/ok",
		"http://files.test/to?http://169.254.169.254/latest/",
		"https://files.test/to?https://localhost:%P/ok",
		"https://files.test/to?https://[::1]:%P/ok",
		"https://files.test/to?//127.0.0.1:%T/ok",
		"https://files.test/to?https://private.test/",
		"https://files.test/to?https://0x7f.1/",
		/* the operator's own, where something is wrong */
		"http://127.0.0.1:%P/404",
		"http://127.0.0.1:%P/500",
		"http://127.0.0.1:%P/gzip",
		"http://127.0.0.1:%P/half",
		"http://127.0.0.1:%P/huge",
		"http://127.0.0.1:%P/endless",
		"http://127.0.0.1:%P/loop",
		"http://127.0.0.1:%P/09",
		"http://127.0.0.1:%P/to?ftp://a/",
		"http://127.0.0.1:1/",
		"https://127.0.0.1:%P/",
		"https://127.0.0.1:1/",
		"http://listed.test:%T/ok",
		"http://127.0.0.1:%P/to?http://files.test/404",
		"https://files.test/to?https://listed.test:%T/404",
		"https://127.0.0.1:%T/ok", /* its certificate is for names */
		"http://127.0.0.1:%P/to?http://127.0.0.1:9/",
	};
	static const char *const outside[] = {
		/* no name, no port, no server, no certificate */
		"https://gone.test/",	      "https://unknown.test/",
		"https://files.test:8443/ok", "https://files.test:80/ok",
		"https://other.test/ok",      "https://" NET_PUBLIC "/ok",
		"http://files.test:22/",      "http://[" NET_PUBLIC_6 "]:25/",
	};
	struct fetch_result want = {.outcome = FETCH_UNREACHED, .again = true};
	struct got g = {0};

	for (size_t i = 0; i < COUNT(urls) + COUNT(outside); i++) {
		bool inside = i < COUNT(urls);
		const char *url = inside ? urls[i] : outside[i - COUNT(urls)];

		get_by(f, &g, with_ports(url), 1000, 5000);
		ok(g.result.outcome == want.outcome &&
			   g.result.again == want.again &&
			   g.result.status == want.status &&
			   g.result.inside == inside,
		   "%s: %s %d (%s)", url, outcomes[g.result.outcome],
		   g.result.inside, g.result.detail);
	}
	buf_finish(&g.body);
}

/* Versions of libcurl differ in what they take for an answer. */
static void test_versions(void)
{
	struct got g = {0};

	get(&g, "https://files.test/past-huge");
	ok((g.result.outcome == FETCH_WHOLE &&
	    strcmp(buf_str(&g.body), "x") == 0) ||
		   g.result.outcome == FETCH_BROKEN,
	   "a length past all numbers: %s", outcomes[g.result.outcome]);
	get(&g, "https://files.test/te-gzip");
	ok(g.result.outcome == FETCH_CODED || g.result.outcome == FETCH_BROKEN,
	   "chunks of gzip: %s", outcomes[g.result.outcome]);
	buf_finish(&g.body);
}

/* All that connected before has been counted when these two are answered. */
static int connections(struct got *g)
{
	get(g, "http://files.test/ok");
	get(g, "https://files.test/ok");
	return net.connections;
}

static void test_nothing_is_sent(void)
{
	static const char *const urls[] = {
		"http://127.0.0.2:%P/ok",      "https://localhost:%T/ok",
		"http://loopback.test:%T/ok",  "http://[::ffff:127.0.0.1]:%P/",
		"https://loopback.test:%T/ok", "http://0.0.0.0:%P/ok",
		"http://files.test:%P/ok"};
	struct got g = {0};
	int before = connections(&g);

	for (size_t i = 0; i < COUNT(urls); i++)
		get(&g, urls[i]);
	ok(connections(&g) - before == 2, "nobody was connected to");

	net.impostor = "10.0.0.1";
	net.peers_asked = 0;
	before = net.requests;
	get(&g, "http://files.test/ok");
	ok(net.peers_asked == 0 || (g.result.outcome == FETCH_UNREACHED &&
				    g.result.inside && net.requests == before),
	   "another address at the end of the connection: %s%s",
	   g.result.detail,
	   net.peers_asked > 0 ? "" : " # skip this libcurl does not ask");
	net.impostor = NULL;
	buf_finish(&g.body);
}

static void test_connections(void)
{
	struct got g = {0};
	int before = connections(&g);

	for (int i = 0; i < 3; i++)
		get(&g, "https://files.test/ok");
	ok(connections(&g) - before == 3 + 2, "a connection is used once");
	before = connections(&g);
	get(&g, "https://files.test/2");
	ok(connections(&g) - before == 4 + 2, "in redirects, too");
	buf_finish(&g.body);
}

static void test_request(void)
{
	static const char want[] = "GET /echo?a=%20b HTTP/1.1\r\n"
				   "Host: files.test\r\n"
				   "User-Agent: comfygate/test\r\n"
				   "Accept: */*\r\n"
				   "Accept-Encoding: identity\r\n\r\n";
	char home[] = "/tmp/test_fetch.XXXXXX", netrc[64];
	struct got g = {0};
	FILE *out;

	if (mkdtemp(home) == NULL)
		abort();
	snprintf(netrc, sizeof(netrc), "%s/.netrc", home);
	out = fopen(netrc, "w");
	if (out == NULL)
		abort();
	fputs("default login a password b\n", out);
	fclose(out);
	setenv("HOME", home, 1);
	get(&g, "https://files.test/echo?a=%20b#c");
	is_str(buf_str(&g.body), want, "no header but these, no user");
	get(&g, "https://files.test/cookie");
	ok(strstr(buf_str(&g.body), "ookie:") == NULL, "no cookie");
	ok(strstr(buf_str(&g.body), "Referer") == NULL, "no referer");
	unlink(netrc);
	rmdir(home);
	buf_finish(&g.body);
}

static void test_times(void)
{
	int64_t before = clock_monotonic_ms();
	struct got g = {0};

	get_by(f, &g, "https://files.test/silent", 1000, 150);
	ok(g.result.outcome == FETCH_TIMED_OUT && g.result.again &&
		   clock_monotonic_ms() >= before + 100,
	   "no answer in time: %s", g.result.detail);
	get_by(f, &g, "https://files.test/begun", 1000, 150);
	ok(g.result.outcome == FETCH_TIMED_OUT, "no end in time: %s",
	   g.result.detail);
	get_by(f, &g, "https://files.test/to?/silent", 1000, 150);
	ok(g.result.outcome == FETCH_TIMED_OUT, "of all hops together: %s",
	   g.result.detail);
	before = clock_monotonic_ms();
	get_by(f, &g, "https://slow.test/ok", 1000, 150);
	ok(g.result.outcome == FETCH_UNREACHED &&
		   clock_monotonic_ms() < before + 1400,
	   "a silent name server holds nobody up: %s", g.result.detail);
	get_by(f, &g, with_ports("http://127.0.0.1:%P/silent"), 1000, 150);
	ok(g.result.outcome == FETCH_UNREACHED, "inside it is as ever: %s",
	   g.result.detail);
	buf_finish(&g.body);
}

static void test_sizes(void)
{
	struct got g = {0};

	get_by(f, &g, "https://files.test/ok", 5, 30000);
	ok(g.result.outcome == FETCH_WHOLE, "as large as may be");
	get_by(f, &g, "https://files.test/ok", 4, 30000);
	ok(g.result.outcome == FETCH_TOO_LARGE && g.body.len == 0,
	   "known before a byte of it came: %s", g.result.detail);
	get_by(f, &g, "https://files.test/chunked", 5, 30000);
	ok(g.result.outcome == FETCH_WHOLE, "in chunks");
	get_by(f, &g, "https://files.test/chunked", 4, 30000);
	ok(g.result.outcome == FETCH_TOO_LARGE, "in chunks: %s",
	   g.result.detail);
	buf_finish(&g.body);
	(void)start(f, &g, "https://files.test/endless", INT64_MAX, 30000);
	g.most = 1000;
	finish(f, &g);
	ok(g.result.outcome == FETCH_STOPPED && !g.result.again, "by the sink");
	buf_finish(&g.body);
	(void)start(f, &g, with_ports("http://127.0.0.1:%P/endless"), 1 << 20,
		    30000);
	g.most = 1000;
	finish(f, &g);
	ok(g.result.outcome == FETCH_STOPPED && g.result.inside,
	   "inside, too: our own disk is nobody's secret");
	buf_finish(&g.body);
}

static void test_http_off(void)
{
	struct got g = {0};

	get_by(f_https, &g, "http://files.test/ok", 1000, 30000);
	ok(g.result.outcome == FETCH_REDIRECTED, "http is not taken");
	get_by(f_https, &g, with_ports("http://127.0.0.1:%P/ok"), 1000, 30000);
	ok(g.result.outcome == FETCH_REDIRECTED && !g.result.inside,
	   "nor inside");
	get_by(f_https, &g, "https://files.test/ok", 1000, 30000);
	ok(g.result.outcome == FETCH_WHOLE, "https is");
	get_by(f_https, &g, "ftp://files.test/ok", 1000, 30000);
	ok(g.result.outcome == FETCH_REDIRECTED, "nothing else");
	buf_finish(&g.body);
}

static void test_many(void)
{
	struct got many[40], held;
	struct fetch_transfer *t;
	unsigned good = 0;

	t = start(f, &held, "https://files.test/silent", 1000, 60000);
	for (size_t i = 0; i < COUNT(many); i++)
		(void)start(f, &many[i],
			    i % 2 == 0 ? "https://files.test/ok"
				       : "https://files.test/1",
			    1000, 30000);
	for (size_t i = 0; i < COUNT(many); i++) {
		finish(f, &many[i]);
		good += many[i].result.outcome == FETCH_WHOLE &&
			many[i].dones == 1 &&
			strcmp(buf_str(&many[i].body), "hello") == 0;
		buf_finish(&many[i].body);
	}
	ok(good == COUNT(many), "%u at once", good);
	fetch_cancel(f, t);
	fetch_run(f, 0);
	ok(held.dones == 0, "one that is canceled tells nothing");
	buf_finish(&held.body);
}

static void *wake(void *arg)
{
	fetch_wake(arg);
	return NULL;
}

static void test_wake(void)
{
	int64_t before = clock_monotonic_ms();
	pthread_t other = box_thread("wake", wake, f);

	fetch_run(f, before + 60000);
	pthread_join(other, NULL);
	ok(clock_monotonic_ms() < before + 30000, "woken");
}

static void test_left_behind(void)
{
	struct fetch_options o = {.agent = "x", .allow = &allow};
	struct fetch *own = fetch_create(&o);
	struct got g[3];

	for (size_t i = 0; i < COUNT(g); i++)
		(void)start(own, &g[i], "https://files.test/silent", 9, 60000);
	fetch_run(own, 0);
	fetch_destroy(own);
	fetch_destroy(NULL);
	ok(g[0].dones + g[1].dones + g[2].dones == 0, "ended without a word");
	for (size_t i = 0; i < COUNT(g); i++)
		buf_finish(&g[i].body);
}

static void test_certificates(void)
{
	struct fetch_options o = {.agent = "x", .allow = &allow};
	struct fetch *own;
	struct cert unknown;
	struct got g = {0};

	cert_make(&unknown, -DAY, DAY, "DNS:files.test");
	setenv("SSL_CERT_FILE", unknown.path, 1);
	own = fetch_create(&o);
	get_by(own, &g, "https://files.test/ok", 1000, 30000);
	ok(g.result.outcome == FETCH_UNREACHED && !g.result.inside,
	   "signed by nobody who is trusted: %s", g.result.detail);
	fetch_destroy(own);
	cert_free(&unknown);
	buf_finish(&g.body);
}

/* Begun before all others, as it takes its time. */
static void test_slow(struct got *g)
{
	finish(f, g);
	ok(g->result.outcome == FETCH_TIMED_OUT &&
		   text_starts(g->result.detail, "Operation too slow"),
	   "one that hardly moves is given up: %s", g->result.detail);
	buf_finish(&g->body);
}

int main(void)
{
	struct fetch_options o = {
		.agent = "comfygate/test", .allow = &allow, .http = true};
	struct problem why = {0};
	struct got slow;
	struct cert cert;

	net_proxies();
	cert_make(&cert, -DAY, DAY,
		  "DNS:files.test,DNS:listed.test,"
		  "DNS:slow.test,DNS:mixed.test");
	setenv("SSL_CERT_FILE", cert.path, 1);
	net.names = names;
	net.answer = answer;
	net_start(&cert);
	if (!address_list_read(
		    with_ports("127.0.0.1:%P, 127.0.0.1:1, listed.test:%T"),
		    &arena, &allow, &why))
		abort();
	f = fetch_create(&o);
	o.http = false;
	f_https = fetch_create(&o);
	(void)start(f, &slow, "https://files.test/begun", 9, 60000);
	test_cases();
	test_versions();
	test_inside();
	test_nothing_is_sent();
	test_connections();
	test_request();
	test_times();
	test_sizes();
	test_http_off();
	test_many();
	test_wake();
	test_left_behind();
	test_certificates();
	test_slow(&slow);
	fetch_destroy(f);
	fetch_destroy(f_https);
	net_stop();
	cert_free(&cert);
	arena_finish(&arena);
	return tap_done();
}
