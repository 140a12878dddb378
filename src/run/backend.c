#include "run/backend.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

/* The pause after the first failure, and the longest. */
#define PAUSE_MS     100
#define PAUSE_MAX_MS 30000
/* How often a backend that is up is looked at; with a socket its loss tells
 * sooner. */
#define CHECK_MS      5000
#define CHECK_LONG_MS 30000
#define MISSES	      3

static char *copy(const char *s)
{
	return s != NULL ? mem_strdup(s) : NULL;
}

void backend_init(struct backend *b, const struct backend_options *o)
{
	size_t len;

	memset(b, 0, sizeof(*b));
	b->name = copy(o->name);
	b->url = copy(o->url);
	b->pool = copy(o->pool != NULL ? o->pool : "default");
	b->header = copy(o->header);
	b->slots = o->slots > 0 ? o->slots : 1;
	len = strlen(b->url);
	while (len > 0 && b->url[len - 1] == '/')
		b->url[--len] = '\0';
	b->server = (struct comfy_server){.name = b->name,
					  .url = b->url,
					  .header = b->header,
					  .has_jobs_api = -1};
	text_copy(b->reason, sizeof(b->reason), "not asked yet");
	box_init(&b->box);
}

void backend_finish(struct backend *b)
{
	box_finish(&b->box);
	free(b->name);
	free(b->url);
	free(b->pool);
	free(b->header);
}

bool backend_is_up(struct backend *b)
{
	bool up;

	box_lock(&b->box);
	up = b->up;
	box_unlock(&b->box);
	return up;
}

bool backend_wait_up(struct backend *b, int64_t until)
{
	bool up;

	box_lock(&b->box);
	if (!b->up)
		(void)box_wait(&b->box, until);
	up = b->up;
	box_unlock(&b->box);
	return up;
}

void backend_wake(struct backend *b)
{
	box_wake(&b->box);
}

static int64_t pause_ms(unsigned failures)
{
	unsigned shift = failures < 12 ? failures : 12;
	int64_t ms = (int64_t)PAUSE_MS << shift;

	return ms < PAUSE_MAX_MS ? ms : PAUSE_MAX_MS;
}

void backend_throttle(struct backend *b, const char *reason, const char *stuck)
{
	int64_t ms;
	bool was;

	box_lock(&b->box);
	was = b->up;
	ms = pause_ms(b->failures);
	b->failures++;
	b->up = false;
	b->missed = 0;
	b->check_at = clock_monotonic_ms() + ms;
	text_copy(b->reason, sizeof(b->reason), reason);
	if (stuck != NULL)
		text_copy(b->stuck, sizeof(b->stuck), stuck);
	box_unlock(&b->box);
	log_event(was ? LOG_WARN : LOG_DEBUG, "backend.throttled", "backend",
		  b->name, "why", reason, "ms", log_num(ms), NULL);
}

bool backend_recover(struct backend *b, const char *version)
{
	bool was;

	box_lock(&b->box);
	was = b->up;
	/* What was stuck may get stuck again: only a run that ends well makes
	 * its next pause short. */
	if (!was && b->stuck[0] == '\0')
		b->failures = 0;
	b->up = b->was_up = true;
	b->missed = 0;
	b->reason[0] = b->stuck[0] = '\0';
	b->check_at =
		clock_monotonic_ms() + (b->socket ? CHECK_LONG_MS : CHECK_MS);
	text_copy(b->version, sizeof(b->version), version);
	box_wake(&b->box);
	box_unlock(&b->box);
	if (!was)
		log_event(LOG_INFO, "backend.up", "backend", b->name, "version",
			  version[0] != '\0' ? version : NULL, NULL);
	return !was;
}

bool backend_missed(struct backend *b)
{
	bool bear;

	box_lock(&b->box);
	bear = b->up && ++b->missed < MISSES;
	if (bear)
		b->check_at = clock_monotonic_ms() + CHECK_MS / MISSES;
	box_unlock(&b->box);
	return bear;
}

void backend_ran_well(struct backend *b)
{
	box_lock(&b->box);
	b->failures = 0;
	box_unlock(&b->box);
}

bool backend_is_stuck(struct backend *b)
{
	bool yes;

	box_lock(&b->box);
	yes = b->stuck[0] != '\0';
	box_unlock(&b->box);
	return yes;
}

void backend_stuck(struct backend *b, char out[ID_SIZE])
{
	box_lock(&b->box);
	memcpy(out, b->stuck, ID_SIZE);
	box_unlock(&b->box);
}

void backend_socket(struct backend *b, bool up)
{
	box_lock(&b->box);
	/* A socket that comes or goes says that something happened there: look
	 * at once, but keep the pause of one that is known to be stuck. */
	if (b->socket != up && b->stuck[0] == '\0')
		b->check_at = 0;
	b->socket = up;
	box_unlock(&b->box);
}

void backend_busy(struct backend *b, int change)
{
	box_lock(&b->box);
	b->busy = (unsigned)((int)b->busy + change);
	box_unlock(&b->box);
}

void backend_state(struct backend *b, struct backend_state *out)
{
	*out = (struct backend_state){0};
	text_copy(out->name, sizeof(out->name), b->name);
	text_copy(out->pool, sizeof(out->pool), b->pool);
	box_lock(&b->box);
	out->up = b->up;
	out->socket = b->socket;
	out->busy = b->busy;
	memcpy(out->reason, b->reason, sizeof(out->reason));
	memcpy(out->version, b->version, sizeof(out->version));
	box_unlock(&b->box);
}

bool backend_never_up(struct backend *b)
{
	bool never;

	box_lock(&b->box);
	never = !b->was_up;
	box_unlock(&b->box);
	return never;
}

int64_t backend_check_at(struct backend *b)
{
	int64_t at;

	box_lock(&b->box);
	at = b->check_at;
	box_unlock(&b->box);
	return at;
}

void backend_forget(struct backend *b, const char *prompt_id)
{
	box_lock(&b->box);
	if (b->forget_count < BACKEND_FORGETS)
		text_copy(b->forgets[b->forget_count++], ID_SIZE, prompt_id);
	box_unlock(&b->box);
}

size_t backend_forgets(struct backend *b, char (*out)[ID_SIZE], size_t max)
{
	size_t n;

	box_lock(&b->box);
	n = b->forget_count < max ? b->forget_count : max;
	memcpy(out, b->forgets, n * ID_SIZE);
	memmove(b->forgets, b->forgets + n, (b->forget_count - n) * ID_SIZE);
	b->forget_count -= n;
	box_unlock(&b->box);
	return n;
}
