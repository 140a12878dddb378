#include "history.h"
#include "queue.h"

#include <stdlib.h>
#include <string.h>

#define LIMIT 10000
#define TABLE 16384

static struct job **slot(struct world *w, const char *id)
{
	if (!w->history_table)
		w->history_table = mem_zero(TABLE * sizeof(struct job *));
	return &w->history_table[hash_bytes(HASH_START, id, strlen(id)) %
				 TABLE];
}

static struct job *find(struct world *w, const char *id)
{
	struct job *j = *slot(w, id);

	while (j && strcmp(j->id, id) != 0)
		j = j->hash_next;
	return j;
}

bool history_has(struct world *w, const char *id)
{
	return find(w, id) != NULL;
}

static void table_add(struct world *w, struct job *j)
{
	struct job **s = slot(w, j->id);

	j->hash_next = *s;
	*s = j;
}

static void table_remove(struct world *w, struct job *j)
{
	struct job **p = slot(w, j->id);

	while (*p != j)
		p = &(*p)->hash_next;
	*p = j->hash_next;
}

static void forget(struct world *w, struct job *j)
{
	struct job **p = &w->history, *before = NULL;

	while (*p != j) {
		before = *p;
		p = &(*p)->next;
	}
	*p = j->next;
	if (w->history_last == j)
		w->history_last = before;
	w->history_count--;
	table_remove(w, j);
	job_free(j);
}

/* an entry of the same id keeps its place, as in a Python dict */
static bool replace(struct world *w, struct job *j)
{
	struct job *old = find(w, j->id);
	struct job **p = &w->history;

	if (!old)
		return false;
	while (*p != old)
		p = &(*p)->next;
	j->next = old->next;
	*p = j;
	if (w->history_last == old)
		w->history_last = j;
	table_remove(w, old);
	table_add(w, j);
	job_free(old);
	return true;
}

void history_add(struct world *w, struct job *j)
{
	if (w->history_count > LIMIT)
		forget(w, w->history);
	if (replace(w, j))
		return;
	j->next = NULL;
	if (w->history_last)
		w->history_last->next = j;
	else
		w->history = j;
	w->history_last = j;
	w->history_count++;
	table_add(w, j);
}

void history_clear(struct world *w)
{
	struct job *j;

	while ((j = w->history)) {
		w->history = j->next;
		job_free(j);
	}
	w->history_last = NULL;
	w->history_count = 0;
	if (w->history_table)
		memset(w->history_table, 0, TABLE * sizeof(struct job *));
}

/* empty-history and history-late */
static bool visible(struct job *j)
{
	if (j->hidden)
		return false;
	if (j->visible_at && clock_mono_us() < j->visible_at)
		return false;
	if (j->polls_left > 0) {
		j->polls_left--;
		return false;
	}
	return true;
}

static void print_status(const struct job *j, struct str *out)
{
	const bool fine = !strcmp(j->end, "completed");

	str_printf(out,
		   "{\"status_str\": \"%s\", \"completed\": %s, "
		   "\"messages\": [",
		   fine ? "success" : "error", fine ? "true" : "false");
	str_puts(out, str_text(&j->messages));
	str_puts(out, "]}");
}

static void print_entry(const struct job *j, struct str *out)
{
	str_json_text(out, j->id);
	str_puts(out, ": {\"prompt\": ");
	queue_print_job(j, out);
	str_puts(out, ", \"outputs\": {");
	str_puts(out, j->no_outputs ? "" : str_text(&j->outputs));
	str_puts(out, "}, \"status\": ");
	print_status(j, out);
	str_puts(out, ", \"meta\": {");
	str_puts(out, j->no_outputs ? "" : str_text(&j->meta));
	str_puts(out, "}}");
}

void history_one(struct world *w, const char *id, struct str *out)
{
	struct job *j;

	pthread_mutex_lock(&w->lock);
	w->counters.histories++;
	j = find(w, id);
	str_char(out, '{');
	if (j && visible(j))
		print_entry(j, out);
	str_char(out, '}');
	pthread_mutex_unlock(&w->lock);
}

static bool whole_number(const char *text, long *out)
{
	char *end;

	*out = strtol(text, &end, 10);
	return *text && !*end;
}

bool history_list(struct world *w, const char *max_items, const char *offset,
		  struct str *out)
{
	long max = -1, from = -1, i = 0, given = 0;
	struct job *j;

	if ((max_items && !whole_number(max_items, &max)) ||
	    (offset && !whole_number(offset, &from)))
		return false;
	pthread_mutex_lock(&w->lock);
	w->counters.histories++;
	if (from < 0 && max_items)
		from = (long)w->history_count - max;
	str_char(out, '{');
	for (j = w->history; j; j = j->next, i++) {
		if (i < from || !visible(j))
			continue;
		str_puts(out, given ? ", " : "");
		print_entry(j, out);
		given++;
		if (max_items && given >= max)
			break;
	}
	str_char(out, '}');
	pthread_mutex_unlock(&w->lock);
	return true;
}

bool history_change(struct world *w, const char *body, size_t len)
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
		history_clear(w);
	for (m = fine && del && del->type == J_ARR ? del->child : NULL; m;
	     m = m->next) {
		struct job *j = m->type == J_STR ? find(w, m->text) : NULL;

		if (j)
			forget(w, j);
	}
	pthread_mutex_unlock(&w->lock);
	json_free(doc);
	return fine;
}

static const char *state_of(const struct world *w, const struct job *j)
{
	return j->end ? j->end : j == w->running ? "in_progress" : "pending";
}

static void print_job(const struct world *w, const struct job *j,
		      struct str *out)
{
	str_puts(out, "{\"id\": ");
	str_json_text(out, j->id);
	str_printf(out,
		   ", \"status\": \"%s\", \"priority\": %s, \"create_time\": "
		   "%lld",
		   state_of(w, j), j->number, (long long)j->create_time);
	if (j->end)
		str_printf(out,
			   ", \"execution_start_time\": %lld, "
			   "\"execution_end_time\": %lld",
			   (long long)j->start_time, (long long)j->end_time);
	if (j->error.len) {
		str_puts(out, ", \"execution_error\": ");
		str_puts(out, j->error.p);
	}
	str_printf(out, ", \"outputs_count\": %zu", j->outputs_count);
	if (j->preview.len) {
		str_puts(out, ", \"preview_output\": ");
		str_puts(out, j->preview.p);
	}
	if (j->workflow_id) {
		str_puts(out, ", \"workflow_id\": ");
		str_json_text(out, j->workflow_id);
	}
}

int jobs_one(struct world *w, const char *id, struct str *out)
{
	struct job *j = NULL;
	size_t i;

	pthread_mutex_lock(&w->lock);
	if (w->running && !strcmp(w->running->id, id))
		j = w->running;
	for (i = 0; i < w->pending.n && !j; i++)
		if (!strcmp(w->pending.v[i]->id, id))
			j = w->pending.v[i];
	if (!j) {
		j = find(w, id);
		if (j && !visible(j))
			j = NULL;
	}
	if (j && !j->pnginfo_null) {
		print_job(w, j, out);
		if (j->end) {
			str_puts(out, ", \"outputs\": {");
			str_puts(out,
				 j->no_outputs ? "" : str_text(&j->outputs));
			str_puts(out, "}, \"execution_status\": ");
			print_status(j, out);
			str_puts(out, ", \"workflow\": {\"prompt\": ");
			str_puts(out, j->prompt_text);
			str_puts(out, ", \"extra_data\": ");
			str_puts(out, j->extra_text);
			str_char(out, '}');
		}
		str_char(out, '}');
	} else if (!j) {
		str_puts(out, "{\"error\": \"Job not found\"}");
	}
	pthread_mutex_unlock(&w->lock);
	return !j ? 404 : out->len ? 200 : 500;
}

static bool status_wanted(const char *list, const char *state)
{
	const size_t n = strlen(state);
	const char *p = list;

	while (p) {
		if (!strncasecmp(p, state, n) && (!p[n] || p[n] == ','))
			return true;
		p = strchr(p, ',');
		p = p ? p + 1 : NULL;
	}
	return false;
}

static const char *bad_query(const struct jobs_query *q, long *limit,
			     long *offset, struct str *odd)
{
	static const char *const states[] = {
		"pending", "in_progress", "completed", "failed", "cancelled"};
	const char *p = q->status && *q->status ? q->status : NULL;
	size_t i, n;

	for (; p; p = p[n] ? p + n + 1 : NULL) {
		n = strcspn(p, ",");
		for (i = 0; i < 5; i++)
			if (n == strlen(states[i]) &&
			    !strncasecmp(p, states[i], n))
				break;
		if (i < 5)
			continue;
		str_puts(odd, odd->len ? ", " : "");
		str_add(odd, p, n);
	}
	if (odd->len)
		return "status";
	if (q->sort_by && strcmp(q->sort_by, "created_at") != 0 &&
	    strcmp(q->sort_by, "execution_duration") != 0)
		return "sort_by must be 'created_at' or 'execution_duration'";
	if (q->sort_order && strcmp(q->sort_order, "asc") != 0 &&
	    strcmp(q->sort_order, "desc") != 0)
		return "sort_order must be 'asc' or 'desc'";
	if (q->limit && !whole_number(q->limit, limit))
		return "limit must be an integer";
	if (q->limit && *limit <= 0)
		return "limit must be a positive integer";
	if (q->offset && !whole_number(q->offset, offset))
		return "offset must be an integer";
	return NULL;
}

struct sorted {
	struct job *job;
	int64_t key;
	size_t at;
};

static int by_key(const void *a, const void *b)
{
	const struct sorted *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->at < y->at ? -1 : 1;
}

/* running, pending, history: the order that equal ones keep */
static struct job *nth(struct world *w, size_t i, struct job **history)
{
	struct job *j;

	if (!i)
		return w->running;
	if (i <= w->pending.n)
		return w->pending.v[i - 1];
	j = *history;
	*history = j->next;
	return j;
}

static size_t collect(struct world *w, const struct jobs_query *q,
		      struct sorted *all)
{
	const bool by_time = q->sort_by && q->sort_by[0] == 'e';
	const bool up = q->sort_order && !strcmp(q->sort_order, "asc");
	const size_t total = 1 + w->pending.n + w->history_count;
	struct job *history = w->history, *j;
	size_t n = 0, i;

	for (i = 0; i < total; i++) {
		j = nth(w, i, &history);
		if (!j || (j->end && !visible(j)))
			continue;
		if (q->status && *q->status &&
		    !status_wanted(q->status, state_of(w, j)))
			continue;
		if (q->workflow && (!j->workflow_id ||
				    strcmp(q->workflow, j->workflow_id) != 0))
			continue;
		all[n].job = j;
		all[n].key =
			by_time ? j->end_time - j->start_time : j->create_time;
		if (!up)
			all[n].key = -all[n].key;
		all[n].at = n;
		n++;
	}
	qsort(all, n, sizeof(*all), by_key);
	return n;
}

static int print_page(struct world *w, const struct jobs_query *q, long limit,
		      long offset, struct str *out)
{
	struct sorted *all =
		mem_alloc((w->pending.n + w->history_count + 2) * sizeof(*all));
	const size_t n = collect(w, q, all);
	const size_t from = offset > 0 ? (size_t)offset : 0;
	size_t i, given = 0;
	int status = 200;

	for (i = 0; i < n; i++)
		if (all[i].job->pnginfo_null)
			status = 500;
	str_puts(out, "{\"jobs\": [");
	for (i = from; i < n && (limit < 0 || given < (size_t)limit); i++) {
		str_puts(out, given++ ? ", " : "");
		print_job(w, all[i].job, out);
		str_char(out, '}');
	}
	str_printf(out,
		   "], \"pagination\": {\"offset\": %zu, \"limit\": ", from);
	if (limit < 0)
		str_puts(out, "null");
	else
		str_printf(out, "%ld", limit);
	str_printf(out, ", \"total\": %zu, \"has_more\": %s}}", n,
		   from + given < n ? "true" : "false");
	free(all);
	return status;
}

int jobs_list(struct world *w, const struct jobs_query *q, struct str *out)
{
	struct str odd = {0}, message = {0};
	long limit = -1, offset = 0;
	const char *bad = bad_query(q, &limit, &offset, &odd);
	int status;

	if (bad) {
		if (odd.len)
			str_printf(&message,
				   "Invalid status value(s): %s. Valid "
				   "values: pending, in_progress, completed, "
				   "failed, cancelled",
				   odd.p);
		str_puts(out, "{\"error\": ");
		str_json_text(out, odd.len ? message.p : bad);
		str_char(out, '}');
		str_free(&odd);
		str_free(&message);
		return 400;
	}
	pthread_mutex_lock(&w->lock);
	status = print_page(w, q, limit, offset, out);
	pthread_mutex_unlock(&w->lock);
	return status;
}
