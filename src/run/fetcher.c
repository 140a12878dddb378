#include "run/fetcher.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/box.h"
#include "base/clock.h"
#include "base/fetch.h"
#include "base/log.h"
#include "run/pickup.h"

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
	unsigned pickups, running; /* downloads that run */
};

struct fetcher {
	struct fetcher_options o;
	struct fetch *fetch;
	struct store_reader *reader;
	pthread_t thread;

	/* Of the thread. */
	struct pickup *first, **end; /* as they came */
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

		if (o->pickups > 0) {
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
	for (const struct pickup *p = f->first; p != NULL; p = p->next)
		if (strcmp(p->id, id) == 0)
			return true;
	return false;
}

static void count_running(struct download *d, bool more)
{
	struct owner *o = d->pickup->owner;

	o->running += more ? 1u : -1u;
	o->fetcher->running += more ? 1u : -1u;
}

/* Out of the window, whatever state it is in. */
static void leave(struct fetcher *f, struct pickup *p)
{
	struct pickup **at = &f->first;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	if (f->end == &p->next)
		f->end = at;
	for (size_t i = 0; i < p->count; i++) {
		if (p->downloads[i].state != DOWNLOAD_RUNS)
			continue;
		fetch_cancel(f->fetch, p->downloads[i].transfer);
		count_running(&p->downloads[i], false);
	}
	p->owner->pickups--;
	f->count--;
	pickup_destroy(p);
}

/* A job that cannot be read would wait for ever. */
static void refuse(struct fetcher *f, const struct job *job,
		   const struct problem *why)
{
	if (store_end(f->o.store, job->id, "", PHASE_FAILED,
		      "{\"code\":\"internal\",\"detail\":"
		      "\"the job could not be read\"}"))
		log_event(LOG_ERROR, "fetch.unreadable", "job", job->id, "why",
			  why->detail, NULL);
}

static void adopt(struct fetcher *f, const struct job *job)
{
	struct owner *owner = owner_named(f, job->owner);
	struct problem why = {0};
	struct pickup *p;

	if (overdue(job->deadline_at))
		return; /* the janitor ends it */
	if (f->count == WINDOW || owner->pickups == WINDOW_EACH) {
		f->passed_over = true;
		return;
	}
	p = pickup_create(job, f->o.max_bytes, &why);
	if (p == NULL) {
		refuse(f, job, &why);
		return;
	}
	p->owner = owner;
	owner->pickups++;
	*f->end = p;
	f->end = &p->next;
	f->count++;
}

static void look(struct fetcher *f)
{
	struct arena a = {0};
	size_t n;

	do {
		struct job *jobs = arena_array(&a, PAGE, sizeof(jobs[0]));

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
	if (f->passed_over && (owner->pickups == WINDOW_EACH / 2 ||
			       f->count == WINDOW / 2 || f->count == 0)) {
		f->passed_over = false;
		f->seen[0] = '\0';
		look(f);
	}
}

static void over(struct fetcher *f, struct pickup *p)
{
	struct owner *owner = p->owner;

	leave(f, p);
	room_again(f, owner);
}

static void take_canceled(struct fetcher *f, const char *id)
{
	struct pickup *p = f->first;

	while (p != NULL && strcmp(p->id, id) != 0)
		p = p->next;
	if (p != NULL)
		over(f, p);
}

/* More were canceled than could be remembered. */
static void look_for_canceled(struct fetcher *f)
{
	struct pickup *next;

	for (struct pickup *p = f->first; p != NULL; p = next) {
		struct arena a = {0};
		struct job job;

		next = p->next;
		if (!store_read(f->reader, p->id, NULL, &a, &job) ||
		    job.phase != PHASE_FETCHING)
			over(f, p);
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
	return r->again && d->tries < TRIES && d->pickup->errors.count == 0 &&
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
		log_event(LOG_ERROR, "fetch.not_written", "job", d->pickup->id,
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
	const struct pickup *p = d->pickup;
	struct fetch_call c = {.url = d->url,
			       .max_bytes = d->max_bytes,
			       .sink = on_bytes,
			       .done = on_done,
			       .ctx = d};
	struct problem why = {0};
	int64_t left;

	d->draft = blob_begin(f->o.blobs, d->max_bytes, &why);
	if (d->draft == NULL) {
		log_event(LOG_WARN, "fetch.no_room", "job", p->id, "why",
			  why.detail, NULL);
		download_again(d, now + DISK_PAUSE_MS);
		return;
	}
	if (d->tries++ == 0)
		d->until = now + f->o.timeout_ms;
	c.timeout_ms = d->until > now ? d->until - now : 1;
	left = p->deadline_at - clock_wall_ms();
	if (p->deadline_at > 0 && left < c.timeout_ms)
		c.timeout_ms = left > 0 ? left : 1;
	d->state = DOWNLOAD_RUNS;
	count_running(d, true);
	d->transfer = fetch_begin(f->fetch, &c);
}

static struct download *waiting(struct pickup *p, int64_t now)
{
	for (size_t i = 0; i < p->count; i++) {
		struct download *d = &p->downloads[i];

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

	for (struct pickup *p = f->first; p != NULL; p = p->next) {
		struct download *d;

		if (p->owner->running >= fewest)
			continue;
		d = waiting(p, now);
		if (d != NULL) {
			best = d;
			fewest = p->owner->running;
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

static void finish(struct fetcher *f, struct pickup *p)
{
	int64_t later = clock_monotonic_ms() + DISK_PAUSE_MS;

	if (pickup_finish(p, f->o.store, f->o.blobs) == PICKUP_OVER) {
		over(f, p);
		return;
	}
	for (size_t i = 0; i < p->count; i++)
		p->downloads[i].not_before = later;
}

static void settle(struct fetcher *f)
{
	struct pickup *next;

	for (struct pickup *p = f->first; p != NULL; p = next) {
		next = p->next;
		if (overdue(p->deadline_at))
			over(f, p);
		else if (p->open == 0)
			finish(f, p);
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

	for (const struct pickup *p = f->first; p != NULL; p = p->next) {
		if (p->open == 0)
			return now;
		if (p->deadline_at > 0)
			at = earlier(at, now + p->deadline_at - wall);
		for (size_t i = 0; i < p->count; i++)
			if (p->downloads[i].state == DOWNLOAD_WAITS &&
			    p->downloads[i].not_before > now)
				at = earlier(at, p->downloads[i].not_before);
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
