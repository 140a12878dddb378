#include <stdlib.h>
#include <string.h>

#include "api/private.h"
#include "base/digest.h"
#include "base/log.h"

#define PING_MS 15000

struct api *api_create(const struct api_options *o, struct catalogue *catalogue,
		       struct problem *why)
{
	struct store_reader *reader = store_reader_open(o->store, why);
	struct api *a;

	if (reader == NULL) {
		catalogue_free(catalogue);
		return NULL;
	}
	a = mem_alloc(sizeof(*a));
	a->o = *o;
	a->reader = reader;
	a->sign = digest_mac_create(o->sign_key, o->sign_key_len);
	a->catalogue = catalogue;
	a->newest = catalogue;
	atomic_init(&a->streams, 0);
	atomic_init(&a->draining, false);
	waiting_init(&a->waiting);
	return a;
}

void api_attach(struct api *a, struct server *server)
{
	a->server = server;
	server_every(server, PING_MS, events_keep_open, a);
}

void api_close_reader(struct api *a)
{
	if (a == NULL)
		return;
	store_reader_close(a->reader);
	a->reader = NULL;
}

void api_destroy(struct api *a)
{
	if (a == NULL)
		return;
	waiting_finish(&a->waiting);
	access_forget_waiters(a);
	store_reader_close(a->reader);
	catalogue_free(a->catalogue);
	digest_mac_destroy(a->sign);
	free(a);
}

/* What another thread tells the loop. */
struct news {
	struct api *api;
	struct catalogue *catalogue;
	char job[ID_SIZE];
	bool over;
	struct store_ended *ended; /* NULL: it is to be read */
};

static struct news *news_of(struct api *a, const char *job)
{
	struct news *n = mem_alloc(sizeof(*n));

	n->api = a;
	if (job != NULL)
		memcpy(n->job, job, sizeof(n->job));
	return n;
}

static void job_news(void *arg)
{
	struct news *n = arg;

	if (n->over)
		parking_ended(n->api, n->job,
			      n->ended != NULL ? &n->ended->job : NULL);
	else
		events_job_changed(n->api, n->job);
	store_ended_free(n->ended);
	free(n);
}

void api_job_changed(struct api *a, const char *id, enum phase phase,
		     struct store_ended *ended)
{
	struct news *n;

	if (!phase_final(phase) && atomic_load(&a->streams) == 0)
		return; /* nobody looks at what is between */
	n = news_of(a, id);
	n->over = phase_final(phase);
	n->ended = ended;
	server_post(a->server, job_news, n);
}

void api_progress_changed(struct api *a, const char *id)
{
	if (atomic_load(&a->streams) > 0)
		server_post(a->server, job_news, news_of(a, id));
}

static void keys_news(void *arg)
{
	access_keys_renewed(arg);
}

void api_keys_renewed(struct api *a)
{
	server_post(a->server, keys_news, a);
}

static void take_catalogue(void *arg)
{
	struct news *n = arg;
	struct catalogue *old = n->api->catalogue;

	n->api->catalogue = n->catalogue;
	log_event(LOG_INFO, "endpoints.in_use", "count",
		  log_num((long long)n->catalogue->count), NULL);
	catalogue_free(old);
	free(n);
}

void api_publish(struct api *a, struct catalogue *catalogue)
{
	struct news *n = news_of(a, NULL);

	n->catalogue = catalogue;
	a->newest = catalogue;
	server_post(a->server, take_catalogue, n);
}

const struct catalogue *api_catalogue(struct api *a)
{
	return a->newest;
}

void api_drain(struct api *a)
{
	atomic_store(&a->draining, true);
}

static void release(void *arg)
{
	parking_release(arg);
}

void api_release(struct api *a)
{
	server_post(a->server, release, a);
}
