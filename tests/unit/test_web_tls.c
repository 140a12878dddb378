/* https: good certificates and others, and what TLS does to the bytes. On a
 * thread and in a fiber, with both versions. */
#include <signal.h>
#include <sys/stat.h>

#include "unit/tls_cert.h"
#include "unit/web_rig.h"

#define HELLO	  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define TO_CLOSE  "HTTP/1.1 200 OK\r\n\r\nhello"
#define LARGE	  ((size_t)300 * 1024)
#define RECORDS	  ((size_t)2000)
#define FULL_BODY ((size_t)1536)

/* ---- the server: one connection after another ---- */

struct tls_server {
	struct box box; /* guards the counts */
	unsigned connections, requests;
	int listener, port;
	int stop[2];
	pthread_t thread;
	SSL_CTX *ctx;
};

/* A connection of it; what it says goes out by flush(). */
struct talk {
	struct tls_server *server;
	SSL *ssl;
	char *request; /* its head, and body where that was read */
	size_t n, head;
};

static void say(struct talk *t, const void *bytes, size_t n)
{
	(void)SSL_write(t->ssl, bytes, (int)n);
}

static void flush(struct talk *t)
{
	(void)BIO_flush(SSL_get_wbio(t->ssl));
}

static void say_text(struct talk *t, const char *text)
{
	say(t, text, strlen(text));
	flush(t);
}

static bool read_more(struct talk *t)
{
	int n = SSL_read(t->ssl, t->request + t->n,
			 (int)(RAW_REQUEST_MAX - 1 - t->n));

	if (n <= 0)
		return false;
	t->n += (size_t)n;
	t->request[t->n] = '\0';
	return true;
}

static bool read_head(struct talk *t)
{
	const char *end;

	t->n = 0;
	do
		if (!read_more(t))
			return false;
	while ((end = strstr(t->request, "\r\n\r\n")) == NULL);
	t->head = (size_t)(end + 4 - t->request);
	return true;
}

static bool read_body(struct talk *t)
{
	while (t->n < t->head + raw_content_length(t->request))
		if (!read_more(t))
			return false;
	return true;
}

/* A body that is larger than what is kept of it. */
static bool read_past(struct talk *t)
{
	size_t left = t->head + raw_content_length(t->request) - t->n;

	while (left > 0) {
		int n = SSL_read(t->ssl, t->request, 65536);

		if (n <= 0)
			return false;
		left -= (size_t)n;
	}
	return true;
}

static void hear_end(struct talk *t)
{
	char bytes[1024];

	while (SSL_read(t->ssl, bytes, sizeof(bytes)) > 0)
		;
}

/* Each ten bytes of the body are a record; they leave together. */
static void say_records(struct talk *t)
{
	char head[128];

	snprintf(head, sizeof(head),
		 "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n",
		 RECORDS * 10);
	for (const char *at = head; *at != '\0'; at++)
		say(t, at, 1);
	for (size_t i = 0; i < RECORDS; i++)
		say(t, "0123456789", 10);
	flush(t);
}

/* The client has room for the head and some of the body; what does not fit of
 * the last record is decrypted by then, and nothing more comes. */
static void say_full(struct talk *t)
{
	static const char start[] = "HTTP/1.1 413 Too Large\r\n"
				    "Content-Length: 1536\r\nX: ";
	const size_t first = 1000, n = first + 4 * (size_t)16384;
	char *answer = mem_alloc(n);

	memset(answer, 'x', n);
	memcpy(answer, start, strlen(start));
	memcpy(answer + n - FULL_BODY - 4, "\r\n\r\n", 4);
	say(t, answer, first);
	say(t, answer + first, n - first);
	flush(t);
	free(answer);
}

/* A client that has hung up behind much data that is not read cannot say so:
 * its next connection does. */
static void await_next(const struct tls_server *s)
{
	struct pollfd p = {.fd = s->listener, .events = POLLIN};

	(void)poll(&p, 1, PATIENCE_MS);
}

static bool talk(struct talk *t, const char *path)
{
	if (text_starts(path, "/ok "))
		say_text(t, HELLO);
	if (text_starts(path, "/mirror ")) {
		if (!read_body(t))
			return false;
		say_text(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
			    "chunked\r\n\r\n4b000\r\n");
		say(t, t->request + t->head, t->n - t->head);
		say_text(t, "\r\n0\r\n\r\n");
	}
	if (text_starts(path, "/records "))
		say_records(t);
	if (text_starts(path, "/interim ")) {
		say_text(t, "HTTP/1.1 100 Con");
		if (!read_past(t))
			return false;
		say_text(t, "tinue\r\n\r\n" HELLO);
	}
	if (text_starts(path, "/early ")) {
		say(t, "HTTP/1.1 413 T", 14);
		say(t, "oo Large\r\nContent-Length: 2\r\n\r\nn", 32);
		say(t, "o", 1);
		flush(t);
		await_next(t->server);
		return false;
	}
	if (text_starts(path, "/early-full ")) {
		say_full(t);
		await_next(t->server);
		return false;
	}
	if (text_starts(path, "/to-close ")) {
		say_text(t, TO_CLOSE);
		(void)SSL_shutdown(t->ssl);
		flush(t);
		hear_end(t);
		return false;
	}
	if (text_starts(path, "/cut ")) {
		say_text(t,
			 "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello");
		return false;
	}
	if (text_starts(path, "/silent "))
		hear_end(t);
	return !text_starts(path, "/silent ");
}

static void count(struct tls_server *s, unsigned *what)
{
	box_lock(&s->box);
	++*what;
	box_unlock(&s->box);
}

static void serve(struct tls_server *s, int fd)
{
	struct talk t = {.server = s, .ssl = SSL_new(s->ctx)};
	BIO *out = BIO_new(BIO_f_buffer());

	BIO_set_write_buffer_size(out, 1 << 20);
	SSL_set_bio(t.ssl, BIO_new_socket(fd, BIO_NOCLOSE),
		    BIO_push(out, BIO_new_socket(fd, BIO_NOCLOSE)));
	t.request = mem_alloc(RAW_REQUEST_MAX);
	if (SSL_accept(t.ssl) == 1)
		while (read_head(&t)) {
			count(s, &s->requests);
			if (!talk(&t, strchr(t.request, ' ') + 1))
				break;
		}
	free(t.request);
	SSL_free(t.ssl);
	close(fd);
}

static void *run_server(void *arg)
{
	struct tls_server *s = arg;

	for (;;) {
		struct pollfd fds[2] = {{s->listener, POLLIN, 0},
					{s->stop[0], POLLIN, 0}};
		int fd;

		if (poll(fds, 2, -1) < 0 || fds[1].revents != 0)
			return NULL;
		fd = accept(s->listener, NULL, NULL);
		if (fd < 0)
			continue;
		count(s, &s->connections);
		serve(s, fd);
	}
}

static void begin(struct tls_server *s, const struct cert *c, int version)
{
	*s = (struct tls_server){.ctx = SSL_CTX_new(TLS_server_method())};
	box_init(&s->box);
	SSL_CTX_use_certificate(s->ctx, c->x509);
	SSL_CTX_use_PrivateKey(s->ctx, c->key);
	SSL_CTX_set_max_proto_version(s->ctx, version);
	s->listener = raw_listen(&s->port);
	if (pipe(s->stop) != 0)
		exit(1);
	s->thread = box_thread("tls", run_server, s);
}

static void finish(struct tls_server *s)
{
	(void)!write(s->stop[1], "x", 1);
	pthread_join(s->thread, NULL);
	close(s->listener);
	close(s->stop[0]);
	close(s->stop[1]);
	SSL_CTX_free(s->ctx);
	box_finish(&s->box);
}

static unsigned count_of(struct tls_server *s, const unsigned *what)
{
	unsigned n;

	box_lock(&s->box);
	n = *what;
	box_unlock(&s->box);
	return n;
}

/* ---- the tests ---- */

static struct cert good, other;
static struct tls_server server;
static struct caller c;

static struct web_call https(const char *method, const char *path)
{
	struct web_call call = call_of(&c, method, 0, "");

	snprintf(c.url, sizeof(c.url), "https://localhost:%d%s", server.port,
		 path);
	call.timeout_ms = 20000;
	return call;
}

static enum web_outcome get(const char *path)
{
	struct web_call call = https("GET", path);

	return run(&c, &call);
}

static void test_kept(void)
{
	unsigned before = count_of(&server, &server.connections);
	struct web_call call;

	for (int i = 0; i < 4; i++) {
		call = https("POST", "/ok");
		call.once = i > 1;
		ok(run(&c, &call) == WEB_ANSWERED, "answered: %s",
		   c.answer.detail);
		is_str(buf_str(&c.answer.body), "hello", "its body");
	}
	ok(count_of(&server, &server.connections) - before == 1,
	   "on one connection");
}

static void test_large(void)
{
	char *body = mem_alloc(LARGE);
	struct web_call call = https("POST", "/mirror");

	for (size_t i = 0; i < LARGE; i++)
		body[i] = (char)(i * 31 % 251);
	call.body = body;
	call.body_len = LARGE;
	for (int i = 0; i < 2; i++)
		ok(run(&c, &call) == WEB_ANSWERED &&
			   c.answer.body.len == LARGE &&
			   memcmp(c.answer.body.at, body, LARGE) == 0,
		   "300 KB in both directions: %s", c.answer.detail);
	free(body);
}

static void test_records(void)
{
	ok(get("/records") == WEB_ANSWERED && c.answer.body.len == RECORDS * 10,
	   "many records at once: %s", c.answer.detail);
	ok(get("/ok") == WEB_ANSWERED, "and the next call works");
}

/* 50 MB of a file with holes, so that sending has to wait. */
static void test_sending(void)
{
	char name[] = "/tmp/test_web-XXXXXX";
	int fd = mkstemp(name);
	const struct web_piece large = {.fd = fd, .len = 50 << 20};
	struct web_call call;

	if (fd < 0 || unlink(name) != 0 || ftruncate(fd, 50 << 20) != 0)
		abort();
	call = https("POST", "/interim");
	call.pieces = &large;
	call.piece_count = 1;
	ok(run(&c, &call) == WEB_ANSWERED && c.answer.status == 200,
	   "half a head while it is sent: %s", c.answer.detail);
	is_str(buf_str(&c.answer.body), "hello", "then the answer");
	call = https("POST", "/early");
	call.pieces = &large;
	call.piece_count = 1;
	ok(run(&c, &call) == WEB_ANSWERED && c.answer.status == 413,
	   "an answer in records while it is sent: %s", c.answer.detail);
	is_str(buf_str(&c.answer.body), "no", "is whole");
	call = https("POST", "/early-full");
	call.pieces = &large;
	call.piece_count = 1;
	ok(run(&c, &call) == WEB_ANSWERED && c.answer.body.len == FULL_BODY,
	   "one whose end has been decrypted already: %s", c.answer.detail);
	ok(get("/ok") == WEB_ANSWERED, "and the next call works");
	close(fd);
}

static void test_end(void)
{
	unsigned before;
	struct web_call call;

	ok(get("/to-close") == WEB_ANSWERED, "an answer to the close: %s",
	   c.answer.detail);
	is_str(buf_str(&c.answer.body), "hello", "its body");
	before = count_of(&server, &server.connections);
	ok(get("/ok") == WEB_ANSWERED &&
		   count_of(&server, &server.connections) == before + 1,
	   "then on a new connection");
	ok(get("/cut") == WEB_BROKEN, "an answer that is cut: %s",
	   c.answer.detail);
	ok(get("/ok") == WEB_ANSWERED, "and the next call works");
	call = https("GET", "/silent");
	call.timeout_ms = 100;
	ok(run(&c, &call) == WEB_TIMED_OUT, "no answer in time");
	ok(get("/ok") == WEB_ANSWERED, "and the next call works");
}

static void test_bad(void)
{
	unsigned before = count_of(&server, &server.requests);
	struct web_call call = https("POST", "/ok");

	snprintf(c.url, sizeof(c.url), "https://127.0.0.1:%d/ok", server.port);
	ok(run(&c, &call) == WEB_REFUSED, "for another name: %s",
	   c.answer.detail);
	setenv("SSL_CERT_FILE", other.path, 1);
	call = https("POST", "/ok");
	ok(run(&c, &call) == WEB_REFUSED, "of somebody unknown: %s",
	   c.answer.detail);
	setenv("SSL_CERT_FILE", good.path, 1);
	ok(count_of(&server, &server.requests) == before, "nothing was sent");
	ok(get("/ok") == WEB_ANSWERED, "and the next call works");
}

static void test_all(void *unused)
{
	(void)unused;
	caller_begin(&c);
	test_kept();
	test_large();
	test_records();
	test_sending();
	test_end();
	test_bad();
	caller_finish(&c);
}

int main(void)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

	signal(SIGPIPE, SIG_IGN); /* OpenSSL's server side writes plainly */
	cert_make(&good, -DAY, DAY, "DNS:localhost");
	cert_make(&other, -DAY, DAY, "DNS:localhost");
	setenv("SSL_CERT_FILE", good.path, 1);
	for (size_t i = 0; i < COUNT(versions); i++) {
		begin(&server, &good, versions[i]);
		run_both_ways(test_all, NULL);
		finish(&server);
	}
	cert_free(&good);
	cert_free(&other);
	return tap_done();
}
