#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/house.h"
#include "input/resolve.h"
#include "manifest/catalogue.h"

#define PROMPT_MAX    (32 * 1024 * 1024)
#define CACHE_ENTRIES 4096
#define BACKENDS_MAX  256
#define BODY_THREADS  2
#define BODIES_MAX    32

/* ---- what the two halves tell each other ---- */

static void job_changed(void *ctx, const char *id, enum phase phase,
			bool cancel_asked, struct store_ended *ended)
{
	struct house *h = ctx;

	/* Before the halves stand, nobody is there to be told. */
	if (h->api != NULL)
		api_job_changed(h->api, id, phase, ended);
	else
		store_ended_free(ended);
	if (h->pool != NULL)
		pool_poke(h->pool, id, phase);
	/* One that waited has ended by now; the pool remembers but a few. */
	if (cancel_asked && !phase_final(phase) && h->pool != NULL)
		pool_cancel(h->pool, id);
}

static void progress_changed(void *ctx, const char *id)
{
	struct house *h = ctx;

	if (h->api != NULL)
		api_progress_changed(h->api, id);
}

static size_t fleet_total(void *ctx)
{
	struct house *h = ctx;

	return h->config->backend_count;
}

static size_t fleet_up(void *ctx)
{
	struct house *h = ctx;
	struct backend_state states[BACKENDS_MAX];
	size_t n = pool_backends(h->pool, states, BACKENDS_MAX), up = 0;

	for (size_t i = 0; i < n; i++)
		up += states[i].up;
	return up;
}

static bool fleet_serves(void *ctx, const char *pool)
{
	struct house *h = ctx;

	return pool_exists(h->pool, pool);
}

static bool ask_keys(void *ctx)
{
	struct house *h = ctx;

	return keys_ask(h->keys);
}

static void keys_renewed(void *ctx)
{
	struct house *h = ctx;

	if (h->server != NULL)
		api_keys_renewed(h->api);
}

/* ---- keys ---- */

static const char *named(const char *setting)
{
	return *setting != '\0' ? setting : NULL;
}

/* The host alone counts: "http://127.0.0.1.example.com" is not loopback. */
static bool url_is_loopback(const char *url)
{
	const char *host = strstr(url, "://");
	size_t n;

	if (host == NULL)
		return false;
	host += 3;
	n = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/");
	return (n == 9 && strncmp(host, "localhost", n) == 0) ||
	       (n == 5 && strncmp(host, "[::1]", n) == 0) ||
	       (n > 4 && strncmp(host, "127.", 4) == 0 &&
		strspn(host, "0123456789.") == n);
}

static bool open_keys(struct house *h, struct problem *why)
{
	const struct config *c = h->config;
	struct keys_options o = {
		.files = {.jwks_file = named(c->jwks_file),
			  .pem_file = named(c->pem_file),
			  .secret_file = named(c->secret_file)},
		.jwks_url = named(c->jwks_url),
		.renewed = keys_renewed,
		.renewed_ctx = h,
	};
	struct access_options a = {
		.rules = {.issuer = named(c->issuer),
			  .audience = named(c->audience),
			  .leeway_s = c->leeway / 1000},
		.cache_entries = CACHE_ENTRIES,
		.realm = c->realm,
		.jwks_url = named(c->jwks_url),
	};
	struct keyset *keys;

	if (o.jwks_url != NULL && !keys_url_valid(o.jwks_url, why))
		return false;
	keys = keyset_load(&o.files, why);
	if (keys == NULL)
		return false;
	if (keyset_is_development(keys) && !url_is_loopback(c->public_url)) {
		keyset_drop(keys);
		return problem_set(
			why, PROBLEM_INTERNAL, "secret_file",
			"%s holds the development key, which serves on "
			"loopback only: set public_url to an address like "
			"http://127.0.0.1:8080, or use a key of your own",
			c->secret_file);
	}
	h->access = access_create(&a, keys);
	h->keys = keys_start(&o, h->access);
	return true;
}

/* The key that URLs are signed with: made once, kept with the state. */
static bool open_sign_key(struct house *h, struct problem *why)
{
	char path[4096];
	char *text;
	size_t len;

	snprintf(path, sizeof(path), "%s/url.key", h->config->state);
	text = file_read(path, 1024, &len, why);
	if (text == NULL && why->code != PROBLEM_NOT_FOUND)
		return false;
	if (text == NULL) {
		*why = (struct problem){0};
		digest_random(h->sign_key, sizeof(h->sign_key));
		return file_write(path, h->sign_key, sizeof(h->sign_key), 0600,
				  why);
	}
	if (len == sizeof(h->sign_key))
		memcpy(h->sign_key, text, len);
	free(text);
	return len == sizeof(h->sign_key) ||
	       problem_set(why, PROBLEM_INTERNAL, path,
			   "must hold 32 bytes; remove it for a new one");
}

/* ---- the state on disk ---- */

static bool open_state(struct house *h, struct problem *why)
{
	const struct config *c = h->config;
	char path[4096];
	struct store_options o = {
		.path = path, .listen = job_changed, .listen_ctx = h};

	if (!file_make_dirs(c->state, 0750, why))
		return false;
	snprintf(path, sizeof(path), "%s/files", c->state);
	h->files = files_open(path, c->min_free_bytes, why);
	if (h->files == NULL || !open_sign_key(h, why))
		return false;
	snprintf(path, sizeof(path), "%s/blobs", c->state);
	h->blobs = blobs_open(path, h->files, why);
	if (h->blobs == NULL)
		return false;
	snprintf(path, sizeof(path), "%s/comfygate.db", c->state);
	o.files = h->files;
	o.blobs = h->blobs;
	h->store = store_open(&o, why);
	h->board = board_create(progress_changed, h);
	if (h->store == NULL)
		return false;
	return c->keep_files == 0 ||
	       store_limit_keep(h->store, c->keep_files) ||
	       problem_set(why, PROBLEM_INTERNAL, "keep_files",
			   "the database cannot be written");
}

/* ---- what converts pictures ---- */

static void open_convert(struct house *h)
{
	struct arena scratch = {0};
	const char *path = convert_find(h->config->media_helper, &scratch);

	h->converts = path != NULL;
	h->convert = convert_create(path, h->config->convert_timeout);
	arena_finish(&scratch);
}

/* ---- the catalogue ---- */

static void log_problems(enum log_level level, const char *event,
			 const struct problem_list *l)
{
	for (size_t i = 0; i < l->count; i++)
		log_event(level, event, "where", l->items[i].where, "what",
			  l->items[i].detail, NULL);
}

static struct catalogue *load_catalogue(const struct house *h,
					const struct catalogue *before)
{
	const struct manifest_host host = {input_check_example, h->converts};
	struct problem_list errors, notices;
	struct arena arena = {0};
	struct catalogue *all;

	problem_list_init(&errors, &arena);
	problem_list_init(&notices, &arena);
	all = catalogue_load(h->config->endpoints, before, &host, &errors,
			     &notices);
	log_problems(LOG_ERROR, "endpoint.broken", &errors);
	log_problems(LOG_INFO, "endpoint.notice", &notices);
	log_event(LOG_INFO, "endpoints.loaded", "count",
		  log_num((long long)all->count), "broken",
		  log_num((long long)all->broken_count), NULL);
	arena_finish(&arena);
	return all;
}

void house_reload(struct house *h)
{
	struct problem why = {0};

	api_publish(h->api, load_catalogue(h, api_catalogue(h->api)));
	if (!keys_reload(h->keys, &why))
		log_event(LOG_ERROR, "keys.kept", "where", why.where, "what",
			  why.detail, NULL);
}

/* ---- the two halves ---- */

static bool open_api(struct house *h, struct problem *why)
{
	const struct config *c = h->config;
	struct api_options o = {
		.store = h->store,
		.files = h->files,
		.blobs = h->blobs,
		.board = h->board,
		.access = h->access,
		.ask_keys = ask_keys,
		.ask_keys_ctx = h,
		.fleet = {fleet_total, fleet_up, fleet_serves, h},
		.public_url = c->public_url,
		.sign_key = h->sign_key,
		.sign_key_len = sizeof(h->sign_key),
		.url_lifetime_ms = c->url_lifetime,
		.max_wait_ms = c->max_wait,
		.keep_files_ms = c->keep_files,
		.max_waiting_each = (size_t)c->max_waiting_each,
		.max_prompt_bytes = PROMPT_MAX,
		.max_text_bytes = (size_t)c->max_body_bytes,
		.max_inline_bytes = (size_t)c->max_inline_bytes,
		.max_upload_bytes = c->max_upload_bytes,
		.max_uploads_each_bytes = c->max_uploads_each_bytes,
		.upload_lifetime_ms = c->upload_lifetime,
		.url_http = c->url_http,
	};

	h->api = api_create(&o, load_catalogue(h, NULL), why);
	return h->api != NULL;
}

/* systemd's protocol: the listening socket is descriptor 3. */
static int inherited_socket(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	char own[32];

	snprintf(own, sizeof(own), "%ld", (long)getpid());
	if (pid == NULL || fds == NULL || strcmp(pid, own) != 0 ||
	    strcmp(fds, "1") != 0)
		return -1;
	fcntl(3, F_SETFD, FD_CLOEXEC);
	return 3;
}

static bool open_server(struct house *h, struct problem *why)
{
	const struct config *c = h->config;
	struct server_options o = {
		.socket_path = c->socket,
		.inherited_fd = inherited_socket(),
		.max_body_bytes = (size_t)c->max_body_bytes,
		.max_waiting = (size_t)c->max_waiting,
		.max_connections = (size_t)c->max_connections,
		.read_timeout_ms = c->read_timeout,
		.head = api_head,
		.body_threads = BODY_THREADS,
		.max_bodies = BODIES_MAX,
	};

	struct server *server = server_create(&o, api_handle, h->api, why);

	if (server == NULL)
		return false;
	/* First attached, then seen: the keys' thread runs already. */
	api_attach(h->api, server);
	h->server = server;
	return true;
}

static bool open_pool(struct house *h, struct problem *why)
{
	const struct config *c = h->config;
	struct backend_options backends[BACKENDS_MAX];
	struct pool_options o = {
		.backends = backends,
		.count = c->backend_count,
		.store = h->store,
		.files = h->files,
		.blobs = h->blobs,
		.board = h->board,
		.convert = h->convert,
		.stall_ms = c->stall,
		.poll_ms = c->poll,
		.call_timeout_ms = c->call_timeout,
		.fetch_timeout_ms = c->fetch_timeout,
		.max_output_bytes = c->max_output_bytes,
		.forget_after_ms = c->keep_jobs,
		.keep_files_bytes = c->keep_files_bytes,
		.url_agent = "comfygate/" COMFYGATE_VERSION,
		.url_allow = &c->url_allowed,
		.url_http = c->url_http,
		.url_timeout_ms = c->url_timeout,
		.max_input_bytes = c->max_upload_bytes,
	};

	for (size_t i = 0; i < c->backend_count; i++) {
		backends[i] = (struct backend_options){
			.name = c->backends[i].name,
			.url = c->backends[i].url,
			.pool = c->backends[i].pool,
			.header = c->backends[i].header,
			.slots = c->backends[i].slots,
		};
	}
	h->pool = pool_start(&o, why);
	return h->pool != NULL;
}

bool house_open(struct house *h, const struct config *c, struct problem *why)
{
	h->config = c;
	open_convert(h);
	/* The loop starts last, so that no request finds half a house. */
	if (!open_state(h, why) || !open_keys(h, why) || !open_api(h, why) ||
	    !open_server(h, why) || !open_pool(h, why))
		return false;
	server_start(h->server);
	return true;
}

static int64_t left(int64_t until)
{
	int64_t now = clock_monotonic_ms();

	return until > now ? until - now : 0;
}

/* Answers that are under way are let out, until then. */
static void let_out(struct house *h, int64_t until)
{
	api_release(h->api);
	while (!server_idle(h->server) && clock_monotonic_ms() < until) {
		struct timespec moment = {.tv_nsec = 2 * 1000 * 1000};

		nanosleep(&moment, NULL);
	}
	server_stop(h->server, left(until));
}

void house_close(struct house *h, int64_t ms)
{
	int64_t until = clock_monotonic_ms() + ms;

	if (h->server != NULL) {
		api_drain(h->api);
		server_drain(h->server);
	}
	/* Callers whose jobs end meanwhile get their answers. */
	if (h->pool != NULL)
		pool_end(h->pool, ms * 3 / 4);
	if (h->server != NULL)
		let_out(h, until);
	keys_stop(h->keys);
	/* The last commits still post to the loop that has ended, so the store
	 * closes before the server goes; its readers close before it, so that
	 * the database is one file again. */
	api_close_reader(h->api);
	store_close(h->store);
	server_finish(h->server, 0);
	/* Until here requests and the store could still ask the pool. */
	pool_free(h->pool);
	api_destroy(h->api);
	access_destroy(h->access);
	convert_destroy(h->convert);
	board_destroy(h->board);
	blobs_close(h->blobs);
	files_close(h->files);
}
