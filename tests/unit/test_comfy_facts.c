/* Facts about ComfyUI that docs/comfyui.md lists and that no other test is
 * about: what is sent to it, to the letter, and what other people do there. */
#include "base/box.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "comfy/client.h"
#include "comfy/ws.h"
#include "raw.h"
#include "run/inbox.h"
#include "standin.h"
#include "tap.h"
#include "unit/history_rig.h"

#define ID	    "35798812-da7f-4592-aff6-9ece0bd7eb1e"
#define GRAPH	    "{\"1\": {\"class_type\": \"X\", \"inputs\": {\"s\": 1.50}}}"
#define TIMEOUT	    20000
#define PATIENCE_MS 20000

/* ---- what is sent ---- */

static const char *const jobs_api =
	"HTTP/1.1 200 OK\r\nContent-Length: 25\r\nConnection: close\r\n\r\n"
	"{\"status\": \"in_progress\"}";
/* As ComfyUI says it of paths that are not there: empty and in chunks. */
static const char *const not_found =
	"HTTP/1.1 404 Not Found\r\nContent-Type: application/octet-stream\r\n"
	"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n";
static const char *const chunked_history =
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
	"Connection: close\r\n\r\n"
	"2\r\n{\"\r\n"
	"50\r\n" ID "\": {\"outputs\": {}, \"status\": {\"status_str\": \r\n"
	"c\r\n\"success\"}}}\r\n"
	"0\r\n\r\n";

static const struct {
	const char *starts, *body; /* NULL: the history or /api/jobs */
} answers[] = {
	{"POST /prompt ", "{\"prompt_id\": \"" ID "\", \"node_errors\": {}}"},
	{"GET /queue ", "{\"queue_running\": [[1, \"" ID "\", {}, {}, []]], "
			"\"queue_pending\": []}"},
	{"GET /system_stats ", "{}"},
	{"GET /view?", "bytes"},
	{"POST /", ""},
};

struct recorded {
	const char *jobs; /* what /api/jobs/ID says */
	pthread_mutex_t lock;
	struct buf lines;   /* request line and body, a line each */
	struct buf headers; /* names of all headers, a line each */
	unsigned count;
};

static void note_headers(struct recorded *t, const char *request)
{
	const char *at = strstr(request, "\r\n") + 2;

	while (strncmp(at, "\r\n", 2) != 0) {
		buf_add(&t->headers, at, strcspn(at, ":"));
		buf_addc(&t->headers, '\n');
		at = strstr(at, "\r\n") + 2;
	}
}

static void serve(struct raw *r, int fd, unsigned n, const char *request)
{
	struct recorded *t = r->ctx;

	(void)n;
	pthread_mutex_lock(&t->lock);
	t->count++;
	buf_add(&t->lines, request, strcspn(request, "\r"));
	buf_addf(&t->lines, " %s\n", strstr(request, "\r\n\r\n") + 4);
	note_headers(t, request);
	pthread_mutex_unlock(&t->lock);
	if (strncmp(request, "GET /api/jobs/", 14) == 0) {
		(void)raw_say(fd, t->jobs);
		return;
	}
	if (strncmp(request, "GET /history/", 13) == 0) {
		(void)raw_say(fd, chunked_history);
		return;
	}
	for (size_t i = 0; i < COUNT(answers); i++) {
		if (strncmp(request, answers[i].starts,
			    strlen(answers[i].starts)) == 0) {
			raw_answer(fd, "200 OK", "application/json",
				   answers[i].body);
			return;
		}
	}
	(void)raw_say(fd, not_found);
}

static bool keep(void *ctx, const void *bytes, size_t n)
{
	buf_add(ctx, bytes, n);
	return true;
}

/* Every call there is, once. */
static bool call_all(struct comfy_client *c)
{
	static const struct history_file file = {"a+b_00001_.png", "",
						 "output"};
	enum comfy_place place = PLACE_NOWHERE;
	struct comfy_submission s;
	struct comfy_status status;
	struct arena a = {0};
	struct history h;
	struct buf bytes;
	char type[128];
	bool fine;

	buf_init(&bytes, 100);
	fine = comfy_submit(c, GRAPH, strlen(GRAPH), ID, "me", TIMEOUT, &a,
			    &s) == COMFY_OK &&
	       comfy_where(c, ID, TIMEOUT, &place) == COMFY_OK &&
	       place == PLACE_RUNNING &&
	       comfy_history(c, ID, TIMEOUT, &a, &h) == COMFY_OK &&
	       comfy_view(c, &file, 100, TIMEOUT, keep, &bytes, type) ==
		       COMFY_OK &&
	       comfy_cancel(c, ID, TIMEOUT) == COMFY_OK &&
	       comfy_free(c, TIMEOUT) == COMFY_OK &&
	       comfy_forget(c, (const char(*)[ID_SIZE])ID, 1, TIMEOUT) ==
		       COMFY_OK &&
	       comfy_probe(c, TIMEOUT, &status) == COMFY_OK;
	buf_finish(&bytes);
	arena_finish(&a);
	return fine;
}

#define SENT(where)                                                            \
	"POST /prompt HTTP/1.1 {\"prompt\":" GRAPH ",\"client_id\":\"me\","    \
	"\"prompt_id\":\"" ID "\"}\n" where "GET /history/" ID " HTTP/1.1 \n"  \
	"GET /view?filename=a%2Bb_00001_.png&subfolder=&type=output HTTP/1.1 " \
	"\n"                                                                   \
	"POST /queue HTTP/1.1 {\"delete\":[\"" ID "\"]}\n"

#define SENT_THEN                                                              \
	"POST /interrupt HTTP/1.1 {\"prompt_id\":\"" ID "\"}\n"                \
	"POST /free HTTP/1.1 {\"unload_models\":true,\"free_memory\":true}\n"  \
	"POST /history HTTP/1.1 {\"delete\":[\"" ID "\"]}\n"                   \
	"GET /queue HTTP/1.1 \nGET /system_stats HTTP/1.1 \n"

#define ASK_JOBS  "GET /api/jobs/" ID " HTTP/1.1 \n"
#define ASK_QUEUE "GET /queue HTTP/1.1 \n"

static bool only_plain(const char *names)
{
	static const char allowed[] = "\nHost\nUser-Agent\nAccept\n"
				      "Content-Type\nContent-Length\n";
	char line[64];
	bool plain = true;

	for (; *names != '\0'; names = strchr(names, '\n') + 1) {
		(void)snprintf(line, sizeof(line), "\n%.*s\n",
			       (int)strcspn(names, "\n"), names);
		if (strstr(allowed, line) == NULL) {
			fprintf(stderr, "# header %s", line + 1);
			plain = false;
		}
	}
	return plain;
}

static void what_is_sent(const char *jobs, const char *lines, const char *what)
{
	struct comfy_server server = {.name = "raw", .has_jobs_api = -1};
	struct comfy_client *c = comfy_client_create(&server);
	struct recorded t = {.jobs = jobs};
	struct raw r;
	char url[64];

	pthread_mutex_init(&t.lock, NULL);
	buf_init(&t.lines, 65536);
	buf_init(&t.headers, 65536);
	raw_start(&r, serve, &t);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d", r.port);
	server.url = url;
	printf("# %s\n", what);
	ok(call_all(c), "every call there is");
	comfy_client_destroy(c);
	raw_stop(&r);
	is_str(buf_str(&t.lines), lines, "every request, to the letter");
	ok(t.count >= 10 && only_plain(buf_str(&t.headers)),
	   "no header but the plain five");
	buf_finish(&t.lines);
	buf_finish(&t.headers);
	pthread_mutex_destroy(&t.lock);
}

/* ---- others on the same server ---- */

/* Counted by prompt; the events thread writes, under the lock. */
struct counts {
	char id[ID_SIZE];
	unsigned progress, ends, others;
	struct inbox inbox; /* of our two */
	unsigned taken;
	bool stray; /* the inbox took what is not its own, or left its own */
};

enum { STRANGER, NEIGHBOUR, FIRST, SECOND, PROMPTS };

struct hall {
	struct standin standin;
	struct comfy_server server;
	struct comfy_server *servers[1];
	struct comfy_client *client;
	struct ws *ws;
	struct box box;
	struct counts of[PROMPTS];
	bool up;
	struct arena arena;
};

static void on_event(void *ctx, size_t backend, const struct event *e)
{
	struct hall *t = ctx;

	(void)backend;
	box_lock(&t->box);
	for (size_t i = 0; i < PROMPTS; i++) {
		struct counts *n = &t->of[i];
		bool its = strcmp(n->id, e->prompt_id) == 0;

		if (its && e->kind == EVENT_PROGRESS)
			n->progress++;
		else if (its && e->kind == EVENT_END)
			n->ends++;
		else if (its)
			n->others++;
		if (i >= FIRST && inbox_event(&n->inbox, e) != its)
			n->stray = true;
		n->taken += its ? 1 : 0;
	}
	box_wake(&t->box);
	box_unlock(&t->box);
}

static void on_state(void *ctx, size_t backend, bool up)
{
	struct hall *t = ctx;

	(void)backend;
	box_lock(&t->box);
	t->up = up;
	box_wake(&t->box);
	box_unlock(&t->box);
}

static void hall_open(struct hall *t, const char *dialect)
{
	struct problem why = {0};
	struct ws_options o = {.servers = t->servers,
			       .count = 1,
			       .event = on_event,
			       .state = on_state,
			       .ctx = t};

	memset(t, 0, sizeof(*t));
	standin_start(&t->standin, dialect, NULL);
	t->server.name = "standin";
	t->server.url = t->standin.url;
	t->server.has_jobs_api = -1;
	t->servers[0] = &t->server;
	t->client = comfy_client_create(&t->server);
	box_init(&t->box);
	for (size_t i = 0; i < PROMPTS; i++) {
		id_v4(t->of[i].id);
		inbox_init(&t->of[i].inbox);
		inbox_open(&t->of[i].inbox, "job", t->of[i].id);
	}
	t->ws = ws_start(&o, &why);
	if (t->ws == NULL)
		exit(1);
}

static void hall_close(struct hall *t)
{
	ws_stop(t->ws);
	comfy_client_destroy(t->client);
	standin_stop(&t->standin);
	for (size_t i = 0; i < PROMPTS; i++)
		inbox_finish(&t->of[i].inbox);
	box_finish(&t->box);
	arena_finish(&t->arena);
}

static bool await_up(struct hall *t)
{
	int64_t until = clock_monotonic_ms() + PATIENCE_MS;
	bool up;

	box_lock(&t->box);
	while (!t->up && box_wait(&t->box, until))
		;
	up = t->up;
	box_unlock(&t->box);
	return up;
}

static bool await_ends(struct hall *t)
{
	int64_t until = clock_monotonic_ms() + PATIENCE_MS;
	bool ended;

	box_lock(&t->box);
	while ((t->of[FIRST].ends == 0 || t->of[SECOND].ends == 0) &&
	       box_wait(&t->box, until))
		;
	ended = t->of[FIRST].ends > 0 && t->of[SECOND].ends > 0;
	box_unlock(&t->box);
	return ended;
}

/* EmptyImage, inverted and saved; not cached, as the size is its own. */
static const char *graph(struct hall *t, int width, const char *prefix)
{
	return arena_printf(
		&t->arena,
		"{\"1\": {\"class_type\": \"EmptyImage\", \"inputs\": "
		"{\"width\": %d, \"height\": 8, \"batch_size\": 1, \"color\": "
		"1}}, \"3\": {\"class_type\": \"ImageInvert\", \"inputs\": "
		"{\"image\": [\"1\", 0]}}, \"2\": {\"class_type\": "
		"\"SaveImage\", \"inputs\": {\"images\": [\"3\", 0], "
		"\"filename_prefix\": \"%s\"}}}",
		width, prefix);
}

/* As other people post; more: members behind the graph. */
static int post_theirs(struct hall *t, int width, const char *id,
		       const char *more)
{
	const char *body = arena_printf(
		&t->arena, "{\"prompt\": %s, \"prompt_id\": \"%s\"%s}",
		graph(t, width, "theirs"), id, more);
	char url[96];
	struct web_call call = {.method = "POST",
				.url = url,
				.content_type = "application/json",
				.body = body,
				.body_len = strlen(body),
				.timeout_ms = TIMEOUT,
				.max_bytes = 1 << 20};
	struct web_answer answer;
	int status;

	snprintf(url, sizeof(url), "%s/prompt", t->standin.url);
	(void)web_do(t->standin.web, &call, &answer);
	status = answer.status;
	web_answer_finish(&answer);
	return status;
}

static bool post_ours(struct hall *t, int width, const char *prefix,
		      const char id[ID_SIZE])
{
	const char *text = graph(t, width, prefix);
	struct comfy_submission s;
	char client_id[ID_SIZE];

	ws_client_id(t->ws, 0, client_id);
	return id_valid(client_id) &&
	       comfy_submit(t->client, text, strlen(text), id, client_id,
			    TIMEOUT, &t->arena, &s) == COMFY_OK;
}

static void others(struct hall *t)
{
	const struct counts *n = t->of;

	ok(await_up(t), "the socket is up");
	ok(post_theirs(t, 16, n[STRANGER].id, "") == 200 &&
		   post_theirs(t, 24, n[NEIGHBOUR].id,
			       ", \"client_id\": \"neighbour\"") == 200 &&
		   post_ours(t, 32, "ours", n[FIRST].id) &&
		   post_ours(t, 40, "ours", n[SECOND].id),
	   "a stranger, a neighbour, and two of ours");
	ok(await_ends(t), "both of ours end");
	/* One socket keeps the order, so all that came before is here, too. */
	box_lock(&t->box);
	ok(n[STRANGER].progress > 0 && n[STRANGER].ends == 0 &&
		   n[STRANGER].others == 0,
	   "of a prompt without clientId only the progress is heard");
	ok(n[NEIGHBOUR].taken == 0, "of another client's nothing");
	ok(n[FIRST].ends == 1 && n[SECOND].ends == 1 &&
		   n[FIRST].others == n[SECOND].others &&
		   n[FIRST].progress > 0 && n[SECOND].progress > 0,
	   "each of ours has its own events and one end");
	ok(!n[FIRST].stray && !n[SECOND].stray,
	   "each slot takes its own prompt's events and no others");
	box_unlock(&t->box);
}

/* After a reconnect ComfyUI names no prompt (recording s20). */
static void no_prompt_id(void)
{
	struct event e = {.kind = EVENT_EXECUTING, .prompt_id = ""};
	struct inbox in;

	e.node = "2";
	inbox_init(&in);
	ok(!inbox_event(&in, &e), "an idle slot takes no event without an id");
	inbox_open(&in, "job", ID);
	ok(!inbox_event(&in, &e), "nor does a busy one");
	e.prompt_id = ID;
	ok(inbox_event(&in, &e), "with the id it does");
	inbox_finish(&in);
}

static int get_status(struct hall *t, const char *path)
{
	char url[128];
	struct web_call call = {.method = "GET",
				.url = url,
				.timeout_ms = TIMEOUT,
				.max_bytes = 1 << 20};
	struct web_answer answer;
	int status;

	snprintf(url, sizeof(url), "%s%s", t->standin.url, path);
	(void)web_do(t->standin.web, &call, &answer);
	status = answer.status;
	web_answer_finish(&answer);
	return status;
}

/* One odd prompt of anybody breaks the list of all (recording s39). */
static void a_broken_list(struct hall *t, bool has_jobs)
{
	enum comfy_place ours = PLACE_NOWHERE, theirs = PLACE_NOWHERE;
	char id[ID_SIZE];

	id_v4(id);
	ok(post_theirs(t, 48, id,
		       ", \"extra_data\": {\"extra_pnginfo\": null}"
		       ", \"client_id\": \"neighbour\"") == 200 &&
		   standin_await(&t->standin, "idle") &&
		   get_status(t, "/api/jobs") == (has_jobs ? 500 : 404),
	   "somebody has broken the list of all jobs");
	ok(comfy_where(t->client, t->of[FIRST].id, TIMEOUT, &ours) ==
			   COMFY_OK &&
		   ours == PLACE_ENDED,
	   "ours is found all the same");
	ok(comfy_where(t->client, id, TIMEOUT, &theirs) == COMFY_OK &&
		   theirs == PLACE_ENDED,
	   "and so is the one that broke it");
}

static int64_t png_width(const struct buf *b)
{
	const unsigned char *p = (const unsigned char *)b->at;

	if (b->len < 24 || memcmp(p, "\x89PNG\r\n\x1a\n", 8) != 0)
		return -1;
	return ((int64_t)p[16] << 24) | (p[17] << 16) | (p[18] << 8) | p[19];
}

/* The width of the one picture of a run; -1 when there is none. */
static int64_t fetched_width(struct hall *t, const char *id)
{
	const char *event = arena_printf(&t->arena, "history:%s", id);
	char type[128];
	struct history h = {0};
	struct buf bytes;
	int64_t width = -1;

	buf_init(&bytes, 100000);
	if (standin_await(&t->standin, event) &&
	    comfy_history(t->client, id, TIMEOUT, &t->arena, &h) == COMFY_OK &&
	    h.list_count == 1 && h.lists[0].file_count == 1 &&
	    comfy_view(t->client, &h.lists[0].files[0], 100000, TIMEOUT, keep,
		       &bytes, type) == COMFY_OK)
		width = png_width(&bytes);
	buf_finish(&bytes);
	return width;
}

/* Names with everything that means something in a query, and one name in two
 * folders (recordings s25, s34). */
static void odd_names(struct hall *t)
{
	static const char *const prefixes[] = {
		"q\\\"u o&t#e%41+;=\xe6\x96\x87",
		"sub d\xc3\xa9/q\\\"u o&t#e%41+;=\xe6\x96\x87",
		"sub d\xc3\xa9/&type=temp/q\\\"u o&t#e%41+;=\xe6\x96\x87",
		"%2e%2e%2fx?y",
	};
	char ids[COUNT(prefixes)][ID_SIZE];

	for (size_t i = 0; i < COUNT(prefixes); i++) {
		id_v4(ids[i]);
		ok(post_ours(t, 64 + 8 * (int)i, prefixes[i], ids[i]),
		   "an odd name: posted");
	}
	for (size_t i = 0; i < COUNT(prefixes); i++)
		ok(fetched_width(t, ids[i]) == 64 + 8 * (int64_t)i,
		   "an odd name: its own picture is fetched");
}

/* ---- what nodes report ---- */

#define OUTPUT(node)                                                           \
	"{\"outputs\": {\"2\": " node "}, \"status\": {"                       \
	"\"status_str\": \"success\"}}"

static const struct {
	const char *name, *text, *key, *file, *folder;
	size_t lists;
} reports[] = {
	{"audio as 0.3.64 names it",
	 OUTPUT("{\"audio\": [{\"filename\": \"rec_00003_.flac\", "
		"\"subfolder\": \"audio\", \"type\": \"output\"}]}"),
	 "audio", "rec_00003_.flac", "audio", 1},
	{"audio as 0.25.0 names it",
	 OUTPUT("{\"audio\": [{\"filename\": \"rec_00001.flac\", "
		"\"subfolder\": \"audio\", \"type\": \"output\"}]}"),
	 "audio", "rec_00001.flac", "audio", 1},
	{"a video under images, with animated",
	 OUTPUT("{\"images\": [{\"filename\": \"rec_00001_.mp4\", "
		"\"subfolder\": \"video\", \"type\": \"output\"}], "
		"\"animated\": [true]}"),
	 "images", "rec_00001_.mp4", "video", 2},
	{"a latent",
	 OUTPUT("{\"latents\": [{\"filename\": \"rec_00001_.latent\", "
		"\"subfolder\": \"latents\", \"type\": \"output\"}]}"),
	 "latents", "rec_00001_.latent", "latents", 1},
	{"a file with more members than are known",
	 OUTPUT("{\"images\": [{\"asset\": {\"id\": \"x\", \"filename\": "
		"\"no\"}, \"filename\": \"a.png\", \"subfolder\": \"\", "
		"\"type\": \"output\", \"hash\": \"blake3:00\"}]}"),
	 "images", "a.png", "", 1},
};

static void what_nodes_report(void)
{
	for (size_t i = 0; i < COUNT(reports); i++) {
		const char *text = reports[i].text;
		struct problem why = {0};
		struct arena a = {0};
		struct history h = {0};
		bool read = history_of(text, &a, &h, &why);
		const struct history_file *f =
			read && h.list_count == reports[i].lists &&
					h.lists[0].file_count == 1
				? h.lists[0].files
				: NULL;

		ok(f != NULL && strcmp(h.lists[0].key, reports[i].key) == 0 &&
			   strcmp(f->filename, reports[i].file) == 0 &&
			   strcmp(f->subfolder, reports[i].folder) == 0 &&
			   (h.list_count == 1 || h.lists[1].file_count == 0),
		   "%s", reports[i].name);
		arena_finish(&a);
	}
}

int main(void)
{
	static const char *const dialects[] = {"0.25.0", "0.3.64"};

	log_set_level(LOG_NONE);
	what_is_sent(jobs_api, SENT(ASK_JOBS) ASK_JOBS SENT_THEN,
		     "with /api/jobs");
	what_is_sent(not_found, SENT(ASK_JOBS ASK_QUEUE) ASK_QUEUE SENT_THEN,
		     "without /api/jobs");
	no_prompt_id();
	what_nodes_report();
	for (size_t i = 0; i < COUNT(dialects); i++) {
		struct hall t;

		printf("# %s\n", dialects[i]);
		hall_open(&t, dialects[i]);
		others(&t);
		a_broken_list(&t, i == 0);
		odd_names(&t);
		hall_close(&t);
	}
	return tap_done();
}
