/* The HTTP calls against a server that answers anything. */
#include "comfy_rig.h"

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
	table_of_cancels();
	small_calls();
	table_of_probes();
	waits_have_an_end();
	nobody_there();
	return tap_done();
}
