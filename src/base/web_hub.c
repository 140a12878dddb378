#include "base/web_hub.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/fiber.h"

/* Connections that are kept for each fiber. */
#define CONNECTIONS 2L

struct hub {
	CURLM *multi;
	struct timer timer; /* when curl wants to be called */
	long users;
	struct socket **sockets; /* by descriptor */
	size_t socket_cap;
};

/* One transfer; on its fiber's stack. */
struct run {
	struct fiber *fiber;
	bool done;
	CURLcode result;
};

/*
 * A descriptor of curl's. That of a connection stays watched while nobody uses
 * it, as the next call will: two calls of the system less for each of ours.
 */
struct socket {
	struct carrier_watch watch;
	struct hub *hub;
	bool kept; /* of a connection: we are told when it is closed */
	bool idle; /* curl does not wait for it */
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

	if (s->idle) { /* the server has closed it; curl will see */
		carrier_watch(w, w->fd, 0);
		return;
	}
	if (events & (EPOLLIN | EPOLLHUP))
		how |= CURL_CSELECT_IN;
	if (events & EPOLLOUT)
		how |= CURL_CSELECT_OUT;
	if (events & EPOLLERR)
		how |= CURL_CSELECT_ERR;
	act(s->hub, w->fd, how);
}

static struct socket *socket_of(struct hub *h, curl_socket_t fd)
{
	size_t at = (size_t)fd, cap = h->socket_cap;
	struct socket *s;

	if (at >= cap) {
		h->socket_cap = at + 64;
		h->sockets = mem_resize(h->sockets, h->socket_cap * sizeof(s));
		memset(h->sockets + cap, 0, (h->socket_cap - cap) * sizeof(s));
	}
	s = h->sockets[at];
	if (s == NULL) {
		s = h->sockets[at] = mem_alloc(sizeof(*s));
		s->watch.ready = socket_ready;
		s->watch.fd = fd;
		s->hub = h;
	}
	return s;
}

static void forget_socket(struct socket *s)
{
	s->hub->sockets[s->watch.fd] = NULL;
	carrier_watch(&s->watch, s->watch.fd, 0);
	free(s);
}

static curl_socket_t on_open(void *ctx, curlsocktype purpose,
			     struct curl_sockaddr *to)
{
	int fd = socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);

	(void)purpose;
	if (fd >= 0)
		socket_of(ctx, fd)->kept = true;
	return fd;
}

static int on_close(void *ctx, curl_socket_t fd)
{
	forget_socket(socket_of(ctx, fd));
	return close(fd);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx,
		     void *unused)
{
	struct socket *s = socket_of(ctx, fd);

	(void)easy;
	(void)unused;
	s->idle = what == CURL_POLL_REMOVE;
	if (!s->idle)
		carrier_watch(&s->watch, fd,
			      ((what & CURL_POLL_IN) ? EPOLLIN : 0u) |
				      ((what & CURL_POLL_OUT) ? EPOLLOUT : 0u));
	else if (!s->kept)
		forget_socket(s);
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
	free(h->sockets);
	free(h);
}

CURLcode hub_run(struct hub *h, CURL *easy, bool (*stop)(void *ctx), void *ctx)
{
	struct run r = {.fiber = fiber_self(),
			.result = CURLE_ABORTED_BY_CALLBACK};

	SET(easy, CURLOPT_PRIVATE, &r);
	SET(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
	SET(easy, CURLOPT_OPENSOCKETDATA, h);
	SET(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
	SET(easy, CURLOPT_CLOSESOCKETDATA, h);
	must(curl_multi_add_handle(h->multi, easy) == CURLM_OK);
	while (!r.done && !stop(ctx))
		(void)fiber_sleep(clock_monotonic_ms() + WEB_LOOK_MS);
	must(curl_multi_remove_handle(h->multi, easy) == CURLM_OK);
	return r.result;
}
