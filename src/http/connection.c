#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "http/loop.h"

/* A connection from nginx, from accept4() to close(). */

/* How much one connection may bring before the others get their turn. */
#define READ_ROUNDS  8
#define ACCEPT_BATCH 1024

/* The most pieces that sendmsg() takes (UIO_MAXIOV). */
#define SEND_PIECES 1024

static void watch(struct connection *c, bool out)
{
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};

	if (c->wants_out == out)
		return;
	if (out)
		e.events |= EPOLLOUT;
	c->wants_out = out;
	epoll_ctl(c->server->epoll, EPOLL_CTL_MOD, c->fd, &e);
}

static struct connection *of_timer(struct timer *t)
{
	return (struct connection *)(void *)((char *)t -
					     offsetof(struct connection,
						      timer));
}

static void timer_fired(struct timer *t)
{
	struct connection *c = of_timer(t);
	struct exchange *x = c->exchange;
	exchange_late_fn *late;

	if (c->state != CONNECTION_OPEN) {
		if (c->state != CONNECTION_IDLE)
			log_event(LOG_WARN, "http.timeout", "while",
				  c->state == CONNECTION_READING ? "reading"
								 : "writing",
				  NULL);
		connection_close(c);
		return;
	}
	late = x->late;
	x->late = NULL;
	if (late != NULL)
		late(x->late_ctx, x);
}

static void set_timer(struct connection *c, int64_t ms)
{
	timer_set(&c->server->timers, &c->timer, clock_monotonic_ms() + ms);
}

static void link_connection(struct server *s, struct connection *c)
{
	c->next = s->connections;
	if (c->next != NULL)
		c->next->prev = c;
	s->connections = c;
	s->connection_count++;
}

static void unlink_connection(struct server *s, struct connection *c)
{
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		s->connections = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	s->connection_count--;
}

static bool adopt(struct server *s, int fd)
{
	struct connection *c = mem_alloc(sizeof(*c));
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};

	if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &e) < 0) {
		log_event(LOG_ERROR, "http.accept", "why", strerror(errno),
			  NULL);
		close(fd);
		free(c);
		return false;
	}
	c->server = s;
	c->fd = fd;
	c->state = CONNECTION_IDLE;
	c->timer.fire = timer_fired;
	frames_init(&c->in, s->options.max_body_bytes);
	link_connection(s, c);
	/* nginx connects because it has a request: one who is silent does not
	 * hold a place for ever. */
	set_timer(c, s->options.read_timeout_ms);
	return true;
}

/* Takes all that wait, so that a burst is not served one per wake-up. */
void connection_accept(struct server *s)
{
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		int fd;

		if (s->connection_count >= s->options.max_connections) {
			server_pause_accept(s, false);
			return;
		}
		fd = accept4(s->listener, NULL, NULL,
			     SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			if (adopt(s, fd))
				continue;
			server_pause_accept(s, true);
			return;
		}
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			return;
		if (errno == ECONNABORTED || errno == EINTR)
			continue;
		/* EMFILE, ENFILE, ENOMEM and what else may come: wait until
		 * something is closed, or a little. */
		log_event(LOG_WARN, "http.accept", "why", strerror(errno),
			  NULL);
		server_pause_accept(s, true);
		return;
	}
}

static void forget_out(struct connection *c)
{
	c->server->held -= c->out_cap;
	free(c->out);
	c->out = NULL;
	c->out_at = c->out_len = c->out_cap = 0;
}

void connection_close(struct connection *c)
{
	struct server *s = c->server;

	if (c->state == CONNECTION_CLOSED)
		return;
	assert(c->state != CONNECTION_LENT);
	if (c->exchange != NULL)
		exchange_hang_up(c->exchange);
	c->exchange = NULL;
	c->state = CONNECTION_CLOSED;
	timer_stop(&s->timers, &c->timer);
	unlink_connection(s, c);
	close(c->fd);
	frames_finish(&c->in);
	forget_out(c);
	/* The events in hand may still name it. */
	c->next_closed = s->closed;
	s->closed = c;
	server_resume_accept(s);
}

void connection_free_closed(struct server *s)
{
	while (s->closed != NULL) {
		struct connection *c = s->closed;

		s->closed = c->next_closed;
		free(c);
	}
}

/* Writing. */

static size_t send_some(struct connection *c, struct iovec *iov, size_t count)
{
	struct msghdr m = {.msg_iov = iov,
			   .msg_iovlen =
				   count < SEND_PIECES ? count : SEND_PIECES};
	ssize_t n;

	do
		n = sendmsg(c->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	return n < 0 ? SIZE_MAX : (size_t)n;
}

static void skip(struct iovec **iov, size_t *count, size_t n)
{
	while (*count > 0 && n >= (*iov)->iov_len) {
		n -= (*iov)->iov_len;
		(*iov)++;
		(*count)--;
	}
	if (n > 0) {
		(*iov)->iov_base = (char *)(*iov)->iov_base + n;
		(*iov)->iov_len -= n;
	}
}

static void keep_rest(struct connection *c, const struct iovec *iov,
		      size_t count)
{
	size_t need = c->out_len;

	for (size_t i = 0; i < count; i++)
		need += iov[i].iov_len;
	if (need > c->out_cap && c->out_at > 0) {
		memmove(c->out, c->out + c->out_at, c->out_len - c->out_at);
		need -= c->out_at;
		c->out_len -= c->out_at;
		c->out_at = 0;
	}
	if (need > c->out_cap) {
		c->server->held -= c->out_cap;
		c->out_cap = need > 2 * c->out_cap ? need : 2 * c->out_cap;
		c->server->held += c->out_cap;
		c->out = mem_resize(c->out, c->out_cap);
	}
	for (size_t i = 0; i < count; i++) {
		memcpy(c->out + c->out_len, iov[i].iov_base, iov[i].iov_len);
		c->out_len += iov[i].iov_len;
	}
}

size_t connection_backlog(const struct connection *c)
{
	return c->out_len - c->out_at;
}

bool connection_write(struct connection *c, struct iovec *iov, size_t count)
{
	while (connection_backlog(c) == 0 && count > 0) {
		size_t n = send_some(c, iov, count);

		if (n == SIZE_MAX) {
			connection_close(c);
			return false;
		}
		if (n == 0)
			break;
		skip(&iov, &count, n);
	}
	if (count > 0) {
		keep_rest(c, iov, count);
		watch(c, true);
	}
	return true;
}

void connection_done(struct connection *c)
{
	c->exchange = NULL;
	if (connection_backlog(c) > 0) {
		c->state = CONNECTION_FLUSHING;
		set_timer(c, HTTP_WRITE_TIMEOUT_MS);
		return;
	}
	if (!c->keep || c->server->draining) {
		connection_close(c);
		return;
	}
	c->state = CONNECTION_IDLE;
	timer_stop(&c->server->timers, &c->timer);
}

static void writable(struct connection *c)
{
	struct iovec rest = {.iov_base = c->out + c->out_at,
			     .iov_len = connection_backlog(c)};
	size_t n = send_some(c, &rest, 1);

	if (n == SIZE_MAX) {
		connection_close(c);
		return;
	}
	c->out_at += n;
	if (connection_backlog(c) > 0) {
		if (c->state == CONNECTION_FLUSHING && n > 0)
			set_timer(c, HTTP_WRITE_TIMEOUT_MS);
		return;
	}
	forget_out(c);
	watch(c, false);
	if (c->state == CONNECTION_FLUSHING)
		connection_done(c);
}

/* Reading. */

static bool drop(void *ctx, const void *bytes, size_t n)
{
	(void)ctx;
	(void)bytes;
	(void)n;
	return false;
}

/* The head of a request is there. False: it was none. */
static bool open_exchange(struct connection *c)
{
	struct server *s = c->server;
	struct exchange *x = request_read(c);

	if (x == NULL) {
		log_event(LOG_WARN, "http.garbage", "in", "parameters", NULL);
		connection_close(c);
		return false;
	}
	x->ticket = ++s->last_ticket;
	c->exchange = x;
	atomic_fetch_add(&s->open, 1);
	if (s->options.head == NULL || x->too_long)
		return true;
	x->sink = s->options.head(s->handle_ctx, x);
	if (x->sink != NULL && bodies_full(s->bodies)) {
		exchange_drop_sink(x);
		x->request.body_refused = true;
		c->in.sink = drop;
	}
	return true;
}

/* To a body thread, with what has come of the body so far. */
static void lend(struct connection *c, const unsigned char *bytes, size_t n)
{
	struct server *s = c->server;

	timer_stop(&s->timers, &c->timer);
	epoll_ctl(s->epoll, EPOLL_CTL_DEL, c->fd, NULL);
	c->state = CONNECTION_LENT;
	bodies_read(s->bodies, c, bytes, n);
}

static void dispatch(struct connection *c)
{
	struct server *s = c->server;
	struct exchange *x = c->exchange;

	request_take_body(x, &c->in);
	c->state = CONNECTION_OPEN;
	timer_stop(&s->timers, &c->timer);
	if (x->too_long) {
		exchange_refuse(x);
		return;
	}
	s->handle(s->handle_ctx, x);
	/* A handler that neither replied nor kept it has a bug: nobody would
	 * ever answer. */
	assert(c->exchange == NULL || c->exchange->kept);
}

static void garbage(struct connection *c)
{
	log_event(LOG_WARN, "http.garbage", "in", "records", NULL);
	connection_close(c);
}

void connection_body_read(struct connection *c)
{
	struct server *s = c->server;
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};

	c->state = CONNECTION_READING;
	if (c->in.stage != FRAMES_WHOLE ||
	    epoll_ctl(s->epoll, EPOLL_CTL_ADD, c->fd, &e) < 0) {
		connection_close(c);
		return;
	}
	dispatch(c);
}

/* False when there is nothing more to do with this connection now. */
static bool feed(struct connection *c, size_t n)
{
	const unsigned char *bytes = c->server->chunk;
	size_t used;

	if (c->state != CONNECTION_IDLE && c->state != CONNECTION_READING) {
		/* nginx sends nothing while it waits for an answer. */
		connection_close(c);
		return false;
	}
	if (c->state == CONNECTION_IDLE) {
		c->state = CONNECTION_READING;
		set_timer(c, c->server->options.read_timeout_ms);
	}
	used = frames_feed(&c->in, bytes, n);
	if (c->in.stage == FRAMES_BODY && c->exchange == NULL) {
		if (!open_exchange(c))
			return false;
		if (c->exchange->sink != NULL) {
			lend(c, bytes + used, n - used);
			return false;
		}
		used += frames_feed(&c->in, bytes + used, n - used);
	}
	if (c->in.stage == FRAMES_BROKEN || used < n) {
		garbage(c);
		return false;
	}
	if (c->in.stage != FRAMES_WHOLE)
		return n == HTTP_READ_CHUNK;
	dispatch(c);
	return false;
}

static void readable(struct connection *c)
{
	for (int i = 0; i < READ_ROUNDS; i++) {
		ssize_t n = recv(c->fd, c->server->chunk, HTTP_READ_CHUNK, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (n <= 0) {
			connection_close(c);
			return;
		}
		if (!feed(c, (size_t)n))
			return;
	}
}

/* A hang-up, whole or half, is readable: recv() says 0. */
void connection_event(struct connection *c, uint32_t events)
{
	if (c->state == CONNECTION_CLOSED)
		return;
	if (events & EPOLLIN)
		readable(c);
	/* A hang-up of one that was just lent is for the body thread to find.
	 */
	if (c->state == CONNECTION_CLOSED || c->state == CONNECTION_LENT)
		return;
	if (events & (EPOLLERR | EPOLLHUP)) {
		connection_close(c);
		return;
	}
	if (events & EPOLLOUT && c->out != NULL)
		writable(c);
}

/* Between requests, nginx may have sent the next one before it could know:
 * that one is still taken. */
void connection_drain(struct connection *c)
{
	if (c->state == CONNECTION_IDLE)
		set_timer(c, HTTP_DRAIN_GRACE_MS);
}
