#include <pthread.h>

#include "http_rig.h"

/* Requests and answers over a real socket, by a client that shares nothing
 * with the server. */

static void test_simple(struct rig *g)
{
	static const unsigned ids[] = {1, 7, 65535};
	int fd = rig_connect(g);
	struct fcgi_answer a;
	struct stat st;

	ok(stat(g->path, &st) == 0 && (st.st_mode & 0777) == 0660,
	   "the socket has mode 0660");
	for (size_t i = 0; i < COUNT(ids); i++) {
		rig_get(fd, ids[i], "/hello", "one-1");
		ok(rig_expect(fd, ids[i], 200, "one-1"),
		   "kept connection, FastCGI id %u", ids[i]);
	}
	rig_get(fd, 1, "/hello", "id");
	fcgi_read(fd, &a);
	is_str(buf_str(&a.text),
	       "Status: 200 OK\r\n"
	       "Content-Type: text/plain\r\n"
	       "Cache-Control: no-store\r\n"
	       "X-Request-Id: id\r\n"
	       "Content-Length: 2\r\n\r\nid",
	       "an answer, every byte");
	fcgi_answer_finish(&a);
	rig_send(fd, 1, false, "GET", "/hello", NULL, "", 0);
	fcgi_read(fd, &a);
	ok(a.ended && strlen(fcgi_body(&a)) == 36, "an id of our own");
	ok(fcgi_closed(fd), "closed where keep_conn is off");
	fcgi_answer_finish(&a);
	close(fd);
}

static void test_bytewise(struct rig *g)
{
	struct buf wire;
	int fd = rig_connect(g);

	buf_init(&wire, 65536);
	fcgi_request(&wire, 1, true, "POST", "/echo",
		     (const char *const[]){"HTTP_X_A", "b", NULL}, "body", 4);
	for (size_t i = 0; i < wire.len; i++)
		fcgi_send(fd, wire.at + i, 1);
	ok(rig_expect(fd, 1, 200, "body"), "byte by byte");
	buf_finish(&wire);
	close(fd);
}

static void test_headers(struct rig *g)
{
	static const struct {
		const char *name;
		const char *uri;
		const char *more[18];
		const char *want;
	} cases[] = {
		{"all of it",
		 "/describe?a=%20b&c",
		 {"HTTP_PREFER", "wait=3", "CONTENT_TYPE", "text/a",
		  "HTTP_CONTENT_TYPE", "text/b", "HTTP_HOST",
		  "api.example.com:8443", "REQUEST_SCHEME", "https",
		  "SERVER_ADDR", "10.0.0.1", "HTTP_X_REQUEST_ID", "r", NULL},
		 "POST|/describe|a=%20b&c|https|api.example.com:8443|10.0.0.1|"
		 "r\nPrefer=wait=3\ncontent-type=text/a\nX-Two=(none)\n"
		 "Absent=(none)\n"},
		{"a header sent twice means both",
		 "/describe",
		 {"HTTP_X_TWO", "1", "HTTP_X_TWO", "2", "REQUEST_ID", "n",
		  "HTTPS", "on", NULL},
		 "POST|/describe||https|||n\nPrefer=(none)\n"
		 "content-type=(none)\nX-Two=1, 2\nAbsent=(none)\n"},
		{"empty content type, bad host, bad id",
		 "/describe?",
		 {"CONTENT_TYPE", "", "HTTP_HOST", "a/b@c", "HTTP_X_REQUEST_ID",
		  "a b", "REQUEST_ID", "n", NULL},
		 "POST|/describe||http|||n\nPrefer=(none)\n"
		 "content-type=(none)\nX-Two=(none)\nAbsent=(none)\n"},
		{"IPv6 host",
		 "/describe",
		 {"HTTP_HOST", "[2001:db8::1]:80", "REQUEST_ID", "n", NULL},
		 "POST|/describe||http|[2001:db8::1]:80||n\nPrefer=(none)\n"
		 "content-type=(none)\nX-Two=(none)\nAbsent=(none)\n"},
		{"port of no digits",
		 "/describe",
		 {"HTTP_HOST", "a:b", "REQUEST_ID", "n", NULL},
		 "POST|/describe||http|||n\nPrefer=(none)\n"
		 "content-type=(none)\nX-Two=(none)\nAbsent=(none)\n"},
	};
	int fd = rig_connect(g);

	for (size_t i = 0; i < COUNT(cases); i++) {
		rig_send(fd, 1, true, "POST", cases[i].uri, cases[i].more, "",
			 0);
		ok(rig_expect(fd, 1, 200, cases[i].want), "%s", cases[i].name);
	}
	close(fd);
}

static bool refused(int fd, const struct buf *params)
{
	struct fcgi_answer a;
	struct buf wire;
	bool right;

	buf_init(&wire, 1 << 20);
	fcgi_whole(&wire, 1, true, params, 32768, "", 0);
	fcgi_send(fd, wire.at, wire.len);
	fcgi_read(fd, &a);
	right = a.ended && fcgi_status(&a) == 431 &&
		strstr(fcgi_body(&a), "/problems/malformed-request") != NULL;
	fcgi_answer_finish(&a);
	buf_finish(&wire);
	return right;
}

/* Told by the server itself, as problem+json; the connection goes on. */
static void test_too_long(struct rig *g)
{
	int fd = rig_connect(g);
	struct buf params;
	char *value = mem_alloc(62001);

	buf_init(&params, 1 << 20);
	memset(value, 'v', 62000);
	fcgi_param(&params, "REQUEST_METHOD", "GET");
	fcgi_param(&params, "HTTP_LONG", value);
	ok(refused(fd, &params), "62,000 bytes of header");
	buf_clear(&params);
	fcgi_param(&params, "REQUEST_METHOD", "GET");
	for (int i = 0; i < 129; i++) {
		char name[16];

		snprintf(name, sizeof(name), "HTTP_A%d", i);
		fcgi_param(&params, name, "b");
	}
	ok(refused(fd, &params), "129 header fields");
	rig_get(fd, 1, "/hello", "a");
	ok(rig_expect(fd, 1, 200, "a"), "and the connection goes on");
	buf_finish(&params);
	free(value);
	close(fd);
}

/* A value of 20,000 bytes: libfcgi's buffer has 8,192. */
static void test_long_header(struct rig *g)
{
	char *value = mem_alloc(20001);
	int fd = rig_connect(g);
	struct fcgi_answer a;

	memset(value, 'v', 20000);
	rig_send(fd, 1, true, "GET", "/describe",
		 (const char *const[]){"HTTP_PREFER", value, NULL}, "", 0);
	fcgi_read(fd, &a);
	ok(strstr(fcgi_body(&a), value) != NULL, "a long header");
	fcgi_answer_finish(&a);
	free(value);
	close(fd);
}

static void test_bodies(struct rig *g)
{
	size_t n = 3 << 20, most = 8 << 20;
	char *body = mem_alloc(most + 2);
	int fd = rig_connect(g);
	struct fcgi_answer a;

	memset(body, 'b', most + 1);
	for (size_t i = 0; i < n; i++)
		body[i] = (char)('A' + i % 47);
	rig_send(fd, 1, true, "POST", "/echo", NULL, body, most + 1);
	ok(rig_expect(fd, 1, 413, ""), "one byte over the ceiling");
	body[n] = '\0';
	rig_send(fd, 1, true, "POST", "/echo", NULL, body, n);
	ok(rig_expect(fd, 1, 200, body), "3 MB there and back");
	rig_get(fd, 1, "/big?5000000", "x");
	fcgi_read(fd, &a);
	ok(a.ended && fcgi_body_len(&a) == 5000000 &&
		   fcgi_body(&a)[4999999] == 'a' + 4999999 % 23,
	   "5 MB out, more than a socket takes");
	fcgi_answer_finish(&a);
	rig_get(fd, 1, "/hello", "after");
	ok(rig_expect(fd, 1, 200, "after"), "and the connection goes on");
	free(body);
	close(fd);
}

static void test_answers(struct rig *g)
{
	static const struct {
		const char *method, *uri, *want;
	} cases[] = {
		{"HEAD", "/big?1000",
		 "Status: 200 OK\r\nContent-Type: text/plain\r\n"
		 "Cache-Control: no-store\r\nX-Request-Id: r\r\n"
		 "Content-Length: 1000\r\n\r\n"},
		{"GET", "/status?204",
		 "Status: 204 No Content\r\nCache-Control: no-store\r\n"
		 "X-Request-Id: r\r\n\r\n"},
		{"GET", "/status?304",
		 "Status: 304 Not Modified\r\nCache-Control: no-store\r\n"
		 "X-Request-Id: r\r\n\r\n"},
		{"GET", "/status?202",
		 "Status: 202 Accepted\r\nCache-Control: no-store\r\n"
		 "X-Request-Id: r\r\nContent-Length: 0\r\n\r\n"},
		{"GET", "/cached",
		 "Status: 200 OK\r\ncache-control: max-age=60\r\n"
		 "X-Request-Id: r\r\nContent-Length: 0\r\n\r\n"},
		{"GET", "/file",
		 "Status: 200 OK\r\nX-Accel-Redirect: /_files/x\r\n"
		 "X-Request-Id: r\r\nContent-Length: 0\r\n\r\n"},
		{"GET", "/stream",
		 "Status: 200 OK\r\nContent-Type: text/event-stream\r\n"
		 "Cache-Control: no-store\r\nX-Request-Id: r\r\n"
		 "X-Accel-Buffering: no\r\n\r\none,two,"},
		{"HEAD", "/stream",
		 "Status: 200 OK\r\nContent-Type: text/event-stream\r\n"
		 "Cache-Control: no-store\r\nX-Request-Id: r\r\n"
		 "X-Accel-Buffering: no\r\n\r\n"},
		{"GET", "/early",
		 "Status: 200 OK\r\nCache-Control: no-store\r\n"
		 "X-Request-Id: r\r\nContent-Length: 0\r\n\r\n"},
	};
	int fd = rig_connect(g);

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct fcgi_answer a;

		rig_send(fd, 1, true, cases[i].method, cases[i].uri,
			 (const char *const[]){"HTTP_X_REQUEST_ID", "r", NULL},
			 "", 0);
		fcgi_read(fd, &a);
		ok(a.ended, "%s %s", cases[i].method, cases[i].uri);
		is_str(buf_str(&a.text), cases[i].want, cases[i].uri);
		fcgi_answer_finish(&a);
	}
	close(fd);
}

static void test_injection(struct rig *g)
{
	static const char *const cases[] = {
		"/inject?lf",	"/inject?cr",	 "/inject?crlf",
		"/inject?name", "/inject?colon", "/inject?empty",
		"/inject?type", "/status?42",	 "/status?99999",
	};
	int fd = rig_connect(g);

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct fcgi_answer a;

		rig_get(fd, 1, cases[i], "r");
		fcgi_read(fd, &a);
		ok(fcgi_status(&a) == 500 &&
			   strstr(buf_str(&a.text), "Cookie") == NULL &&
			   strstr(buf_str(&a.text), "secret") == NULL &&
			   strstr(fcgi_body(&a), "/problems/internal") != NULL,
		   "refused: %s", cases[i]);
		fcgi_answer_finish(&a);
	}
	close(fd);
}

static void test_garbage(struct rig *g)
{
	static const struct {
		const char *name;
		const char *params;
		size_t n;
	} params[] = {
		{"a name past the end", "\x50\1a", 3},
		{"a value past the end",
		 "\1\x50"
		 "a",
		 3},
		{"two lengths of 2^31", "\xff\xff\xff\xfe\xff\xff\xff\xfe", 8},
		{"half a length", "\xff\xff", 2},
		{"no value length", "\1", 1},
		{"a NUL", "\1\3Aa\0b", 6},
	};
	int fd = rig_connect(g);

	fcgi_send(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27);
	ok(fcgi_closed(fd), "HTTP is not FastCGI");
	close(fd);
	for (size_t i = 0; i < COUNT(params); i++) {
		struct buf p, wire;

		fd = rig_connect(g);
		buf_init(&p, 100);
		buf_init(&wire, 1000);
		buf_add(&p, params[i].params, params[i].n);
		fcgi_whole(&wire, 1, true, &p, 100, "", 0);
		fcgi_send(fd, wire.at, wire.len);
		ok(fcgi_closed(fd), "parameters: %s", params[i].name);
		buf_finish(&p);
		buf_finish(&wire);
		close(fd);
	}
	fd = rig_connect(g);
	rig_get(fd, 1, "/hello", "ok");
	ok(rig_expect(fd, 1, 200, "ok"), "others are served after that");
	rig_get(fd, 1, "/park", "p");
	rig_get(fd, 1, "/hello", "early");
	ok(fcgi_closed(fd), "a request while another is open");
	close(fd);
}

/* No parameter at all is a request, too. */
static void test_empty(struct rig *g)
{
	struct buf none, wire;
	int fd = rig_connect(g);

	buf_init(&none, 1);
	buf_init(&wire, 1000);
	fcgi_whole(&wire, 1, true, &none, 1, "", 0);
	fcgi_send(fd, wire.at, wire.len);
	ok(rig_expect(fd, 1, 200, ""), "no parameters");
	buf_finish(&none);
	buf_finish(&wire);
	close(fd);
}

static void test_stream(struct rig *g)
{
	unsigned gone = g->gone;
	struct fcgi_answer a;
	int fd = rig_connect(g);

	rig_get(fd, 1, "/stream?flood", "f");
	ok(rig_await(g, &g->dropped, 1), "a reader that does not read");
	fcgi_read(fd, &a);
	ok(!a.ended && (a.closed || a.broken) && a.text.len > 65536 &&
		   a.text.len < (100 * 65536),
	   "is cut off");
	ok(g->gone == gone, "and not told about as gone");
	fcgi_answer_finish(&a);
	close(fd);
	fd = rig_connect(g);
	rig_get(fd, 1, "/stream?hold", "h");
	fcgi_answer_init(&a);
	while (strstr(buf_str(&a.text), "two,") == NULL &&
	       fcgi_read_record(fd, &a))
		;
	ok(strstr(buf_str(&a.text), "one,two,") != NULL,
	   "pieces come while the stream is open");
	fcgi_answer_finish(&a);
	close(fd);
	ok(rig_await(g, &g->gone, gone + 1), "its reader hangs up: gone");
}

#define THREADS 4
#define EACH	200

static void *talk(void *arg)
{
	struct rig *g = arg;
	int fd = rig_connect(g);
	size_t right = 0;

	for (int i = 0; i < EACH; i++) {
		char id[64];

		snprintf(id, sizeof(id), "t%lx-%d",
			 (unsigned long)pthread_self(), i);
		rig_get(fd, 1, "/hello", id);
		right += rig_expect(fd, 1, 200, id);
	}
	close(fd);
	return (void *)right;
}

static void test_parallel(struct rig *g)
{
	pthread_t t[THREADS];
	size_t right = 0;

	for (size_t i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, talk, g);
	for (size_t i = 0; i < THREADS; i++) {
		void *mine;

		pthread_join(t[i], &mine);
		right += (size_t)mine;
	}
	ok(right == THREADS * EACH, "%d threads, %d requests each", THREADS,
	   EACH);
}

int main(void)
{
	struct server_options o = rig_options();
	struct rig *g = rig_start(&o);

	test_simple(g);
	test_bytewise(g);
	test_headers(g);
	test_too_long(g);
	test_long_header(g);
	test_bodies(g);
	test_answers(g);
	test_injection(g);
	test_garbage(g);
	test_empty(g);
	test_stream(g);
	test_parallel(g);
	ok(g->late == 0, "no deadline after its answer");
	server_drain(g->server);
	while (!server_idle(g->server))
		sched_yield();
	ok(g->tickets_rise, "tickets count up");
	rig_stop(g);
	return tap_done();
}
