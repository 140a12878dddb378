/* The sockets against a server that does what no good one would. */
#include "comfy/ws.h"

#include <signal.h>

#include "base/arena.h"
#include "base/box.h"
#include "base/clock.h"
#include "base/log.h"
#include "raw_ws.h"
#include "tap.h"

#define PATIENCE_MS 20000
#define STATUS                                                                 \
	"{\"type\": \"status\", \"data\": {\"status\": {\"exec_info\": "       \
	"{\"queue_remaining\": 0}}, \"sid\": \"x\"}}"
#define START(id)                                                              \
	"{\"type\": \"execution_start\", \"data\": {\"prompt_id\": \"" id "\"" \
	"}}"

/* What came out of the socket, as one line of words. */
struct heard {
	struct box box;
	char words[4096]; /* "up START(a) down " */
	size_t ups, downs;
	struct ws *ws;
	char ids[16][ID_SIZE]; /* our clientId at each up */
};

static void add(struct heard *h, const char *word)
{
	size_t at = strlen(h->words);

	snprintf(h->words + at, sizeof(h->words) - at, "%s ", word);
}

static void on_event(void *ctx, size_t backend, const struct event *e)
{
	static const char *const names[] = {
		"status",    "start", "cached",	 "executing",
		"progress",  "done",  "success", "error",
		"interrupt", "end",   "other"};
	struct heard *h = ctx;
	char word[128];

	snprintf(word, sizeof(word), "%s%s%.60s", names[e->kind],
		 e->prompt_id[0] != '\0' ? ":" : "", e->prompt_id);
	box_lock(&h->box);
	if (backend != 0)
		add(h, "BACKEND");
	if (e->kind != EVENT_STATUS)
		add(h, word);
	box_wake(&h->box);
	box_unlock(&h->box);
}

static void on_state(void *ctx, size_t backend, bool up)
{
	struct heard *h = ctx;
	char id[ID_SIZE];

	(void)backend;
	box_lock(&h->box);
	while (h->ws == NULL) /* ws_start() has not returned yet */
		(void)box_wait(&h->box, clock_monotonic_ms() + 1000);
	box_unlock(&h->box);
	ws_client_id(h->ws, 0, id);
	box_lock(&h->box);
	add(h, up ? "up" : "down");
	if (up && h->ups < COUNT(h->ids))
		memcpy(h->ids[h->ups], id, ID_SIZE);
	if (!up && id[0] != '\0')
		add(h, "BUT-ID");
	*(up ? &h->ups : &h->downs) += 1;
	box_wake(&h->box);
	box_unlock(&h->box);
}

struct setup {
	struct raw raw;
	struct comfy_server server;
	struct comfy_server *servers[1];
	struct heard heard;
	char url[128];
	/* Of the server's thread; read after raw_stop(). */
	unsigned connections;
	char request[4096];
	char ids[16][64]; /* clientId of each connection */
	char hello[256];
	int64_t at_ms[16];
	int pings;
	bool stray; /* a request for another path */
};

static void note_request(struct setup *t, unsigned n, const char *request)
{
	const char *id = strstr(request, "clientId=");

	t->connections = n + 1;
	t->stray |= strstr(request, "/ws?clientId=") == NULL;
	if (n < COUNT(t->ids)) {
		t->at_ms[n] = clock_monotonic_ms();
		if (id != NULL)
			snprintf(t->ids[n], sizeof(t->ids[n]), "%.*s",
				 (int)strcspn(id + 9, " &"), id + 9);
	}
	snprintf(t->request, sizeof(t->request), "%s", request);
}

static void open_at(struct setup *t, const char *url, int64_t ping_ms)
{
	struct problem why = {0};
	struct ws_options o = {.servers = t->servers,
			       .count = 1,
			       .event = on_event,
			       .state = on_state,
			       .ctx = &t->heard,
			       .ping_ms = ping_ms};
	struct ws *ws;

	snprintf(t->url, sizeof(t->url), "%s", url);
	t->server.name = "raw";
	t->server.url = t->url;
	t->servers[0] = &t->server;
	box_init(&t->heard.box);
	ws = ws_start(&o, &why);
	if (ws == NULL) {
		fprintf(stderr, "# %s\n", why.detail);
		exit(1);
	}
	box_lock(&t->heard.box);
	t->heard.ws = ws;
	box_wake(&t->heard.box);
	box_unlock(&t->heard.box);
}

static void begin(struct setup *t,
		  void (*serve)(struct raw *, int, unsigned, const char *),
		  const char *host, const char *prefix, int64_t ping_ms)
{
	char url[128];

	raw_start(&t->raw, serve, t);
	snprintf(url, sizeof(url), "http://%s:%d%s", host, t->raw.port, prefix);
	open_at(t, url, ping_ms);
}

static struct setup *fresh(void)
{
	return mem_alloc(sizeof(struct setup));
}

static void finish(struct setup *t)
{
	int64_t before = clock_monotonic_ms();

	ws_stop(t->heard.ws);
	ok(clock_monotonic_ms() - before < 1000, "stopped within a second");
	raw_stop(&t->raw);
	box_finish(&t->heard.box);
	free(t);
}

/* Waits until the words are these; they only ever grow. */
static bool hears(struct setup *t, const char *words)
{
	int64_t until = clock_monotonic_ms() + PATIENCE_MS;
	bool same;

	box_lock(&t->heard.box);
	while (strcmp(t->heard.words, words) != 0 &&
	       strlen(t->heard.words) <= strlen(words) &&
	       box_wait(&t->heard.box, until))
		;
	same = strcmp(t->heard.words, words) == 0;
	if (!same)
		fprintf(stderr, "#  heard: %s\n# wanted: %s\n", t->heard.words,
			words);
	box_unlock(&t->heard.box);
	return same;
}

static bool comes_up(struct setup *t, size_t times)
{
	int64_t until = clock_monotonic_ms() + PATIENCE_MS;
	bool up;

	box_lock(&t->heard.box);
	while (t->heard.ups < times && box_wait(&t->heard.box, until))
		;
	up = t->heard.ups >= times;
	box_unlock(&t->heard.box);
	return up;
}

static void serve_plain(struct raw *r, int fd, unsigned n, const char *request)
{
	struct setup *t = r->ctx;
	char text[256];

	note_request(t, n, request);
	if (!raw_upgrade(fd, request) ||
	    raw_next_frame(fd, t->hello, sizeof(t->hello)) != RAW_TEXT)
		return;
	if (raw_text(fd, STATUS) && raw_text(fd, START("a")))
		while (raw_next_frame(fd, text, sizeof(text)) >= 0)
			;
}

static void the_handshake(void)
{
	struct setup *t = fresh();
	char host[64], want[64], origin[64], id[ID_SIZE];

	t->server.header = "Authorization: Basic eA==";
	begin(t, serve_plain, "127.0.0.1", "/prefix/", 0);
	ok(hears(t, "up start:a "), "up, then the events");
	ws_client_id(t->heard.ws, 0, id);
	ok(id_valid(id), "a clientId while it is up");
	ws_stop(t->heard.ws);
	raw_stop(&t->raw);
	is_str(t->ids[0], id, "the one it connected with");
	ok(strncmp(t->request, "GET /prefix/ws?clientId=", 24) == 0,
	   "the prefix of the base URL is kept");
	raw_header(t->request, "Host", host, sizeof(host));
	snprintf(want, sizeof(want), "127.0.0.1:%d", t->raw.port);
	is_str(host, want, "Host with its port");
	raw_header(t->request, "Origin", origin, sizeof(origin));
	is_str(origin, "", "no Origin");
	raw_header(t->request, "Sec-WebSocket-Extensions", origin,
		   sizeof(origin));
	is_str(origin, "", "no extension is offered");
	raw_header(t->request, "Authorization", origin, sizeof(origin));
	is_str(origin, "Basic eA==", "the header for a proxy");
	ok(strncmp(t->hello, "{\"type\":\"feature_flags\",", 24) == 0,
	   "feature flags are the first message");
	box_finish(&t->heard.box);
	free(t);
}

static void by_name(void)
{
	struct setup *t = fresh();

	begin(t, serve_plain, "localhost", "", 0);
	ok(hears(t, "up start:a "), "a host name is looked up");
	finish(t);
}

/* Frames of one byte, pings and previews in between, 300 KB of preview. */
static void serve_pieces(struct raw *r, int fd, unsigned n, const char *request)
{
	static char preview[300000];
	static const char end[] = "{\"type\": \"executing\", \"data\": "
				  "{\"node\": null, \"prompt_id\": \"b\"}}";
	struct setup *t = r->ctx;
	char text[256];
	size_t len = strlen(START("b"));
	bool good;

	note_request(t, n, request);
	good = raw_upgrade(fd, request) && raw_text(fd, STATUS);
	for (size_t i = 0; i < len && good; i++) {
		good = raw_frame(fd, i == len - 1, i == 0 ? RAW_TEXT : 0,
				 &START("b")[i], 1);
		if (i % 10 == 5 && good)
			good = raw_frame(fd, true, RAW_PING, "hi", 2);
	}
	good = good && raw_frame(fd, true, RAW_BINARY, preview, 300000) &&
	       raw_frame(fd, true, RAW_BINARY, START("no"),
			 strlen(START("no"))) &&
	       raw_frame(fd, false, RAW_BINARY, START("no"), 20) &&
	       raw_frame(fd, true, 0, &START("no")[20],
			 strlen(START("no")) - 20) &&
	       raw_text(fd, "not json") && raw_text(fd, "[1]") &&
	       raw_text(fd, "") && raw_text(fd, "{\"type\": 1}") &&
	       raw_text(fd, end);
	while (good && raw_next_frame(fd, text, sizeof(text)) >= 0)
		t->pings++;
}

static void pieces(void)
{
	struct setup *t = fresh();

	begin(t, serve_pieces, "127.0.0.1", "", 0);
	ok(hears(t, "up start:b end:b "),
	   "pieces are put together, previews and nonsense dropped");
	finish(t);
}

/* A message past the ceiling, and one of 8 MB, which is fine. */
static void serve_huge(struct raw *r, int fd, unsigned n, const char *request)
{
	static const char head[] = "{\"type\": \"execution_start\", \"data\": "
				   "{\"prompt_id\": \"c\", \"pad\": \"";
	static char megabyte[1 << 20];
	struct setup *t = r->ctx;
	char text[256];
	bool good;

	note_request(t, n, request);
	memset(megabyte, 'x', sizeof(megabyte));
	good = raw_upgrade(fd, request) && raw_text(fd, STATUS) &&
	       raw_frame(fd, false, RAW_TEXT, megabyte, sizeof(megabyte));
	for (int i = 0; i < 40 && good; i++)
		good = raw_frame(fd, false, 0, megabyte, sizeof(megabyte));
	good = good && raw_frame(fd, true, 0, "x", 1) &&
	       raw_frame(fd, false, RAW_TEXT, head, strlen(head));
	for (int i = 0; i < 8 && good; i++)
		good = raw_frame(fd, false, 0, megabyte, sizeof(megabyte));
	good = good && raw_frame(fd, true, 0, "\"}}", 3) &&
	       raw_text(fd, START("d"));
	while (good && raw_next_frame(fd, text, sizeof(text)) >= 0)
		;
}

static void huge_messages(void)
{
	struct setup *t = fresh();

	begin(t, serve_huge, "127.0.0.1", "", 0);
	ok(hears(t, "up start:c start:d "),
	   "40 MB in one message are dropped, 8 MB are read");
	finish(t);
}

/* Ends after the first message: by a close frame, by a cut, in a frame. */
static void serve_short(struct raw *r, int fd, unsigned n, const char *request)
{
	struct setup *t = r->ctx;
	char text[256];

	note_request(t, n, request);
	/* What is not read before the end would make it a reset, which takes
	 * the status with it. */
	if (!raw_upgrade(fd, request) ||
	    raw_next_frame(fd, text, sizeof(text)) != RAW_TEXT ||
	    !raw_text(fd, STATUS))
		return;
	if (n == 0) {
		(void)raw_frame(fd, true, RAW_CLOSE, "\x03\xe8", 2);
		raw_drain(fd);
	} else if (n == 1) {
		(void)raw_say(fd, "\x81\x7e");
	} else if (n >= 3) {
		while (raw_next_frame(fd, text, sizeof(text)) >= 0)
			;
	}
}

static void lost_sockets(void)
{
	struct setup *t = fresh();
	bool differ = true;

	begin(t, serve_short, "127.0.0.1", "", 0);
	ok(hears(t, "up down up down up down up "), "it comes back each time");
	ws_stop(t->heard.ws);
	raw_stop(&t->raw);
	ok(t->connections == 4, "one connection at a time");
	for (size_t i = 0; i < 4; i++) {
		ok(strcmp(t->ids[i], t->heard.ids[i]) == 0,
		   "clientId %zu is the one of that connection", i);
		for (size_t j = 0; j < i; j++)
			differ &= strcmp(t->ids[i], t->ids[j]) != 0;
	}
	ok(differ, "with a fresh clientId each time");
	ok(t->at_ms[1] - t->at_ms[0] >= 190 &&
		   t->at_ms[2] - t->at_ms[1] >= 390 &&
		   t->at_ms[3] - t->at_ms[2] >= 790,
	   "and later each time");
	box_finish(&t->heard.box);
	free(t);
}

/* Never registers: before the first message it does not count as up. */
static void serve_silent(struct raw *r, int fd, unsigned n, const char *request)
{
	struct setup *t = r->ctx;
	char text[256];
	int opcode;

	note_request(t, n, request);
	if (!raw_upgrade(fd, request))
		return;
	while ((opcode = raw_next_frame(fd, text, sizeof(text))) >= 0)
		if (opcode == RAW_PING)
			break;
	t->pings += opcode == RAW_PING;
	if (n > 0)
		raw_text(fd, STATUS);
	raw_drain(fd);
}

static void deaf_socket(void)
{
	struct setup *t = fresh();

	begin(t, serve_silent, "127.0.0.1", "", 100);
	ok(comes_up(t, 1), "a socket without an answer is given up");
	ws_stop(t->heard.ws);
	raw_stop(&t->raw);
	ok(t->connections >= 2 && t->pings >= 2, "after a ping");
	ok(t->heard.words[0] == 'u', "and the silent one was never up");
	box_finish(&t->heard.box);
	free(t);
}

/* Silent, but it answers: five pings, then a message. */
static void serve_quiet(struct raw *r, int fd, unsigned n, const char *request)
{
	struct setup *t = r->ctx;
	char text[256];
	int opcode;

	note_request(t, n, request);
	if (!raw_upgrade(fd, request) || !raw_text(fd, STATUS))
		return;
	while ((opcode = raw_next_frame(fd, text, sizeof(text))) >= 0) {
		if (opcode != RAW_PING)
			continue;
		raw_frame(fd, true, RAW_PONG, text, strlen(text));
		if (++t->pings == 5)
			raw_text(fd, START("e"));
	}
}

static void quiet_socket(void)
{
	struct setup *t = fresh();

	begin(t, serve_quiet, "127.0.0.1", "", 100);
	ok(hears(t, "up start:e "), "a quiet socket that answers is kept");
	finish(t);
}

/* Everything but a WebSocket, until the seventh connection. */
static void serve_wrong(struct raw *r, int fd, unsigned n, const char *request)
{
	static const char *const replies[] = {
		"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: "
		"0\r\n"
		"\r\n",
		"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
		"",
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
		"Connection: upgrade\r\nSec-WebSocket-Accept: wrong\r\n\r\n",
	};

	if (n < COUNT(replies)) {
		note_request(r->ctx, n, request);
		(void)raw_say(fd, replies[n]);
	} else {
		serve_plain(r, fd, n, request);
	}
}

static void wrong_servers(void)
{
	struct setup *t = fresh();

	begin(t, serve_wrong, "127.0.0.1", "", 0);
	ok(hears(t, "up start:a "), "none of them counts, the last does");
	ws_stop(t->heard.ws);
	raw_stop(&t->raw);
	ok(t->connections == 5, "each is tried once");
	ok(!t->stray, "no redirect is followed");
	box_finish(&t->heard.box);
	free(t);
}

/* Headers without an end; junk in place of frames. */
static void serve_junk(struct raw *r, int fd, unsigned n, const char *request)
{
	static char junk[1 << 16];
	bool good = true;

	memset(junk, n == 0 ? 'A' : 0xff, sizeof(junk));
	if (n == 0) {
		good = raw_say(fd, "HTTP/1.1 101 Switching Protocols\r\nX: ");
		while (good)
			good = raw_write(fd, junk, sizeof(junk));
	} else if (n == 1) {
		good = raw_upgrade(fd, request);
		while (good)
			good = raw_write(fd, junk, sizeof(junk));
	} else {
		serve_plain(r, fd, n, request);
	}
}

static void junk_servers(void)
{
	struct setup *t = fresh();

	begin(t, serve_junk, "127.0.0.1", "", 0);
	ok(hears(t, "up start:a "), "junk without an end is left");
	finish(t);
}

/* Takes the connection and never answers: it must be possible to stop. */
static void stop_in_the_handshake(void)
{
	struct setup *t = fresh();
	char url[64];
	int port, fd = raw_listen(&port), taken;
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int64_t before;

	snprintf(url, sizeof(url), "http://127.0.0.1:%d", port);
	open_at(t, url, 0);
	ok(poll(&p, 1, PATIENCE_MS) == 1, "it connects");
	taken = accept(fd, NULL, NULL);
	before = clock_monotonic_ms();
	ws_stop(t->heard.ws);
	ok(clock_monotonic_ms() - before < 1000,
	   "stopped within a second, in the handshake");
	is_str(t->heard.words, "", "and nothing was said");
	close(taken);
	close(fd);
	box_finish(&t->heard.box);
	free(t);
}

static void stop_while_nobody_is_there(void)
{
	static const char *const hosts[] = {"127.0.0.1", "localhost", "[::1]",
					    "no-such-host.invalid"};
	int port;

	close(raw_listen(&port));
	for (size_t i = 0; i < COUNT(hosts); i++) {
		struct setup *t = fresh();
		char url[64], id[ID_SIZE];
		int64_t before;

		snprintf(url, sizeof(url), "http://%s:%d", hosts[i], port);
		open_at(t, url, 0);
		ws_client_id(t->heard.ws, 0, id);
		is_str(id, "", "no clientId without a socket");
		before = clock_monotonic_ms();
		ws_stop(t->heard.ws);
		ok(clock_monotonic_ms() - before < 1000,
		   "stopped within a second: %s", hosts[i]);
		box_finish(&t->heard.box);
		free(t);
	}
}

static void a_bad_url(void)
{
	struct comfy_server server = {.name = "bad", .url = "ws://127.0.0.1"};
	struct comfy_server *servers[] = {&server};
	struct ws_options o = {.servers = servers,
			       .count = 1,
			       .event = on_event,
			       .state = on_state};
	struct problem why = {0};

	ok(ws_start(&o, &why) == NULL && why.detail[0] != '\0',
	   "a URL of another kind is refused in words");
}

/* What a server that a test has for its own may not see in the environment:
 * nothing listens there. */
static void set_proxies(void)
{
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("https_proxy", "http://127.0.0.1:1", 1);
	setenv("all_proxy", "http://127.0.0.1:1", 1);
}

static void on_pipe(int n)
{
	(void)n;
}

int main(void)
{
	struct sigaction pipe_was = {.sa_handler = on_pipe}, now;

	sigaction(SIGPIPE, &pipe_was, NULL);
	set_proxies();
	log_set_level(LOG_NONE);
	the_handshake();
	sigaction(SIGPIPE, NULL, &now);
	ok(now.sa_handler == on_pipe, "SIGPIPE is as it was");
	by_name();
	pieces();
	huge_messages();
	lost_sockets();
	deaf_socket();
	quiet_socket();
	wrong_servers();
	junk_servers();
	stop_in_the_handshake();
	stop_while_nobody_is_there();
	a_bad_url();
	return tap_done();
}
