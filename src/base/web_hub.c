#include "base/web_hub.h"

#include <sys/epoll.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/fiber.h"

/* Connections that are kept for each fiber. */
#define CONNECTIONS 2L

struct hub {
	CURLM *multi;
	struct timer timer; /* when curl wants to be called */
	long users;
};

/* One transfer; on its fiber's stack. */
struct run {
	struct fiber *fiber;
	bool done;
	CURLcode result;
};

/* A descriptor of curl's. */
struct socket {
	struct carrier_watch watch;
	struct hub *hub;
};

static _Thread_local struct hub *of_carrier;

static void wake_done(struct hub *h)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(h->multi, &left)) != NULL) {
		struct run *r = NULL;

		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &r);
		r->done = true;
		r->result = msg->data.result;
		fiber_wake(r->fiber);
	}
}

static void act(struct hub *h, curl_socket_t fd, int how)
{
	int running;

	must(curl_multi_socket_action(h->multi, fd, how, &running) == CURLM_OK);
	wake_done(h);
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
	act(s->hub, w->fd, how);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx,
		     void *of_socket)
{
	struct socket *s = of_socket;
	struct hub *h = ctx;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (s != NULL)
			carrier_watch(&s->watch, fd, 0);
		free(s);
		return 0;
	}
	if (s == NULL) {
		s = mem_alloc(sizeof(*s));
		s->watch.ready = socket_ready;
		s->hub = h;
		must(curl_multi_assign(h->multi, fd, s) == CURLM_OK);
	}
	carrier_watch(&s->watch, fd,
		      ((what & CURL_POLL_IN) ? EPOLLIN : 0u) |
			      ((what & CURL_POLL_OUT) ? EPOLLOUT : 0u));
	return 0;
}

static void timer_fired(struct timer *t)
{
	act((struct hub *)((char *)t - offsetof(struct hub, timer)),
	    CURL_SOCKET_TIMEOUT, 0);
}

static int on_timer(CURLM *multi, long ms, void *ctx)
{
	struct hub *h = ctx;

	(void)multi;
	if (ms < 0)
		carrier_timer_stop(&h->timer);
	else
		carrier_timer(&h->timer, clock_monotonic_ms() + ms);
	return 0;
}

static void set_connections(struct hub *h)
{
	must(curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS,
			       h->users * CONNECTIONS) == CURLM_OK);
}

struct hub *hub_take(void)
{
	struct hub *h = of_carrier;

	if (h == NULL) {
		h = of_carrier = mem_alloc(sizeof(*h));
		h->multi = curl_use_multi();
		h->timer.fire = timer_fired;
		must(curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION,
				       on_socket) == CURLM_OK &&
		     curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h) ==
			     CURLM_OK &&
		     curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION,
				       on_timer) == CURLM_OK &&
		     curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h) ==
			     CURLM_OK);
	}
	h->users++;
	set_connections(h);
	return h;
}

void hub_leave(struct hub *h)
{
	if (--h->users > 0) {
		set_connections(h);
		return;
	}
	curl_multi_cleanup(h->multi);
	carrier_timer_stop(&h->timer);
	of_carrier = NULL;
	free(h);
}

CURLcode hub_run(struct hub *h, CURL *easy, bool (*stop)(void *ctx), void *ctx)
{
	struct run r = {.fiber = fiber_self(),
			.result = CURLE_ABORTED_BY_CALLBACK};

	SET(easy, CURLOPT_PRIVATE, &r);
	must(curl_multi_add_handle(h->multi, easy) == CURLM_OK);
	while (!r.done && !stop(ctx))
		(void)fiber_sleep(clock_monotonic_ms() + WEB_LOOK_MS);
	must(curl_multi_remove_handle(h->multi, easy) == CURLM_OK);
	return r.result;
}
