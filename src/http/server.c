#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/box.h"
#include "base/clock.h"
#include "base/log.h"
#include "http/loop.h"

#define EVENTS	     256
#define LONGEST_WAIT 60000

static bool add_to_epoll(struct server *s, int fd, uint32_t events, void *who)
{
	struct epoll_event e = {.events = events, .data.ptr = who};

	return epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &e) == 0;
}

static void accept_again(struct timer *t)
{
	struct server *s =
		(struct server *)(void *)((char *)t - offsetof(struct server,
							       accept_again));

	server_resume_accept(s);
}

static bool open_all(struct server *s, struct problem *why)
{
	if (!fastcgi_open(&s->fastcgi, why))
		return false;
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->epoll < 0 || s->wake < 0)
		return problem_set(why, PROBLEM_INTERNAL, "", "epoll: %s",
				   strerror(errno));
	if (s->options.head != NULL) {
		s->bodies = bodies_create(s, s->options.body_threads,
					  s->options.max_bodies, why);
		if (s->bodies == NULL)
			return false;
	}
	if (!listen_open(s, why))
		return false;
	s->accepting = true;
	/* By its edge: each write is told once, and nobody has to read it. */
	if (!add_to_epoll(s, s->wake, EPOLLIN | EPOLLET, &s->wake) ||
	    !add_to_epoll(s, s->listener, EPOLLIN, &s->listener))
		return problem_set(why, PROBLEM_INTERNAL, "", "epoll_ctl: %s",
				   strerror(errno));
	return true;
}

static void free_all(struct server *s)
{
	listen_close(s);
	bodies_destroy(s->bodies);
	if (s->epoll >= 0)
		close(s->epoll);
	if (s->wake >= 0)
		close(s->wake);
	fastcgi_close(&s->fastcgi);
	timers_finish(&s->timers);
	free(s->kept.bucket);
	free(s->chunk);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

struct server *server_create(const struct server_options *o,
			     server_handler *handle, void *ctx,
			     struct problem *why)
{
	struct server *s = mem_alloc(sizeof(*s));

	s->options = *o;
	s->options.socket_path = NULL; /* the caller's; needed only now */
	s->handle = handle;
	s->handle_ctx = ctx;
	s->listener = s->epoll = s->wake = -1;
	s->fastcgi.in = s->fastcgi.out = -1;
	s->accept_again.fire = accept_again;
	s->posts_end = &s->posts;
	s->chunk = mem_alloc(HTTP_READ_CHUNK);
	pthread_mutex_init(&s->lock, NULL);
	listen_limits(s);
	s->options.socket_path = o->socket_path;
	if (!open_all(s, why)) {
		free_all(s);
		return NULL;
	}
	s->options.socket_path = NULL;
	return s;
}

/* Accepting, and not accepting for a while. */

/* Out of the epoll altogether: a listener that somebody shut down reports a
 * hang-up whatever it is watched for. */
static void stop_accept(struct server *s)
{
	if (s->accepting)
		epoll_ctl(s->epoll, EPOLL_CTL_DEL, s->listener, NULL);
	s->accepting = false;
}

void server_pause_accept(struct server *s, bool retry)
{
	stop_accept(s);
	if (retry)
		timer_set(&s->timers, &s->accept_again,
			  clock_monotonic_ms() + HTTP_ACCEPT_PAUSE_MS);
}

void server_resume_accept(struct server *s)
{
	if (s->accepting || s->listener < 0)
		return;
	timer_stop(&s->timers, &s->accept_again);
	s->accepting = add_to_epoll(s, s->listener, EPOLLIN, &s->listener);
	if (!s->accepting)
		server_pause_accept(s, true);
}

/* Posts. */

static void wake(struct server *s)
{
	uint64_t one = 1;

	/* The counter has room for centuries of it. */
	while (write(s->wake, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

void server_post(struct server *s, void (*fn)(void *arg), void *arg)
{
	struct post *p = mem_alloc(sizeof(*p));
	bool first;

	p->fn = fn;
	p->arg = arg;
	pthread_mutex_lock(&s->lock);
	first = s->posts == NULL;
	*s->posts_end = p;
	s->posts_end = &p->next;
	pthread_mutex_unlock(&s->lock);
	if (first)
		wake(s);
}

static void run_posts(struct server *s)
{
	struct post *list;

	pthread_mutex_lock(&s->lock);
	list = s->posts;
	s->posts = NULL;
	s->posts_end = &s->posts;
	pthread_mutex_unlock(&s->lock);
	while (list != NULL) {
		struct post *p = list;

		list = p->next;
		p->fn(p->arg);
		free(p);
	}
}

struct exchange *server_exchange(struct server *s, uint64_t ticket)
{
	return tickets_find(&s->kept, ticket);
}

static void every_fired(struct timer *t)
{
	struct every *e =
		(struct every *)(void *)((char *)t -
					 offsetof(struct every, timer));

	timer_set(&e->server->timers, t, clock_monotonic_ms() + e->interval_ms);
	e->fn(e->arg);
}

void server_every(struct server *s, int64_t interval_ms, void (*fn)(void *),
		  void *arg)
{
	struct every *e;

	assert(s->every_count < HTTP_EVERY_MAX && interval_ms > 0);
	e = &s->every[s->every_count++];
	e->timer.fire = every_fired;
	e->server = s;
	e->interval_ms = interval_ms;
	e->fn = fn;
	e->arg = arg;
	timer_set(&s->timers, &e->timer, clock_monotonic_ms() + interval_ms);
}

void server_work(struct server *s, void (*fn)(void *arg), void *arg)
{
	if (!bodies_work(s->bodies, fn, arg))
		fn(arg);
}

/* Stopping. */

static void drain(void *arg)
{
	struct server *s = arg;
	struct connection *next;

	if (s->draining)
		return;
	/* What waits in a socket of our own would be lost with it. */
	if (s->socket_path != NULL)
		connection_accept(s);
	s->draining = true;
	stop_accept(s);
	timer_stop(&s->timers, &s->accept_again);
	listen_close(s);
	for (struct connection *c = s->connections; c != NULL; c = next) {
		next = c->next;
		connection_drain(c);
	}
}

void server_drain(struct server *s)
{
	atomic_store(&s->drain_called, true);
	server_post(s, drain, s);
}

bool server_idle(struct server *s)
{
	if (atomic_load(&s->open) > 0)
		return false;
	return !atomic_load(&s->drain_called) || atomic_load(&s->drained);
}

/* The posts that came before are run; what is still open ends as if its caller
 * had hung up; what is answered is written until stop_at. */
static void begin_stop(struct server *s)
{
	struct connection *next;

	drain(s);
	/* What body threads have comes back by posts. */
	bodies_stop(s->bodies);
	run_posts(s);
	s->stopping = true;
	for (struct connection *c = s->connections; c != NULL; c = next) {
		next = c->next;
		if (c->state != CONNECTION_FLUSHING)
			connection_close(c);
	}
}

static void close_all(struct server *s)
{
	while (s->connections != NULL)
		connection_close(s->connections);
	connection_free_closed(s);
}

static bool finished(struct server *s)
{
	if (!s->stopping)
		return false;
	return s->connections == NULL || clock_monotonic_ms() >= s->stop_at;
}

static int wait_ms(const struct server *s)
{
	int64_t now = clock_monotonic_ms();
	int ms = timers_wait(&s->timers, now, LONGEST_WAIT);

	if (s->stopping && s->stop_at - now < ms)
		ms = s->stop_at > now ? (int)(s->stop_at - now) : 0;
	return ms;
}

static void one_round(struct server *s)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(s->epoll, events, EVENTS, wait_ms(s));
	bool woken = false, knock = false;

	for (int i = 0; i < n; i++) {
		void *who = events[i].data.ptr;

		if (who == &s->wake)
			woken = true;
		else if (who == &s->listener)
			knock = true;
		else
			connection_event(who, events[i].events);
	}
	if (knock && s->listener >= 0 && s->accepting)
		connection_accept(s);
	timers_run(&s->timers, clock_monotonic_ms());
	if (woken) {
		/* In this order: the posts before server_finish() count. */
		bool stop = atomic_load(&s->stop);

		run_posts(s);
		if (stop && !s->stopping)
			begin_stop(s);
	}
	connection_free_closed(s);
	if (s->draining && s->connections == NULL)
		atomic_store(&s->drained, true);
}

static void *run(void *arg)
{
	struct server *s = arg;

	while (!finished(s))
		one_round(s);
	close_all(s);
	return NULL;
}

void server_start(struct server *s)
{
	s->started = true;
	if (s->bodies != NULL)
		bodies_start(s->bodies);
	s->thread = box_thread("http", run, s);
}

void server_stop(struct server *s, int64_t ms)
{
	if (s == NULL || !s->started)
		return;
	s->stop_at = clock_monotonic_ms() + ms;
	atomic_store(&s->stop, true);
	wake(s);
	pthread_join(s->thread, NULL);
	s->started = false;
}

void server_finish(struct server *s, int64_t ms)
{
	if (s == NULL)
		return;
	server_stop(s, ms);
	/* What was posted meanwhile finds no exchange, and frees its own. */
	run_posts(s);
	close_all(s);
	free_all(s);
}
