#include "base/wire_dial.h"

#include <stdlib.h>
#include <sys/epoll.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/fiber.h"

/* A multi handle for each: what several share closes connections that it takes
 * to be idle, and it does not know of those that are used past it. */
struct dial {
	CURLM *multi;
	CURL *easy;
	struct fiber *fiber;
	struct timer timer; /* when curl wants to be called */
	struct socket *sockets;
	bool done;
	CURLcode result;
};

/* A descriptor that curl waits for while it connects. */
struct socket {
	struct carrier_watch watch; /* first: it is known by its address */
	struct dial *dial;
	struct socket *next;
};

static void look_done(struct dial *d)
{
	int left;
	const CURLMsg *msg = curl_multi_info_read(d->multi, &left);

	if (msg != NULL && msg->msg == CURLMSG_DONE) {
		d->done = true;
		d->result = msg->data.result;
	}
}

/* ---- in a fiber ---- */

static void act(struct dial *d, curl_socket_t fd, int how)
{
	int running;

	must(curl_multi_socket_action(d->multi, fd, how, &running) == CURLM_OK);
	look_done(d);
	if (d->done)
		fiber_wake(d->fiber);
}

static void socket_ready(struct carrier_watch *w, uint32_t events)
{
	struct socket *s = (struct socket *)w;
	int how = 0;

	if (events & (EPOLLIN | EPOLLHUP))
		how |= CURL_CSELECT_IN;
	if (events & EPOLLOUT)
		how |= CURL_CSELECT_OUT;
	if (events & EPOLLERR)
		how |= CURL_CSELECT_ERR;
	act(s->dial, w->fd, how);
}

static struct socket *watch_socket(struct dial *d, curl_socket_t fd)
{
	struct socket *s = mem_alloc(sizeof(*s));

	s->watch.ready = socket_ready;
	s->dial = d;
	s->next = d->sockets;
	d->sockets = s;
	must(curl_multi_assign(d->multi, fd, s) == CURLM_OK);
	return s;
}

static void unwatch(struct socket *s)
{
	carrier_watch(&s->watch, s->watch.fd, 0);
	free(s);
}

static void forget_socket(struct socket *s)
{
	struct socket **at = &s->dial->sockets;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	unwatch(s);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx,
		     void *ours)
{
	struct dial *d = ctx;
	struct socket *s = ours;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (s != NULL)
			forget_socket(s);
		return 0;
	}
	if (s == NULL)
		s = watch_socket(d, fd);
	carrier_watch(&s->watch, fd,
		      ((what & CURL_POLL_IN) ? EPOLLIN : 0u) |
			      ((what & CURL_POLL_OUT) ? EPOLLOUT : 0u));
	return 0;
}

static void timer_fired(struct timer *t)
{
	act((struct dial *)((char *)t - offsetof(struct dial, timer)),
	    CURL_SOCKET_TIMEOUT, 0);
}

static int on_timer(CURLM *multi, long ms, void *ctx)
{
	struct dial *d = ctx;

	(void)multi;
	if (ms < 0)
		carrier_timer_stop(&d->timer);
	else
		carrier_timer(&d->timer, clock_monotonic_ms() + ms);
	return 0;
}

static void use_carrier(struct dial *d)
{
	d->timer.fire = timer_fired;
	must(curl_multi_setopt(d->multi, CURLMOPT_SOCKETFUNCTION, on_socket) ==
		     CURLM_OK &&
	     curl_multi_setopt(d->multi, CURLMOPT_SOCKETDATA, d) == CURLM_OK &&
	     curl_multi_setopt(d->multi, CURLMOPT_TIMERFUNCTION, on_timer) ==
		     CURLM_OK &&
	     curl_multi_setopt(d->multi, CURLMOPT_TIMERDATA, d) == CURLM_OK);
}

/* Of a connection that is there, and of one that is not wanted any more. */
static void leave_carrier(struct dial *d)
{
	struct socket *s;

	while ((s = d->sockets) != NULL) {
		(void)curl_multi_assign(d->multi, s->watch.fd, NULL);
		d->sockets = s->next;
		unwatch(s);
	}
	carrier_timer_stop(&d->timer);
}

/* ---- either way ---- */

static void wait_a_little(struct dial *d, int64_t until_ms)
{
	int64_t now = clock_monotonic_ms();
	int running;

	if (until_ms > now + LOOK_MS)
		until_ms = now + LOOK_MS;
	if (until_ms < now)
		until_ms = now; /* it was reached meanwhile */
	if (d->fiber != NULL) {
		(void)fiber_sleep(until_ms);
		return;
	}
	must(curl_multi_perform(d->multi, &running) == CURLM_OK);
	look_done(d);
	if (!d->done)
		must(curl_multi_poll(d->multi, NULL, 0, (int)(until_ms - now),
				     NULL) == CURLM_OK);
}

static enum wire_state await(struct dial *d, const struct wire_limit *limit)
{
	while (!d->done) {
		if (limit->stop != NULL && limit->stop(limit->ctx))
			return WIRE_STOPPED;
		if (clock_monotonic_ms() >= limit->until_ms)
			return WIRE_TIMED_OUT;
		wait_a_little(d, limit->until_ms);
	}
	return d->result == CURLE_OK ? WIRE_GOOD : WIRE_BROKEN;
}

static struct dial *begin(const char *origin, const struct wire_limit *limit,
			  char *why)
{
	struct dial *d = mem_alloc(sizeof(*d));
	int64_t left = limit->until_ms - clock_monotonic_ms();

	d->multi = curl_use_multi();
	d->easy = curl_use_easy();
	d->fiber = fiber_self();
	if (d->fiber != NULL)
		use_carrier(d);
	why[0] = '\0';
	SET(d->easy, CURLOPT_CONNECT_ONLY, 1L);
	SET(d->easy, CURLOPT_ERRORBUFFER, why);
	SET(d->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)(left > 0 ? left : 1));
	SET(d->easy, CURLOPT_URL, origin);
	must(curl_multi_add_handle(d->multi, d->easy) == CURLM_OK);
	return d;
}

struct dial *dial_up(const char *origin, const struct wire_limit *limit,
		     char why[CURL_ERROR_SIZE], enum wire_state *state)
{
	struct dial *d = begin(origin, limit, why);

	*state = await(d, limit);
	if (d->fiber != NULL)
		leave_carrier(d);
	if (*state == WIRE_GOOD && dial_socket(d) < 0)
		*state = WIRE_BROKEN;
	if (*state == WIRE_GOOD)
		return d;
	dial_hang_up(d);
	return NULL;
}

CURL *dial_handle(const struct dial *d)
{
	return d->easy;
}

int dial_socket(const struct dial *d)
{
	curl_socket_t fd = CURL_SOCKET_BAD;

	(void)curl_easy_getinfo(d->easy, CURLINFO_ACTIVESOCKET, &fd);
	return fd == CURL_SOCKET_BAD ? -1 : fd;
}

void dial_hang_up(struct dial *d)
{
	SET(d->easy, CURLOPT_ERRORBUFFER, NULL); /* keeps what was said */
	curl_multi_remove_handle(d->multi, d->easy);
	curl_easy_cleanup(d->easy);
	curl_multi_cleanup(d->multi);
	if (d->fiber != NULL)
		leave_carrier(d);
	free(d);
}
