#include "control.h"
#include "faults.h"
#include "history.h"
#include "ws.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_TIMEOUT_MS 10000

static void print_state(const struct world *w, struct str *s)
{
	const struct counters *n = &w->counters;

	str_printf(s,
		   "{\"version\": \"%s\", \"prompts\": %ld, \"accepted\": "
		   "%ld, \"finished\": %ld, \"succeeded\": %ld, \"failed\": "
		   "%ld, \"interrupted\": %ld, ",
		   w->version, n->prompts, n->accepted, n->finished,
		   n->succeeded, n->failed, n->interrupted);
	str_printf(s,
		   "\"interrupts\": %ld, \"frees\": %ld, \"uploads\": %ld, "
		   "\"slowed\": %ld, \"views\": %ld, \"histories\": "
		   "%ld, \"requests\": %ld, "
		   "\"nodes_run\": %ld, \"restarts\": %ld, ",
		   n->interrupts, n->frees, n->uploads, n->slowed, n->views,
		   n->histories, n->requests, n->nodes_run, n->restarts);
	str_printf(s,
		   "\"sockets\": %zu, \"sockets_opened\": %ld, \"pending\": "
		   "%zu, \"running\": %s, \"history\": %zu, \"blocked\": %s, "
		   "\"worker_dead\": %s, \"stalled\": %s, \"faults\": ",
		   ws_count(w), n->sockets_opened, w->pending.n,
		   w->running ? "true" : "false", w->history_count,
		   w->blocked ? "true" : "false",
		   w->worker_dead ? "true" : "false",
		   w->stalled ? "true" : "false");
	faults_print(w, s);
}

/* how often each prompt_id was taken */
static void print_ids(const struct world *w, struct str *s)
{
	const size_t n =
		w->received_count < w->keep ? w->received_count : w->keep;
	bool first = true;
	size_t i, k, times;

	str_puts(s, ", \"received\": {");
	for (i = 0; i < n && n <= 1000; i++) {
		const char *id = w->received[i].id;

		for (k = 0, times = 0; id && k < n; k++) {
			if (!w->received[k].id ||
			    strcmp(w->received[k].id, id) != 0)
				continue;
			if (k < i)
				break;
			times++;
		}
		if (!id || k < n)
			continue;
		str_puts(s, first ? "" : ", ");
		first = false;
		str_json_text(s, id);
		str_printf(s, ": %zu", times);
	}
	str_puts(s, "}}");
}

static void get_state(struct conn *c)
{
	struct str s = {0};

	pthread_mutex_lock(&c->w->lock);
	print_state(c->w, &s);
	print_ids(c->w, &s);
	pthread_mutex_unlock(&c->w->lock);
	http_json(c, 200, &s);
	str_free(&s);
}

static void print_received(const struct received *r, size_t number,
			   struct str *s)
{
	str_printf(s, "{\"n\": %zu, \"status\": %d, \"prompt_id\": ", number,
		   r->status);
	if (r->id)
		str_json_text(s, r->id);
	else
		str_puts(s, "null");
	str_puts(s, ", \"body\": ");
	str_json(s, r->body, r->len);
	str_char(s, '}');
}

/* /standin/prompts: all, oldest first; /standin/prompts/N: the bytes of one */
static void get_prompts(struct conn *c, const char *which)
{
	struct world *w = c->w;
	struct str s = {0};
	size_t n = *which ? strtoul(which, NULL, 10) : 0;
	size_t i;

	pthread_mutex_lock(&w->lock);
	i = w->received_count > w->keep ? w->received_count - w->keep : 0;
	if (*which && (n < i || n >= w->received_count)) {
		http_empty(c, 404);
	} else if (*which) {
		const struct received *r = &w->received[n % w->keep];

		str_add(&s, r->body, r->len);
	} else {
		str_char(&s, '[');
		for (n = i; i < w->received_count; i++) {
			str_puts(&s, i > n ? ", " : "");
			print_received(&w->received[i % w->keep], i, &s);
		}
		str_char(&s, ']');
	}
	pthread_mutex_unlock(&w->lock);
	if (!c->ready)
		http_answer(c, 200,
			    *which ? "Content-Type: "
				     "application/octet-stream\r\n"
				   : "Content-Type: application/json\r\n",
			    str_text(&s), s.len);
	str_free(&s);
}

static void post_fault(struct conn *c)
{
	struct jdoc *d = json_parse(str_text(&c->body), c->body.len);
	struct fault *f = NULL;
	struct str s = {0};

	pthread_mutex_lock(&c->w->lock);
	if (d)
		f = fault_add_json(c->w, json_root(d));
	pthread_mutex_unlock(&c->w->lock);
	if (f)
		str_printf(&s, "{\"id\": %llu}", (unsigned long long)f->id);
	else
		str_puts(&s, "{\"error\": \"unknown kind or setting\"}");
	http_json(c, f ? 200 : 400, &s);
	str_free(&s);
	json_free(d);
}

static void clear_faults(struct conn *c)
{
	pthread_mutex_lock(&c->w->lock);
	faults_clear(c->w);
	pthread_mutex_unlock(&c->w->lock);
	http_empty(c, 200);
}

static void release(struct conn *c)
{
	pthread_mutex_lock(&c->w->lock);
	c->w->release_count++;
	c->w->stalled = false;
	world_changed(c->w);
	pthread_mutex_unlock(&c->w->lock);
	http_empty(c, 200);
}

static void restart(struct conn *c)
{
	pthread_mutex_lock(&c->w->lock);
	world_restart(c->w);
	pthread_mutex_unlock(&c->w->lock);
	http_empty(c, 200);
}

static void wipe_input(struct conn *c)
{
	file_remove_tree(c->w->input_dir, false);
	http_empty(c, 200);
}

static void sockets(struct conn *c, bool close)
{
	pthread_mutex_lock(&c->w->lock);
	if (close)
		ws_close_all(c->w);
	else
		ws_forget_all(c->w);
	pthread_mutex_unlock(&c->w->lock);
	http_empty(c, 200);
}

static void configure(struct conn *c)
{
	struct jdoc *d = json_parse(str_text(&c->body), c->body.len);

	pthread_mutex_lock(&c->w->lock);
	if (d) {
		c->w->step_ms =
			(int)json_int(json_root(d), "step_ms", c->w->step_ms);
		c->w->max_body = (size_t)json_int(json_root(d), "max_body",
						  (int64_t)c->w->max_body);
	}
	pthread_mutex_unlock(&c->w->lock);
	json_free(d);
	http_empty(c, d ? 200 : 400);
}

/* name:N, at least N */
static bool reached(const char *event, const char *name, long value)
{
	const size_t n = strlen(name);

	return !strncmp(event, name, n) && event[n] == ':' &&
	       value >= strtol(event + n + 1, NULL, 10);
}

/* lock held */
static bool happened(struct world *w, const char *e)
{
	const struct counters *n = &w->counters;

	if (!strcmp(e, "running"))
		return w->running != NULL;
	if (!strcmp(e, "idle"))
		return !w->running && !w->pending.n;
	if (!strcmp(e, "blocked"))
		return w->blocked;
	if (!strcmp(e, "dead"))
		return w->worker_dead;
	if (!strcmp(e, "stalled"))
		return w->stalled;
	if (!strncmp(e, "node:", 5))
		return w->running && w->node_class &&
		       !strcmp(w->node_class, e + 5);
	if (!strncmp(e, "history:", 8))
		return history_has(w, e + 8);
	if (!strncmp(e, "sockets=", 8))
		return (long)ws_count(w) == strtol(e + 8, NULL, 10);
	return reached(e, "received", n->prompts) ||
	       reached(e, "accepted", n->accepted) ||
	       reached(e, "finished", n->finished) ||
	       reached(e, "succeeded", n->succeeded) ||
	       reached(e, "failed", n->failed) ||
	       reached(e, "interrupted", n->interrupted) ||
	       reached(e, "interrupts", n->interrupts) ||
	       reached(e, "frees", n->frees) ||
	       reached(e, "uploads", n->uploads) ||
	       reached(e, "slowed", n->slowed) ||
	       reached(e, "views", n->views) ||
	       reached(e, "histories", n->histories) ||
	       reached(e, "sockets", (long)ws_count(w)) ||
	       reached(e, "opened", n->sockets_opened) ||
	       reached(e, "pending", (long)w->pending.n) ||
	       reached(e, "nodes", n->nodes_run);
}

void control_forget(struct conn *c)
{
	struct conn **p;

	if (!c->await)
		return;
	pthread_mutex_lock(&c->w->lock);
	for (p = &c->w->waiters; *p && *p != c;)
		p = &(*p)->next_waiter;
	if (*p)
		*p = c->next_waiter;
	pthread_mutex_unlock(&c->w->lock);
}

void control_changed(struct world *w)
{
	struct conn *c;

	pthread_mutex_lock(&w->lock);
	for (c = w->waiters; c; c = c->next_waiter)
		if (happened(w, c->await))
			lws_callback_on_writable(c->wsi);
	pthread_mutex_unlock(&w->lock);
}

/* called anew when it may be true by now, and when the time is over */
static void await(struct conn *c)
{
	const char *event = http_arg(c, "event");
	const char *timeout = http_arg(c, "timeout");
	const long ms =
		timeout ? strtol(timeout, NULL, 10) : DEFAULT_TIMEOUT_MS;
	const bool again = c->await != NULL;
	struct str s = {0};
	bool fine;

	if (!event) {
		http_empty(c, 400);
		return;
	}
	pthread_mutex_lock(&c->w->lock);
	fine = happened(c->w, event);
	if (!fine && !again) {
		c->await = mem_text(event);
		c->next_waiter = c->w->waiters;
		c->w->waiters = c;
	}
	pthread_mutex_unlock(&c->w->lock);
	if (!fine && !again) {
		lws_set_timer_usecs(c->wsi, ms * 1000LL + 1);
		return;
	}
	if (!fine && !c->timed_out)
		return;
	control_forget(c);
	str_printf(&s, "{\"ok\": %s, \"event\": ", fine ? "true" : "false");
	str_json_text(&s, event);
	str_char(&s, '}');
	http_json(c, fine ? 200 : 408, &s);
	str_free(&s);
}

void control_request(struct conn *c)
{
	const char *path = c->path + 9;
	const bool post = c->method == M_POST;

	if (!strcmp(path, "await"))
		await(c);
	else if (!strcmp(path, "state"))
		get_state(c);
	else if (!strncmp(path, "prompts", 7))
		get_prompts(c, path[7] == '/' ? path + 8 : "");
	else if (!strcmp(path, "fault") && post)
		post_fault(c);
	else if (!strcmp(path, "fault") && c->method == M_DELETE)
		clear_faults(c);
	else if (!strcmp(path, "release") && post)
		release(c);
	else if (!strcmp(path, "restart") && post)
		restart(c);
	else if (!strcmp(path, "wipe-input") && post)
		wipe_input(c);
	else if (!strcmp(path, "close-sockets") && post)
		sockets(c, true);
	else if (!strcmp(path, "deafen-sockets") && post)
		sockets(c, false);
	else if (!strcmp(path, "config") && post)
		configure(c);
	else
		http_not_found(c);
}
