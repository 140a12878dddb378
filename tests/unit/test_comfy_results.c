/* Histories and files, from a server that answers anything. */
#include "comfy_rig.h"

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

int main(void)
{
	table_of_histories();
	large_answers();
	table_of_views();
	a_name_too_long();
	return tap_done();
}
