#include "queue.h"
#include "coerce.h"
#include "faults.h"
#include "heap.h"
#include "image.h"
#include "validate.h"
#include "ws.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const secret_keys[] = {"auth_token_comfy_org",
					  "api_key_comfy_org"};

/* number and front; false for what float() refuses */
static bool read_number(struct world *w, struct jdoc *doc,
			const struct jv *root, struct job *j)
{
	struct jv *n = json_get(root, "number");
	const struct jv *front = json_get(root, "front");
	struct str text = {0}, why = {0};
	char buf[32];
	bool fine = true;

	if (n) {
		fine = coerce(doc, n, "FLOAT", &why);
		if (fine)
			json_repr(&text, n);
		j->order = fine ? strtod(n->text, NULL) : 0;
	} else {
		j->order = (double)w->next_number++;
		if (front && json_truth(front))
			j->order = -j->order;
		snprintf(buf, sizeof(buf), "%.0f", j->order);
		str_puts(&text, strcmp(buf, "-0") ? buf : "0");
	}
	j->number = mem_text(str_text(&text));
	str_free(&text);
	str_free(&why);
	return fine;
}

static bool read_id(struct world *w, const struct jv *root, struct job *j)
{
	const struct jv *v = json_get(root, "prompt_id");
	const bool old = w->dialect < DIALECT_0_25_0;
	struct str text = {0};
	char id[37];

	if (!v || (!old && v->type == J_NULL)) {
		uuid_make(id);
		j->id = mem_text(id);
		return true;
	}
	json_str(&text, v);
	j->id = mem_text(str_text(&text));
	str_free(&text);
	return old || (v->type == J_STR && uuid_canonical(v->text, v->len));
}

static bool is_secret(const char *key)
{
	return !strcmp(key, secret_keys[0]) || !strcmp(key, secret_keys[1]);
}

static void print_extra(const struct world *w, const struct jv *extra,
			const struct jv *client, const struct job *j,
			struct str *s)
{
	const bool new = w->dialect >= DIALECT_0_25_0;
	const struct jv *m;

	str_char(s, '{');
	for (m = extra ? extra->child : NULL; m; m = m->next) {
		if ((client && !strcmp(m->key, "client_id")) ||
		    (new &&is_secret(m->key)))
			continue;
		str_puts(s, s->len > 1 ? ", " : "");
		str_json_text(s, m->key);
		str_puts(s, ": ");
		json_dump(s, m);
	}
	if (client) {
		str_puts(s, s->len > 1 ? ", " : "");
		str_puts(s, "\"client_id\": ");
		json_dump(s, client);
	}
	if (new) {
		str_puts(s, s->len > 1 ? ", " : "");
		str_printf(s, "\"create_time\": %lld",
			   (long long)j->create_time);
	}
	str_char(s, '}');
}

void queue_hide_secrets(struct job *j)
{
	struct jdoc *d =
		strstr(j->extra_text, "_comfy_org")
			? json_parse(j->extra_text, strlen(j->extra_text))
			: NULL;
	const struct jv *m;
	struct str s = {0};

	if (!d)
		return;
	str_char(&s, '{');
	for (m = json_root(d)->child; m; m = m->next) {
		if (is_secret(m->key))
			continue;
		str_puts(&s, s.len > 1 ? ", " : "");
		str_json_text(&s, m->key);
		str_puts(&s, ": ");
		json_dump(&s, m);
	}
	str_char(&s, '}');
	json_free(d);
	free(j->extra_text);
	j->extra_text = s.p;
}

/* what SaveImage writes into every PNG of this prompt */
static void make_pnginfo(struct job *j, const struct jv *extra)
{
	const struct jv *info = json_get(extra, "extra_pnginfo"), *m;
	struct str chunks = {0}, text = {0};

	png_text(&chunks, "Software",
		 "comfygate stand-in for ComfyUI: not a real result");
	png_text(&chunks, "prompt", j->prompt_text);
	for (m = info && info->type == J_OBJ ? info->child : NULL; m;
	     m = m->next) {
		str_clear(&text);
		json_dump(&text, m);
		if (*m->key && strlen(m->key) < 80)
			png_text(&chunks, m->key, text.p);
	}
	j->pnginfo_text = chunks.p;
	j->pnginfo_len = chunks.len;
	str_free(&text);
}

/* false when extra_data is of a kind that breaks the real one */
static bool read_extra(struct world *w, const struct jv *root, struct job *j)
{
	const struct jv *extra = json_get(root, "extra_data");
	const struct jv *client = json_get(root, "client_id");
	const struct jv *info = json_get(extra, "extra_pnginfo");
	const struct jv *who = client ? client : json_get(extra, "client_id");
	const char *id = json_text(json_get(info, "workflow"), "id");
	struct str s = {0};

	if (extra && extra->type != J_OBJ)
		return false;
	/* The real one takes milliseconds for a prompt: no two are alike. */
	j->create_time = clock_ms();
	if (j->create_time <= w->last_create_time)
		j->create_time = w->last_create_time + 1;
	w->last_create_time = j->create_time;
	print_extra(w, extra, client, j, &s);
	j->extra_text = s.p;
	j->client_null = !who || who->type == J_NULL;
	if (who && who->type == J_STR)
		j->client_id = mem_text(who->text);
	j->workflow_id = id ? mem_text(id) : NULL;
	j->pnginfo_null = info && info->type == J_NULL;
	s = (struct str){0};
	json_dump(&s, j->graph);
	j->prompt_text = s.p;
	make_pnginfo(j, extra);
	return true;
}

static void refuse(struct answer *out, int status, const char *error,
		   const char *node_errors)
{
	out->status = status;
	str_printf(&out->body, "{\"error\": %s, \"node_errors\": %s}", error,
		   node_errors);
}

static void no_prompt(struct answer *out)
{
	refuse(out, 400,
	       "{\"type\": \"no_prompt\", \"message\": \"No prompt "
	       "provided\", \"details\": \"No prompt provided\", "
	       "\"extra_info\": {}}",
	       "{}");
}

static void bad_id(struct answer *out)
{
	refuse(out, 400,
	       "{\"type\": \"invalid_prompt_id\", \"message\": \"prompt_id "
	       "must be a valid UUID\", \"details\": \"prompt_id must be a "
	       "UUID string in canonical lowercase hyphenated form; omit it "
	       "to let the server generate one\", \"extra_info\": {}}",
	       "{}");
}

/* lock held; gives the job away */
static void enqueue(struct world *w, struct job *j, struct answer *out,
		    const struct verdict *v)
{
	const struct fault *f;

	w->counters.accepted++;
	str_printf(&out->body, "{\"prompt_id\": ");
	str_json_text(&out->body, j->id);
	str_printf(&out->body, ", \"number\": %s, \"node_errors\": %s}",
		   j->number, v->node_errors.p);
	f = fault_for_prompt(w, "lose-events", j, NULL);
	if (f)
		j->lose = mem_text(f->events ? f->events : "all");
	if (fault_for_prompt(w, "submit-500-queued", j, NULL))
		out->status = 500;
	f = fault_for_prompt(w, "submit-drop", j, NULL);
	out->drop = f != NULL;
	if (f && f->mode && !strcmp(f->mode, "unqueued")) {
		job_free(j);
		return;
	}
	faults_moment(w, "submit", NULL, j, NULL);
	if (!heap_push(&w->pending, j))
		out->status = 500;
	ws_send_status(w);
	world_changed(w);
}

static void judge(struct world *w, struct jdoc *doc, struct job *j,
		  struct answer *out)
{
	struct jv *root = json_root(doc);
	struct verdict v;

	validate_prompt(w, doc, j->graph,
			json_get(root, "partial_execution_targets"), &v);
	if (v.crashed || !read_extra(w, root, j)) {
		out->status = 500;
		job_free(j);
	} else if (!v.ok) {
		refuse(out, 400, v.error.p, v.node_errors.p);
		job_free(j);
	} else {
		j->targets = v.good;
		memset(&v.good, 0, sizeof(v.good));
		pthread_mutex_lock(&w->lock);
		enqueue(w, j, out, &v);
		pthread_mutex_unlock(&w->lock);
	}
	verdict_finish(&v);
}

static void take_prompt(struct world *w, struct jdoc *doc, struct answer *out)
{
	struct jv *root = json_root(doc);
	struct job *j;
	bool fine;

	if (root->type == J_ARR || root->type == J_STR) {
		json_free(doc);
		no_prompt(out);
		return;
	}
	if (root->type != J_OBJ) {
		json_free(doc);
		out->status = 500;
		return;
	}
	j = mem_zero(sizeof(*j));
	j->doc = doc;
	pthread_mutex_lock(&w->lock);
	fine = read_number(w, doc, root, j);
	pthread_mutex_unlock(&w->lock);
	j->graph = json_get(root, "prompt");
	if (!fine) {
		out->status = 500;
	} else if (!j->graph) {
		no_prompt(out);
	} else if (!read_id(w, root, j)) {
		bad_id(out);
	} else {
		judge(w, doc, j, out);
		return;
	}
	job_free(j);
}

static void remember(struct world *w, const char *body, size_t len,
		     const struct answer *a)
{
	struct received *r;
	struct jdoc *d =
		a->body.len ? json_parse(a->body.p, a->body.len) : NULL;
	const char *id = d ? json_text(json_root(d), "prompt_id") : NULL;

	pthread_mutex_lock(&w->lock);
	r = &w->received[w->received_count++ % w->keep];
	free(r->id);
	free(r->body);
	r->id = id ? mem_text(id) : NULL;
	r->status = a->status;
	r->body = mem_copy(body, len);
	r->len = len;
	w->counters.prompts++;
	world_changed(w);
	pthread_mutex_unlock(&w->lock);
	json_free(d);
}

void queue_prompt(struct world *w, const char *body, size_t len,
		  struct answer *out)
{
	struct jdoc *doc = json_parse(body, len);
	const struct fault *f;

	out->status = doc ? 200 : 500;
	pthread_mutex_lock(&w->lock);
	faults_moment(w, "arrive", NULL, NULL, NULL);
	f = fault_for_prompt(w, "submit-500", NULL, body);
	if (f)
		out->status = f->status ? f->status : 500;
	pthread_mutex_unlock(&w->lock);
	if (doc && !f)
		take_prompt(w, doc, out);
	else
		json_free(doc);
	remember(w, body, len, out);
}

void queue_print_job(const struct job *j, struct str *out)
{
	size_t i;

	str_printf(out, "[%s, ", j->number);
	str_json_text(out, j->id);
	str_puts(out, ", ");
	str_puts(out, j->prompt_text);
	str_puts(out, ", ");
	str_puts(out, j->extra_text);
	str_puts(out, ", [");
	for (i = 0; i < j->targets.n; i++) {
		str_puts(out, i ? ", " : "");
		str_json_text(out, j->targets.v[i]);
	}
	str_puts(out, "]]");
}

void queue_print(struct world *w, struct str *out)
{
	size_t i;

	pthread_mutex_lock(&w->lock);
	str_puts(out, "{\"queue_running\": [");
	if (w->running)
		queue_print_job(w->running, out);
	str_puts(out, "], \"queue_pending\": [");
	for (i = 0; i < w->pending.n; i++) {
		str_puts(out, i ? ", " : "");
		queue_print_job(w->pending.v[i], out);
	}
	str_puts(out, "]}");
	pthread_mutex_unlock(&w->lock);
}

/* one per mention; lock held */
static void delete_one(struct world *w, const char *id)
{
	size_t i;

	for (i = 0; i < w->pending.n; i++) {
		if (strcmp(w->pending.v[i]->id, id) != 0)
			continue;
		job_free(heap_remove(&w->pending, i));
		ws_send_status(w);
		return;
	}
}

static void clear_pending(struct world *w)
{
	while (w->pending.n)
		job_free(w->pending.v[--w->pending.n]);
	ws_send_status(w);
}

bool queue_change(struct world *w, const char *body, size_t len)
{
	struct jdoc *doc = json_parse(body, len);
	const struct jv *root = doc ? json_root(doc) : NULL;
	const struct jv *clear = json_get(root, "clear");
	const struct jv *del = json_get(root, "delete");
	const struct jv *m;
	const bool fine = root &&
			  (root->type == J_OBJ || root->type == J_ARR) &&
			  (!del || del->type >= J_STR);

	pthread_mutex_lock(&w->lock);
	if (fine && clear && json_truth(clear))
		clear_pending(w);
	for (m = fine && del && del->type == J_ARR ? del->child : NULL; m;
	     m = m->next)
		if (m->type == J_STR)
			delete_one(w, m->text);
	world_changed(w);
	pthread_mutex_unlock(&w->lock);
	json_free(doc);
	return fine;
}

bool queue_interrupt(struct world *w, const char *body, size_t len)
{
	struct jdoc *doc = json_parse(body, len);
	const struct jv *root = doc ? json_root(doc) : NULL;
	const struct jv *id = json_get(root, "prompt_id");
	const bool fine = !root || root->type == J_OBJ;

	pthread_mutex_lock(&w->lock);
	w->counters.interrupts++;
	if (fine && (!id || !json_truth(id)))
		w->interrupt = true;
	else if (fine && w->running && id->type == J_STR &&
		 !strcmp(w->running->id, id->text))
		w->interrupt = true;
	world_changed(w);
	pthread_mutex_unlock(&w->lock);
	json_free(doc);
	return fine;
}

bool queue_free_memory(struct world *w, const char *body, size_t len)
{
	struct jdoc *doc = json_parse(body, len);
	const struct jv *root = doc ? json_root(doc) : NULL;
	const struct jv *unload = json_get(root, "unload_models");
	const struct jv *memory = json_get(root, "free_memory");
	const bool fine = root && root->type == J_OBJ;

	pthread_mutex_lock(&w->lock);
	w->counters.frees += fine;
	if (fine && unload && json_truth(unload))
		w->unload_models = true;
	if (fine && memory && json_truth(memory))
		w->free_memory = true;
	world_changed(w);
	pthread_mutex_unlock(&w->lock);
	json_free(doc);
	return fine;
}
