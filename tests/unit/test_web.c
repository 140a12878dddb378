#include <dlfcn.h>
#include <netdb.h>
#include <stdatomic.h>

#include "unit/web_rig.h"

/* A name server that is silent until the call is over, or for five seconds. The
 * program's own getaddrinfo() goes before that of the C library, for libcurl,
 * too. */
static struct box names; /* guards what follows */
static bool call_over;
static atomic_bool name_answered;
static __typeof__(getaddrinfo) *real_getaddrinfo;

int getaddrinfo(const char *name, const char *service,
		const struct addrinfo *req, struct addrinfo **pai)
{
	int64_t until = clock_monotonic_ms() + 5000;

	if (name == NULL || strcmp(name, "silent.test") != 0)
		return real_getaddrinfo(name, service, req, pai);
	box_lock(&names);
	while (!call_over && box_wait(&names, until))
		;
	box_unlock(&names);
	name_answered = true;
	return EAI_NONAME;
}

/* ---- the server, which does what the path says ---- */

static const struct {
	const char *path, *head, *body;
} plain[] = {
	{"/ok",
	 "200 OK\r\nContent-Type: Text/HTML; charset=utf-8\r\n"
	 "Cache-Control: public, Max-Age=60",
	 "hello"},
	{"/nothing", "204 No Content", ""},
	{"/missing", "404 Not Found\r\nContent-Type: application/json",
	 "{\"no\":1}"},
	{"/failed", "500 Oh", "trace"},
	{"/redirect", "302 Found\r\nLocation: /ok", "go"},
	{"/continued",
	 "100 Continue\r\nContent-Type: a/b\r\n\r\nHTTP/1.1 200 OK", "real"},
	{"/odd-headers",
	 "200 OK\r\ncontent-type:IMAGE/Png\r\ncache-control: no-store, "
	 "max-age=x,s-maxage=9",
	 "odd"},
};

static bool reply(int fd, const char *head, const char *body)
{
	return rig_reply(fd, head, body, strlen(body));
}

static bool send_big(int fd)
{
	char *body = mem_alloc(100001);
	bool good;

	memset(body, 'x', 100000);
	good = reply(fd, "200 OK", body);
	free(body);
	return good;
}

/* The start, and then this again and again, until the client hangs up. */
static void send_for_ever(int fd, const char *start, const char *text)
{
	if (raw_say(fd, start))
		while (raw_say(fd, text))
			;
}

static bool serve(struct web_rig *r, int fd, const char *request,
		  const char *path)
{
	/* Each connection has its thread. */
	static _Thread_local unsigned nth;

	nth++;
	if (text_starts(request, "HEAD "))
		return raw_say(fd, "HTTP/1.1 200 OK\r\n") &&
		       raw_say(fd, strcmp(path, "/ok") == 0
					   ? "Content-Length: 5\r\n\r\n"
					   : "Transfer-Encoding: chunked\r\n"
					     "\r\n");
	for (size_t i = 0; i < COUNT(plain); i++)
		if (strcmp(path, plain[i].path) == 0)
			return reply(fd, plain[i].head, plain[i].body);
	if (text_starts(path, "/echo"))
		return reply(fd, "200 OK", request);
	if (strcmp(path, "/big") == 0)
		return send_big(fd);
	if (strcmp(path, "/chunked") == 0)
		return raw_say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
				   "chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n"
				   "0\r\n\r\n");
	if (strcmp(path, "/break-when-reused") == 0)
		return nth == 1 && reply(fd, "200 OK", "fresh");
	if (strcmp(path, "/half") == 0) {
		(void)raw_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n"
				  "\r\nhal");
	} else if (strcmp(path, "/early/too-large") == 0) {
		/* Closed for the client, who may find the answer all the same:
		 * nothing is reset. */
		(void)reply(fd, "413 Too Large", "no");
		shutdown(fd, SHUT_RDWR);
		(void)rig_await(r, &r->connections,
				rig_count(r, &r->connections, 0) + 1);
	} else if (strcmp(path, "/endless") == 0) {
		send_for_ever(fd, "HTTP/1.1 200 OK\r\n\r\n",
			      "0123456789abcdef");
	} else if (strcmp(path, "/headers-for-ever") == 0) {
		send_for_ever(fd, "HTTP/1.1 200 OK\r\n",
			      "X-A: 0123456789abcdef0123456789abcdef\r\n");
	} else if (strcmp(path, "/break") != 0) {
		raw_drain(fd); /* silent until the client gives up */
	}
	return false;
}

static struct web_rig server, *const rig = &server;
static struct caller c;

static struct web_call call_to(const char *method, const char *path)
{
	return call_of(&c, method, rig->port, path);
}

static void address(const char *host, int port, const char *path)
{
	snprintf(c.url, sizeof(c.url), "http://%s:%d%s", host, port, path);
}

static unsigned connections(void)
{
	return rig_count(rig, &rig->connections, 0);
}

/* That were read whole. */
static unsigned requests(void)
{
	return rig_count(rig, &rig->requests, 0);
}

static void test_answers(void)
{
	static const struct {
		const char *path;
		int status;
		const char *body, *type;
		int64_t max_age;
	} cases[] = {
		{"/ok", 200, "hello", "text/html", 60},
		{"/nothing", 204, "", "", -1},
		{"/missing", 404, "{\"no\":1}", "application/json", -1},
		{"/failed", 500, "trace", "", -1},
		{"/redirect", 302, "go", "", -1},
		{"/continued", 200, "real", "", -1},
		{"/odd-headers", 200, "odd", "image/png", -1},
		{"/chunked", 200, "abcde", "", -1},
	};
	unsigned before = connections();

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct web_call call = call_to("GET", cases[i].path);

		ok(run(&c, &call) == WEB_ANSWERED &&
			   c.answer.status == cases[i].status,
		   "GET %s: %d", cases[i].path, c.answer.status);
		is_str(buf_str(&c.answer.body), cases[i].body, cases[i].path);
		is_str(c.answer.content_type, cases[i].type, cases[i].path);
		ok(c.answer.max_age_s == cases[i].max_age, "%s: max-age",
		   cases[i].path);
		is_str(c.answer.detail, "", "nothing failed");
	}
	ok(connections() - before == 1, "all of it on one connection");
}

static void test_requests(void)
{
	static const char *const headers[] = {"X-One: 1", "Prefer: a", NULL};
	static const char *const methods[] = {"GET", "POST", "PUT", "DELETE"};
	struct web_call call;
	const char *seen;
	char start[64];

	for (size_t i = 0; i < COUNT(methods); i++) {
		call = call_to(methods[i], "/echo");
		snprintf(start, sizeof(start), "%s /echo HTTP/1.1\r\n",
			 methods[i]);
		ok(run(&c, &call) == WEB_ANSWERED &&
			   text_starts(buf_str(&c.answer.body), start) &&
			   strstr(buf_str(&c.answer.body), "Content-Type") ==
				   NULL,
		   "%s without a body", methods[i]);
		call.body = "{\"a\":1}";
		call.body_len = 7;
		call.content_type = "application/json";
		call.headers = headers;
		ok(run(&c, &call) == WEB_ANSWERED &&
			   text_starts(buf_str(&c.answer.body), start) &&
			   text_ends(buf_str(&c.answer.body),
				     "\r\n\r\n{\"a\":1}"),
		   "%s with one", methods[i]);
		seen = buf_str(&c.answer.body);
		ok(strstr(seen, "\r\nContent-Type: application/json\r\n") &&
			   strstr(seen, "\r\nX-One: 1\r\n") &&
			   strstr(seen, "\r\nPrefer: a\r\n") &&
			   strstr(seen, "\r\nContent-Length: 7\r\n"),
		   "%s: its headers", methods[i]);
	}
	call = call_to("POST", "/echo");
	call.body_len = 3000;
	call.body = memset(mem_alloc(3001), 'q', 3000);
	ok(run(&c, &call) == WEB_ANSWERED &&
		   strstr(buf_str(&c.answer.body), "Expect") == NULL,
	   "no Expect before a larger body");
	free((void *)(uintptr_t)call.body);
}

/* One after another: what was kept of the one before is not sent. */
static void test_targets(void)
{
	static const struct {
		const char *host, *path, *seen;
	} addresses[] = {
		{"127.0.0.1", "/echo?a=b&c=%2F", "/echo?a=b&c=%2F"},
		{"127.0.0.1", "/echo", "/echo"},
		{"localhost", "/echo?x", "/echo?x"},
		{"127.0.0.1", "/echo/./x?y#part", "/echo/./x?y"},
		{"127.0.0.1", "/echo?a=b/../c", "/echo?a=b/../c"},
		{"localhost", "/echo", "/echo"},
	};
	struct web_call call = call_to("GET", "/");
	char start[64];

	for (size_t i = 0; i < COUNT(addresses); i++) {
		address(addresses[i].host, rig->port, addresses[i].path);
		snprintf(start, sizeof(start), "GET %s HTTP/1.1\r\n",
			 addresses[i].seen);
		ok(run(&c, &call) == WEB_ANSWERED &&
			   text_starts(buf_str(&c.answer.body), start) &&
			   strstr(buf_str(&c.answer.body), addresses[i].host) !=
				   NULL,
		   "GET %s of %s", addresses[i].path, addresses[i].host);
	}
}

static void test_refused(void)
{
	static const char *const urls[] = {
		"file:///etc/passwd",
		"ftp://127.0.0.1/",
		"gopher://127.0.0.1/",
		"http://",
		"",
	};
	struct web_call call = call_to("GET", "/");
	int port;

	close(raw_listen(&port)); /* now nobody listens there */
	address("127.0.0.1", port, "/");
	ok(run(&c, &call) == WEB_REFUSED && c.answer.status == 0,
	   "nobody listens");
	ok(text_starts(c.answer.detail, "no connection: "), "%s",
	   c.answer.detail);
	snprintf(c.url, sizeof(c.url), "https://127.0.0.1:%d/ok", rig->port);
	call.timeout_ms = 100;
	ok(run(&c, &call) == WEB_REFUSED,
	   "no TLS spoken there: nothing was sent before the time was over");
	for (size_t i = 0; i < COUNT(urls); i++) {
		call.url = urls[i];
		ok(run(&c, &call) == WEB_REFUSED, "not fetched: '%s'", urls[i]);
	}
}

static void test_broken(void)
{
	struct web_call call = call_to("POST", "/break");
	unsigned before = requests();

	call.once = true;
	ok(run(&c, &call) == WEB_BROKEN && c.answer.status == 0,
	   "closed after the request was read");
	ok(requests() - before == 1, "it has been sent once");
	ok(text_starts(c.answer.detail, "the connection broke: "), "%s",
	   c.answer.detail);

	call = call_to("GET", "/ok");
	ok(run(&c, &call) == WEB_ANSWERED, "a connection to use again");
	before = requests();
	call = call_to("POST", "/break-when-reused");
	call.once = true;
	ok(run(&c, &call) == WEB_BROKEN && requests() - before == 1,
	   "once, without a body: on the old connection, sent once");
	call = call_to("GET", "/ok");
	ok(run(&c, &call) == WEB_ANSWERED, "another one to use again");
	call = call_to("POST", "/break-when-reused");
	before = requests();
	call.once = false;
	ok(run(&c, &call) == WEB_ANSWERED && requests() - before > 1,
	   "without it a POST is sent twice (why once is there)");

	before = requests();
	call.body = "{}";
	call.body_len = 2;
	ok(run(&c, &call) == WEB_ANSWERED && requests() - before > 1,
	   "with a body, too");
	before = requests();
	call.once = true;
	ok(run(&c, &call) == WEB_BROKEN && requests() - before == 1,
	   "once, with a body: on the old connection, sent once");
	ok(run(&c, &call) == WEB_ANSWERED, "and the next one gets a new one");

	call = call_to("GET", "/half");
	ok(run(&c, &call) == WEB_BROKEN, "closed in the middle of the body");
	call = call_to("GET", "/headers-for-ever");
	ok(run(&c, &call) == WEB_BROKEN, "headers without end");
}

struct drain {
	size_t seen, most;
	int asked, patience;
};

static bool take(void *ctx, const void *bytes, size_t n)
{
	struct drain *d = ctx;

	d->seen += n;
	return bytes != NULL && d->seen <= d->most;
}

static bool lose_patience(void *ctx)
{
	struct drain *d = ctx;

	return ++d->asked > d->patience;
}

static void test_timeout(void)
{
	struct web_call call = call_to("GET", "/silent");
	int64_t before = clock_monotonic_ms();

	call.timeout_ms = 100;
	ok(run(&c, &call) == WEB_TIMED_OUT &&
		   clock_monotonic_ms() >= before + 100,
	   "no answer in time: %s", c.answer.detail);
	call = call_to("GET", "/endless");
	call.max_bytes = (size_t)1 << 60;
	call.timeout_ms = 100;
	call.sink = NULL;
	ok(run(&c, &call) == WEB_TIMED_OUT,
	   "an answer that does not end in time");
}

static void set_call_over(bool over)
{
	box_lock(&names);
	call_over = over;
	box_wake(&names);
	box_unlock(&names);
}

/* All that wait on the thread would wait with it. */
static void test_silent_names(void)
{
	struct drain d = {.patience = 1};
	struct web_call call = call_to("GET", "/ok");

	set_call_over(false);
	name_answered = false;
	address("silent.test", rig->port, "/ok");
	call.timeout_ms = 100;
	ok(run(&c, &call) == WEB_REFUSED && !name_answered,
	   "a silent name server is not waited for: %s", c.answer.detail);
	call.timeout_ms = 60000;
	call.stop = lose_patience;
	call.stop_ctx = &d;
	ok(run(&c, &call) == WEB_STOPPED && !name_answered,
	   "nor where the call is stopped");
	set_call_over(true);
}

static void test_too_large(void)
{
	struct web_call call = call_to("GET", "/big");

	call.max_bytes = 100000;
	ok(run(&c, &call) == WEB_ANSWERED && c.answer.body.len == 100000,
	   "exactly as large as allowed");
	call.max_bytes = 99999;
	ok(run(&c, &call) == WEB_TOO_LARGE, "a byte too large");
	call = call_to("GET", "/endless");
	ok(run(&c, &call) == WEB_TOO_LARGE, "without end");
	is_str(c.answer.detail, "the answer is too large", "says so");
}

/* An unlinked file. */
static int file_of(const char *text, off_t size)
{
	char path[] = "/tmp/test_web-XXXXXX";
	int fd = mkstemp(path);

	if (fd < 0 || unlink(path) != 0 ||
	    write(fd, text, strlen(text)) != (ssize_t)strlen(text) ||
	    (size > 0 && ftruncate(fd, size) != 0))
		abort();
	return fd;
}

static void test_head(void)
{
	struct web_call call = call_to("HEAD", "/ok");

	ok(run(&c, &call) == WEB_ANSWERED && c.answer.status == 200 &&
		   c.answer.length == 5 && c.answer.body.len == 0,
	   "HEAD: the length, and no body");
	call = call_to("HEAD", "/chunked");
	ok(run(&c, &call) == WEB_ANSWERED && c.answer.length == -1,
	   "HEAD without a length");
	call = call_to("GET", "/big");
	ok(run(&c, &call) == WEB_ANSWERED && c.answer.length == 100000,
	   "the length of an answer");
	address("127.0.0.1", 1, "/");
	ok(run(&c, &call) == WEB_REFUSED && c.answer.length == -1,
	   "no answer has no length");
}

static void test_pieces(void)
{
	int fd = file_of("0123456789", 0);
	const struct web_piece parts[] = {
		{.bytes = "<", .len = 1},	   {.bytes = "", .len = 0},
		{.fd = fd, .offset = 2, .len = 5}, {.bytes = "|", .len = 1},
		{.fd = fd, .offset = 9, .len = 1}, {.bytes = ">", .len = 1}};
	const struct web_piece beyond = {.fd = fd, .offset = 8, .len = 5};
	struct web_call call = call_to("POST", "/echo");
	unsigned before;

	call.pieces = parts;
	call.piece_count = COUNT(parts);
	ok(run(&c, &call) == WEB_ANSWERED &&
		   text_ends(buf_str(&c.answer.body), "\r\n\r\n<23456|9>") &&
		   strstr(buf_str(&c.answer.body), "\r\nContent-Length: 9\r\n"),
	   "pieces of memory and of a file, one body");
	ok(lseek(fd, 0, SEEK_CUR) == 10, "the file's position stays");

	address("127.0.0.1", rig->port, "/break-when-reused");
	before = requests();
	ok(run(&c, &call) == WEB_ANSWERED && requests() - before == 2,
	   "sent again from its start where a kept connection died");
	before = requests();
	call.once = true;
	ok(run(&c, &call) == WEB_BROKEN && requests() - before == 1,
	   "but once");
	call = call_to("POST", "/ok");
	call.pieces = &beyond;
	call.piece_count = 1;
	ok(run(&c, &call) == WEB_UNREAD && c.answer.status == 0,
	   "a file that is shorter than it was");
	is_str(c.answer.detail, "a file to be sent could not be read",
	       "says so");
	close(fd);
}

static void test_large_pieces(void)
{
	int fd = file_of("", 50 << 20);
	const struct web_piece large = {.fd = fd, .len = 50 << 20};
	struct web_call call = call_to("POST", "/early/silent");
	struct drain d = {.patience = 20};

	call.pieces = &large;
	call.piece_count = 1;
	call.stop = lose_patience;
	call.stop_ctx = &d;
	ok(run(&c, &call) == WEB_STOPPED, "stopped while it is sent");
	call = call_to("POST", "/early/too-large");
	call.pieces = &large;
	call.piece_count = 1;
	(void)run(&c, &call);
	ok(c.answer.status == 413, "an answer before the end of the body: %d",
	   c.answer.status);
	close(fd);
	call = call_to("GET", "/ok");
	ok(run(&c, &call) == WEB_ANSWERED, "and the next call works");
}

static void test_sink(void)
{
	struct drain d = {.most = 100000};
	struct web_call call = call_to("GET", "/big");

	call.sink = take;
	call.sink_ctx = &d;
	ok(run(&c, &call) == WEB_ANSWERED && d.seen == 100000 &&
		   c.answer.body.len == 0,
	   "all of it went into the sink");
	d = (struct drain){.most = 1000};
	ok(run(&c, &call) == WEB_STOPPED && d.seen > 1000, "the sink ends it");
	call.max_bytes = 10;
	d = (struct drain){.most = 100000};
	ok(run(&c, &call) == WEB_TOO_LARGE && d.seen <= 10,
	   "the ceiling holds for a sink");
	call = call_to("GET", "/missing");
	call.sink = take;
	call.sink_ctx = &d;
	d = (struct drain){.most = 1000};
	ok(run(&c, &call) == WEB_ANSWERED && c.answer.status == 404 &&
		   d.seen == 0,
	   "what is no 2xx does not go into the sink");
	is_str(buf_str(&c.answer.body), "{\"no\":1}", "but is kept");
}

static void test_stop(void)
{
	struct drain d = {.patience = 3};
	struct web_call call = call_to("GET", "/silent");

	call.stop = lose_patience;
	call.stop_ctx = &d;
	ok(run(&c, &call) == WEB_STOPPED && d.asked == 4,
	   "stopped while nothing comes");
	d = (struct drain){.patience = 20};
	call = call_to("GET", "/endless");
	call.max_bytes = (size_t)1 << 60;
	call.sink = take;
	call.sink_ctx = &(struct drain){.most = (size_t)1 << 60};
	call.stop = lose_patience;
	call.stop_ctx = &d;
	ok(run(&c, &call) == WEB_STOPPED, "stopped while data comes");
	d = (struct drain){.patience = 0};
	call = call_to("POST", "/ok");
	call.stop = lose_patience;
	call.stop_ctx = &d;
	ok(run(&c, &call) == WEB_STOPPED && c.answer.status == 0,
	   "stopped before it began");
	call = call_to("GET", "/ok");
	ok(run(&c, &call) == WEB_ANSWERED, "and the next call works");
}

static void test_all(void *unused)
{
	(void)unused;
	caller_begin(&c);
	test_answers();
	test_requests();
	test_targets();
	test_refused();
	test_broken();
	test_timeout();
	test_silent_names();
	test_too_large();
	test_head();
	test_pieces();
	test_large_pieces();
	test_sink();
	test_stop();
	caller_finish(&c);
}

int main(void)
{
	static const char *const proxies[] = {"http_proxy", "https_proxy",
					      "HTTP_PROXY", "HTTPS_PROXY",
					      "all_proxy",  "ALL_PROXY"};

	box_init(&names);
	*(void **)&real_getaddrinfo = dlsym(RTLD_NEXT, "getaddrinfo");
	/* Nobody is there: a call that heeded one of these would fail. */
	for (size_t i = 0; i < COUNT(proxies); i++)
		setenv(proxies[i], "http://127.0.0.1:1", 1);
	unsetenv("no_proxy");
	unsetenv("NO_PROXY");

	rig_start(rig, serve);
	run_both_ways(test_all, NULL);
	web_destroy(NULL);
	rig_finish(rig);
	return tap_done();
}
