/* wss:// to servers with a good certificate and with others. */
#include "comfy/ws.h"

#include <signal.h>

#include "base/arena.h"
#include "base/box.h"
#include "base/clock.h"
#include "base/log.h"
#include "raw_ws.h"
#include "tap.h"
#include "tls_cert.h"

#define PATIENCE_MS 20000
#define STATUS	    "{\"type\": \"status\", \"data\": {\"sid\": \"x\"}}"

struct setup {
	struct box box;
	int listener, port;
	int stop[2];
	pthread_t thread;
	SSL_CTX *tls;
	unsigned connections, requests, ups;
};

static void count(struct setup *t, unsigned *what)
{
	box_lock(&t->box);
	++*what;
	box_wake(&t->box);
	box_unlock(&t->box);
}

/* raw_upgrade() and raw_text() write to a descriptor: the answer is made in a
 * pair of sockets and carried over. */
static void answer(SSL *ssl, const char *request)
{
	char bytes[2048];
	int pair[2];
	ssize_t n;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
		return;
	(void)(raw_upgrade(pair[0], request) && raw_text(pair[0], STATUS));
	close(pair[0]);
	while ((n = read(pair[1], bytes, sizeof(bytes))) > 0)
		SSL_write(ssl, bytes, (int)n);
	close(pair[1]);
}

static void serve(struct setup *t, int fd)
{
	SSL *ssl = SSL_new(t->tls);
	char request[4096];
	int n;

	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1 &&
	    (n = SSL_read(ssl, request, sizeof(request) - 1)) > 0) {
		request[n] = '\0';
		count(t, &t->requests);
		answer(ssl, request);
		while (SSL_read(ssl, request, sizeof(request)) > 0)
			;
	}
	SSL_free(ssl);
}

static void *run(void *arg)
{
	struct setup *t = arg;

	for (;;) {
		struct pollfd fds[2] = {{t->listener, POLLIN, 0},
					{t->stop[0], POLLIN, 0}};
		int fd;

		if (poll(fds, 2, -1) < 0 || fds[1].revents != 0)
			return NULL;
		fd = accept(t->listener, NULL, NULL);
		if (fd < 0)
			continue;
		count(t, &t->connections);
		serve(t, fd);
		close(fd);
	}
}

static void on_event(void *ctx, size_t backend, const struct event *e)
{
	(void)ctx;
	(void)backend;
	(void)e;
}

static void on_state(void *ctx, size_t backend, bool up)
{
	struct setup *t = ctx;

	(void)backend;
	if (up)
		count(t, &t->ups);
}

static void begin(struct setup *t, const struct cert *c)
{
	memset(t, 0, sizeof(*t));
	box_init(&t->box);
	t->tls = SSL_CTX_new(TLS_server_method());
	SSL_CTX_use_certificate(t->tls, c->x509);
	SSL_CTX_use_PrivateKey(t->tls, c->key);
	t->listener = raw_listen(&t->port);
	if (pipe(t->stop) != 0 || pthread_create(&t->thread, NULL, run, t) != 0)
		exit(1);
}

static void finish(struct setup *t)
{
	(void)!write(t->stop[1], "x", 1);
	pthread_join(t->thread, NULL);
	close(t->listener);
	close(t->stop[0]);
	close(t->stop[1]);
	SSL_CTX_free(t->tls);
	box_finish(&t->box);
}

static void try_it(const char *name, const struct cert *shown,
		   const char *trusted, const char *host, bool good)
{
	struct comfy_server server = {.name = "tls"};
	struct comfy_server *servers[] = {&server};
	struct setup t;
	struct ws_options o = {.servers = servers,
			       .count = 1,
			       .event = on_event,
			       .state = on_state,
			       .ctx = &t};
	struct problem why = {0};
	int64_t until = clock_monotonic_ms() + PATIENCE_MS;
	char url[64];
	struct ws *w;

	setenv("SSL_CERT_FILE", trusted, 1);
	begin(&t, shown);
	snprintf(url, sizeof(url), "https://%s:%d", host, t.port);
	server.url = url;
	w = ws_start(&o, &why);
	if (w == NULL) {
		fprintf(stderr, "# %s\n", why.detail);
		exit(1);
	}
	/* Bad ones are tried again: at the third time the first is over. */
	box_lock(&t.box);
	while (t.ups == 0 && t.connections < 3 && box_wait(&t.box, until))
		;
	box_unlock(&t.box);
	ws_stop(w);
	finish(&t);
	ok(good ? t.ups == 1
		: t.ups == 0 && t.requests == 0 && t.connections >= 3,
	   "%s", name);
}

int main(void)
{
	struct cert good, expired, other;

	signal(SIGPIPE, SIG_IGN); /* OpenSSL's server side writes plainly */
	log_set_level(LOG_NONE);
	setenv("SSL_CERT_DIR", "/nonexistent", 1);
	cert_make(&good, -DAY, DAY, "DNS:localhost");
	cert_make(&expired, -2 * DAY, -DAY, "DNS:localhost");
	cert_make(&other, -DAY, DAY, "DNS:localhost");
	try_it("a trusted certificate", &good, good.path, "localhost", true);
	try_it("of somebody unknown", &good, other.path, "localhost", false);
	try_it("for another name", &good, good.path, "127.0.0.1", false);
	try_it("that has expired", &expired, expired.path, "localhost", false);
	cert_free(&good);
	cert_free(&expired);
	cert_free(&other);
	return tap_done();
}
