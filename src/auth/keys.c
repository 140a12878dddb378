#include <arpa/inet.h>
#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "auth/keys.h"
#include "auth/schedule.h"
#include "base/arena.h"
#include "base/box.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "base/web.h"

#define FETCH_TIMEOUT_MS 10000
#define FETCH_BYTES_MAX	 (1024 * 1024)

struct keys {
	struct access *access;
	char *jwks_file, *pem_file, *secret_file, *url;
	void (*renewed)(void *ctx);
	void *renewed_ctx;
	pthread_t thread; /* only with a url */
	atomic_bool stop; /* also looked at without the lock */
	/* The lock guards what follows and the order of publishing. */
	struct box box;
	struct schedule schedule;
	struct keyset *files;	/* never NULL */
	struct keyset *fetched; /* NULL until the first good fetch */
};

/* http to this machine only: "localhost", 127.0.0.0/8, [::1]. */
static bool loopback(const char *host)
{
	struct in_addr v4;

	if (inet_pton(AF_INET, host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	return text_same_nocase(host, "localhost") ||
	       strcmp(host, "[::1]") == 0;
}

static bool host_valid(const char *authority, size_t n, bool local)
{
	struct arena a = {0};
	char *host = arena_strndup(&a, authority, n);
	char *end = host[0] == '[' ? strchr(host, ']') : NULL;
	char *port = strchr(end != NULL ? end : host, ':');
	bool good;

	if (port != NULL)
		*port = '\0';
	good = host[0] != '\0' && strchr(host, '@') == NULL &&
	       (!local || loopback(host));
	arena_finish(&a);
	return good;
}

bool keys_url_valid(const char *url, struct problem *why)
{
	bool https = strncasecmp(url, "https://", 8) == 0;
	bool http = strncasecmp(url, "http://", 7) == 0;
	const char *authority;
	size_t n;

	for (const char *c = url; *c != '\0'; c++) {
		if (*c <= ' ' || *c > '~' || *c == '\\')
			return problem_set(why, PROBLEM_INVALID_INPUT, "",
					   "holds a character that no URL may "
					   "hold");
	}
	if (https || http) {
		authority = url + (https ? 8 : 7);
		n = strcspn(authority, "/?#");
		if (memchr(authority, '@', n) == NULL &&
		    host_valid(authority, n, http))
			return true;
	}
	return problem_set(why, PROBLEM_INVALID_INPUT, "",
			   "must be https://HOST/ without a user name, or "
			   "http:// to localhost, 127.0.0.1 or [::1]");
}

/* Lock held, so that a later set never goes out before an earlier one; nothing
 * here waits. Returns how many fetched keys the files' keys displaced. */
static size_t publish(struct keys *k)
{
	struct keyset *all;
	size_t left_out;

	if (k->fetched == NULL) {
		access_publish(k->access, keyset_keep(k->files));
		return 0;
	}
	all = keyset_join(k->files, k->fetched);
	left_out = keyset_count(k->files) + keyset_count(k->fetched) -
		   keyset_count(all);
	access_publish(k->access, all);
	return left_out;
}

static void tell_left_out(size_t count)
{
	if (count > 0)
		log_event(LOG_WARN, "keys.left_out", "count",
			  log_num((long long)count), "why",
			  "keys of the files have the same kid, or there are "
			  "too many",
			  NULL);
}

static bool stopped(void *ctx)
{
	struct keys *k = ctx;

	return atomic_load(&k->stop);
}

/* The new set, or NULL; *max_age_s is the answer's. */
static struct keyset *fetch(struct keys *k, struct web *web, int64_t *max_age_s)
{
	static const char *const headers[] = {
		"Accept: application/jwk-set+json, application/json", NULL};
	const struct web_call call = {
		.method = "GET",
		.url = k->url,
		.headers = headers,
		.timeout_ms = FETCH_TIMEOUT_MS,
		.max_bytes = FETCH_BYTES_MAX,
		.stop = stopped,
		.stop_ctx = k,
	};
	struct keyset *set = NULL;
	struct problem why = {0};
	struct web_answer answer;
	enum web_outcome outcome = web_do(web, &call, &answer);

	*max_age_s = answer.max_age_s;
	if (outcome != WEB_ANSWERED)
		problem_set(&why, PROBLEM_INTERNAL, "", "%s", answer.detail);
	else if (answer.status != 200)
		problem_set(&why, PROBLEM_INTERNAL, "", "status %d",
			    answer.status);
	else
		set = keyset_load(
			&(struct keyset_sources){
				.jwks_text = buf_str(&answer.body),
				.jwks_text_len = answer.body.len,
			},
			&why);
	if (set != NULL)
		log_event(LOG_INFO, "keys.fetched", "count",
			  log_num((long long)keyset_count(set)), NULL);
	else if (outcome != WEB_STOPPED)
		log_event(LOG_WARN, "keys.fetch_failed", "why", why.detail,
			  NULL);
	web_answer_finish(&answer);
	return set;
}

static void fetch_once(struct keys *k, struct web *web)
{
	int64_t max_age_s = -1;
	struct keyset *set = fetch(k, web, &max_age_s), *old = NULL;
	size_t left_out = 0;

	box_lock(&k->box);
	if (set != NULL) {
		old = k->fetched;
		k->fetched = set;
		left_out = publish(k);
	}
	schedule_ended(&k->schedule, clock_monotonic_ms(), set != NULL,
		       max_age_s);
	box_unlock(&k->box);
	keyset_drop(old);
	tell_left_out(left_out);
	if (k->renewed != NULL)
		k->renewed(k->renewed_ctx);
}

/* False when it is time to stop. */
static bool wait_until_due(struct keys *k)
{
	box_lock(&k->box);
	while (!atomic_load(&k->stop) &&
	       !schedule_due(&k->schedule, clock_monotonic_ms()))
		(void)!box_wait(&k->box, k->schedule.next_ms);
	box_unlock(&k->box);
	return !atomic_load(&k->stop);
}

static void *run(void *arg)
{
	struct keys *k = arg;
	struct web *web = web_create();

	while (wait_until_due(k))
		fetch_once(k, web);
	web_destroy(web);
	return NULL;
}

static char *copy(const char *s)
{
	return s != NULL ? mem_strdup(s) : NULL;
}

struct keys *keys_start(const struct keys_options *o, struct access *access)
{
	struct keys *k = mem_alloc(sizeof(*k));

	assert(o->jwks_url == NULL || keys_url_valid(o->jwks_url, NULL));
	k->access = access;
	k->jwks_file = copy(o->files.jwks_file);
	k->pem_file = copy(o->files.pem_file);
	k->secret_file = copy(o->files.secret_file);
	k->url = copy(o->jwks_url);
	k->renewed = o->renewed;
	k->renewed_ctx = o->renewed_ctx;
	k->files = access_keys(access);
	atomic_init(&k->stop, false);
	box_init(&k->box);
	schedule_init(&k->schedule, clock_monotonic_ms());
	if (k->url != NULL)
		k->thread = box_thread("keys", run, k);
	return k;
}

bool keys_ask(struct keys *k)
{
	bool coming;

	if (k->url == NULL)
		return false;
	box_lock(&k->box);
	coming = schedule_ask(&k->schedule, clock_monotonic_ms());
	box_wake(&k->box);
	box_unlock(&k->box);
	return coming;
}

bool keys_reload(struct keys *k, struct problem *why)
{
	struct keyset *files, *old;
	size_t left_out;

	files = keyset_load(
		&(struct keyset_sources){
			.jwks_file = k->jwks_file,
			.pem_file = k->pem_file,
			.secret_file = k->secret_file,
		},
		why);
	if (files == NULL)
		return false;
	box_lock(&k->box);
	old = k->files;
	k->files = files;
	left_out = publish(k);
	box_unlock(&k->box);
	keyset_drop(old);
	tell_left_out(left_out);
	return true;
}

void keys_stop(struct keys *k)
{
	if (k == NULL)
		return;
	atomic_store(&k->stop, true);
	if (k->url != NULL) {
		box_lock(&k->box);
		box_wake(&k->box);
		box_unlock(&k->box);
		pthread_join(k->thread, NULL);
	}
	box_finish(&k->box);
	keyset_drop(k->files);
	keyset_drop(k->fetched);
	free(k->jwks_file);
	free(k->pem_file);
	free(k->secret_file);
	free(k->url);
	free(k);
}
