#include "control.h"
#include "faults.h"
#include "history.h"
#include "http.h"
#include "misc.h"
#include "queue.h"
#include "upload.h"
#include "view.h"

#include <stdlib.h>
#include <string.h>

#define FRONT_TAGS                                                             \
	"Etag: \"0-0\"\r\nLast-Modified: Sun, 22 Nov 2026 04:31:52 "           \
	"GMT\r\nAccept-Ranges: bytes\r\n"

static void answer_json(struct conn *c, struct str *body)
{
	http_json(c, 200, body);
	str_free(body);
}

static void done_or_crash(struct conn *c, bool fine)
{
	if (fine)
		http_empty(c, 200);
	else
		http_crash(c);
}

static void get_prompt(struct conn *c)
{
	struct str s = {0};
	size_t n;

	pthread_mutex_lock(&c->w->lock);
	n = world_queue_len(c->w);
	pthread_mutex_unlock(&c->w->lock);
	str_printf(&s, "{\"exec_info\": {\"queue_remaining\": %zu}}", n);
	answer_json(c, &s);
}

static void post_prompt(struct conn *c)
{
	struct answer a = {0};

	queue_prompt(c->w, str_text(&c->body), c->body.len, &a);
	if (a.drop)
		http_drop(c);
	else if (a.status == 500)
		http_crash(c);
	else
		http_json(c, a.status, &a.body);
	str_free(&a.body);
}

static void get_queue(struct conn *c)
{
	struct str s = {0};

	queue_print(c->w, &s);
	answer_json(c, &s);
}

static void post_queue(struct conn *c)
{
	done_or_crash(c, queue_change(c->w, str_text(&c->body), c->body.len));
}

static void post_interrupt(struct conn *c)
{
	done_or_crash(c,
		      queue_interrupt(c->w, str_text(&c->body), c->body.len));
}

static void post_free(struct conn *c)
{
	done_or_crash(c,
		      queue_free_memory(c->w, str_text(&c->body), c->body.len));
}

static void get_history(struct conn *c)
{
	struct str s = {0};

	if (history_list(c->w, http_arg(c, "max_items"), http_arg(c, "offset"),
			 &s))
		answer_json(c, &s);
	else
		http_crash(c);
}

static void post_history(struct conn *c)
{
	done_or_crash(c, history_change(c->w, str_text(&c->body), c->body.len));
}

static void get_jobs(struct conn *c)
{
	const struct jobs_query q = {
		http_arg(c, "status"),	   http_arg(c, "limit"),
		http_arg(c, "offset"),	   http_arg(c, "sort_by"),
		http_arg(c, "sort_order"), http_arg(c, "workflow_id")};
	struct str s = {0};
	int status;

	if (!c->api || c->w->dialect < DIALECT_0_25_0) {
		http_not_found(c);
		return;
	}
	status = jobs_list(c->w, &q, &s);
	if (status == 500)
		http_crash(c);
	else
		http_json(c, status, &s);
	str_free(&s);
}

static void get_features(struct conn *c)
{
	struct str s = {0};

	misc_features(c->w, &s);
	answer_json(c, &s);
}

static void get_stats(struct conn *c)
{
	struct str s = {0};

	misc_system_stats(c->w, &s);
	answer_json(c, &s);
}

static void get_object_info(struct conn *c)
{
	struct str s = {0};

	misc_object_info(c->w, NULL, &s);
	answer_json(c, &s);
}

static void get_models(struct conn *c)
{
	struct str s = {0};

	misc_model_folders(c->w, &s);
	answer_json(c, &s);
}

static void get_empty_list(struct conn *c)
{
	struct str s = {0};

	str_puts(&s, "[]");
	answer_json(c, &s);
}

static void get_empty_object(struct conn *c)
{
	struct str s = {0};

	str_puts(&s, "{}");
	answer_json(c, &s);
}

static void get_users(struct conn *c)
{
	struct str s = {0};

	str_puts(&s, "{\"storage\": \"server\", \"migrated\": false}");
	answer_json(c, &s);
}

static void get_front(struct conn *c)
{
	static const char page[] = "<!doctype html><title>stand-in for "
				   "ComfyUI</title>\n";

	http_answer(c, 200,
		    c->w->dialect >= DIALECT_0_25_0
			    ? "Cache-Control: no-store, must-revalidate\r\n"
			      "Pragma: no-cache\r\nExpires: 0\r\n"
			      "Content-Type: text/html\r\n" FRONT_TAGS
			    : "Cache-Control: no-cache\r\n"
			      "Pragma: no-cache\r\nExpires: 0\r\n"
			      "Content-Type: text/html\r\n" FRONT_TAGS,
		    page, sizeof(page) - 1);
}

static void get_ws(struct conn *c)
{
	http_text(c, 400, "",
		  "No WebSocket UPGRADE hdr: None\n Can \"Upgrade\" only to "
		  "\"WebSocket\".");
}

static const struct route {
	const char *path;
	void (*get)(struct conn *c);
	void (*post)(struct conn *c);
} routes[] = {
	{"/prompt", get_prompt, post_prompt},
	{"/queue", get_queue, post_queue},
	{"/history", get_history, post_history},
	{"/interrupt", NULL, post_interrupt},
	{"/free", NULL, post_free},
	{"/view", view_file, NULL},
	{"/upload/image", NULL, upload_image},
	{"/upload/mask", NULL, upload_mask},
	{"/jobs", get_jobs, NULL},
	{"/object_info", get_object_info, NULL},
	{"/system_stats", get_stats, NULL},
	{"/features", get_features, NULL},
	{"/models", get_models, NULL},
	{"/embeddings", get_empty_list, NULL},
	{"/extensions", get_empty_list, NULL},
	{"/settings", get_empty_object, NULL},
	{"/i18n", get_empty_object, NULL},
	{"/workflow_templates", get_empty_object, NULL},
	{"/users", get_users, NULL},
	{"/ws", get_ws, NULL},
	{"/", get_front, NULL},
};

static void no_method(struct conn *c, const struct route *r)
{
	http_text(c, 405,
		  !r->post  ? "Allow: GET,HEAD\r\n"
		  : !r->get ? "Allow: POST\r\n"
			    : "Allow: GET,HEAD,POST\r\n",
		  "405: Method Not Allowed");
}

static void take_route(struct conn *c, const struct route *r)
{
	const bool get = c->method == M_GET || c->method == M_HEAD;

	if (get && r->get)
		r->get(c);
	else if (get)
		http_not_found(c);
	else if (c->method == M_POST && r->post)
		r->post(c);
	else if (c->method == M_OPTIONS)
		http_empty(c, 200);
	else
		no_method(c, r);
}

/* /history/ID and its like; false when the path is none of them */
static bool item_route(struct conn *c)
{
	static const char *const prefixes[] = {"/history/", "/object_info/",
					       "/models/", "/jobs/"};
	struct str s = {0};
	const char *item = NULL;
	size_t i;
	int status = 200;

	for (i = 0; i < 4 && !item; i++)
		if (!strncmp(c->path, prefixes[i], strlen(prefixes[i])))
			item = c->path + strlen(prefixes[i]);
	if (!item || !*item || item[strlen(item) - 1] == '/' ||
	    (i == 4 && (!c->api || c->w->dialect < DIALECT_0_25_0)))
		return false;
	if (c->method != M_GET && c->method != M_HEAD) {
		no_method(c, &(struct route){0});
		return true;
	}
	if (i == 1)
		history_one(c->w, item, &s);
	else if (i == 2)
		misc_object_info(c->w, item, &s);
	else if (i == 3)
		status = misc_models(c->w, item, &s) ? 200 : 404;
	else
		status = jobs_one(c->w, item, &s);
	if (status == 500)
		http_crash(c);
	else if (status == 404 && i == 3)
		http_empty(c, 404);
	else
		http_json(c, status, &s);
	str_free(&s);
	return true;
}

void route_request(struct conn *c)
{
	size_t i;

	if (!strncmp(c->path, "/standin/", 9)) {
		control_request(c);
		return;
	}
	for (i = 0; i < sizeof(routes) / sizeof(*routes); i++) {
		if (strcmp(routes[i].path, c->path) != 0)
			continue;
		take_route(c, &routes[i]);
		return;
	}
	if (item_route(c))
		return;
	if (c->method == M_GET || c->method == M_HEAD)
		http_not_found(c);
	else
		no_method(c, &(struct route){0});
}
