#include "run/fetcher.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/box.h"
#include "base/clock.h"
#include "base/fetch.h"
#include "base/log.h"
#include "run/errand.h"

/* Jobs in memory; what is beyond waits in the store, and is looked for when
 * there is room again. */
#define WINDOW	    256
#define WINDOW_EACH 16
#define PAGE	    32

#define TRIES	      3
#define DISK_PAUSE_MS 1000
#define IDLE_MS	      60000
#define CANCELED_MAX  64

struct owner {
	struct owner *next;
	struct fetcher *fetcher;
	char *name;
	unsigned errands, running; /* downloads that run */
};

struct fetcher {
	struct fetcher_options o;
	struct fetch *fetch;
	struct store_reader *reader;
	pthread_t thread;

	/* Of the thread. */
	struct errand *first, **end; /* as they came */
	size_t count;
	struct owner *owners;
	unsigned running;
	char seen[ID_SIZE]; /* the store was looked through up to this job */
	bool passed_over;   /* for lack of room: look from the start again */

	struct box box; /* guards what follows */
	bool stop;
	bool look; /* there are new ones */
	char canceled[CANCELED_MAX][ID_SIZE];
	size_t canceled_count; /* above CANCELED_MAX: also others */
};

/* ---- owners ---- */

static struct owner *owner_named(struct fetcher *f, const char *name)
{
	struct owner *o = f->owners;

	while (o != NULL && strcmp(o->name, name) != 0)
		o = o->next;
	if (o == NULL) {
		o = mem_alloc(sizeof(*o));
		o->fetcher = f;
		o->name = mem_strdup(name);
		o->next = f->owners;
		f->owners = o;
	}
	return o;
}

static void drop_idle_owners(struct fetcher *f)
{
	struct owner **at = &f->owners;

	while (*at != NULL) {
		struct owner *o = *at;

		if (o->errands > 0) {
			at = &o->next;
			continue;
		}
		*at = o->next;
		free(o->name);
		free(o);
	}
}

/* ---- jobs that come and go ---- */

static bool overdue(int64_t deadline_at)
{
	return deadline_at > 0 && deadline_at <= clock_wall_ms();
}

static bool known(const struct fetcher *f, const char *id)
{
	for (const struct errand *e = f->first; e != NULL; e = e->next)
		if (strcmp(e->id, id) == 0)
			return true;
	return false;
}

static void count_running(struct download *d, bool more)
{
	struct owner *o = d->errand->owner;

	o->running += more ? 1u : -1u;
	o->fetcher->running += more ? 1u : -1u;
}

/* Out of the window, whatever state it is in. */
static void leave(struct fetcher *f, struct errand *e)
{
	struct errand **at = &f->first;

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	if (f->end == &e->next)
		f->end = at;
	for (size_t i = 0; i < e->count; i++) {
		if (e->downloads[i].state != DOWNLOAD_RUNS)
			continue;
		fetch_cancel(f->fetch, e->downloads[i].transfer);
		count_running(&e->downloads[i], false);
	}
	e->owner->errands--;
	f->count--;
	errand_destroy(e);
}

/* A job that cannot be read would wait for ever. */
static void refuse(struct fetcher *f, const struct job *job,
		   const struct problem *why)
{
	if (store_end(f->o.store, job->id, "", PHASE_FAILED, NULL,
		      "{\"code\":\"internal\",\"detail\":"
		      "\"the job could not be read\"}"))
		log_event(LOG_ERROR, "fetch.unreadable", "job", job->id, "why",
			  why->detail, NULL);
}

static void adopt(struct fetcher *f, const struct job *job)
{
	struct owner *owner = owner_named(f, job->owner);
	struct problem why = {0};
	struct errand *e;

	if (overdue(job->deadline_at))
		return; /* the janitor ends it */
	if (f->count == WINDOW || owner->errands == WINDOW_EACH) {
		f->passed_over = true;
		return;
	}
	e = errand_create(job, f->o.max_bytes, &why);
	if (e == NULL) {
		refuse(f, job, &why);
		return;
	}
	e->owner = owner;
	owner->errands++;
	*f->end = e;
	f->end = &e->next;
	f->count++;
}

static void look(struct fetcher *f)
{
	struct job jobs[PAGE];
	struct arena a = {0};
	size_t n;

	do {
		n = store_fetching(f->reader, f->seen, &a, jobs, PAGE);
		for (size_t i = 0; i < n; i++)
			if (!known(f, jobs[i].id))
				adopt(f, &jobs[i]);
		if (n > 0)
			memcpy(f->seen, jobs[n - 1].id, ID_SIZE);
		arena_finish(&a);
	} while (n == PAGE && f->count < WINDOW);
	f->passed_over |= n == PAGE;
	drop_idle_owners(f);
}

/* There may be room for those that were passed over. */
static void room_again(struct fetcher *f, const struct owner *owner)
{
	if (f->passed_over && (owner->errands == WINDOW_EACH / 2 ||
			       f->count == WINDOW / 2 || f->count == 0)) {
		f->passed_over = false;
		f->seen[0] = '\0';
		look(f);
	}
}

static void over(struct fetcher *f, struct errand *e)
{
	struct owner *owner = e->owner;

	leave(f, e);
	room_again(f, owner);
}

static void take_canceled(struct fetcher *f, const char *id)
{
	struct errand *e = f->first;

	while (e != NULL && strcmp(e->id, id) != 0)
		e = e->next;
	if (e != NULL)
		over(f, e);
}

/* More were canceled than could be remembered. */
static void look_for_canceled(struct fetcher *f)
{
	struct errand *next;

	for (struct errand *e = f->first; e != NULL; e = next) {
		struct arena a = {0};
		struct job job;

		next = e->next;
		if (!store_read(f->reader, e->id, NULL, &a, &job) ||
		    job.phase != PHASE_FETCHING)
			over(f, e);
		arena_finish(&a);
	}
}

/* False: the thread is to end. */
static bool take_news(struct fetcher *f)
{
	char canceled[CANCELED_MAX][ID_SIZE];
	size_t count;
	bool stop, more;

	box_lock(&f->box);
	stop = f->stop;
	more = f->look;
	count = f->canceled_count;
	memcpy(canceled, f->canceled, sizeof(canceled));
	f->look = false;
	f->canceled_count = 0;
	box_unlock(&f->box);
	if (stop)
		return false;
	if (count > CANCELED_MAX)
		look_for_canceled(f);
	for (size_t i = 0; i < count && count <= CANCELED_MAX; i++)
		take_canceled(f, canceled[i]);
	if (more)
		look(f);
	return true;
}

/* ---- files that come ---- */

static bool on_bytes(void *ctx, const void *bytes, size_t n)
{
	struct download *d = ctx;

	d->size += (int64_t)n;
	return blob_write(d->draft, bytes, n);
}

/* Pauses before the second try and the third. */
static const int64_t pauses[TRIES - 1] = {300, 1500};

static bool try_again(const struct download *d, const struct fetch_result *r,
		      int64_t now)
{
	/* What is wrong already is told as soon as the rest has been seen. */
	return r->again && d->tries < TRIES && d->errand->errors.count == 0 &&
	       now + pauses[d->tries - 1] < d->until;
}

static void on_done(void *ctx, const struct fetch_result *r)
{
	struct download *d = ctx;
	int64_t now = clock_monotonic_ms();

	d->transfer = NULL;
	count_running(d, false);
	if (r->outcome == FETCH_WHOLE) {
		download_arrived(d, r->inside);
	} else if (r->outcome == FETCH_STOPPED) {
		/* Our disk; the ceiling is the transfer's, too. It waits for
		 * room, as long as the job may. */
		log_event(LOG_ERROR, "fetch.not_written", "job", d->errand->id,
			  NULL);
		d->tries = 0;
		d->until = 0;
		download_again(d, now + DISK_PAUSE_MS);
	} else if (try_again(d, r, now)) {
		download_again(d, now + pauses[d->tries - 1]);
	} else {
		download_failed(d, r);
	}
}

static void begin(struct fetcher *f, struct download *d, int64_t now)
{
	const struct errand *e = d->errand;
	struct fetch_call c = {.url = d->url,
			       .max_bytes = d->max_bytes,
			       .sink = on_bytes,
			       .done = on_done,
			       .ctx = d};
	struct problem why = {0};
	int64_t left;

	d->draft = blob_begin(f->o.blobs, d->max_bytes, &why);
	if (d->draft == NULL) {
		log_event(LOG_WARN, "fetch.no_room", "job", e->id, "why",
			  why.detail, NULL);
		download_again(d, now + DISK_PAUSE_MS);
		return;
	}
	if (d->tries++ == 0)
		d->until = now + f->o.timeout_ms;
	c.timeout_ms = d->until > now ? d->until - now : 1;
	left = e->deadline_at - clock_wall_ms();
	if (e->deadline_at > 0 && left < c.timeout_ms)
		c.timeout_ms = left > 0 ? left : 1;
	d->state = DOWNLOAD_RUNS;
	count_running(d, true);
	d->transfer = fetch_begin(f->fetch, &c);
}

static struct download *waiting(struct errand *e, int64_t now)
{
	for (size_t i = 0; i < e->count; i++) {
		struct download *d = &e->downloads[i];

		if (d->state == DOWNLOAD_WAITS && d->not_before <= now)
			return d;
	}
	return NULL;
}

/* The first of whoever has the fewest running. */
static struct download *next_download(struct fetcher *f, int64_t now)
{
	unsigned fewest = FETCHER_EACH;
	struct download *best = NULL;

	for (struct errand *e = f->first; e != NULL; e = e->next) {
		struct download *d;

		if (e->owner->running >= fewest)
			continue;
		d = waiting(e, now);
		if (d != NULL) {
			best = d;
			fewest = e->owner->running;
		}
	}
	return best;
}

static void begin_all(struct fetcher *f)
{
	int64_t now = clock_monotonic_ms();
	struct download *d = NULL;

	while (f->running < FETCHER_AT_ONCE &&
	       (d = next_download(f, now)) != NULL)
		begin(f, d, now);
}

static void finish(struct fetcher *f, struct errand *e)
{
	int64_t later = clock_monotonic_ms() + DISK_PAUSE_MS;

	if (errand_finish(e, f->o.store, f->o.blobs) == ERRAND_OVER) {
		over(f, e);
		return;
	}
	for (size_t i = 0; i < e->count; i++)
		e->downloads[i].not_before = later;
}

static void settle(struct fetcher *f)
{
	struct errand *next;

	for (struct errand *e = f->first; e != NULL; e = next) {
		next = e->next;
		if (overdue(e->deadline_at))
			over(f, e);
		else if (e->open == 0)
			finish(f, e);
	}
}

/* ---- the thread ---- */

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* When there is something to do even where no transfer moves. */
static int64_t next_time(const struct fetcher *f)
{
	int64_t now = clock_monotonic_ms(), wall = clock_wall_ms();
	int64_t at = now + IDLE_MS;

	for (const struct errand *e = f->first; e != NULL; e = e->next) {
		if (e->open == 0)
			return now;
		if (e->deadline_at > 0)
			at = earlier(at, now + e->deadline_at - wall);
		for (size_t i = 0; i < e->count; i++)
			if (e->downloads[i].state == DOWNLOAD_WAITS &&
			    e->downloads[i].not_before > now)
				at = earlier(at, e->downloads[i].not_before);
	}
	return at;
}

static void *fetcher_run(void *arg)
{
	struct fetcher *f = arg;

	while (take_news(f)) {
		settle(f);
		begin_all(f);
		fetch_run(f->fetch, next_time(f));
	}
	while (f->first != NULL)
		leave(f, f->first);
	drop_idle_owners(f);
	store_reader_close(f->reader);
	f->o.ended(f->o.ctx);
	return NULL;
}

struct fetcher *fetcher_start(const struct fetcher_options *o,
			      struct problem *why)
{
	struct fetch_options fetch = {
		.agent = o->agent, .allow = o->allow, .http = o->http};
	struct store_reader *reader = store_reader_open(o->store, why);
	struct fetcher *f;

	if (reader == NULL)
		return NULL;
	f = mem_alloc(sizeof(*f));
	f->o = *o;
	f->end = &f->first;
	f->reader = reader;
	f->fetch = fetch_create(&fetch);
	f->look = true; /* what a process before this one left */
	box_init(&f->box);
	f->thread = box_thread("fetch", fetcher_run, f);
	return f;
}

void fetcher_stop(struct fetcher *f)
{
	if (f == NULL)
		return;
	box_lock(&f->box);
	f->stop = true;
	box_unlock(&f->box);
	fetch_wake(f->fetch);
}

void fetcher_free(struct fetcher *f)
{
	if (f == NULL)
		return;
	pthread_join(f->thread, NULL);
	fetch_destroy(f->fetch);
	box_finish(&f->box);
	free(f);
}

void fetcher_poke(struct fetcher *f, const char *id, enum phase phase)
{
	bool wake;

	if (phase != PHASE_FETCHING && phase != PHASE_CANCELED)
		return;
	box_lock(&f->box);
	wake = !f->look && f->canceled_count == 0;
	if (phase == PHASE_FETCHING)
		f->look = true;
	else if (f->canceled_count < CANCELED_MAX)
		memcpy(f->canceled[f->canceled_count++], id, ID_SIZE);
	else
		f->canceled_count = CANCELED_MAX + 1;
	box_unlock(&f->box);
	if (wake)
		fetch_wake(f->fetch);
}
