/* What a request says, byte by byte, and where it goes: each header once, no
 * address that is not plainly one. On a thread and in a fiber. */
#include "unit/web_rig.h"

static struct web_rig server, *const rig = &server;
static struct caller c;

static bool echo(struct web_rig *r, int fd, const char *request,
		 const char *path)
{
	(void)r;
	(void)path;
	return rig_reply(fd, "200 OK", request, strlen(request));
}

static enum web_outcome get(const char *path)
{
	struct web_call call = call_of(&c, "GET", rig->port, path);

	return run(&c, &call);
}

/* How often a name begins a line. */
static unsigned fields(const char *request, const char *name)
{
	unsigned n = 0;

	while ((request = strcasestr(request, name)) != NULL) {
		n++;
		request++;
	}
	return n;
}

static void test_headers(void)
{
	static const char *const own[] = {"host: elsewhere.test:7",
					  "USER-AGENT: somebody",
					  "Accept: image/png",
					  "Content-Type: a/b",
					  "Hos: 1",
					  "Host-Name: 2",
					  NULL};
	static const char *const names[] = {
		"\r\nHost:", "\r\nUser-Agent:", "\r\nAccept:",
		"\r\nContent-Type:", "\r\nContent-Length:"};
	struct web_call call = call_of(&c, "POST", rig->port, "/");
	const char *seen;

	call.body = "x";
	call.body_len = 1;
	call.content_type = "text/plain";
	for (int i = 0; i < 2; i++) {
		call.headers = i == 0 ? NULL : own;
		ok(run(&c, &call) == WEB_ANSWERED, "a request");
		seen = buf_str(&c.answer.body);
		for (size_t j = 0; j < COUNT(names); j++)
			ok(fields(seen, names[j]) == 1, "sent once: %s",
			   names[j] + 2);
		ok((strstr(seen, "\r\nUser-Agent: comfygate\r\n") != NULL) ==
			   (i == 0),
		   "ours only where the call has none");
	}
	for (size_t i = 0; own[i] != NULL; i++) {
		char line[64];

		snprintf(line, sizeof(line), "\r\n%s\r\n", own[i]);
		ok(strstr(seen, line) != NULL, "as it is: %s", own[i]);
	}
}

/* %d: the port. */
static const struct {
	const char *format;
	bool good;
} urls[] = {
	{"http://127.0.0.1:%d/echo", true},
	{"HTTP://LocalHost:%d/echo", true},
	{"http://127.0.0.1:%d/echo?a=~%%7f'\"<>", true},
	{"http://user@127.0.0.1:%d/echo", false},
	{"http://user:secret@127.0.0.1:%d/echo", false},
	{"http://127.0.0.1:%d@elsewhere.test/echo", false},
	{" http://127.0.0.1:%d/echo", false},
	{"http:// 127.0.0.1:%d/echo", false},
	{"http://127.0.0.1:%d /echo", false},
	{"http://127.0.0.1:%d/echo ", false},
	{"http://127.0.0.1:%d/ec ho", false},
	{"http://127.0.0.1:%d/echo\r\nX: y", false},
	{"http://127.0.0.1:%d/echo\n", false},
	{"http://127.0.0.1:%d/echo\t", false},
	{"http://127.0.0.1:%d/\x7f", false},
	{"http://127.0.0.1:%d/\xc3\xa9", false},
	{"http://\xc3\xa9.test:%d/echo", false},
	{"http://127.0.0.1:%d\\echo", false},
	{"http://127.0.0.1%%00:%d/echo", false},
	{"http:///127.0.0.1:%d/echo", false},
	{"http:/127.0.0.1:%d/echo", false},
	{"httpx://127.0.0.1:%d/echo", false},
	{"127.0.0.1:%d/echo?http://", false},
	{"http://[127.0.0.1:%d/echo", false},
	{"http://127.0.0.1:%d:1/echo", false},
	{"http://127.0.0.1:1%d0/echo", false},
};

static void test_addresses(void)
{
	char url[2048], host[600];
	struct web_call call = call_of(&c, "GET", rig->port, "/");

	call.url = url;
	for (size_t i = 0; i < COUNT(urls); i++) {
		unsigned before = rig_count(rig, &rig->requests, 0);

		snprintf(url, sizeof(url), urls[i].format, rig->port);
		ok(run(&c, &call) ==
			   (urls[i].good ? WEB_ANSWERED : WEB_REFUSED),
		   "%s: %zu", urls[i].good ? "fetched" : "not fetched", i);
		ok(rig_count(rig, &rig->requests, 0) - before == urls[i].good,
		   "and so it was");
	}
	memset(host, 'a', sizeof(host));
	snprintf(url, sizeof(url), "http://%.505s/", host);
	ok(run(&c, &call) == WEB_REFUSED, "an origin that is too long");
	snprintf(url, sizeof(url), "http://%.504s/", host);
	ok(run(&c, &call) == WEB_REFUSED, "and one that no name can be");
	ok(get("/") == WEB_ANSWERED, "and the next call works");
}

static int listen_six(int *port)
{
	struct sockaddr_in6 at = {.sin6_family = AF_INET6,
				  .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 &&
	    listen(fd, 64) == 0 &&
	    getsockname(fd, (struct sockaddr *)&at, &len) == 0) {
		*port = ntohs(at.sin6_port);
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

static void test_six(void)
{
	static struct web_rig six;
	struct web_call call = call_of(&c, "GET", 0, "/");
	char start[64];

	six = (struct web_rig){.answer = echo};
	six.listener = listen_six(&six.port);
	if (six.listener < 0) {
		ok(true, "an address of IPv6 # SKIP there is no ::1");
		return;
	}
	rig_begin(&six);
	snprintf(c.url, sizeof(c.url), "http://[::1]:%d", six.port);
	snprintf(start, sizeof(start), "GET / HTTP/1.1\r\nHost: [::1]:%d\r\n",
		 six.port);
	ok(run(&c, &call) == WEB_ANSWERED &&
		   text_starts(buf_str(&c.answer.body), start),
	   "an address of IPv6");
	(void)get("/"); /* hangs up there */
	rig_finish(&six);
}

static void test_all(void *unused)
{
	(void)unused;
	caller_begin(&c);
	test_headers();
	test_addresses();
	test_six();
	caller_finish(&c);
}

int main(void)
{
	rig_start(rig, echo);
	run_both_ways(test_all, NULL);
	rig_finish(rig);
	return tap_done();
}
