#include "run/health.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"

/* The longest sleep: entries to be dropped wait so long at most. */
#define ROUND_MS 500
/* Jobs that were in work at a backend which has not come up since the start
 * are given to others after this. */
#define ORPHANS_MS 15000

struct health {
	struct shared *shared;
	pthread_t thread;
	struct comfy_client **clients;
	int64_t began;
	bool *orphaned; /* by backend: its jobs were given to others */

	struct box box;
	bool poked, stop; /* under the lock */
};

static bool told_to_stop(void *ctx)
{
	struct health *h = ctx;
	bool stop;

	box_lock(&h->box);
	stop = h->stop;
	box_unlock(&h->box);
	return stop;
}

/* A prompt that blocked the worker: well only when it is out of there. */
static bool still_stuck(struct health *h, size_t i)
{
	char stuck[ID_SIZE];
	enum comfy_place place;

	backend_stuck(&h->shared->backends[i], stuck);
	if (stuck[0] == '\0')
		return false;
	return comfy_where(h->clients[i], stuck, h->shared->call_ms, &place) !=
		       COMFY_OK ||
	       place == PLACE_RUNNING || place == PLACE_PENDING;
}

static void probe(struct health *h, size_t i)
{
	struct backend *b = &h->shared->backends[i];
	struct comfy_status st = {0};
	enum comfy_outcome o =
		comfy_probe(h->clients[i], h->shared->call_ms, &st);
	bool changed = false;

	if (o == COMFY_STOPPED)
		return;
	if (o == COMFY_OK && still_stuck(h, i)) {
		backend_throttle(b, "a prompt blocks its worker", NULL);
	} else if (o == COMFY_OK) {
		changed = backend_recover(b, st.version);
	} else if (o == COMFY_UNREACHABLE || !backend_missed(b)) {
		changed = backend_is_up(b);
		backend_throttle(b, comfy_detail(h->clients[i]), NULL);
	}
	/* Who is alone has changed. */
	if (changed)
		store_wake_claims(h->shared->store);
}

static void forget_some(struct health *h, size_t i)
{
	struct backend *b = &h->shared->backends[i];
	char ids[COMFY_FORGET_MAX][ID_SIZE];
	size_t n = COUNT(ids);

	while (n == COUNT(ids) && backend_is_up(b) && !told_to_stop(h)) {
		n = backend_forgets(b, ids, COUNT(ids));
		if (n > 0)
			(void)comfy_forget(h->clients[i],
					   (const char(*)[ID_SIZE])ids, n,
					   h->shared->call_ms);
	}
}

/* Others take over what a backend had in work that does not come up again.
 * No slot of that backend has claimed anything, so nothing is pulled away. */
static void give_away(struct health *h)
{
	struct shared *sh = h->shared;
	const char **keep;
	size_t n = 0;
	bool any = false;

	if (clock_monotonic_ms() - h->began < ORPHANS_MS)
		return;
	keep = mem_array(sh->backend_count, sizeof(*keep));
	for (size_t i = 0; i < sh->backend_count; i++) {
		struct backend *b = &sh->backends[i];

		if (!backend_never_up(b)) {
			keep[n++] = b->name;
		} else if (!h->orphaned[i]) {
			h->orphaned[i] = any = true;
		}
	}
	if (any && n > 0)
		store_adopt(sh->store, keep, n);
	free(keep);
}

static int64_t round_trip(struct health *h)
{
	int64_t next = clock_monotonic_ms() + ROUND_MS;

	for (size_t i = 0; i < h->shared->backend_count; i++) {
		struct backend *b = &h->shared->backends[i];

		if (told_to_stop(h))
			return next;
		if (backend_check_at(b) <= clock_monotonic_ms())
			probe(h, i);
		forget_some(h, i);
		if (backend_check_at(b) < next)
			next = backend_check_at(b);
	}
	give_away(h);
	return next;
}

static void *health_run(void *arg)
{
	struct health *h = arg;

	while (!told_to_stop(h)) {
		int64_t next = round_trip(h);

		box_lock(&h->box);
		if (!h->stop && !h->poked)
			(void)box_wait(&h->box, next);
		h->poked = false;
		box_unlock(&h->box);
	}
	return NULL;
}

struct health *health_start(struct shared *sh)
{
	struct health *h = mem_alloc(sizeof(*h));

	h->shared = sh;
	h->began = clock_monotonic_ms();
	box_init(&h->box);
	h->orphaned = mem_array(sh->backend_count, sizeof(bool));
	h->clients = mem_array(sh->backend_count, sizeof(h->clients[0]));
	for (size_t i = 0; i < sh->backend_count; i++) {
		h->clients[i] = comfy_client_create(&sh->backends[i].server);
		comfy_client_stop_when(h->clients[i], told_to_stop, h);
	}
	h->thread = box_thread("health", health_run, h);
	return h;
}

void health_stop(struct health *h)
{
	if (h == NULL)
		return;
	box_lock(&h->box);
	h->stop = true;
	box_wake(&h->box);
	box_unlock(&h->box);
	pthread_join(h->thread, NULL);
	for (size_t i = 0; i < h->shared->backend_count; i++)
		comfy_client_destroy(h->clients[i]);
	box_finish(&h->box);
	free(h->clients);
	free(h->orphaned);
	free(h);
}

void health_poke(struct health *h)
{
	box_lock(&h->box);
	h->poked = true;
	box_wake(&h->box);
	box_unlock(&h->box);
}
