#include "execute.h"
#include "emit.h"
#include "faults.h"
#include "files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_PREVIEW_TEXT 1024
#define OOM_TIP                                                                \
	"This error means you ran out of memory on your GPU.\n\nTIPS: If "     \
	"the workflow worked before you might have accidentally set the "      \
	"batch_size to a large number."

static void stamp(struct str *s, const struct run *r)
{
	str_puts(s, "\"prompt_id\": ");
	str_json_text(s, r->job->id);
	str_printf(s, ", \"timestamp\": %lld}", (long long)clock_ms());
}

static uint64_t hash_node(struct run *r, struct enode *n);

static uint64_t hash_input(struct run *r, struct enode *n, const struct jv *v,
			   uint64_t h)
{
	struct str s = {0};
	size_t slot = 0;
	struct enode *from =
		v->type == J_ARR ? run_source(r, n, v->key, &slot) : NULL;

	h = hash_bytes(h, v->key, strlen(v->key) + 1);
	if (from) {
		const uint64_t up = hash_node(r, from);

		h = hash_bytes(h, &up, sizeof(up));
		return hash_bytes(h, &slot, sizeof(slot));
	}
	json_dump(&s, v);
	h = hash_bytes(h, s.p, s.len + 1);
	str_free(&s);
	return h;
}

/* a file that changed under its name is other content */
static uint64_t hash_file(const struct run *r, const struct enode *n,
			  uint64_t h)
{
	const char *name =
		json_text(n->inputs, n->class->required_spec->child->key);
	struct str path = {0};
	struct stat st = {0};

	files_annotated(r->w, name ? name : "", "input", &path);
	if (!stat(path.p, &st)) {
		h = hash_bytes(h, &st.st_size, sizeof(st.st_size));
		h = hash_bytes(h, &st.st_mtim, sizeof(st.st_mtim));
	}
	str_free(&path);
	return h;
}

static uint64_t hash_node(struct run *r, struct enode *n)
{
	uint64_t h = HASH_START;
	const struct jv *v;

	if (n->hashed || n->hashing)
		return n->hash;
	n->hashing = true;
	h = hash_bytes(h, n->class->name, strlen(n->class->name) + 1);
	for (v = n->inputs ? n->inputs->child : NULL; v; v = v->next)
		h = hash_input(r, n, v, h);
	if (n->class->flags & C_OWN_CHECK)
		h = hash_file(r, n, h);
	n->hash = h;
	n->hashed = true;
	return h;
}

static void set_up(struct run *r)
{
	const struct jv *v;
	size_t i = 0;

	r->nodes = mem_zero((r->job->graph->count + 1) * sizeof(*r->nodes));
	r->order = mem_zero((r->job->graph->count + 1) * sizeof(r->order[0]));
	for (v = r->job->graph->child; v; v = v->next) {
		struct enode *n = &r->nodes[i++];

		n->id = v->key;
		n->class = class_find(json_text(v, "class_type"));
		n->inputs = json_get(v, "inputs");
		n->target = strv_has(&r->job->targets, n->id);
		snprintf(n->value, sizeof(n->value), "0.0");
		snprintf(n->max, sizeof(n->max), "1.0");
	}
	r->count = i;
	for (i = 0; i < r->count; i++)
		hash_node(r, &r->nodes[i]);
}

static void tear_down(struct run *r)
{
	size_t i, k;

	for (i = 0; i < r->count; i++) {
		for (k = 0; k < MAX_OUT; k++)
			value_unref(r->nodes[i].out[k]);
		str_free(&r->nodes[i].ui);
	}
	free(r->nodes);
	free(r->order);
	strv_free(&r->executed);
	free(r->exc_type);
	free(r->exc_message);
}

/* takes over what the cache has for the node */
static bool from_cache(struct cache *c, struct enode *n)
{
	const struct cache_entry *e = cache_find(c, n->hash);
	size_t i;

	if (!e)
		return false;
	for (i = 0; i < MAX_OUT; i++)
		run_out(n, i, value_ref(e->out[i]));
	if (e->ui && !n->ui.len)
		str_puts(&n->ui, e->ui);
	n->made_by = e->id;
	return true;
}

static void begin(struct run *r, struct cache *c)
{
	struct str s = {0};
	bool first = true;
	size_t i;

	pthread_mutex_lock(&r->w->lock);
	r->job->start_time = clock_ms();
	pthread_mutex_unlock(&r->w->lock);
	str_char(&s, '{');
	stamp(&s, r);
	emit_message(r, "execution_start", s.p, EMIT_TO_CLIENT);
	set_up(r);
	cache_trim(c, r);
	str_clear(&s);
	str_puts(&s, "{\"nodes\": [");
	for (i = 0; i < r->count; i++) {
		struct enode *n = &r->nodes[i];

		n->cached = from_cache(c, n);
		if (!n->cached)
			continue;
		str_puts(&s, first ? "" : ", ");
		str_json_text(&s, n->id);
		first = false;
	}
	str_puts(&s, "], ");
	stamp(&s, r);
	emit_message(r, "execution_cached", s.p, EMIT_TO_CLIENT);
	str_free(&s);
}

static void want(struct run *r, struct enode *n)
{
	const struct jv *v;

	if (n->wanted)
		return;
	n->wanted = true;
	for (v = n->inputs && !n->cached ? n->inputs->child : NULL; v;
	     v = v->next) {
		size_t slot;
		struct enode *from = v->type == J_ARR
					     ? run_source(r, n, v->key, &slot)
					     : NULL;

		if (from && !from->cached)
			want(r, from);
	}
}

static bool ready(struct run *r, struct enode *n)
{
	const struct jv *v;

	if (!n->wanted || n->done)
		return false;
	for (v = n->inputs && !n->cached ? n->inputs->child : NULL; v;
	     v = v->next) {
		size_t slot;
		struct enode *from = v->type == J_ARR
					     ? run_source(r, n, v->key, &slot)
					     : NULL;

		if (from && from->wanted && !from->done && !from->cached)
			return false;
	}
	return true;
}

/* an output that can run goes first, as the real one does to show it soon */
static struct enode *pick(struct run *r)
{
	struct enode *best = NULL;
	size_t i;

	for (i = 0; i < r->count; i++) {
		struct enode *n = &r->nodes[i];

		if (!ready(r, n))
			continue;
		if (n->class->flags & C_OUTPUT)
			return n;
		if (!best)
			best = n;
	}
	return best;
}

static void show(struct run *r, struct enode *n)
{
	r->order[r->shown++] = n;
}

static void record_output(struct run *r, const struct enode *n)
{
	const char *maker = n->made_by ? n->made_by : n->id;
	struct job *j = r->job;

	if (!n->ui.len)
		return;
	str_puts(&j->outputs, j->outputs.len ? ", " : "");
	str_json_text(&j->outputs, n->id);
	str_puts(&j->outputs, ": ");
	str_puts(&j->outputs, n->ui.p);
	str_puts(&j->meta, j->meta.len ? ", " : "");
	str_json_text(&j->meta, n->id);
	str_puts(&j->meta, ": {\"node_id\": ");
	str_json_text(&j->meta, maker);
	str_puts(&j->meta, ", \"display_node\": ");
	str_json_text(&j->meta, maker);
	str_puts(&j->meta, ", \"parent_node\": null, \"real_node_id\": ");
	str_json_text(&j->meta, maker);
	str_char(&j->meta, '}');
}

static void finish_cached(struct run *r, struct enode *n)
{
	if (n->ui.len)
		emit_executed(r, n);
	record_output(r, n);
	show(r, n);
	n->finished = n->done = true;
	memcpy(n->value, "1", 2);
	memcpy(n->max, "1", 2);
	emit_progress_state(r);
}

/* hang: nothing helps but a release or a restart */
static void hang(struct run *r)
{
	struct world *w = r->w;
	const uint64_t released = w->release_count;

	w->blocked = true;
	world_changed(w);
	while (w->release_count == released && r->generation == w->generation)
		pthread_cond_wait(&w->changed, &w->lock);
	w->blocked = false;
	r->dead = r->generation != w->generation;
	world_changed(w);
}

static bool play_error(struct run *r, const struct fault *f, bool oom)
{
	run_raise(r,
		  f->type ? f->type
		  : oom	  ? "torch.OutOfMemoryError"
			  : "RuntimeError",
		  "%s",
		  f->message ? f->message
		  : oom	     ? "Allocation on device"
			     : "pretended failure of the stand-in");
	r->exc_tip = oom;
	return false;
}

/* lock held; false when the node is not to run */
static bool play_faults(struct run *r, struct enode *n, int64_t *sleep_ms)
{
	struct world *w = r->w;
	const struct fault *f;

	faults_moment(w, "run", r, r->job, n);
	f = fault_for_node(w, "slow", r, n);
	if (f)
		*sleep_ms = f->ms;
	if (fault_for_node(w, "hang", r, n))
		hang(r);
	if (!r->dead && fault_for_node(w, "wedge", r, n)) {
		w->worker_dead = true;
		world_changed(w);
		r->dead = true;
	}
	if (r->dead)
		return false;
	f = fault_for_node(w, "error", r, n);
	if (f)
		return play_error(r, f, false);
	f = fault_for_node(w, "oom", r, n);
	return f ? play_error(r, f, true) : true;
}

/* An interrupt is noticed before a node is announced, though it is this node
 * that it names; one that comes later waits for the next node. */
static bool take_interrupt(struct run *r)
{
	struct world *w = r->w;

	pthread_mutex_lock(&w->lock);
	if (r->generation != w->generation) {
		r->dead = true;
	} else if (w->interrupt) {
		w->interrupt = false;
		r->interrupted = true;
	}
	pthread_mutex_unlock(&w->lock);
	return r->dead || r->interrupted;
}

static bool may_run(struct run *r, struct enode *n)
{
	struct world *w = r->w;
	int64_t sleep_ms = 0;
	bool fine;

	pthread_mutex_lock(&w->lock);
	free(w->node_class);
	w->node_class = mem_text(n->class->name);
	w->counters.nodes_run++;
	fine = play_faults(r, n, &sleep_ms);
	if (w->waiters)
		world_changed(w);
	pthread_mutex_unlock(&w->lock);
	return fine && (!sleep_ms || run_sleep(r, sleep_ms, true));
}

static bool run_one(struct run *r, struct cache *c, struct enode *n)
{
	bool stop;

	/* a node with equal content may have run a moment ago */
	if (n->cached || from_cache(c, n)) {
		finish_cached(r, n);
		return true;
	}
	stop = take_interrupt(r);
	if (r->dead)
		return false;
	r->now = n;
	show(r, n);
	emit_progress_state(r);
	emit_executing(r, n);
	if (stop || !may_run(r, n) || !n->class->run(r, n))
		return false;
	if (n->ui.len)
		emit_executed(r, n);
	record_output(r, n);
	n->finished = n->done = true;
	if (!strcmp(n->value, "0.0"))
		memcpy(n->value, n->max, sizeof(n->value));
	emit_progress_state(r);
	cache_store(c, n);
	strv_add(&r->executed, n->id);
	return true;
}

static void put_executed(const struct run *r, struct str *s)
{
	size_t i;

	str_puts(s, "\"executed\": [");
	for (i = 0; i < r->executed.n; i++) {
		str_puts(s, i ? ", " : "");
		str_json_text(s, r->executed.v[i]);
	}
	str_char(s, ']');
}

static void put_node(const struct run *r, struct str *s)
{
	str_puts(s, "\"node_id\": ");
	str_json_text(s, r->now->id);
	str_printf(s, ", \"node_type\": \"%s\", ", r->now->class->name);
	put_executed(r, s);
}

static void put_hidden(const struct run *r, struct str *s)
{
	struct str shown = {0};

	if (!(r->now->class->hidden))
		return;
	json_repr(&shown, r->job->graph);
	str_puts(s, s->p[s->len - 1] == '{' ? "" : ", ");
	str_puts(s, "\"prompt\": [");
	str_json_text(s, shown.p);
	str_puts(s, "], \"extra_pnginfo\": [null]");
	str_free(&shown);
}

static void put_inputs(struct run *r, struct str *s)
{
	struct str shown = {0};
	const struct jv *v;
	bool first = true;

	str_puts(s, "\"current_inputs\": {");
	for (v = r->now->inputs ? r->now->inputs->child : NULL; v;
	     v = v->next) {
		const struct value *got = run_link(r, r->now, v->key);

		str_puts(s, first ? "" : ", ");
		first = false;
		str_json_text(s, v->key);
		str_puts(s, ": [");
		str_clear(&shown);
		if (got && got->type != V_LIST) {
			value_print(got, &shown);
			str_json_text(s, str_text(&shown));
		} else if (!got) {
			json_dump(s, v);
		}
		str_char(s, ']');
	}
	put_hidden(r, s);
	str_char(s, '}');
	str_free(&shown);
}

static void report_error(struct run *r)
{
	struct str s = {0};
	size_t i;

	str_puts(&s, "{\"prompt_id\": ");
	str_json_text(&s, r->job->id);
	str_puts(&s, ", ");
	put_node(r, &s);
	str_puts(&s, ", \"exception_message\": ");
	if (r->exc_tip) {
		struct str m = {0};

		str_puts(&m, r->exc_message);
		str_puts(&m, OOM_TIP);
		str_json_text(&s, m.p);
		str_free(&m);
	} else {
		str_json_text(&s, r->exc_message);
	}
	str_puts(&s, ", \"exception_type\": ");
	str_json_text(&s, r->exc_type);
	str_puts(&s, ", \"traceback\": [\"  File "
		     "\\\"/standin/execution.py\\\", line 1, in execute\\n\"]"
		     ", ");
	put_inputs(r, &s);
	str_puts(&s, ", \"current_outputs\": [");
	for (i = 0; i < r->count; i++) {
		str_puts(&s, i ? ", " : "");
		str_json_text(&s, r->nodes[i].id);
	}
	str_puts(&s, "]");
	str_printf(&s, ", \"timestamp\": %lld}", (long long)clock_ms());
	emit_message(r, "execution_error", s.p, EMIT_TO_CLIENT);
	r->error = s;
	r->end = "failed";
}

static void report_interrupted(struct run *r)
{
	struct str s = {0};

	str_puts(&s, "{\"prompt_id\": ");
	str_json_text(&s, r->job->id);
	str_puts(&s, ", ");
	put_node(r, &s);
	str_printf(&s, ", \"timestamp\": %lld}", (long long)clock_ms());
	emit_message(r, "execution_interrupted", s.p, EMIT_TO_ALL);
	str_free(&s);
	r->end = "cancelled";
}

static void report_success(struct run *r)
{
	struct str s = {0};

	str_char(&s, '{');
	stamp(&s, r);
	emit_message(r, "execution_success", s.p, EMIT_TO_CLIENT);
	str_free(&s);
	r->end = "completed";
}

/* a file as it is, a text cut short; closed by '}' either way */
static void preview_item(struct str *s, const struct jv *item)
{
	if (item->type == J_OBJ) {
		json_dump(s, item);
		return;
	}
	str_puts(s, "{\"content\": ");
	if (item->type == J_STR && item->len > MAX_PREVIEW_TEXT) {
		str_json(s, item->text, MAX_PREVIEW_TEXT);
		str_puts(s, ", \"truncated\": true");
	} else {
		json_dump(s, item);
	}
	str_char(s, '}');
}

/* for /api/jobs: how many outputs there are, and the first of them */
static void count_outputs(struct job *j)
{
	struct str all = {0};
	const struct jv *node, *kind, *item;
	struct jdoc *d;

	str_printf(&all, "{%s}", str_text(&j->outputs));
	d = json_parse(all.p, all.len);
	str_free(&all);
	for (node = d ? json_root(d)->child : NULL; node; node = node->next)
		for (kind = node->child; kind; kind = kind->next) {
			if (!strcmp(kind->key, "animated"))
				continue;
			j->outputs_count += kind->count;
			item = kind->child;
			if (j->preview.len || !item)
				continue;
			preview_item(&j->preview, item);
			j->preview.len--;
			str_puts(&j->preview, ", \"nodeId\": ");
			str_json_text(&j->preview, node->key);
			str_puts(&j->preview, ", \"mediaType\": ");
			str_json_text(&j->preview, kind->key);
			str_char(&j->preview, '}');
		}
	json_free(d);
}

/* From here on others read what the job has; until now only its worker did. */
static void show_end(struct run *r)
{
	struct job *j = r->job;

	pthread_mutex_lock(&r->w->lock);
	j->error = r->error;
	j->end_time = clock_ms();
	count_outputs(j);
	j->end = r->end;
	pthread_mutex_unlock(&r->w->lock);
}

bool execute(struct world *w, unsigned generation, struct cache *cache,
	     struct job *j)
{
	struct run r = {.w = w, .job = j, .generation = generation};
	struct enode *n = NULL;
	size_t i;

	begin(&r, cache);
	for (i = 0; i < r.count; i++)
		if (r.nodes[i].target)
			want(&r, &r.nodes[i]);
	while ((n = pick(&r)) && run_one(&r, cache, n))
		;
	if (!r.dead) {
		if (r.interrupted)
			report_interrupted(&r);
		else if (r.raised)
			report_error(&r);
		else
			report_success(&r);
		show_end(&r);
	}
	tear_down(&r);
	return !r.dead;
}
