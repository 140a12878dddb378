#include "worker.h"
#include "cache.h"
#include "emit.h"
#include "execute.h"
#include "faults.h"
#include "heap.h"
#include "history.h"
#include "queue.h"
#include "ws.h"

#include <stdlib.h>
#include <string.h>

struct worker {
	struct world *w;
	unsigned generation;
	struct cache cache;
};

static bool current(const struct worker *k)
{
	return !k->w->quit && k->generation == k->w->generation;
}

/* lock held */
static void do_free(struct worker *k)
{
	if (k->w->free_memory)
		cache_clear(&k->cache);
	k->w->free_memory = k->w->unload_models = false;
}

/* lock held; NULL when this worker is to end */
static struct job *next_job(struct worker *k)
{
	struct world *w = k->w;
	struct job *j;

	while (current(k)) {
		do_free(k);
		if (!w->pending.n) {
			pthread_cond_wait(&w->changed, &w->lock);
			continue;
		}
		if (!heap_pop(&w->pending, &j)) {
			w->worker_dead = true;
			world_changed(w);
			return NULL;
		}
		w->running = j;
		w->interrupt = false;
		free(w->exec_client);
		w->exec_client = j->client_id ? mem_text(j->client_id) : NULL;
		ws_send_status(w);
		world_changed(w);
		return j;
	}
	return NULL;
}

static void count(struct counters *c, const struct job *j)
{
	c->finished++;
	if (!strcmp(j->end, "completed"))
		c->succeeded++;
	else if (!strcmp(j->end, "failed"))
		c->failed++;
	else
		c->interrupted++;
}

/* lock held; the history takes the job, so its id is copied for the end */
static void into_history(struct world *w, struct job *j)
{
	const struct fault *f = fault_for_prompt(w, "empty-history", j, NULL);

	if (f && f->mode && !strcmp(f->mode, "no-outputs"))
		j->no_outputs = true;
	else if (f)
		j->hidden = true;
	f = fault_for_prompt(w, "history-late", j, NULL);
	if (f) {
		j->polls_left = f->polls;
		if (f->ms)
			j->visible_at = clock_mono_us() + f->ms * 1000LL;
	}
	json_free(j->doc);
	j->doc = NULL;
	if (w->dialect < DIALECT_0_25_0)
		queue_hide_secrets(j);
	history_add(w, j);
	w->running = NULL;
	free(w->exec_node);
	w->exec_node = NULL;
	count(&w->counters, j);
	ws_send_status(w);
}

static void print_end(const struct job *j, struct str *s)
{
	str_puts(s, "{\"type\": \"executing\", \"data\": {\"node\": null, "
		    "\"prompt_id\": ");
	str_json_text(s, j->id);
	str_puts(s, "}}");
}

static bool end_is_lost(const struct job *j)
{
	return j->lose &&
	       (!strcmp(j->lose, "all") || strstr(j->lose, "executing") ||
		strstr(j->lose, "end"));
}

/* lock held; false when there is no worker any more */
static bool finish(struct worker *k, struct job *j)
{
	struct world *w = k->w;
	struct str end = {0};

	if (!current(k)) {
		job_free(j);
		return false;
	}
	faults_moment(w, "success", NULL, j, NULL);
	print_end(j, &end);
	into_history(w, j);
	if (j->client_id && !end_is_lost(j))
		ws_send(w, j->client_id, end.p, end.len, false);
	faults_moment(w, "end", NULL, j, NULL);
	str_free(&end);
	world_changed(w);
	return true;
}

static void *work(void *arg)
{
	struct worker *k = arg;
	struct job *j;
	bool alive;

	pthread_mutex_lock(&k->w->lock);
	while ((j = next_job(k))) {
		pthread_mutex_unlock(&k->w->lock);
		alive = execute(k->w, k->generation, &k->cache, j);
		pthread_mutex_lock(&k->w->lock);
		if (!alive) {
			/* wedged: the prompt stays in the queue for ever */
			while (current(k))
				pthread_cond_wait(&k->w->changed, &k->w->lock);
			job_free(j);
			break;
		}
		if (!finish(k, j))
			break;
	}
	pthread_mutex_unlock(&k->w->lock);
	cache_clear(&k->cache);
	free(k);
	return NULL;
}

void worker_start(struct world *w)
{
	struct worker *k = mem_zero(sizeof(*k));
	pthread_attr_t attr;
	pthread_t t;

	k->w = w;
	k->generation = w->generation;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&t, &attr, work, k))
		abort();
	pthread_attr_destroy(&attr);
}
