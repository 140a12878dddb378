#include "world.h"
#include "files.h"
#include "heap.h"
#include "history.h"
#include "worker.h"
#include "ws.h"

#include <stdlib.h>

void job_free(struct job *j)
{
	if (!j)
		return;
	json_free(j->doc);
	free(j->id);
	free(j->number);
	free(j->prompt_text);
	free(j->extra_text);
	free(j->pnginfo_text);
	free(j->client_id);
	free(j->workflow_id);
	free(j->lose);
	strv_free(&j->targets);
	str_free(&j->messages);
	str_free(&j->outputs);
	str_free(&j->meta);
	str_free(&j->error);
	str_free(&j->preview);
	free(j);
}

size_t world_queue_len(const struct world *w)
{
	return w->pending.n + (w->running ? 1 : 0);
}

void world_changed(struct world *w)
{
	pthread_cond_broadcast(&w->changed);
	if (w->wake_pending || !w->lws)
		return;
	w->wake_pending = true;
	lws_cancel_service(w->lws);
}

void world_wait(struct world *w, int64_t until_us)
{
	const struct timespec ts = {.tv_sec = (time_t)(until_us / 1000000),
				    .tv_nsec =
					    (long)(until_us % 1000000) * 1000};

	pthread_cond_timedwait(&w->changed, &w->lock, &ts);
}

void world_restart(struct world *w)
{
	w->restart_asked = false;
	w->generation++;
	w->counters.restarts++;
	while (w->pending.n)
		job_free(w->pending.v[--w->pending.n]);
	/* the old worker still holds it and frees it when it notices */
	w->running = NULL;
	history_clear(w);
	w->next_number = 0;
	w->interrupt = w->free_memory = w->unload_models = false;
	w->worker_dead = w->blocked = w->stalled = false;
	free(w->exec_client);
	free(w->exec_node);
	w->exec_client = w->exec_node = NULL;
	files_forget(w);
	ws_close_all(w);
	worker_start(w);
	world_changed(w);
}
