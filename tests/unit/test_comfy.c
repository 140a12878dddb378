/* The whole of comfy/ against the stand-in, in both dialects. */
#include "base/box.h"
#include "base/clock.h"
#include "base/log.h"
#include "comfy/client.h"
#include "comfy/ws.h"
#include "standin.h"
#include "tap.h"

#define TIMEOUT	    20000
#define PATIENCE_MS 20000

static const char plain[] =
	"{\"1\": {\"class_type\": \"EmptyImage\", \"inputs\": {\"width\": 8, "
	"\"height\": 8, \"batch_size\": 1, \"color\": 1}}, \"2\": "
	"{\"class_type\": \"SaveImage\", \"inputs\": {\"images\": [\"1\", 0], "
	"\"filename_prefix\": \"rec\"}}}";
/* Another content each time, so that no node is cached. */
static const char inverted[] =
	"{\"1\": {\"class_type\": \"EmptyImage\", \"inputs\": {\"width\": 8, "
	"\"height\": 8, \"batch_size\": 1, \"color\": %d}}, \"3\": "
	"{\"class_type\": \"ImageInvert\", \"inputs\": {\"image\": [\"1\", "
	"0]}}, \"2\": {\"class_type\": \"SaveImage\", \"inputs\": "
	"{\"images\": [\"3\", 0], \"filename_prefix\": \"inv\"}}}";

/* The words of one prompt's events, in order. */
struct heard {
	struct box box;
	struct ws *ws;
	char prompt_id[ID_SIZE];
	char words[4096];
	size_t ups, downs, progress;
	size_t node_count, nodes_done;
	bool ended;
};

static void on_event(void *ctx, size_t backend, const struct event *e)
{
	static const char *const names[] = {
		"status",    "start", "cached",	 "executing",
		"progress",  "done",  "success", "error",
		"interrupt", "end",   "other"};
	struct heard *h = ctx;
	size_t at;

	(void)backend;
	box_lock(&h->box);
	if (strcmp(e->prompt_id, h->prompt_id) == 0 && e->prompt_id[0] != 0) {
		at = strlen(h->words);
		if (e->kind == EVENT_PROGRESS) {
			h->progress++;
			h->node_count = e->node_count;
			h->nodes_done = e->nodes_done;
		} else {
			snprintf(h->words + at, sizeof(h->words) - at,
				 "%s%s%s ", names[e->kind],
				 e->node[0] != 0 ? ":" : "", e->node);
		}
		h->ended |= e->kind == EVENT_END;
	}
	box_wake(&h->box);
	box_unlock(&h->box);
}

static void on_state(void *ctx, size_t backend, bool up)
{
	struct heard *h = ctx;

	(void)backend;
	box_lock(&h->box);
	*(up ? &h->ups : &h->downs) += 1;
	box_wake(&h->box);
	box_unlock(&h->box);
}

struct setup {
	struct standin standin;
	struct comfy_server server;
	struct comfy_server *servers[1];
	struct comfy_client *client;
	struct heard heard;
	struct arena arena;
	const char *dialect;
	int color;
};

static void start(struct setup *t, const char *dialect, const char *const *more)
{
	struct problem why = {0};
	struct ws_options o = {.servers = t->servers,
			       .count = 1,
			       .event = on_event,
			       .state = on_state,
			       .ctx = &t->heard};

	memset(t, 0, sizeof(*t));
	t->dialect = dialect;
	standin_start(&t->standin, dialect, more);
	t->server.name = "standin";
	t->server.url = t->standin.url;
	t->server.has_jobs_api = -1;
	t->servers[0] = &t->server;
	t->client = comfy_client_create(&t->server);
	box_init(&t->heard.box);
	t->heard.ws = ws_start(&o, &why);
	if (t->heard.ws == NULL)
		exit(1);
}

static void stop(struct setup *t)
{
	ws_stop(t->heard.ws);
	comfy_client_destroy(t->client);
	standin_stop(&t->standin);
	box_finish(&t->heard.box);
	arena_finish(&t->arena);
}

static bool wait_ups(struct setup *t, size_t ups, size_t downs)
{
	int64_t until = clock_monotonic_ms() + PATIENCE_MS;
	bool there;

	box_lock(&t->heard.box);
	while ((t->heard.ups < ups || t->heard.downs < downs) &&
	       box_wait(&t->heard.box, until))
		;
	there = t->heard.ups >= ups && t->heard.downs >= downs;
	box_unlock(&t->heard.box);
	return there;
}

static bool wait_end(struct setup *t)
{
	int64_t until = clock_monotonic_ms() + PATIENCE_MS;
	bool ended;

	box_lock(&t->heard.box);
	while (!t->heard.ended && box_wait(&t->heard.box, until))
		;
	ended = t->heard.ended;
	box_unlock(&t->heard.box);
	return ended;
}

/* A prompt with a fresh id, of which the events are kept from now on. */
static enum comfy_outcome post(struct setup *t, const char *graph,
			       char id[ID_SIZE], struct comfy_submission *s)
{
	char client_id[ID_SIZE];

	id_v4(id);
	ws_client_id(t->heard.ws, 0, client_id);
	box_lock(&t->heard.box);
	memcpy(t->heard.prompt_id, id, ID_SIZE);
	t->heard.words[0] = '\0';
	t->heard.progress = 0;
	t->heard.ended = false;
	box_unlock(&t->heard.box);
	return comfy_submit(t->client, graph, strlen(graph), id, client_id,
			    TIMEOUT, &t->arena, s);
}

static enum comfy_outcome post_new(struct setup *t, char id[ID_SIZE])
{
	struct comfy_submission s;
	const char *graph =
		arena_printf(&t->arena, inverted, 1000 + t->color++);

	return post(t, graph, id, &s);
}

static bool is_at(struct setup *t, const char *id, enum comfy_place want)
{
	enum comfy_place place;

	return comfy_where(t->client, id, TIMEOUT, &place) == COMFY_OK &&
	       place == want;
}

static bool keep(void *ctx, const void *bytes, size_t n)
{
	buf_add(ctx, bytes, n);
	return true;
}

static void a_run(struct setup *t)
{
	struct comfy_submission s;
	struct comfy_status status;
	struct history h = {0};
	char id[ID_SIZE], type[128];
	struct buf bytes;

	ok(wait_ups(t, 1, 0), "%s: the socket comes up", t->dialect);
	ok(post(t, plain, id, &s) == COMFY_OK && s.error_count == 0,
	   "%s: a graph is taken", t->dialect);
	ok(wait_end(t), "%s: its end is heard", t->dialect);
	is_str(t->heard.words,
	       "start cached executing:1 executing:2 done:2 success end ",
	       "its events, in order");
	ok(t->heard.progress > 0 && t->heard.node_count == 2 &&
		   t->heard.nodes_done == 2,
	   "%s: progress is counted", t->dialect);
	ok(comfy_history(t->client, id, TIMEOUT, &t->arena, &h) == COMFY_OK &&
		   h.ending == HISTORY_SUCCESS && h.list_count == 1,
	   "%s: at the end the history is there", t->dialect);
	ok(is_at(t, id, PLACE_ENDED), "%s: it has ended", t->dialect);
	ok(t->server.has_jobs_api == (strcmp(t->dialect, "0.25.0") == 0),
	   "%s: /api/jobs is known to be there or not", t->dialect);
	buf_init(&bytes, 100000);
	ok(h.list_count == 1 && h.lists[0].file_count == 1 &&
		   comfy_view(t->client, &h.lists[0].files[0], 100000, TIMEOUT,
			      keep, &bytes, type) == COMFY_OK &&
		   bytes.len > 8 && memcmp(bytes.at, "\x89PNG", 4) == 0,
	   "%s: its file is fetched", t->dialect);
	is_str(type, "image/png", "as a PNG");
	buf_finish(&bytes);
	ok(comfy_probe(t->client, TIMEOUT, &status) == COMFY_OK &&
		   strcmp(status.version, t->dialect) == 0 &&
		   status.running == 0 && status.pending == 0 &&
		   status.vram_total > 0,
	   "%s: it is well and idle", t->dialect);
	ok(comfy_forget(t->client, (const char(*)[ID_SIZE])id, 1, TIMEOUT) ==
			   COMFY_OK &&
		   is_at(t, id, PLACE_NOWHERE),
	   "%s: forgotten", t->dialect);
	ok(comfy_history(t->client, id, TIMEOUT, &t->arena, &h) ==
		   COMFY_MISSING,
	   "%s: and without a history", t->dialect);
}

static void refusals(struct setup *t)
{
	static const struct {
		const char *name;
		const char *graph;
		enum comfy_outcome outcome;
		size_t errors;
		const char *node, *input;
	} cases[] = {
		{"an unknown class",
		 "{\"5\": {\"class_type\": \"NoSuchNode\", \"inputs\": {}}}",
		 COMFY_REJECTED, 1, "5", NULL},
		{"a value out of range",
		 "{\"1\": {\"class_type\": \"EmptyImage\", \"inputs\": "
		 "{\"width\": 0, \"height\": 8, \"batch_size\": 1, \"color\": "
		 "0}}, \"2\": {\"class_type\": \"SaveImage\", \"inputs\": "
		 "{\"images\": [\"1\", 0], \"filename_prefix\": \"x\"}}}",
		 COMFY_REJECTED, 1, "1", "width"},
		{"a link to nowhere",
		 "{\"2\": {\"class_type\": \"SaveImage\", \"inputs\": "
		 "{\"images\": [\"99\", 0], \"filename_prefix\": \"x\"}}}",
		 COMFY_REJECTED, 1, "2", NULL},
		{"no output", "{}", COMFY_REJECTED, 1, "", NULL},
		{"one output left out",
		 "{\"1\": {\"class_type\": \"EmptyImage\", \"inputs\": "
		 "{\"width\": 8, \"height\": 8, \"batch_size\": 1, \"color\": "
		 "7}}, \"2\": {\"class_type\": \"SaveImage\", \"inputs\": "
		 "{\"images\": [\"1\", 0], \"filename_prefix\": \"x\"}}, "
		 "\"8\": {\"class_type\": \"SaveImage\", \"inputs\": "
		 "{\"filename_prefix\": \"x\"}}}",
		 COMFY_OK, 1, "8", "images"},
		{"a graph that is null", "null", COMFY_UNCERTAIN, 0, NULL,
		 NULL},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct comfy_submission s;
		char id[ID_SIZE];
		enum comfy_outcome o = post(t, cases[i].graph, id, &s);
		const struct node_error *e = s.errors;

		ok(o == cases[i].outcome && s.error_count == cases[i].errors,
		   "%s: %s", t->dialect, cases[i].name);
		if (s.error_count == 0 || cases[i].errors == 0)
			continue;
		is_str(e->node, cases[i].node, "its node");
		is_str(e->input != NULL ? e->input : "",
		       cases[i].input != NULL ? cases[i].input : "",
		       "its input");
	}
	ok(standin_await(&t->standin, "idle"), "%s: idle", t->dialect);
}

static void waiting_and_running(struct setup *t)
{
	struct comfy_status status;
	struct history h;
	char first[ID_SIZE], second[ID_SIZE];

	ok(standin_fault(&t->standin, "{\"kind\": \"hang\", \"match\": "
				      "\"ImageInvert\", \"times\": 1}") &&
		   post_new(t, first) == COMFY_OK &&
		   standin_await(&t->standin, "blocked") &&
		   post_new(t, second) == COMFY_OK,
	   "%s: one blocks, one waits", t->dialect);
	ok(is_at(t, first, PLACE_RUNNING), "%s: the first runs", t->dialect);
	ok(is_at(t, second, PLACE_PENDING), "%s: the second waits", t->dialect);
	ok(comfy_probe(t->client, TIMEOUT, &status) == COMFY_OK &&
		   status.running == 1 && status.pending == 1,
	   "%s: one and one", t->dialect);
	ok(comfy_history(t->client, first, TIMEOUT, &t->arena, &h) ==
		   COMFY_MISSING,
	   "%s: no history while it runs", t->dialect);
	ok(comfy_cancel(t->client, second, TIMEOUT) == COMFY_OK &&
		   is_at(t, second, PLACE_NOWHERE),
	   "%s: what waits is taken out", t->dialect);
	ok(comfy_cancel(t->client, first, TIMEOUT) == COMFY_OK &&
		   standin_do(&t->standin, "release") &&
		   standin_await(&t->standin, "idle"),
	   "%s: what runs is interrupted", t->dialect);
	ok(comfy_history(t->client, first, TIMEOUT, &t->arena, &h) ==
			   COMFY_OK &&
		   h.ending == HISTORY_INTERRUPTED,
	   "%s: the history says so", t->dialect);
	ok(is_at(t, first, PLACE_ENDED), "%s: and it has ended", t->dialect);
	standin_clear(&t->standin);
}

/* Somebody else's run must not be hit when ours is no longer there. */
static void another_run_goes_on(struct setup *t)
{
	struct history h;
	char other[ID_SIZE], ours[ID_SIZE], state[4096];

	id_v4(ours);
	ok(standin_fault(&t->standin, "{\"kind\": \"hang\", \"match\": "
				      "\"ImageInvert\", \"times\": 1}") &&
		   post_new(t, other) == COMFY_OK &&
		   standin_await(&t->standin, "blocked") &&
		   comfy_cancel(t->client, ours, TIMEOUT) == COMFY_OK &&
		   standin_do(&t->standin, "release") &&
		   standin_await(&t->standin, "idle"),
	   "%s: ours is gone, another runs", t->dialect);
	ok(comfy_history(t->client, other, TIMEOUT, &t->arena, &h) ==
			   COMFY_OK &&
		   h.ending == HISTORY_SUCCESS,
	   "%s: the other is left alone", t->dialect);
	ok(standin_call(&t->standin, "GET", "state", NULL, state,
			sizeof(state)) == 200 &&
		   strstr(state, "\"interrupts\": 1,") != NULL,
	   "%s: only one interrupt so far", t->dialect);
	standin_clear(&t->standin);
}

static void failures(struct setup *t)
{
	static const struct {
		const char *name;
		const char *fault;
		enum history_ending ending;
	} cases[] = {
		{"a node raises",
		 "{\"kind\": \"error\", \"match\": \"ImageInvert\", "
		 "\"times\": 1}",
		 HISTORY_ERROR},
		{"out of memory",
		 "{\"kind\": \"oom\", \"match\": \"ImageInvert\", \"times\": "
		 "1}",
		 HISTORY_OUT_OF_MEMORY},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct history h;
		char id[ID_SIZE];

		ok(standin_fault(&t->standin, cases[i].fault) &&
			   post_new(t, id) == COMFY_OK && wait_end(t),
		   "%s: %s: the end is heard", t->dialect, cases[i].name);
		ok(comfy_history(t->client, id, TIMEOUT, &t->arena, &h) ==
				   COMFY_OK &&
			   h.ending == cases[i].ending &&
			   strcmp(h.error_node, "3") == 0 &&
			   strcmp(h.error_class, "ImageInvert") == 0 &&
			   h.error_type[0] != '\0',
		   "%s: %s: the history says where", t->dialect, cases[i].name);
		standin_clear(&t->standin);
	}
}

static void uncertain_submits(struct setup *t)
{
	static const struct {
		const char *name;
		const char *fault;
		enum comfy_place place;
	} cases[] = {
		{"500, queued all the same",
		 "{\"kind\": \"submit-500-queued\", \"times\": 1}",
		 PLACE_ENDED},
		{"500", "{\"kind\": \"submit-500\", \"times\": 1}",
		 PLACE_NOWHERE},
		{"no answer, queued",
		 "{\"kind\": \"submit-drop\", \"times\": 1}", PLACE_ENDED},
		{"no answer, not queued",
		 "{\"kind\": \"submit-drop\", \"mode\": \"unqueued\", "
		 "\"times\": 1}",
		 PLACE_NOWHERE},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char id[ID_SIZE];

		ok(standin_fault(&t->standin, cases[i].fault) &&
			   post_new(t, id) == COMFY_UNCERTAIN,
		   "%s: %s: uncertain", t->dialect, cases[i].name);
		ok(standin_await(&t->standin, "idle") &&
			   is_at(t, id, cases[i].place),
		   "%s: %s: asking tells", t->dialect, cases[i].name);
		standin_clear(&t->standin);
	}
}

static void spoilt_answers(struct setup *t)
{
	struct comfy_status status;
	struct history h;
	struct history_file file = {"a.png", "", "output"};
	char id[ID_SIZE], type[128];
	struct buf bytes;

	buf_init(&bytes, 100000);
	ok(post_new(t, id) == COMFY_OK && wait_end(t), "%s: a run", t->dialect);
	ok(standin_fault(&t->standin,
			 "{\"kind\": \"bad-json\", \"path\": \"/history\", "
			 "\"times\": 1}") &&
		   comfy_history(t->client, id, TIMEOUT, &t->arena, &h) ==
			   COMFY_UNCERTAIN,
	   "%s: half a history", t->dialect);
	ok(standin_fault(&t->standin,
			 "{\"kind\": \"huge-answer\", \"path\": \"/history\", "
			 "\"bytes\": 8000000, \"times\": 1}") &&
		   comfy_history(t->client, id, TIMEOUT, &t->arena, &h) ==
			   COMFY_OK,
	   "%s: a history of 8 MB", t->dialect);
	ok(standin_fault(&t->standin,
			 "{\"kind\": \"huge-answer\", \"path\": \"/history\", "
			 "\"bytes\": 70000000, \"times\": 1}") &&
		   comfy_history(t->client, id, TIMEOUT, &t->arena, &h) ==
			   COMFY_UNCERTAIN,
	   "%s: a history of 70 MB", t->dialect);
	ok(standin_fault(&t->standin,
			 "{\"kind\": \"http-500\", \"path\": \"/queue\", "
			 "\"times\": 1}") &&
		   comfy_probe(t->client, TIMEOUT, &status) == COMFY_UNCERTAIN,
	   "%s: 500 in place of a queue", t->dialect);
	ok(standin_fault(&t->standin,
			 "{\"kind\": \"http-500\", \"path\": \"/api/jobs\", "
			 "\"times\": 1}") &&
		   is_at(t, id, PLACE_ENDED),
	   "%s: 500 in place of a job: the lists tell", t->dialect);
	ok(comfy_view(t->client, &file, 100, TIMEOUT, keep, &bytes, type) ==
		   COMFY_MISSING,
	   "%s: a file that is not there", t->dialect);
	ok(standin_clear(&t->standin) &&
		   comfy_free(t->client, TIMEOUT) == COMFY_OK,
	   "%s: freed", t->dialect);
	buf_finish(&bytes);
}

static void evil_names(struct setup *t)
{
	struct history h = {0};
	char id[ID_SIZE], type[128];
	struct buf bytes;

	buf_init(&bytes, 100000);
	ok(standin_fault(&t->standin,
			 "{\"kind\": \"evil-names\", \"times\": 1}") &&
		   post_new(t, id) == COMFY_OK && wait_end(t) &&
		   comfy_history(t->client, id, TIMEOUT, &t->arena, &h) ==
			   COMFY_OK &&
		   h.list_count > 0 && h.lists[0].file_count >= 6,
	   "%s: names that mean harm are read", t->dialect);
	for (size_t i = 0; h.list_count > 0 && i < h.lists[0].file_count; i++)
		ok(comfy_view(t->client, &h.lists[0].files[i], 100000, TIMEOUT,
			      keep, &bytes, type) == COMFY_MISSING,
		   "%s: name %zu leads nowhere", t->dialect, i);
	ok(bytes.len == 0, "%s: and nothing was fetched", t->dialect);
	standin_clear(&t->standin);
	buf_finish(&bytes);
}

static void sockets(struct setup *t)
{
	char before[ID_SIZE], after[ID_SIZE], id[ID_SIZE];

	ws_client_id(t->heard.ws, 0, before);
	ok(standin_do(&t->standin, "close-sockets") && wait_ups(t, 2, 1),
	   "%s: a lost socket comes back", t->dialect);
	ws_client_id(t->heard.ws, 0, after);
	ok(id_valid(before) && id_valid(after) && strcmp(before, after) != 0,
	   "%s: with a fresh clientId", t->dialect);
	ok(post_new(t, id) == COMFY_OK && wait_end(t),
	   "%s: and the events come again", t->dialect);
}

/* Its death is heard, and asking says that nobody is there. */
static void a_crash(const char *dialect)
{
	static const char *const more[] = {"--fault", "crash,at=run", NULL};
	struct setup t;
	enum comfy_place place;
	char id[ID_SIZE], client_id[ID_SIZE];

	start(&t, dialect, more);
	ok(wait_ups(&t, 1, 0), "%s: up", dialect);
	(void)post_new(&t, id); /* it may die before it has answered */
	ok(wait_ups(&t, 1, 1), "%s: a crash is heard", dialect);
	ws_client_id(t.heard.ws, 0, client_id);
	is_str(client_id, "", "no clientId any more");
	ok(comfy_where(t.client, id, TIMEOUT, &place) == COMFY_UNREACHABLE,
	   "%s: nobody is there", dialect);
	stop(&t);
}

int main(void)
{
	static const char *const dialects[] = {"0.25.0", "0.3.64"};

	log_set_level(LOG_NONE);
	for (size_t i = 0; i < COUNT(dialects); i++) {
		struct setup t;

		start(&t, dialects[i], NULL);
		a_run(&t);
		refusals(&t);
		waiting_and_running(&t);
		another_run_goes_on(&t);
		failures(&t);
		uncertain_submits(&t);
		spoilt_answers(&t);
		evil_names(&t);
		sockets(&t);
		stop(&t);
		a_crash(dialects[i]);
	}
	return tap_done();
}
