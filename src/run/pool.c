#include "run/pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/aside.h"
#include "base/clock.h"
#include "base/fiber.h"
#include "base/log.h"
#include "run/fetcher.h"
#include "run/health.h"
#include "run/janitor.h"
#include "run/slot.h"

/* While stopping: how often waiting slots are woken. */
#define WAKE_MS 20
/* Threads for large outputs: as many as work on request bodies. */
#define ASIDE_THREADS 2

struct pool {
	struct shared shared;
	struct slot *slots;
	size_t slot_count;
	size_t *first_slot;	 /* by backend; one more at the end */
	struct carrier *carrier; /* of the slots */
	size_t *last_heard; /* by backend: a slot of it; the events thread's */
	struct janitor *janitor;
	struct fetcher *fetcher; /* NULL: no file comes by URL */
};

/* ---- the events thread ---- */

/* A ComfyUI runs one prompt at a time, so the slot that took its last event is
 * asked first. */
static void on_event(void *ctx, size_t backend, const struct event *e)
{
	struct pool *p = ctx;
	size_t first = p->first_slot[backend];
	size_t count = p->first_slot[backend + 1] - first;
	size_t *last = &p->last_heard[backend];

	if (e->prompt_id == NULL || e->prompt_id[0] == '\0')
		return;
	for (size_t i = 0; i < count; i++) {
		size_t at = (*last + i) % count;

		if (inbox_event(&p->slots[first + at].inbox, e)) {
			*last = at;
			return;
		}
	}
}

static void on_socket(void *ctx, size_t backend, bool up)
{
	struct pool *p = ctx;

	/* Events of what was posted go to the old socket's clientId: nobody
	 * will hear of them, also when there is a new one (s20). */
	for (size_t i = p->first_slot[backend];
	     !up && i < p->first_slot[backend + 1]; i++)
		inbox_deaf(&p->slots[i].inbox);
	backend_socket(&p->shared.backends[backend], up);
	health_poke(p->shared.health);
}

/* ---- start ---- */

static bool options_fit(const struct pool_options *o, struct problem *why)
{
	for (size_t i = 0; i < o->count; i++) {
		const struct backend_options *b = &o->backends[i];

		if (b->name == NULL || b->name[0] == '\0' || b->url == NULL)
			return problem_set(why, PROBLEM_INTERNAL, "/backends",
					   "a backend needs a name and a URL");
		for (size_t k = 0; k < i; k++) {
			if (strcmp(o->backends[k].name, b->name) == 0)
				return problem_set(
					why, PROBLEM_INTERNAL, "/backends",
					"two backends are called \"%s\"",
					b->name);
		}
	}
	return true;
}

static void shared_init(struct shared *sh, const struct pool_options *o)
{
	sh->store = o->store;
	sh->files = o->files;
	sh->blobs = o->blobs;
	sh->board = o->board;
	sh->convert = o->convert;
	sh->stall_ms = o->stall_ms;
	sh->poll_ms = o->poll_ms > 0 ? o->poll_ms : 1;
	sh->call_ms = o->call_timeout_ms;
	sh->fetch_ms = o->fetch_timeout_ms;
	sh->max_output_bytes = o->max_output_bytes;
	atomic_init(&sh->stopping, false);
	atomic_init(&sh->leaving, false);
	box_init(&sh->box);
	sh->backend_count = o->count;
	sh->backends = mem_array(o->count, sizeof(sh->backends[0]));
	for (size_t i = 0; i < o->count; i++)
		backend_init(&sh->backends[i], &o->backends[i]);
}

static void slots_init(struct pool *p)
{
	struct shared *sh = &p->shared;
	size_t n = 0;

	p->first_slot = mem_array(sh->backend_count + 1, sizeof(size_t));
	p->last_heard = mem_array(sh->backend_count, sizeof(size_t));
	for (size_t i = 0; i < sh->backend_count; i++) {
		p->first_slot[i] = n;
		n += sh->backends[i].slots;
	}
	p->first_slot[sh->backend_count] = n;
	p->slot_count = n;
	p->slots = mem_array(n, sizeof(p->slots[0]));
	for (size_t i = 0; i < sh->backend_count; i++) {
		for (size_t k = p->first_slot[i]; k < p->first_slot[i + 1];
		     k++) {
			struct slot *s = &p->slots[k];

			s->shared = sh;
			s->backend = &sh->backends[i];
			s->backend_index = i;
			inbox_init(&s->inbox);
		}
	}
}

static struct ws *sockets_start(struct pool *p, struct problem *why)
{
	size_t n = p->shared.backend_count;
	struct comfy_server **servers = mem_array(n, sizeof(servers[0]));
	struct ws_options o = {.servers = servers,
			       .count = n,
			       .event = on_event,
			       .state = on_socket,
			       .ctx = p};
	struct ws *ws;

	for (size_t i = 0; i < n; i++)
		servers[i] = &p->shared.backends[i].server;
	ws = ws_start(&o, why);
	free(servers);
	return ws;
}

void pool_free(struct pool *p)
{
	struct shared *sh;

	if (p == NULL)
		return;
	sh = &p->shared;
	fetcher_free(p->fetcher);
	for (size_t i = 0; i < p->slot_count; i++)
		inbox_finish(&p->slots[i].inbox);
	for (size_t i = 0; i < sh->backend_count; i++)
		backend_finish(&sh->backends[i]);
	box_finish(&sh->box);
	free(sh->backends);
	free(p->first_slot);
	free(p->last_heard);
	free(p->slots);
	free(p);
}

static void adopt(struct shared *sh)
{
	const char **names = mem_array(sh->backend_count, sizeof(*names));

	for (size_t i = 0; i < sh->backend_count; i++)
		names[i] = sh->backends[i].name;
	store_adopt(sh->store, names, sh->backend_count);
	free(names);
}

static void fetcher_ended(void *ctx)
{
	struct shared *sh = ctx;

	box_lock(&sh->box);
	sh->alive--;
	box_wake(&sh->box);
	box_unlock(&sh->box);
}

static bool start_fetcher(struct pool *p, const struct pool_options *o,
			  struct problem *why)
{
	struct fetcher_options f = {.store = o->store,
				    .blobs = o->blobs,
				    .agent = o->url_agent,
				    .allow = o->url_allow,
				    .http = o->url_http,
				    .timeout_ms = o->url_timeout_ms,
				    .max_bytes = o->max_input_bytes,
				    .ended = fetcher_ended,
				    .ctx = &p->shared};

	p->shared.alive++;
	p->fetcher = fetcher_start(&f, why);
	return p->fetcher != NULL;
}

static void start_slots(struct pool *p)
{
	struct fiber_task *tasks = mem_array(p->slot_count, sizeof(tasks[0]));

	p->shared.aside = aside_start(ASIDE_THREADS);
	for (size_t i = 0; i < p->slot_count; i++)
		tasks[i] = (struct fiber_task){slot_run, &p->slots[i]};
	p->carrier = carrier_start("slots", tasks, p->slot_count);
	free(tasks);
}

struct pool *pool_start(const struct pool_options *o, struct problem *why)
{
	struct shared *sh;
	struct pool *p;

	if (!options_fit(o, why))
		return NULL;
	p = mem_alloc(sizeof(*p));
	sh = &p->shared;
	shared_init(sh, o);
	slots_init(p);
	adopt(sh);
	sh->alive = (unsigned)p->slot_count;
	if (o->url_timeout_ms > 0 && !start_fetcher(p, o, why)) {
		pool_free(p);
		return NULL;
	}
	/* Health first: the events thread tells it of sockets. */
	sh->health = health_start(sh);
	sh->ws = sockets_start(p, why);
	if (sh->ws == NULL) {
		health_stop(sh->health);
		fetcher_stop(p->fetcher);
		pool_free(p);
		return NULL;
	}
	p->janitor = janitor_start(o->store, o->files, o->forget_after_ms,
				   o->keep_files_bytes);
	start_slots(p);
	return p;
}

/* ---- stop ---- */

/* True when all slots and the fetcher are through before `until`. */
static bool slots_through(struct pool *p, int64_t until)
{
	struct shared *sh = &p->shared;
	bool through = false;

	for (;;) {
		int64_t now = clock_monotonic_ms();
		int64_t next = now + WAKE_MS < until ? now + WAKE_MS : until;

		/* A slot may be about to wait: once is not enough. */
		store_wake_claims(sh->store);
		for (size_t i = 0; i < sh->backend_count; i++)
			backend_wake(&sh->backends[i]);
		box_lock(&sh->box);
		if (sh->alive > 0)
			(void)box_wait(&sh->box, next);
		through = sh->alive == 0;
		box_unlock(&sh->box);
		if (through || now >= until)
			return through;
	}
}

void pool_end(struct pool *p, int64_t ms)
{
	struct shared *sh;

	if (p == NULL)
		return;
	sh = &p->shared;
	atomic_store(&sh->stopping, true);
	fetcher_stop(p->fetcher);
	if (!slots_through(p, clock_monotonic_ms() + ms)) {
		atomic_store(&sh->leaving, true);
		/* A slot may be waiting for room on a full disk. */
		store_leave(sh->store);
		for (size_t i = 0; i < p->slot_count; i++)
			inbox_wake(&p->slots[i].inbox);
		while (!slots_through(p, clock_monotonic_ms() + 1000))
			log_event(LOG_WARN, "pool.still_stopping", NULL);
	}
	carrier_join(p->carrier);
	aside_stop(sh->aside);
	ws_stop(sh->ws);
	health_stop(sh->health);
	janitor_stop(p->janitor);
}

void pool_cancel(struct pool *p, const char *job_id)
{
	slot_cancel_job(&p->shared, p->slots, p->slot_count, job_id);
}

void pool_poke(struct pool *p, const char *job_id, enum phase phase)
{
	if (p->fetcher != NULL)
		fetcher_poke(p->fetcher, job_id, phase);
}

/* ---- state ---- */

size_t pool_backends(struct pool *p, struct backend_state *out, size_t max)
{
	size_t n =
		p->shared.backend_count < max ? p->shared.backend_count : max;

	for (size_t i = 0; i < n; i++)
		backend_state(&p->shared.backends[i], &out[i]);
	return n;
}

bool pool_exists(struct pool *p, const char *pool)
{
	for (size_t i = 0; i < p->shared.backend_count; i++) {
		if (strcmp(p->shared.backends[i].pool, pool) == 0)
			return true;
	}
	return false;
}
