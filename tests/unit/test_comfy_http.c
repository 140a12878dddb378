/* The HTTP calls against a server that answers anything. */
#include "base/buf.h"
#include "base/clock.h"
#include "comfy/client.h"
#include "raw.h"
#include "tap.h"

#define ID	"35798812-da7f-4592-aff6-9ece0bd7eb1e"
#define GRAPH	"{\"1\": {\"class_type\": \"X\", \"inputs\": {\"s\": 1.50}}}"
#define TIMEOUT 10000
#define JSON	"application/json; charset=utf-8"
#define TEXT	"text/plain; charset=utf-8"
#define TROUBLE "500 Internal Server Error\n\nServer got itself in trouble"

/* What to say to a request that begins like this; the first that fits. */
struct rule {
	const char *starts; /* "GET /queue " */
	const char *status;
	const char *type;
	const char *body; /* NULL: raw instead */
	const char *raw;  /* sent as it is */
	bool stay;	  /* do not close; the client must give up */
};

struct script {
	const struct rule *rules;
	pthread_mutex_t lock;
	char seen[4096]; /* the request lines, one a line */
	char last[4096]; /* the last request, whole */
};

static void serve(struct raw *r, int fd, unsigned n, const char *request)
{
	struct script *s = r->ctx;
	size_t at;

	(void)n;
	pthread_mutex_lock(&s->lock);
	at = strlen(s->seen);
	snprintf(s->seen + at, sizeof(s->seen) - at, "%.*s\n",
		 (int)strcspn(request, "\r"), request);
	snprintf(s->last, sizeof(s->last), "%s", request);
	pthread_mutex_unlock(&s->lock);
	for (const struct rule *u = s->rules; u->starts != NULL; u++) {
		if (strncmp(request, u->starts, strlen(u->starts)) != 0)
			continue;
		if (u->body != NULL)
			raw_answer(fd, u->status, u->type, u->body);
		else if (u->raw != NULL)
			(void)raw_say(fd, u->raw);
		if (u->stay)
			raw_drain(fd);
		return;
	}
	raw_answer(fd, "404 Not Found", "application/octet-stream", "");
}

struct setup {
	struct raw raw;
	struct script script;
	struct comfy_server server;
	struct comfy_client *client;
	char url[64];
};

static void start(struct setup *t, const struct rule *rules)
{
	memset(t, 0, sizeof(*t));
	t->script.rules = rules;
	pthread_mutex_init(&t->script.lock, NULL);
	raw_start(&t->raw, serve, &t->script);
	snprintf(t->url, sizeof(t->url), "http://127.0.0.1:%d", t->raw.port);
	t->server.name = "raw";
	t->server.url = t->url;
	t->server.has_jobs_api = -1;
	t->client = comfy_client_create(&t->server);
}

static void stop(struct setup *t)
{
	comfy_client_destroy(t->client);
	raw_stop(&t->raw);
	pthread_mutex_destroy(&t->script.lock);
}

static bool seen(struct setup *t, const char *lines)
{
	bool same;

	pthread_mutex_lock(&t->script.lock);
	same = strcmp(t->script.seen, lines) == 0;
	if (!same)
		fprintf(stderr, "#  seen: %s\n# wanted: %s\n", t->script.seen,
			lines);
	pthread_mutex_unlock(&t->script.lock);
	return same;
}

#define QUEUE_EMPTY "{\"queue_running\": [], \"queue_pending\": []}"
#define QUEUE_RUNNING                                                          \
	"{\"queue_running\": [[1, \"" ID "\", {}, {}, []]], "                  \
	"\"queue_pending\": []}"
#define QUEUE_PENDING                                                          \
	"{\"queue_running\": [], \"queue_pending\": [[1, \"" ID "\", {}, {}, " \
	"[]]]}"

static const struct {
	const char *name;
	struct rule rule;
	enum comfy_outcome outcome;
	size_t errors;
} submits[] = {
	{"accepted",
	 {"POST /prompt ", "200 OK", JSON,
	  "{\"prompt_id\": \"" ID "\", \"number\": 0, \"node_errors\": {}}",
	  NULL, false},
	 COMFY_OK,
	 0},
	{"accepted in part",
	 {"POST /prompt ", "200 OK", JSON,
	  "{\"prompt_id\": \"" ID "\", \"number\": 31, \"node_errors\": "
	  "{\"8\": {\"errors\": [{\"type\": \"required_input_missing\"}], "
	  "\"class_type\": \"SaveImage\"}}}",
	  NULL, false},
	 COMFY_OK,
	 1},
	{"another prompt id",
	 {"POST /prompt ", "200 OK", JSON,
	  "{\"prompt_id\": \"00000000-0000-0000-0000-000000000000\"}", NULL,
	  false},
	 COMFY_UNCERTAIN,
	 0},
	{"200 that is a page",
	 {"POST /prompt ", "200 OK", "text/html", "<h1>Welcome</h1>", NULL,
	  false},
	 COMFY_UNCERTAIN,
	 0},
	{"200 with a list",
	 {"POST /prompt ", "200 OK", JSON, "[1, 2]", NULL, false},
	 COMFY_UNCERTAIN,
	 0},
	{"refused",
	 {"POST /prompt ", "400 Bad Request", JSON,
	  "{\"error\": {\"type\": \"prompt_no_outputs\", \"message\": \"Prompt "
	  "has no outputs\", \"details\": \"\", \"extra_info\": {}}, "
	  "\"node_errors\": {}}",
	  NULL, false},
	 COMFY_REJECTED,
	 1},
	{"refused with half a character",
	 {"POST /prompt ", "400 Bad Request", JSON,
	  "{\"error\": {\"type\": \"x\", \"message\": \"\\ud800\\u0000\"}, "
	  "\"node_errors\": {}}",
	  NULL, false},
	 COMFY_REJECTED,
	 1},
	{"400 of a proxy",
	 {"POST /prompt ", "400 Bad Request", "text/html", "<h1>no</h1>", NULL,
	  false},
	 COMFY_UNCERTAIN,
	 0},
	{"500 may be queued",
	 {"POST /prompt ", "500 Internal Server Error", TEXT, TROUBLE, NULL,
	  false},
	 COMFY_UNCERTAIN,
	 0},
	{"502",
	 {"POST /prompt ", "502 Bad Gateway", TEXT, "", NULL, false},
	 COMFY_UNCERTAIN,
	 0},
	{"413",
	 {"POST /prompt ", "413 Request Entity Too Large", TEXT, "big", NULL,
	  false},
	 COMFY_REJECTED,
	 0},
	{"403",
	 {"POST /prompt ", "403 Forbidden", TEXT, "", NULL, false},
	 COMFY_UNREACHABLE,
	 0},
	{"a redirect is not followed",
	 {"POST /prompt ", NULL, NULL, NULL,
	  "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n"
	  "Connection: close\r\n\r\n",
	  false},
	 COMFY_UNREACHABLE,
	 0},
	{"closed without a word",
	 {"POST /prompt ", NULL, NULL, NULL, NULL, false},
	 COMFY_UNCERTAIN,
	 0},
	{"cut off in the body",
	 {"POST /prompt ", NULL, NULL, NULL,
	  "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"prompt_id\":",
	  false},
	 COMFY_UNCERTAIN,
	 0},
	{"no HTTP at all",
	 {"POST /prompt ", NULL, NULL, NULL, "SSH-2.0-OpenSSH_9.2\r\n", false},
	 COMFY_UNCERTAIN,
	 0},
};

static void table_of_submits(void)
{
	for (size_t i = 0; i < COUNT(submits); i++) {
		const struct rule rules[] = {submits[i].rule, {0}};
		struct comfy_submission s;
		struct arena a = {0};
		enum comfy_outcome o;
		struct setup t;

		start(&t, rules);
		o = comfy_submit(t.client, GRAPH, strlen(GRAPH), ID, "client",
				 TIMEOUT, &a, &s);
		ok(o == submits[i].outcome &&
			   s.error_count == submits[i].errors,
		   "submit: %s", submits[i].name);
		ok((o == COMFY_OK) == (comfy_detail(t.client)[0] == '\0'),
		   "submit: %s: said in words", submits[i].name);
		ok(seen(&t, "POST /prompt HTTP/1.1\n"),
		   "submit: %s: asked once", submits[i].name);
		arena_finish(&a);
		stop(&t);
	}
}

static void what_is_sent(void)
{
	static const struct rule rules[] = {{"POST /prompt ", "200 OK", JSON,
					     "{\"prompt_id\": \"" ID
					     "\", \"node_errors\": {}}",
					     NULL, false},
					    {0}};
	struct comfy_submission s;
	struct arena a = {0};
	struct setup t;

	start(&t, rules);
	t.server.header = "Authorization: Basic eA==";
	ok(comfy_submit(t.client, GRAPH, strlen(GRAPH), ID, "c\"1", TIMEOUT, &a,
			&s) == COMFY_OK,
	   "sent");
	pthread_mutex_lock(&t.script.lock);
	ok(strstr(t.script.last, "\r\n\r\n{\"prompt\":" GRAPH
				 ",\"client_id\":\"c\\\"1\",\"prompt_id\":"
				 "\"" ID "\"}") != NULL,
	   "the graph is posted as it was given");
	ok(strcasestr(t.script.last, "\r\nOrigin:") == NULL, "no Origin");
	ok(strcasestr(t.script.last,
		      "\r\nContent-Type: application/json\r\n") != NULL,
	   "as JSON");
	ok(strstr(t.script.last, "\r\nAuthorization: Basic eA==\r\n") != NULL,
	   "with the header for a proxy");
	pthread_mutex_unlock(&t.script.lock);
	ok(comfy_submit(t.client, "{}", 2, ID, "", TIMEOUT, &a, &s) == COMFY_OK,
	   "sent without a socket");
	pthread_mutex_lock(&t.script.lock);
	ok(strstr(t.script.last, "\"client_id\":\"" ID "\"") != NULL,
	   "with a clientId nobody listens on");
	pthread_mutex_unlock(&t.script.lock);
	arena_finish(&a);
	stop(&t);
}

/* Keeps the first connection open for the next request, until another one is
 * made. */
static void serve_kept(struct raw *r, int fd, unsigned n, const char *request)
{
	static const char queue[] = "HTTP/1.1 200 OK\r\nContent-Length: 40\r\n"
				    "\r\n{\"queue_running\":[],"
				    "\"queue_pending\":[]} ";
	static char next[RAW_REQUEST_MAX];
	struct pollfd fds[2] = {{fd, POLLIN, 0}, {r->listener, POLLIN, 0}};
	unsigned *posted = r->ctx; /* a bit for each connection */

	if (strncmp(request, "POST /prompt ", 13) == 0) {
		*posted |= 1u << n;
		return;
	}
	(void)raw_say(fd, queue);
	while (poll(fds, 2, -1) > 0 && fds[1].revents == 0) {
		if (!raw_read_request(fd, next))
			return;
		if (strncmp(next, "POST /prompt ", 13) == 0) {
			*posted |= 1u << n;
			return;
		}
		(void)raw_say(fd, queue);
	}
}

/* On a connection that was kept and dies, curl would send a POST twice. */
static void a_kept_connection(void)
{
	struct comfy_server server = {.name = "raw", .has_jobs_api = 0};
	struct comfy_client *c = comfy_client_create(&server);
	struct comfy_submission s;
	struct comfy_status status;
	struct arena a = {0};
	unsigned posted = 0;
	struct raw r;
	char url[64];

	raw_start(&r, serve_kept, &posted);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d", r.port);
	server.url = url;
	ok(comfy_probe(c, TIMEOUT, &status) == COMFY_OK &&
		   comfy_submit(c, "{}", 2, ID, "", TIMEOUT, &a, &s) ==
			   COMFY_UNCERTAIN,
	   "a connection is kept, then a graph is posted");
	arena_finish(&a);
	comfy_client_destroy(c);
	raw_stop(&r);
	ok(posted == 1u << 0, "there, and nowhere else");
}

#define JOB(word) "{\"id\": \"" ID "\", \"status\": \"" word "\"}"
#define ASK_JOBS  "GET /api/jobs/" ID " HTTP/1.1\n"
#define ASK_QUEUE "GET /queue HTTP/1.1\n"
#define ASK_HIST  "GET /history/" ID " HTTP/1.1\n"

static const struct {
	const char *name;
	struct rule rules[4];
	enum comfy_outcome outcome;
	enum comfy_place place;
	int has_jobs_api;
	const char *seen;
} places[] = {
	{"jobs: pending",
	 {{"GET /api/jobs/", "200 OK", JSON, JOB("pending"), NULL, false}},
	 COMFY_OK,
	 PLACE_PENDING,
	 1,
	 ASK_JOBS},
	{"jobs: in progress",
	 {{"GET /api/jobs/", "200 OK", JSON, JOB("in_progress"), NULL, false}},
	 COMFY_OK,
	 PLACE_RUNNING,
	 1,
	 ASK_JOBS},
	{"jobs: completed",
	 {{"GET /api/jobs/", "200 OK", JSON, JOB("completed"), NULL, false}},
	 COMFY_OK,
	 PLACE_ENDED,
	 1,
	 ASK_JOBS},
	{"jobs: failed",
	 {{"GET /api/jobs/", "200 OK", JSON, JOB("failed"), NULL, false}},
	 COMFY_OK,
	 PLACE_ENDED,
	 1,
	 ASK_JOBS},
	{"jobs: cancelled",
	 {{"GET /api/jobs/", "200 OK", JSON, JOB("cancelled"), NULL, false}},
	 COMFY_OK,
	 PLACE_ENDED,
	 1,
	 ASK_JOBS},
	{"jobs: unknown there",
	 {{"GET /api/jobs/", "404 Not Found", JSON,
	   "{\"error\": \"Job not found\"}", NULL, false}},
	 COMFY_OK,
	 PLACE_NOWHERE,
	 1,
	 ASK_JOBS},
	{"jobs: a later word",
	 {{"GET /api/jobs/", "200 OK", JSON, JOB("paused"), NULL, false},
	  {"GET /queue ", "200 OK", JSON, QUEUE_RUNNING, NULL, false}},
	 COMFY_OK,
	 PLACE_RUNNING,
	 -1,
	 ASK_JOBS ASK_QUEUE},
	{"jobs: an entry it cannot show",
	 {{"GET /api/jobs/", "500 Internal Server Error", TEXT, TROUBLE, NULL,
	   false},
	  {"GET /queue ", "200 OK", JSON, QUEUE_PENDING, NULL, false}},
	 COMFY_OK,
	 PLACE_PENDING,
	 -1,
	 ASK_JOBS ASK_QUEUE},
	{"lists: running",
	 {{"GET /queue ", "200 OK", JSON, QUEUE_RUNNING, NULL, false}},
	 COMFY_OK,
	 PLACE_RUNNING,
	 0,
	 ASK_JOBS ASK_QUEUE},
	{"lists: ended",
	 {{"GET /queue ", "200 OK", JSON, QUEUE_EMPTY, NULL, false},
	  {"GET /history/", "200 OK", JSON, "{\"" ID "\": {}}", NULL, false}},
	 COMFY_OK,
	 PLACE_ENDED,
	 0,
	 ASK_JOBS ASK_QUEUE ASK_HIST},
	{"lists: nowhere, looked at twice",
	 {{"GET /queue ", "200 OK", JSON, QUEUE_EMPTY, NULL, false},
	  {"GET /history/", "200 OK", JSON, "{}", NULL, false}},
	 COMFY_OK,
	 PLACE_NOWHERE,
	 0,
	 ASK_JOBS ASK_QUEUE ASK_HIST ASK_QUEUE},
	{"lists: an entry that cannot be printed is there (s36)",
	 {{"GET /queue ", "200 OK", JSON, QUEUE_EMPTY, NULL, false},
	  {"GET /history/", "500 Internal Server Error", TEXT, TROUBLE, NULL,
	   false}},
	 COMFY_OK,
	 PLACE_ENDED,
	 0,
	 ASK_JOBS ASK_QUEUE ASK_HIST},
	{"lists: the queue is a page",
	 {{"GET /queue ", "200 OK", "text/html", "<h1>Hi</h1>", NULL, false}},
	 COMFY_UNCERTAIN,
	 PLACE_NOWHERE,
	 0,
	 ASK_JOBS ASK_QUEUE},
	{"lists: no queue at all",
	 {{0}},
	 COMFY_UNCERTAIN,
	 PLACE_NOWHERE,
	 0,
	 ASK_JOBS ASK_QUEUE},
	{"lists: the history is a list",
	 {{"GET /queue ", "200 OK", JSON, QUEUE_EMPTY, NULL, false},
	  {"GET /history/", "200 OK", JSON, "[]", NULL, false}},
	 COMFY_UNCERTAIN,
	 PLACE_NOWHERE,
	 0,
	 ASK_JOBS ASK_QUEUE ASK_HIST},
};

static void table_of_places(void)
{
	for (size_t i = 0; i < COUNT(places); i++) {
		enum comfy_place place = PLACE_NOWHERE;
		enum comfy_outcome o;
		struct setup t;

		start(&t, places[i].rules);
		o = comfy_where(t.client, ID, TIMEOUT, &place);
		ok(o == places[i].outcome && place == places[i].place &&
			   t.server.has_jobs_api == places[i].has_jobs_api &&
			   seen(&t, places[i].seen),
		   "where: %s", places[i].name);
		stop(&t);
	}
}

static const struct {
	const char *name;
	struct rule rule;
	enum comfy_outcome outcome;
} histories[] = {
	{"there",
	 {"GET /history/", "200 OK", JSON,
	  "{\"" ID "\": {\"prompt\": [1], \"outputs\": {\"1\": {\"value\": "
	  "[NaN, \"\\u0000\\udc00\"]}}, \"status\": {\"status_str\": "
	  "\"success\"}}}",
	  NULL, false},
	 COMFY_OK},
	{"not yet",
	 {"GET /history/", "200 OK", JSON, "{}", NULL, false},
	 COMFY_MISSING},
	{"of another",
	 {"GET /history/", "200 OK", JSON, "{\"x\": {}}", NULL, false},
	 COMFY_MISSING},
	{"null",
	 {"GET /history/", "200 OK", JSON, "{\"" ID "\": null}", NULL, false},
	 COMFY_UNCERTAIN},
	{"a list",
	 {"GET /history/", "200 OK", JSON, "[]", NULL, false},
	 COMFY_UNCERTAIN},
	{"cut off",
	 {"GET /history/", "200 OK", JSON, "{\"" ID "\": {\"outputs\"", NULL,
	  false},
	 COMFY_UNCERTAIN},
	{"no JSON",
	 {"GET /history/", "200 OK", JSON, "hello", NULL, false},
	 COMFY_UNCERTAIN},
	{"500",
	 {"GET /history/", "500 Internal Server Error", TEXT, TROUBLE, NULL,
	  false},
	 COMFY_UNCERTAIN},
	{"a length that is none",
	 {"GET /history/", NULL, NULL, NULL,
	  "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}", false},
	 COMFY_UNCERTAIN},
	{"404", {"GET /nothing", NULL, NULL, NULL, NULL, false}, COMFY_MISSING},
};

static void table_of_histories(void)
{
	for (size_t i = 0; i < COUNT(histories); i++) {
		const struct rule rules[] = {histories[i].rule, {0}};
		struct history h;
		struct arena a = {0};
		struct setup t;

		start(&t, rules);
		ok(comfy_history(t.client, ID, TIMEOUT, &a, &h) ==
			   histories[i].outcome,
		   "history: %s", histories[i].name);
		arena_finish(&a);
		stop(&t);
	}
}

/* 8 MB in one entry, as seen; and answers without an end. */
static void serve_much(struct raw *r, int fd, unsigned n, const char *request)
{
	static const char head[] =
		"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
		"{\"" ID "\": {\"status\": {\"status_str\": \"success\"}, "
		"\"outputs\": {\"1\": {\"text\": [\"";
	char *line = malloc(1 << 20);
	size_t megabytes = r->ctx != NULL ? 1000 : 8;
	bool going = true;

	(void)n;
	(void)request;
	memset(line, 'x', 1 << 20);
	if (r->ctx != NULL && strcmp(r->ctx, "headers") == 0)
		going = raw_say(fd, "HTTP/1.1 200 OK\r\nX-A: ");
	else
		going = raw_say(fd, head);
	for (size_t i = 0; i < megabytes && going; i++)
		going = raw_write(fd, line, 1 << 20);
	if (going)
		(void)raw_say(fd, "\"]}}}}");
	free(line);
}

static void large_answers(void)
{
	static const struct {
		const char *name;
		const char *mode;
		enum comfy_outcome outcome;
	} modes[] = {
		{"8 MB in one history", NULL, COMFY_OK},
		{"a body without an end", "body", COMFY_UNCERTAIN},
		{"headers without an end", "headers", COMFY_UNCERTAIN},
	};

	for (size_t i = 0; i < COUNT(modes); i++) {
		struct comfy_server server = {.name = "raw", .has_jobs_api = 0};
		struct comfy_client *c = comfy_client_create(&server);
		struct history h;
		struct arena a = {0};
		struct raw r;
		char url[64];

		raw_start(&r, serve_much, (void *)(uintptr_t)modes[i].mode);
		snprintf(url, sizeof(url), "http://127.0.0.1:%d", r.port);
		server.url = url;
		ok(comfy_history(c, ID, 60000, &a, &h) == modes[i].outcome,
		   "large: %s", modes[i].name);
		arena_finish(&a);
		comfy_client_destroy(c);
		raw_stop(&r);
	}
}

struct taken {
	struct buf bytes;
	size_t room;
};

static bool take(void *ctx, const void *bytes, size_t n)
{
	struct taken *t = ctx;

	if (t->bytes.len + n > t->room)
		return false;
	buf_add(&t->bytes, bytes, n);
	return true;
}

static const struct {
	const char *name;
	struct history_file file;
	struct rule rule;
	size_t room;
	int64_t max;
	enum comfy_outcome outcome;
	const char *body, *type, *seen;
} views[] = {
	{"a file",
	 {"a b.png", "sub dir/x", "output"},
	 {"GET /view?", "200 OK", "image/png", "bytes", NULL, false},
	 100,
	 100,
	 COMFY_OK,
	 "bytes",
	 "image/png",
	 "GET /view?filename=a%20b.png&subfolder=sub%20dir%2Fx&type=output "
	 "HTTP/1.1\n"},
	{"a hostile name is data",
	 {"../x&type=input#?%\r\nX: é", "/etc", "temp\" HTTP"},
	 {"GET /view?", "200 OK", "IMAGE/PNG; a=b", "", NULL, false},
	 100,
	 100,
	 COMFY_OK,
	 "",
	 "image/png",
	 "GET /view?filename=..%2Fx%26type%3Dinput%23%3F%25%0D%0AX%3A%20%C3%A9&"
	 "subfolder=%2Fetc&type=temp%22%20HTTP HTTP/1.1\n"},
	{"a type that is none",
	 {"a", "", "output"},
	 {"GET /view?", "200 OK", "a/b/c", "x", NULL, false},
	 100,
	 100,
	 COMFY_OK,
	 "x",
	 "",
	 NULL},
	{"gone (s03)",
	 {"a", "", "output"},
	 {"GET /view?", "404 Not Found", TEXT, "no", NULL, false},
	 100,
	 100,
	 COMFY_MISSING,
	 "",
	 NULL,
	 NULL},
	{"climbing folder (s25)",
	 {"a", "../..", "output"},
	 {"GET /view?", "403 Forbidden", TEXT, "", NULL, false},
	 100,
	 100,
	 COMFY_MISSING,
	 "",
	 NULL,
	 NULL},
	{"trouble there",
	 {"a", "", "output"},
	 {"GET /view?", "500 Internal Server Error", TEXT, TROUBLE, NULL,
	  false},
	 100,
	 100,
	 COMFY_UNCERTAIN,
	 "",
	 NULL,
	 NULL},
	{"the sink is full",
	 {"a", "", "output"},
	 {"GET /view?", "200 OK", "image/png", "bytes", NULL, false},
	 2,
	 100,
	 COMFY_LOCAL,
	 "",
	 NULL,
	 NULL},
	{"larger than allowed",
	 {"a", "", "output"},
	 {"GET /view?", "200 OK", "image/png", "bytes", NULL, false},
	 100,
	 4,
	 COMFY_LOCAL,
	 NULL,
	 NULL,
	 NULL},
	{"cut off",
	 {"a", "", "output"},
	 {"GET /view?", NULL, NULL, NULL,
	  "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbyt", false},
	 100,
	 100,
	 COMFY_UNCERTAIN,
	 NULL,
	 NULL,
	 NULL},
};

static void table_of_views(void)
{
	for (size_t i = 0; i < COUNT(views); i++) {
		const struct rule rules[] = {views[i].rule, {0}};
		struct taken taken = {.room = views[i].room};
		char type[128] = "?";
		enum comfy_outcome o;
		struct setup t;

		buf_init(&taken.bytes, 1000);
		start(&t, rules);
		o = comfy_view(t.client, &views[i].file, views[i].max, TIMEOUT,
			       take, &taken, type);
		ok(o == views[i].outcome, "view: %s", views[i].name);
		if (views[i].body != NULL)
			is_str(buf_str(&taken.bytes), views[i].body,
			       "its bytes");
		if (views[i].type != NULL)
			is_str(type, views[i].type, "its type");
		if (views[i].seen != NULL)
			ok(seen(&t, views[i].seen), "asked for by its name");
		buf_finish(&taken.bytes);
		stop(&t);
	}
}

static void a_name_too_long(void)
{
	static const struct rule rules[] = {{0}};
	static char name[20000];
	struct history_file file = {name, "", "output"};
	struct taken taken = {.room = 1};
	char type[128];
	struct setup t;

	memset(name, '/', sizeof(name) - 1);
	start(&t, rules);
	ok(comfy_view(t.client, &file, 1, TIMEOUT, take, &taken, type) ==
			   COMFY_MISSING &&
		   seen(&t, ""),
	   "view: a name longer than any is not asked for");
	stop(&t);
}

static const struct {
	const char *name;
	struct rule rules[5];
	enum comfy_outcome outcome;
	const char *seen, *last;
} cancels[] = {
	{"pending: taken out",
	 {{"POST /queue ", "200 OK", TEXT, "", NULL, false},
	  {"GET /queue ", "200 OK", JSON, QUEUE_EMPTY, NULL, false},
	  {"GET /history/", "200 OK", JSON, "{}", NULL, false}},
	 COMFY_OK,
	 "POST /queue HTTP/1.1\n" ASK_QUEUE ASK_HIST ASK_QUEUE,
	 NULL},
	{"running: interrupted by its id",
	 {{"POST /queue ", "200 OK", TEXT, "", NULL, false},
	  {"GET /queue ", "200 OK", JSON, QUEUE_RUNNING, NULL, false},
	  {"POST /interrupt ", "200 OK", TEXT, "", NULL, false}},
	 COMFY_OK,
	 "POST /queue HTTP/1.1\n" ASK_QUEUE "POST /interrupt HTTP/1.1\n",
	 "\r\n\r\n{\"prompt_id\":\"" ID "\"}"},
	{"somebody else's runs: no interrupt",
	 {{"POST /queue ", "200 OK", TEXT, "", NULL, false},
	  {"GET /queue ", "200 OK", JSON,
	   "{\"queue_running\": [[1, \"x\", {}]], \"queue_pending\": []}", NULL,
	   false},
	  {"GET /history/", "200 OK", JSON, "{}", NULL, false}},
	 COMFY_OK,
	 "POST /queue HTTP/1.1\n" ASK_QUEUE ASK_HIST ASK_QUEUE,
	 NULL},
	{"trouble there",
	 {{"POST /queue ", "500 Internal Server Error", TEXT, TROUBLE, NULL,
	   false}},
	 COMFY_UNCERTAIN,
	 "POST /queue HTTP/1.1\n",
	 "{\"delete\":[\"" ID "\"]}"},
};

static void table_of_cancels(void)
{
	for (size_t i = 0; i < COUNT(cancels); i++) {
		struct setup t;

		start(&t, cancels[i].rules);
		t.server.has_jobs_api = 0;
		ok(comfy_cancel(t.client, ID, TIMEOUT) == cancels[i].outcome &&
			   seen(&t, cancels[i].seen),
		   "cancel: %s", cancels[i].name);
		pthread_mutex_lock(&t.script.lock);
		if (cancels[i].last != NULL)
			ok(strstr(t.script.last, cancels[i].last) != NULL,
			   "its body");
		pthread_mutex_unlock(&t.script.lock);
		stop(&t);
	}
}

static void small_calls(void)
{
	static const struct rule rules[] = {
		{"POST /free ", "200 OK", TEXT, "", NULL, false},
		{"POST /history ", "200 OK", TEXT, "", NULL, false},
		{0}};
	struct setup t;

	start(&t, rules);
	ok(comfy_free(t.client, TIMEOUT) == COMFY_OK, "free");
	pthread_mutex_lock(&t.script.lock);
	ok(strstr(t.script.last, "\"free_memory\":true") != NULL,
	   "free: the cache too");
	pthread_mutex_unlock(&t.script.lock);
	ok(comfy_forget(t.client, (const char(*)[ID_SIZE])ID, 1, TIMEOUT) ==
		   COMFY_OK,
	   "forget");
	pthread_mutex_lock(&t.script.lock);
	ok(strstr(t.script.last, "{\"delete\":[\"" ID "\"]}") != NULL,
	   "forget: only ours");
	pthread_mutex_unlock(&t.script.lock);
	stop(&t);
}

#define STATS                                                                  \
	"{\"system\": {\"comfyui_version\": \"0.25.0\"}, \"devices\": "        \
	"[{\"name\": \"cpu\", \"vram_total\": 25276502016, \"vram_free\": "    \
	"24134180864}]}"

static const struct {
	const char *name;
	struct rule rules[3];
	enum comfy_outcome outcome;
	const char *version;
	int64_t running, pending, vram_free;
} probes[] = {
	{"well",
	 {{"GET /queue ", "200 OK", JSON, QUEUE_RUNNING, NULL, false},
	  {"GET /system_stats ", "200 OK", JSON, STATS, NULL, false}},
	 COMFY_OK,
	 "0.25.0",
	 1,
	 0,
	 24134180864},
	{"without figures",
	 {{"GET /queue ", "200 OK", JSON, QUEUE_PENDING, NULL, false},
	  {"GET /system_stats ", "500 Internal Server Error", TEXT, TROUBLE,
	   NULL, false}},
	 COMFY_OK,
	 "",
	 0,
	 1,
	 -1},
	{"figures of odd types",
	 {{"GET /queue ", "200 OK", JSON, QUEUE_EMPTY, NULL, false},
	  {"GET /system_stats ", "200 OK", JSON,
	   "{\"system\": {\"comfyui_version\": 7}, \"devices\": "
	   "[{\"vram_total\": -3, \"vram_free\": \"much\"}]}",
	   NULL, false}},
	 COMFY_OK,
	 "",
	 0,
	 0,
	 -1},
	{"figures that are a page",
	 {{"GET /queue ", "200 OK", JSON, QUEUE_EMPTY, NULL, false},
	  {"GET /system_stats ", "200 OK", "text/html", "<p>", NULL, false}},
	 COMFY_OK,
	 "",
	 0,
	 0,
	 -1},
	{"no ComfyUI",
	 {{"GET /queue ", "200 OK", "text/html", "<p>It works", NULL, false}},
	 COMFY_UNCERTAIN,
	 "",
	 0,
	 0,
	 -1},
};

static void table_of_probes(void)
{
	for (size_t i = 0; i < COUNT(probes); i++) {
		struct comfy_status s;
		struct setup t;

		start(&t, probes[i].rules);
		ok(comfy_probe(t.client, TIMEOUT, &s) == probes[i].outcome &&
			   s.running == probes[i].running &&
			   s.pending == probes[i].pending &&
			   s.vram_free == probes[i].vram_free &&
			   strcmp(s.version, probes[i].version) == 0,
		   "probe: %s", probes[i].name);
		stop(&t);
	}
}

static bool always(void *ctx)
{
	(void)ctx;
	return true;
}

static void waits_have_an_end(void)
{
	static const struct rule rules[] = {
		{"GET /queue ", NULL, NULL, NULL, "HTTP/1.1 200 OK\r\n", true},
		{0}};
	struct comfy_status s;
	struct setup t;

	start(&t, rules);
	ok(comfy_probe(t.client, 200, &s) == COMFY_UNCERTAIN,
	   "an answer that stops in the middle is given up");
	comfy_client_stop_when(t.client, always, NULL);
	ok(comfy_probe(t.client, 600000, &s) == COMFY_STOPPED,
	   "a call is abandoned when told");
	stop(&t);
}

static void nobody_there(void)
{
	struct comfy_server server = {.name = "gone", .has_jobs_api = -1};
	struct comfy_client *c = comfy_client_create(&server);
	struct comfy_submission s;
	struct comfy_status status;
	enum comfy_place place;
	struct arena a = {0};
	char url[64];
	int port;

	close(raw_listen(&port));
	snprintf(url, sizeof(url), "http://127.0.0.1:%d", port);
	server.url = url;
	ok(comfy_submit(c, "{}", 2, ID, "", TIMEOUT, &a, &s) ==
		   COMFY_UNREACHABLE,
	   "submit: nobody there");
	ok(s.detail[0] != '\0', "said in words");
	ok(comfy_where(c, ID, TIMEOUT, &place) == COMFY_UNREACHABLE,
	   "where: nobody there");
	ok(comfy_probe(c, TIMEOUT, &status) == COMFY_UNREACHABLE,
	   "probe: nobody there");
	ok(comfy_cancel(c, ID, TIMEOUT) == COMFY_UNREACHABLE,
	   "cancel: nobody there");
	arena_finish(&a);
	comfy_client_destroy(c);
}

int main(void)
{
	table_of_submits();
	what_is_sent();
	a_kept_connection();
	table_of_places();
	table_of_histories();
	large_answers();
	table_of_views();
	a_name_too_long();
	table_of_cancels();
	small_calls();
	table_of_probes();
	waits_have_an_end();
	nobody_there();
	return tap_done();
}
