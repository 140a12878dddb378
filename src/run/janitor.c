#include "run/janitor.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/box.h"
#include "base/clock.h"
#include "base/log.h"

/* A job may come in with a deadline that is nearer than the next thing due. */
#define TICK_MS	     1000
#define STRAYS_MS    (3600 * 1000)
#define STRAY_AGE_MS (10 * 60 * 1000)
/* Folders in one go; the rest is found the next time. */
#define STRAYS_MAX 10000

struct janitor {
	struct store *store;
	struct files *files;
	int64_t forget_after_ms;
	int64_t keep_files_bytes;
	struct store_reader *reader; /* the thread's own */
	pthread_t thread;
	struct box box;
	bool stop; /* under the lock */
};

struct strays {
	struct store_reader *reader;
	char (*ids)[ID_SIZE];
	size_t count;
};

/* A UUIDv7 begins with the milliseconds of its birth. */
static int64_t born(const char *id)
{
	int64_t ms = 0;

	for (int i = 0; i < 13; i++) {
		char c = id[i];

		if (c != '-')
			ms = ms * 16 + (c <= '9' ? c - '0' : c - 'a' + 10);
	}
	return ms;
}

/* A young one is left alone: shared results are linked before their job is
 * stored. */
static void look_at_file(void *ctx, const char *job)
{
	struct strays *s = ctx;

	if (s->count < STRAYS_MAX && id_valid(job) &&
	    born(job) <= clock_wall_ms() - STRAY_AGE_MS &&
	    store_has_strays(s->reader, job))
		(void)snprintf(s->ids[s->count++], ID_SIZE, "%s", job);
}

static void remove_strays(struct janitor *j)
{
	struct problem why = {0};
	struct strays s = {.reader = store_reader_open(j->store, &why)};

	if (s.reader == NULL) {
		log_event(LOG_WARN, "janitor.no_reader", "why", why.detail,
			  NULL);
		return;
	}
	s.ids = mem_array(STRAYS_MAX, ID_SIZE);
	files_each_job(j->files, look_at_file, &s);
	for (size_t i = 0; i < s.count; i++) {
		if (!files_remove_job(j->files, s.ids[i], &why))
			log_event(LOG_WARN, "janitor.stray", "job", s.ids[i],
				  "why", why.detail, NULL);
	}
	if (s.count > 0)
		log_event(LOG_INFO, "janitor.strays", "count",
			  log_num((long long)s.count), NULL);
	free(s.ids);
	store_sweep(j->store, s.reader);
	store_reader_close(s.reader);
}

static bool sleep_until(struct janitor *j, int64_t until)
{
	bool stop;

	box_lock(&j->box);
	if (!j->stop)
		(void)box_wait(&j->box, until);
	stop = j->stop;
	box_unlock(&j->box);
	return stop;
}

/* A reader of its own sums up: the store has better things to do. */
static void cap_files(struct janitor *j, int64_t now)
{
	struct problem why = {0};

	if (j->keep_files_bytes == 0)
		return;
	if (j->reader == NULL)
		j->reader = store_reader_open(j->store, &why);
	if (j->reader != NULL)
		store_cap_files(j->store, j->reader, now, j->keep_files_bytes);
	else
		log_event(LOG_WARN, "janitor.no_reader", "why", why.detail,
			  NULL);
}

static void *janitor_run(void *arg)
{
	struct janitor *j = arg;
	int64_t strays_at = 0;
	bool stop = false;

	while (!stop) {
		int64_t wall = clock_wall_ms();
		int64_t due =
			store_tidy(j->store, wall, wall - j->forget_after_ms);
		int64_t now = clock_monotonic_ms();
		int64_t ms = due - wall;

		cap_files(j, wall);
		if (now >= strays_at) {
			remove_strays(j);
			strays_at = now + STRAYS_MS;
		}
		ms = ms < 10 ? 10 : ms > TICK_MS ? TICK_MS : ms;
		stop = sleep_until(j, now + ms);
	}
	store_reader_close(j->reader);
	return NULL;
}

struct janitor *janitor_start(struct store *store, struct files *files,
			      int64_t forget_after_ms, int64_t keep_files_bytes)
{
	struct janitor *j = mem_alloc(sizeof(*j));

	j->store = store;
	j->files = files;
	j->forget_after_ms = forget_after_ms;
	j->keep_files_bytes = keep_files_bytes;
	box_init(&j->box);
	j->thread = box_thread("janitor", janitor_run, j);
	return j;
}

void janitor_stop(struct janitor *j)
{
	if (j == NULL)
		return;
	box_lock(&j->box);
	j->stop = true;
	box_wake(&j->box);
	box_unlock(&j->box);
	pthread_join(j->thread, NULL);
	box_finish(&j->box);
	free(j);
}
