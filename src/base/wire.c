#include "base/wire.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/fiber.h"
#include "base/text.h"
#include "base/wire_dial.h"

/* A firewall on the way may forget an older one without a word. */
#define IDLE_MS 60000

struct wire {
	/* An open one stays watched between calls, which saves two calls of the
	 * system for each of ours. First: it is known by its address. */
	struct carrier_watch watch;
	struct fiber *fiber; /* its owner; NULL: a plain thread */
	bool waiting;	     /* the owner does, for the watch */
	bool ready;
	bool heard; /* something came while nobody waited */
	bool plain; /* no TLS: what libcurl would do is call the kernel */

	struct dial *dial; /* NULL: closed */
	int fd;
	int64_t used_ms;
	char origin[WIRE_ORIGIN];
	char why[CURL_ERROR_SIZE];
};

static void watch_ready(struct carrier_watch *watch, uint32_t events)
{
	struct wire *w = (struct wire *)watch;

	(void)events;
	if (w->waiting) {
		w->ready = true;
		fiber_wake(w->fiber);
	} else {
		w->heard = true;
		carrier_watch(watch, w->fd, 0);
	}
}

struct wire *wire_create(void)
{
	struct wire *w = mem_alloc(sizeof(*w));

	w->watch.ready = watch_ready;
	w->fiber = fiber_self();
	return w;
}

void wire_destroy(struct wire *w)
{
	if (w == NULL)
		return;
	wire_close(w);
	free(w);
}

enum wire_state wire_open(struct wire *w, const char *origin,
			  const struct wire_limit *limit)
{
	enum wire_state state;

	wire_close(w);
	must(strlen(origin) < sizeof(w->origin));
	memcpy(w->origin, origin, strlen(origin) + 1);
	w->dial = dial_up(origin, limit, w->why, &state);
	if (w->dial == NULL)
		return state;
	w->fd = dial_socket(w->dial);
	w->plain = strncmp(origin, "http:", 5) == 0;
	w->heard = false;
	if (w->fiber != NULL)
		carrier_watch(&w->watch, w->fd, EPOLLIN);
	return WIRE_GOOD;
}

void wire_close(struct wire *w)
{
	if (w->dial == NULL)
		return;
	if (w->fiber != NULL)
		carrier_watch(&w->watch, w->fd, 0);
	dial_hang_up(w->dial);
	w->dial = NULL;
}

/* Neither bytes, an end nor an error wait to be received. */
static bool silent(const struct wire *w)
{
	char byte;

	return recv(w->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
	       (errno == EAGAIN || errno == EWOULDBLOCK);
}

bool wire_kept(const struct wire *w, const char *origin, bool sure)
{
	if (w->dial == NULL || w->heard || strcmp(w->origin, origin) != 0 ||
	    clock_monotonic_ms() > w->used_ms + IDLE_MS)
		return false;
	return (w->fiber != NULL && !sure) || silent(w);
}

const char *wire_why(const struct wire *w)
{
	return w->why;
}

/* By the kernel. */
static ssize_t passed(struct wire *w, ssize_t n)
{
	if (n >= 0)
		return n;
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return WIRE_AGAIN;
	text_copy(w->why, sizeof(w->why), strerror(errno));
	return WIRE_LOST;
}

/* By libcurl. */
static ssize_t carried(struct wire *w, CURLcode result, size_t n)
{
	if (result == CURLE_OK)
		return (ssize_t)n;
	if (result == CURLE_AGAIN)
		return WIRE_AGAIN;
	if (w->why[0] == '\0')
		text_copy(w->why, sizeof(w->why), curl_easy_strerror(result));
	return WIRE_LOST;
}

ssize_t wire_send(struct wire *w, const void *bytes, size_t n)
{
	size_t sent = 0;
	CURLcode result;

	w->used_ms = clock_monotonic_ms();
	if (w->plain)
		return passed(w, send(w->fd, bytes, n, MSG_NOSIGNAL));
	result = curl_easy_send(dial_handle(w->dial), bytes, n, &sent);
	return carried(w, result, sent);
}

ssize_t wire_receive(struct wire *w, void *to, size_t n)
{
	size_t got = 0;
	CURLcode result;

	/* Somebody waits for it after all, and there may be more. */
	if (w->heard) {
		w->heard = false;
		carrier_watch(&w->watch, w->fd, EPOLLIN);
	}
	if (w->plain)
		return passed(w, recv(w->fd, to, n, 0));
	result = curl_easy_recv(dial_handle(w->dial), to, n, &got);
	return carried(w, result, got);
}

/* True: something came, or the time until then is over. */
static bool wait_in_fiber(struct wire *w, bool sending, int64_t until_ms)
{
	w->waiting = true;
	w->ready = false;
	carrier_watch(&w->watch, w->fd, EPOLLIN | (sending ? EPOLLOUT : 0u));
	while (!w->ready && clock_monotonic_ms() < until_ms)
		(void)fiber_sleep(until_ms);
	w->waiting = false;
	return w->ready;
}

static bool wait_in_thread(const struct wire *w, bool sending, int64_t ms)
{
	struct pollfd p = {.fd = w->fd,
			   .events = (short)(POLLIN | (sending ? POLLOUT : 0))};

	return poll(&p, 1, (int)ms) > 0;
}

static enum wire_state held(const struct wire_limit *limit, int64_t now)
{
	if (limit->stop != NULL && limit->stop(limit->ctx))
		return WIRE_STOPPED;
	return now < limit->until_ms ? WIRE_GOOD : WIRE_TIMED_OUT;
}

enum wire_state wire_pause(struct wire *w, const struct wire_limit *limit)
{
	if (w->fiber != NULL) {
		w->waiting = true;
		(void)fiber_sleep(clock_monotonic_ms());
		w->waiting = false;
	}
	return held(limit, clock_monotonic_ms());
}

enum wire_state wire_wait(struct wire *w, bool sending,
			  const struct wire_limit *limit)
{
	bool ready = false;

	while (!ready) {
		int64_t now = clock_monotonic_ms(), until = now + LOOK_MS;
		enum wire_state state = held(limit, now);

		if (state != WIRE_GOOD)
			return state;
		if (until > limit->until_ms)
			until = limit->until_ms;
		ready = w->fiber != NULL
				? wait_in_fiber(w, sending, until)
				: wait_in_thread(w, sending, until - now);
	}
	return WIRE_GOOD;
}
