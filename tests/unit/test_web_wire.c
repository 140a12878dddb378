/* Servers that break the rules, close when they like, or never end: each call
 * has its outcome, and the next one works. On a thread and in a fiber. */
#include <sys/syscall.h>

#include "unit/web_rig.h"

#define OK	 "HTTP/1.1 200 OK\r\n"
#define END	 "\r\n"
#define HELLO	 OK "Content-Length: 5\r\n\r\nhello"
#define BIG	 ((size_t)1 << 20)
#define BYTES(s) (s), sizeof(s) - 1

/* Sent, and then nothing more comes. */
static const struct {
	const char *name, *bytes;
	size_t n;
	const char *detail;
} hostile[] = {
	{"no HTTP", BYTES("hello"), "it is no HTTP"},
	{"SSH", BYTES("SSH-2.0-OpenSSH_9.2\r\n"), "it is no HTTP"},
	{"HTTP/2", BYTES("HTTP/2 200\r\n\r\n"), "it is no HTTP"},
	{"ICY", BYTES("ICY 200 OK\r\n\r\n"), "it is no HTTP"},
	{"the preface of HTTP/2",
	 BYTES("\0\0\x12\4\0\0\0\0\0\0\3\0\0\0\x80\0\4\0\1\0\0\0\5\0"),
	 "it is no HTTP"},
	{"a folded line", BYTES(OK "X: a\r\n b\r\n" END), "it is no HTTP"},
	{"a space before the colon", BYTES(OK "Content-Length : 0\r\n" END),
	 "it is no HTTP"},
	{"a NUL", BYTES(OK "X: \0\r\n" END), "it is no HTTP"},
	{"two lengths",
	 BYTES(OK "Content-Length: 1\r\nContent-Length: 2\r\n" END "ab"),
	 "it is no HTTP"},
	{"a length below zero", BYTES(OK "Content-Length: -1\r\n" END "ab"),
	 "it is no HTTP"},
	{"chunks and a length",
	 BYTES(OK "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n" END
		  "0\r\n\r\n"),
	 "it is no HTTP"},
	{"gzip", BYTES(OK "Transfer-Encoding: gzip, chunked\r\n" END "0\r\n"),
	 "it is no HTTP"},
	{"a second head that is none",
	 BYTES("HTTP/1.1 100 Continue\r\n\r\nwhat?"), "it is no HTTP"},
	{"another protocol",
	 BYTES("HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n"),
	 "it changes the protocol"},
	{"another one, after 100",
	 BYTES("HTTP/1.1 100 C\r\n\r\nHTTP/1.1 101 S\r\n\r\n" HELLO),
	 "it changes the protocol"},
	{"a size that is none",
	 BYTES(OK "Transfer-Encoding: chunked\r\n" END "x\r\n"),
	 "its body is not by the rules"},
	{"a size too large",
	 BYTES(OK "Transfer-Encoding: chunked\r\n" END "ffffffffffffffff\r\n"),
	 "its body is not by the rules"},
	{"no line end behind a chunk",
	 BYTES(OK "Transfer-Encoding: chunked\r\n" END "1\r\nab"),
	 "its body is not by the rules"},
};

/* Answers that are good, and whether the connection is used again. */
static const struct {
	const char *name, *method, *bytes;
	bool closes; /* the server does, behind it */
	int status;
	const char *body;
	bool kept;
} answers[] = {
	{"a length", "GET", HELLO, false, 200, "hello", true},
	{"no body", "GET", "HTTP/1.1 204 No\r\n\r\n", false, 204, "", true},
	{"304", "GET", "HTTP/1.1 304 No\r\nContent-Length: 9\r\n\r\n", false,
	 304, "", true},
	{"HEAD", "HEAD", OK "Content-Length: 5\r\n" END, false, 200, "", true},
	{"chunks", "GET",
	 OK "Transfer-Encoding: chunked\r\n" END
	    "5;a=b\r\nhello\r\n0\r\nA: b\r\n\r\n",
	 false, 200, "hello", true},
	{"many interim heads", "GET",
	 "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
	 "HTTP/1.1 103 Early\r\nContent-Length: 7\r\nConnection: close\r\n\r\n"
	 "HTTP/1.1 199 X\n\n" HELLO,
	 false, 200, "hello", true},
	{"line feeds", "GET", "HTTP/1.1 200\nContent-Length: 2\n\nok", false,
	 200, "ok", true},
	{"a status of nobody", "GET",
	 "HTTP/1.1 999\r\nContent-Length:0\r\n\r\n", false, 999, "", true},
	{"Connection: close", "GET",
	 OK "Connection: x, Close\r\nContent-Length: 5\r\n" END "hello", false,
	 200, "hello", false},
	{"HTTP/1.0", "GET", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
	 false, 200, "hello", false},
	{"to the close", "GET", OK END "hello", true, 200, "hello", false},
	{"nothing to the close", "GET", OK END, true, 200, "", false},
	{"HTTP/1.0 to the close", "GET", "HTTP/1.0 200 OK\r\n\r\nhello", true,
	 200, "hello", false},
	{"closed behind it", "GET", HELLO, true, 200, "hello", false},
	{"a surplus", "GET", HELLO "!", false, 200, "hello", false},
	{"an answer too many", "GET", HELLO HELLO, false, 200, "hello", false},
	{"a surplus behind chunks", "GET",
	 OK "Transfer-Encoding: chunked\r\n" END "0\r\n\r\n\r\n", false, 200,
	 "", false},
	{"a body of a HEAD", "HEAD", HELLO, false, 200, "", false},
	{"a body of a 204", "GET",
	 "HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\nhello", false, 204, "",
	 false},
};

/* ---- the server ---- */

static bool number_behind(const char *path, const char *start, size_t *n)
{
	if (!text_starts(path, start))
		return false;
	*n = strtoul(path + strlen(start), NULL, 10);
	return true;
}

static void say_in_bytes(int fd, const char *text)
{
	while (*text != '\0' && raw_write(fd, text, 1))
		text++;
}

/* A head of n bytes, and a body. */
static bool large_head(int fd, size_t n)
{
	static const char start[] = OK "Content-Length: 5\r\nX: ";
	char *head = mem_alloc(n + 1);
	bool good;

	memset(head, 'x', n);
	memcpy(head, start, strlen(start));
	memcpy(head + n - 4, "\r\n\r\n", 4);
	good = raw_write(fd, head, n) && raw_say(fd, "hello");
	free(head);
	return good;
}

static bool large_body(int fd, const char *status)
{
	char *body = mem_alloc(BIG);
	bool good;

	memset(body, 'x', BIG);
	good = rig_reply(fd, status, body, BIG);
	free(body);
	return good;
}

/* As much of that as the client takes, in large pieces, and for ten seconds. */
static void flood(int fd, const char *start, const char *text)
{
	int64_t until = clock_monotonic_ms() + 10000;
	size_t n = strlen(text), size = 0;
	char *block = mem_alloc((size_t)1 << 20);

	for (; size + n <= (size_t)1 << 20; size += n)
		memcpy(block + size, text, n);
	if (raw_say(fd, start))
		while (clock_monotonic_ms() < until &&
		       raw_write(fd, block, size))
			;
	free(block);
}

static void reset(int fd)
{
	const struct linger now = {.l_onoff = 1};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

/* By the tables, and what else is one answer, however large. */
static bool serve_answer(int fd, const char *path, bool *more)
{
	size_t i;

	if (strcmp(path, "/ok") == 0) {
		*more = raw_say(fd, HELLO);
	} else if (strcmp(path, "/big") == 0) {
		*more = large_body(fd, "200 OK");
	} else if (strcmp(path, "/big-failure") == 0) {
		*more = large_body(fd, "500 Oh");
	} else if (number_behind(path, "/head/", &i)) {
		*more = large_head(fd, i);
	} else if (number_behind(path, "/answer/", &i) && i < COUNT(answers)) {
		*more = raw_say(fd, answers[i].bytes) && !answers[i].closes;
	} else if (number_behind(path, "/hostile/", &i) && i < COUNT(hostile)) {
		(void)raw_write(fd, hostile[i].bytes, hostile[i].n);
		raw_drain(fd);
		*more = false;
	} else {
		return false;
	}
	return true;
}

/* What comes in pieces, too late, too early or without an end. */
static bool serve_oddly(struct web_rig *r, int fd, const char *path)
{
	if (strcmp(path, "/in-bytes") == 0) {
		say_in_bytes(fd, "HTTP/1.1 100 C\r\n\r\n" OK
				 "Transfer-Encoding: chunked\r\n\r\n"
				 "A\r\n0123456789\r\n0\r\nA: b\r\n\r\n");
		return true;
	}
	if (strcmp(path, "/late-surplus") == 0 && raw_say(fd, HELLO)) {
		rig_await_told(r);
		(void)raw_say(fd, HELLO);
		rig_tell(r, false);
		return true;
	}
	if (strcmp(path, "/reset") == 0 && raw_say(fd, HELLO)) {
		rig_await_told(r);
		reset(fd);
	} else if (strcmp(path, "/early/413") == 0 &&
		   raw_say(fd, "HTTP/1.1 413 Too Large\r\nContent-Length: "
			       "2\r\n\r\nno")) {
		(void)rig_await(r, &r->connections,
				rig_count(r, &r->connections, 0) + 1);
	} else if (strcmp(path, "/flood") == 0) {
		flood(fd, OK END, "0123456789abcdef");
	} else if (strcmp(path, "/interim-flood") == 0) {
		flood(fd, "", "HTTP/1.1 100 Continue\r\n\r\n");
	} else if (strcmp(path, "/last") == 0) {
		shutdown(r->listener, SHUT_RDWR);
	}
	return false;
}

static bool serve(struct web_rig *r, int fd, const char *request,
		  const char *path)
{
	const char *body = strstr(request, "\r\n\r\n") + 4;
	bool more;

	if (strcmp(path, "/echo") == 0)
		return rig_reply(fd, "200 OK", request, strlen(request));
	if (strcmp(path, "/mirror") == 0)
		return rig_reply(fd, "200 OK", body, strlen(body));
	return serve_answer(fd, path, &more) ? more : serve_oddly(r, fd, path);
}

static struct web_rig server, *const rig = &server;
static struct caller c;

static enum web_outcome get(const char *path)
{
	struct web_call call = call_of(&c, "GET", rig->port, path);

	return run(&c, &call);
}

static unsigned connections(void)
{
	return rig_count(rig, &rig->connections, 0);
}

/* ---- the tests ---- */

static void test_hostile(void)
{
	for (size_t i = 0; i < COUNT(hostile); i++) {
		char path[64], detail[128];
		unsigned before = connections();
		enum web_outcome o;

		snprintf(path, sizeof(path), "/hostile/%zu", i);
		o = get(path);
		ok(o == WEB_BROKEN, "hostile: %s", hostile[i].name);
		snprintf(detail, sizeof(detail), "the connection broke: %s",
			 hostile[i].detail);
		is_str(c.answer.detail, detail, hostile[i].name);
		ok(connections() - before <= 1, "%s: it is not tried again",
		   hostile[i].name);
		before = connections();
		ok(get("/ok") == WEB_ANSWERED && connections() - before == 1,
		   "%s: then on a new connection", hostile[i].name);
	}
}

static void test_kept(void)
{
	for (size_t i = 0; i < COUNT(answers); i++) {
		char path[64];
		struct web_call call;
		unsigned before;

		snprintf(path, sizeof(path), "/answer/%zu", i);
		call = call_of(&c, answers[i].method, rig->port, path);
		ok(run(&c, &call) == WEB_ANSWERED &&
			   c.answer.status == answers[i].status,
		   "%s: %d", answers[i].name, c.answer.status);
		is_str(buf_str(&c.answer.body), answers[i].body,
		       answers[i].name);
		if (answers[i].closes)
			ok(rig_await(rig, &rig->closed, connections()),
			   "%s: it has closed", answers[i].name);
		before = connections();
		call = call_of(&c, "POST", rig->port, "/ok");
		call.once = true;
		ok(run(&c, &call) == WEB_ANSWERED, "%s: and the next one",
		   answers[i].name);
		is_str(buf_str(&c.answer.body), "hello", answers[i].name);
		ok((connections() == before) == answers[i].kept,
		   "%s: on %s connection", answers[i].name,
		   answers[i].kept ? "the same" : "another");
	}
}

/* A POST that goes out on another connection than the one before. */
static bool is_new(bool once)
{
	struct web_call call = call_of(&c, "POST", rig->port, "/echo");
	unsigned before = connections();

	call.once = once;
	return run(&c, &call) == WEB_ANSWERED && connections() - before == 1 &&
	       text_starts(buf_str(&c.answer.body), "POST /echo");
}

/* What comes after the answer, when nobody waits for it. */
static void test_silence(bool once)
{
	const char *how = once ? "once" : "or again";
	unsigned closed;

	rig_tell(rig, false);
	ok(get("/late-surplus") == WEB_ANSWERED, "an answer");
	rig_tell(rig, true);
	box_lock(&rig->box);
	while (rig->told)
		(void)box_wait(&rig->box, clock_monotonic_ms() + PATIENCE_MS);
	box_unlock(&rig->box);
	/* A turn of the carrier, which sees it. */
	fiber_pause(clock_monotonic_ms() + 1);
	ok(is_new(once), "what comes later is nobody's answer: %s", how);

	rig_tell(rig, false);
	ok(get("/reset") == WEB_ANSWERED, "an answer");
	closed = rig_count(rig, &rig->closed, 0);
	rig_tell(rig, true);
	ok(rig_await(rig, &rig->closed, closed + 1), "then it is reset");
	ok(is_new(once), "the next one gets another: %s", how);
}

static void test_sizes(void)
{
	size_t n = 1000000;
	char *body = mem_alloc(n + 1);
	struct web_call call = call_of(&c, "POST", rig->port, "/mirror");
	unsigned before;

	for (size_t i = 0; i < n; i++)
		body[i] = (char)('!' + i * 31 % 89);
	call.body = body;
	call.body_len = n;
	ok(run(&c, &call) == WEB_ANSWERED && c.answer.body.len == n &&
		   memcmp(c.answer.body.at, body, n) == 0,
	   "a million bytes in both directions");
	before = connections();
	ok(run(&c, &call) == WEB_ANSWERED && connections() == before,
	   "and again, on the same connection");
	free(body);

	ok(get("/in-bytes") == WEB_ANSWERED, "an answer in single bytes");
	is_str(buf_str(&c.answer.body), "0123456789", "is whole");
	ok(get("/head/65536") == WEB_ANSWERED && connections() == before,
	   "a head of 64 KiB");
	is_str(buf_str(&c.answer.body), "hello", "and its body");
	ok(get("/head/65537") == WEB_BROKEN, "a byte more");
	is_str(c.answer.detail, "the connection broke: it has no end",
	       "says so");
	ok(get("/ok") == WEB_ANSWERED, "and the next call works");
}

/* 50 MB of a file with holes. */
static void test_early(void)
{
	char name[] = "/tmp/test_web-XXXXXX";
	int fd = mkstemp(name);
	const struct web_piece large = {.fd = fd, .len = 50 << 20};
	struct web_call call;
	unsigned before;

	if (fd < 0 || unlink(name) != 0 || ftruncate(fd, 50 << 20) != 0)
		abort();
	for (int once = 0; once < 2; once++) {
		ok(get("/ok") == WEB_ANSWERED, "a connection to use again");
		before = connections();
		call = call_of(&c, "POST", rig->port, "/early/413");
		call.pieces = &large;
		call.piece_count = 1;
		call.once = once;
		ok(run(&c, &call) == WEB_ANSWERED && c.answer.status == 413 &&
			   connections() == before,
		   "an answer while it is sent, on a kept connection");
		is_str(buf_str(&c.answer.body), "no", "is whole");
		ok(is_new(true), "the next one is not sent behind half a body");
	}
	close(fd);
}

/* ---- time ---- */

struct slow {
	int64_t until;
	bool late;
	int asked, patience;
};

/* So slow that more waits whenever it is done. */
static bool slow_sink(void *ctx, const void *bytes, size_t n)
{
	struct slow *s = ctx;

	(void)bytes;
	(void)n;
	(void)poll(NULL, 0, 1);
	s->late = s->late || clock_monotonic_ms() > s->until;
	return !s->late;
}

/* Gives way, as one that writes to a slow disk may. */
static bool waiting_sink(void *ctx, const void *bytes, size_t n)
{
	size_t *seen = ctx;

	(void)bytes;
	*seen += n;
	fiber_pause(clock_monotonic_ms() + 1);
	return true;
}

static void test_waiting_sink(void)
{
	size_t seen = 0;
	struct web_call call = call_of(&c, "GET", rig->port, "/big");
	unsigned before;

	call.sink = waiting_sink;
	call.sink_ctx = &seen;
	ok(run(&c, &call) == WEB_ANSWERED && seen == BIG,
	   "into a sink that waits");
	before = connections();
	ok(get("/ok") == WEB_ANSWERED && connections() == before,
	   "what came meanwhile was the answer's: the connection is kept");
}

/* Its callers allow as much as a file may have. */
static void test_large_failure(void)
{
	struct web_call call = call_of(&c, "GET", rig->port, "/big-failure");
	unsigned before = connections();

	ok(run(&c, &call) == WEB_ANSWERED && c.answer.body.len == BIG,
	   "without a sink all of a failure is kept");
	call.sink = slow_sink;
	ok(run(&c, &call) == WEB_ANSWERED && c.answer.status == 500 &&
		   c.answer.body.len == WEB_SAID &&
		   c.answer.body.at[WEB_SAID - 1] == 'x',
	   "with one its beginning");
	ok(get("/ok") == WEB_ANSWERED && connections() <= before + 1,
	   "on a connection that stays");
}

static bool lose_patience(void *ctx)
{
	struct slow *s = ctx;

	return ++s->asked > s->patience;
}

static void test_floods(void)
{
	struct slow s = {.until = clock_monotonic_ms() + 5000, .patience = 50};
	struct web_call call = call_of(&c, "GET", rig->port, "/flood");

	call.max_bytes = (size_t)1 << 60;
	call.timeout_ms = 500;
	call.sink = slow_sink;
	call.sink_ctx = &s;
	ok(run(&c, &call) == WEB_TIMED_OUT && !s.late,
	   "a body that always comes ends in time");
	call = call_of(&c, "GET", rig->port, "/interim-flood");
	call.timeout_ms = 500;
	ok(run(&c, &call) == WEB_TIMED_OUT, "heads that always come, too: %s",
	   c.answer.detail);
	call.timeout_ms = 60000;
	call.stop = lose_patience;
	call.stop_ctx = &s;
	ok(run(&c, &call) == WEB_STOPPED, "or where the call is stopped: %s",
	   c.answer.detail);
	ok(get("/ok") == WEB_ANSWERED, "and the next call works");
}

/* A listener that takes no connection any more. */
static int full_listener(int *port, int waiting[], size_t n)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	int fd = raw_listen(port);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	at.sin_port = htons((uint16_t)*port);
	if (listen(fd, 0) != 0)
		abort();
	for (size_t i = 0; i < n; i++) {
		waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(waiting[i], (struct sockaddr *)&at, sizeof(at));
	}
	return fd;
}

static void test_connecting(void)
{
	int port, waiting[4];
	int fd = full_listener(&port, waiting, COUNT(waiting));
	struct slow s = {.patience = 3};
	struct web_call call = call_of(&c, "POST", port, "/");
	int64_t before = clock_monotonic_ms();

	call.timeout_ms = 100;
	ok(run(&c, &call) == WEB_REFUSED &&
		   clock_monotonic_ms() >= before + 100,
	   "no connection in time: %s", c.answer.detail);
	call.timeout_ms = 60000;
	call.stop = lose_patience;
	call.stop_ctx = &s;
	ok(run(&c, &call) == WEB_STOPPED && s.asked == 4,
	   "stopped while it connects");
	for (size_t i = 0; i < COUNT(waiting); i++)
		close(waiting[i]);
	close(fd);
	ok(get("/ok") == WEB_ANSWERED, "and the next call works");
}

/* A thread that is not run for a while, just between two looks at the clock. */
static _Thread_local int looks_left;

int clock_gettime(clockid_t clock_id, struct timespec *tp)
{
	int rc = (int)syscall(SYS_clock_gettime, clock_id, tp);

	if (looks_left > 0 && --looks_left == 0)
		tp->tv_sec += 100;
	return rc;
}

static bool sleep_soon(void *ctx)
{
	(void)ctx;
	looks_left = 2;
	return false;
}

static void test_late(void)
{
	int port, waiting[4];
	int fd = full_listener(&port, waiting, COUNT(waiting));
	struct web_call call = call_of(&c, "GET", port, "/");

	call.timeout_ms = 300;
	call.stop = sleep_soon;
	ok(run(&c, &call) == WEB_REFUSED,
	   "its time is over before it waits for the connection: %s",
	   c.answer.detail);
	looks_left = 0;
	for (size_t i = 0; i < COUNT(waiting); i++)
		close(waiting[i]);
	close(fd);
}

/* Why a call failed is not why the kept connection did. */
static void test_gone(void)
{
	static struct web_rig other;
	struct web_call call;

	rig_start(&other, serve);
	call = call_of(&c, "GET", other.port, "/ok");
	ok(run(&c, &call) == WEB_ANSWERED, "a server that is there");
	call = call_of(&c, "GET", other.port, "/last");
	ok(run(&c, &call) == WEB_REFUSED &&
		   text_starts(c.answer.detail, "no connection: ") &&
		   strstr(c.answer.detail, "it was closed") == NULL,
	   "and is gone: %s", c.answer.detail);
	rig_finish(&other);
}

static void test_all(void *unused)
{
	(void)unused;
	caller_begin(&c);
	test_hostile();
	test_kept();
	test_silence(false);
	test_silence(true);
	test_sizes();
	test_early();
	test_waiting_sink();
	test_large_failure();
	test_floods();
	test_connecting();
	test_late();
	test_gone();
	caller_finish(&c);
}

int main(void)
{
	rig_start(rig, serve);
	run_both_ways(test_all, NULL);
	rig_finish(rig);
	return tap_done();
}
