#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/box.h"
#include "base/clock.h"
#include "base/fiber.h"
#include "base/text.h"
#include "base/web.h"
#include "tap.h"

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

/* A server of a few lines that does what the path says. */
#define CONNS 128

static struct {
	int listener;
	unsigned port;
	pthread_t acceptor;
	pthread_t threads[CONNS];
	int fds[CONNS];
	int count; /* written by the acceptor alone until it is joined */
	_Atomic int connections;
	_Atomic int posts; /* read whole */
} server;

static bool send_text(int fd, const char *s)
{
	size_t n = strlen(s);

	while (n > 0) {
		ssize_t sent = send(fd, s, n, MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		s += sent;
		n -= (size_t)sent;
	}
	return true;
}

/* One request with its body; false at the end of the connection. */
static bool read_request(int fd, char *at, size_t size)
{
	size_t n = 0, want = 0;
	char *body = NULL, *length;

	while (n + 1 < size && (body == NULL || n < want)) {
		ssize_t got = recv(fd, at + n, size - 1 - n, 0);

		if (got <= 0)
			return false;
		n += (size_t)got;
		at[n] = '\0';
		if (body == NULL && (body = strstr(at, "\r\n\r\n")) != NULL) {
			length = strstr(at, "Content-Length: ");
			want = (size_t)(body + 4 - at);
			if (length != NULL)
				want += strtoul(length + 16, NULL, 10);
		}
	}
	return true;
}

static bool reply(int fd, const char *head, const char *body)
{
	char text[4096];

	snprintf(text, sizeof(text),
		 "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n%s", head,
		 strlen(body), body);
	return send_text(fd, text);
}

static bool send_big(int fd)
{
	char *body = mem_alloc(100001);
	bool good;

	memset(body, 'x', 100000);
	good = send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: "
			     "100000\r\n\r\n") &&
	       send_text(fd, body);
	free(body);
	return good;
}

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

/* Answers; false closes the connection. */
static bool answer_one(int fd, const char *request, const char *path, int nth)
{
	char more[16];

	for (size_t i = 0; i < COUNT(plain); i++)
		if (strcmp(path, plain[i].path) == 0)
			return reply(fd, plain[i].head, plain[i].body);
	if (text_starts(path, "/echo"))
		return reply(fd, "200 OK", request);
	if (strcmp(path, "/break") == 0)
		return false;
	if (strcmp(path, "/too-large") == 0)
		return reply(fd, "413 Too Large", "no") && false;
	if (strcmp(path, "/break-when-reused") == 0)
		return nth == 1 && reply(fd, "200 OK", "fresh");
	if (strcmp(path, "/half") == 0)
		return send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n"
				     "\r\nhal") &&
		       false;
	if (strcmp(path, "/chunked") == 0)
		return send_text(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
				     "chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n"
				     "0\r\n\r\n");
	if (strcmp(path, "/big") == 0)
		return send_big(fd);
	if (strcmp(path, "/endless") == 0 &&
	    send_text(fd, "HTTP/1.1 200 OK\r\n\r\n"))
		while (send_text(fd, "0123456789abcdef"))
			;
	if (strcmp(path, "/headers-for-ever") == 0 &&
	    send_text(fd, "HTTP/1.1 200 OK\r\n"))
		while (send_text(fd,
				 "X-A: 0123456789abcdef0123456789abcdef\r\n"))
			;
	/* Silent: until the client gives up. */
	while (recv(fd, more, sizeof(more), 0) > 0)
		;
	return false;
}

static void *serve_one(void *arg)
{
	int fd = *(int *)arg;
	char request[65536], path[64];
	int nth = 0;

	do {
		const char *from, *end;

		if (!read_request(fd, request, sizeof(request)))
			break;
		server.posts += text_starts(request, "POST ");
		from = strchr(request, ' ');
		end = from ? strchr(from + 1, ' ') : NULL;
		if (end == NULL)
			break;
		snprintf(path, sizeof(path), "%.*s", (int)(end - from - 1),
			 from + 1);
		nth++;
	} while (answer_one(fd, request, path, nth));
	shutdown(fd, SHUT_RDWR); /* closed after the thread is joined */
	return NULL;
}

static void *accept_all(void *arg)
{
	(void)arg;
	while (server.count < CONNS) {
		int fd = accept(server.listener, NULL, NULL);

		if (fd < 0)
			break;
		server.connections++;
		server.fds[server.count] = fd;
		server.threads[server.count] = box_thread(
			"conn", serve_one, &server.fds[server.count]);
		server.count++;
	}
	return NULL;
}

/* A listening socket on a free port of the loopback. */
static int listen_somewhere(unsigned *port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET};
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0 ||
	    listen(fd, 64) != 0 ||
	    getsockname(fd, (struct sockaddr *)&sa, &len) != 0)
		abort();
	*port = ntohs(sa.sin_port);
	return fd;
}

static struct web *web;
static struct web_answer answer;
static char url[128];

static struct web_call call_of(const char *method, const char *path)
{
	snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", server.port, path);
	return (struct web_call){.method = method,
				 .url = url,
				 .timeout_ms = 60000,
				 .max_bytes = 200000};
}

static enum web_outcome run(const struct web_call *call)
{
	web_answer_finish(&answer);
	return web_do(web, call, &answer);
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
	int before = server.connections;

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct web_call call = call_of("GET", cases[i].path);

		ok(run(&call) == WEB_ANSWERED &&
			   answer.status == cases[i].status,
		   "GET %s: %d", cases[i].path, answer.status);
		is_str(buf_str(&answer.body), cases[i].body, cases[i].path);
		is_str(answer.content_type, cases[i].type, cases[i].path);
		ok(answer.max_age_s == cases[i].max_age, "%s: max-age",
		   cases[i].path);
		is_str(answer.detail, "", "nothing failed");
	}
	ok(server.connections - before == 1, "all of it on one connection");
}

static void test_requests(void)
{
	static const char *const headers[] = {"X-One: 1", "Prefer: a", NULL};
	static const char *const methods[] = {"GET", "POST", "PUT", "DELETE"};
	/* One after another: what was kept of the one before is not sent. */
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
	struct web_call call;
	const char *seen;
	char start[64];

	for (size_t i = 0; i < COUNT(methods); i++) {
		call = call_of(methods[i], "/echo");
		snprintf(start, sizeof(start), "%s /echo HTTP/1.1\r\n",
			 methods[i]);
		ok(run(&call) == WEB_ANSWERED &&
			   text_starts(buf_str(&answer.body), start) &&
			   strstr(buf_str(&answer.body), "Content-Type") ==
				   NULL,
		   "%s without a body", methods[i]);
		call.body = "{\"a\":1}";
		call.body_len = 7;
		call.content_type = "application/json";
		call.headers = headers;
		ok(run(&call) == WEB_ANSWERED &&
			   text_starts(buf_str(&answer.body), start) &&
			   text_ends(buf_str(&answer.body),
				     "\r\n\r\n{\"a\":1}"),
		   "%s with one", methods[i]);
		seen = buf_str(&answer.body);
		ok(strstr(seen, "\r\nContent-Type: application/json\r\n") &&
			   strstr(seen, "\r\nX-One: 1\r\n") &&
			   strstr(seen, "\r\nPrefer: a\r\n") &&
			   strstr(seen, "\r\nContent-Length: 7\r\n"),
		   "%s: its headers", methods[i]);
	}
	for (size_t i = 0; i < COUNT(addresses); i++) {
		snprintf(url, sizeof(url), "http://%s:%u%s", addresses[i].host,
			 server.port, addresses[i].path);
		snprintf(start, sizeof(start), "GET %s HTTP/1.1\r\n",
			 addresses[i].seen);
		call = (struct web_call){.method = "GET",
					 .url = url,
					 .timeout_ms = 60000,
					 .max_bytes = 200000};
		ok(run(&call) == WEB_ANSWERED &&
			   text_starts(buf_str(&answer.body), start) &&
			   strstr(buf_str(&answer.body), addresses[i].host) !=
				   NULL,
		   "GET %s of %s", addresses[i].path, addresses[i].host);
	}
	call = call_of("POST", "/echo");
	call.body_len = 3000;
	call.body = memset(mem_alloc(3001), 'q', 3000);
	ok(run(&call) == WEB_ANSWERED &&
		   strstr(buf_str(&answer.body), "Expect") == NULL,
	   "no Expect before a larger body");
	free((void *)(uintptr_t)call.body);
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
	struct web_call call = call_of("GET", "/");
	unsigned port;

	close(listen_somewhere(&port)); /* now nobody listens there */
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/", port);
	ok(run(&call) == WEB_REFUSED && answer.status == 0, "nobody listens");
	ok(text_starts(answer.detail, "no connection: "), "%s", answer.detail);
	snprintf(url, sizeof(url), "https://127.0.0.1:%u/ok", server.port);
	call.timeout_ms = 100;
	ok(run(&call) == WEB_REFUSED,
	   "no TLS spoken there: nothing was sent before the time was over");
	for (size_t i = 0; i < COUNT(urls); i++) {
		call.url = urls[i];
		ok(run(&call) == WEB_REFUSED, "not fetched: '%s'", urls[i]);
	}
}

static void test_broken(void)
{
	struct web_call call = call_of("POST", "/break");
	int before = server.posts;

	call.once = true;
	ok(run(&call) == WEB_BROKEN && answer.status == 0,
	   "closed after the request was read");
	ok(server.posts - before == 1, "it has been sent once");
	ok(text_starts(answer.detail, "the connection broke: "), "%s",
	   answer.detail);

	call = call_of("GET", "/ok");
	ok(run(&call) == WEB_ANSWERED, "a connection to use again");
	before = server.posts;
	call = call_of("POST", "/break-when-reused");
	call.once = true;
	ok(run(&call) == WEB_BROKEN && server.posts - before == 1,
	   "once, without a body: on the old connection, sent once");
	call = call_of("GET", "/ok");
	ok(run(&call) == WEB_ANSWERED, "another one to use again");
	call = call_of("POST", "/break-when-reused");
	before = server.posts;
	call.once = false;
	ok(run(&call) == WEB_ANSWERED && server.posts - before > 1,
	   "without it a POST is sent twice (why once is there)");

	before = server.posts;
	call.body = "{}";
	call.body_len = 2;
	ok(run(&call) == WEB_ANSWERED && server.posts - before > 1,
	   "with a body, too");
	before = server.posts;
	call.once = true;
	ok(run(&call) == WEB_BROKEN && server.posts - before == 1,
	   "once, with a body: on the old connection, sent once");
	ok(run(&call) == WEB_ANSWERED, "and the next one gets a new one");

	call = call_of("GET", "/half");
	ok(run(&call) == WEB_BROKEN, "closed in the middle of the body");
	call = call_of("GET", "/headers-for-ever");
	ok(run(&call) == WEB_BROKEN, "headers without end");
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
	struct web_call call = call_of("GET", "/silent");
	int64_t before = clock_monotonic_ms();

	call.timeout_ms = 100;
	ok(run(&call) == WEB_TIMED_OUT && clock_monotonic_ms() >= before + 100,
	   "no answer in time: %s", answer.detail);
	call = call_of("GET", "/endless");
	call.max_bytes = (size_t)1 << 60;
	call.timeout_ms = 100;
	call.sink = NULL;
	ok(run(&call) == WEB_TIMED_OUT, "an answer that does not end in time");
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
	struct web_call call = call_of("GET", "/ok");

	set_call_over(false);
	name_answered = false;
	snprintf(url, sizeof(url), "http://silent.test:%u/ok", server.port);
	call.timeout_ms = 100;
	ok(run(&call) == WEB_REFUSED && !name_answered,
	   "a silent name server is not waited for: %s", answer.detail);
	call.timeout_ms = 60000;
	call.stop = lose_patience;
	call.stop_ctx = &d;
	ok(run(&call) == WEB_STOPPED && !name_answered,
	   "nor where the call is stopped");
	set_call_over(true);
}

static void test_too_large(void)
{
	struct web_call call = call_of("GET", "/big");

	call.max_bytes = 100000;
	ok(run(&call) == WEB_ANSWERED && answer.body.len == 100000,
	   "exactly as large as allowed");
	call.max_bytes = 99999;
	ok(run(&call) == WEB_TOO_LARGE, "a byte too large");
	call = call_of("GET", "/endless");
	ok(run(&call) == WEB_TOO_LARGE, "without end");
	is_str(answer.detail, "the answer is too large", "says so");
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
	struct web_call call = call_of("HEAD", "/ok");

	ok(run(&call) == WEB_ANSWERED && answer.status == 200 &&
		   answer.length == 5 && answer.body.len == 0,
	   "HEAD: the length, and no body");
	call = call_of("HEAD", "/chunked");
	ok(run(&call) == WEB_ANSWERED && answer.length == -1,
	   "HEAD without a length");
	call = call_of("GET", "/big");
	ok(run(&call) == WEB_ANSWERED && answer.length == 100000,
	   "the length of an answer");
	snprintf(url, sizeof(url), "http://127.0.0.1:1/");
	ok(run(&call) == WEB_REFUSED && answer.length == -1,
	   "no answer has no length");
}

static void test_pieces(void)
{
	int fd = file_of("0123456789", 0), big = file_of("", 50 << 20);
	const struct web_piece parts[] = {
		{.bytes = "<", .len = 1},	   {.bytes = "", .len = 0},
		{.fd = fd, .offset = 2, .len = 5}, {.bytes = "|", .len = 1},
		{.fd = fd, .offset = 9, .len = 1}, {.bytes = ">", .len = 1}};
	const struct web_piece beyond = {.fd = fd, .offset = 8, .len = 5};
	const struct web_piece large = {.fd = big, .len = 50 << 20};
	struct web_call call = call_of("POST", "/echo");
	struct drain d = {.patience = 20};
	int before;

	call.pieces = parts;
	call.piece_count = COUNT(parts);
	ok(run(&call) == WEB_ANSWERED &&
		   text_ends(buf_str(&answer.body), "\r\n\r\n<23456|9>") &&
		   strstr(buf_str(&answer.body), "\r\nContent-Length: 9\r\n"),
	   "pieces of memory and of a file, one body");
	ok(lseek(fd, 0, SEEK_CUR) == 10, "the file's position stays");

	snprintf(url, sizeof(url), "http://127.0.0.1:%u/break-when-reused",
		 server.port);
	before = server.posts;
	ok(run(&call) == WEB_ANSWERED && server.posts - before == 2,
	   "sent again from its start where a kept connection died");
	before = server.posts;
	call.once = true;
	ok(run(&call) == WEB_BROKEN && server.posts - before == 1, "but once");
	call = call_of("POST", "/ok");
	call.pieces = &beyond;
	call.piece_count = 1;
	ok(run(&call) == WEB_UNREAD && answer.status == 0,
	   "a file that is shorter than it was");
	is_str(answer.detail, "a file to be sent could not be read", "says so");

	call = call_of("POST", "/silent");
	call.pieces = &large;
	call.piece_count = 1;
	call.stop = lose_patience;
	call.stop_ctx = &d;
	ok(run(&call) == WEB_STOPPED, "stopped while it is sent");
	call = call_of("POST", "/too-large");
	call.pieces = &large;
	call.piece_count = 1;
	(void)run(&call);
	ok(answer.status == 413, "an answer before the end of the body: %d",
	   answer.status);
	close(fd);
	close(big);
	call = call_of("GET", "/ok");
	ok(run(&call) == WEB_ANSWERED, "and the next call works");
}

static void test_sink_and_stop(void)
{
	struct drain d = {.most = 100000};
	struct web_call call = call_of("GET", "/big");

	call.sink = take;
	call.sink_ctx = &d;
	ok(run(&call) == WEB_ANSWERED && d.seen == 100000 &&
		   answer.body.len == 0,
	   "all of it went into the sink");
	d = (struct drain){.most = 1000};
	ok(run(&call) == WEB_STOPPED && d.seen > 1000, "the sink ends it");
	call.max_bytes = 10;
	d = (struct drain){.most = 100000};
	ok(run(&call) == WEB_TOO_LARGE && d.seen <= 10,
	   "the ceiling holds for a sink");
	call = call_of("GET", "/missing");
	call.sink = take;
	call.sink_ctx = &d;
	d = (struct drain){.most = 1000};
	ok(run(&call) == WEB_ANSWERED && answer.status == 404 && d.seen == 0,
	   "what is no 2xx does not go into the sink");
	is_str(buf_str(&answer.body), "{\"no\":1}", "but is kept");

	d = (struct drain){.patience = 3};
	call = call_of("GET", "/silent");
	call.stop = lose_patience;
	call.stop_ctx = &d;
	ok(run(&call) == WEB_STOPPED && d.asked == 4,
	   "stopped while nothing comes");
	d = (struct drain){.patience = 20};
	call = call_of("GET", "/endless");
	call.max_bytes = (size_t)1 << 60;
	call.sink = take;
	call.sink_ctx = &(struct drain){.most = (size_t)1 << 60};
	call.stop = lose_patience;
	call.stop_ctx = &d;
	ok(run(&call) == WEB_STOPPED, "stopped while data comes");
	d = (struct drain){.patience = 0};
	call = call_of("POST", "/ok");
	call.stop = lose_patience;
	call.stop_ctx = &d;
	ok(run(&call) == WEB_STOPPED && answer.status == 0,
	   "stopped before it began");
	call = call_of("GET", "/ok");
	ok(run(&call) == WEB_ANSWERED, "and the next call works");
}

/* ---- two fibers ---- */

static _Atomic int at_once;

static void call_in_company(void *ctx)
{
	struct web *mine = web_create();
	struct web_answer a;
	struct web_call call = call_of("GET", "/silent");

	(void)ctx;
	call.timeout_ms = 300;
	at_once++;
	(void)web_do(mine, &call, &a);
	/* Both are on their way before the first comes back. */
	ok(at_once == 2, "two fibers call at the same time");
	web_answer_finish(&a);
	web_destroy(mine);
}

static void test_company(void)
{
	const struct fiber_task two[] = {{call_in_company, NULL},
					 {call_in_company, NULL}};

	carrier_join(carrier_start("two", two, COUNT(two)));
}

/* On a plain thread, and then as a fiber. */
static void test_all(void *unused)
{
	(void)unused;
	web = web_create();
	test_answers();
	test_requests();
	test_refused();
	test_broken();
	test_timeout();
	test_silent_names();
	test_too_large();
	test_head();
	test_pieces();
	test_sink_and_stop();
	web_answer_finish(&answer);
	web_destroy(web);
}

int main(void)
{
	const struct fiber_task fiber = {test_all, NULL};
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

	server.listener = listen_somewhere(&server.port);
	server.acceptor = box_thread("accept", accept_all, NULL);
	test_all(NULL);
	carrier_join(carrier_start("fiber", &fiber, 1));
	test_company();
	web_destroy(NULL);

	shutdown(server.listener, SHUT_RDWR);
	pthread_join(server.acceptor, NULL);
	close(server.listener);
	for (int i = 0; i < server.count; i++) {
		pthread_join(server.threads[i], NULL);
		close(server.fds[i]);
	}
	return tap_done();
}
