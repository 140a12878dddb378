#ifndef HTTP_LOOP_H
#define HTTP_LOOP_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/arena.h"
#include "base/timers.h"
#include "http/body.h"
#include "http/exchange.h"
#include "http/fastcgi.h"
#include "http/frames.h"
#include "http/server.h"

/*
 * What the files of http/ share and nobody else sees. A server has
 * connections, a connection has at most one exchange. All of it belongs to the
 * loop thread, but for the posts (under their lock), the atomics, and what is
 * lent to a body thread.
 */

/* An answer that nginx does not take for so long ends its connection. */
#define HTTP_WRITE_TIMEOUT_MS 60000
/* While draining: how long a kept connection may still bring the one request
 * that nginx had sent before it could know. */
#define HTTP_DRAIN_GRACE_MS 200
/* Without descriptors: how long no connection is accepted. */
#define HTTP_ACCEPT_PAUSE_MS 100
#define HTTP_READ_CHUNK	     65536
#define HTTP_EVERY_MAX	     8
/* A request with more header fields, or longer ones than FRAMES_PARAMS_MAX, is
 * answered 431 here and reaches no handler. */
#define HTTP_HEADERS_MAX 128

enum connection_state {
	CONNECTION_IDLE,     /* no request; a timer when new or draining */
	CONNECTION_READING,  /* a request has begun; timer: read_timeout */
	CONNECTION_LENT,     /* to a body thread, see below; no timer */
	CONNECTION_OPEN,     /* its exchange lives; timer: the exchange's */
	CONNECTION_FLUSHING, /* answered, not all written; write timeout */
	CONNECTION_CLOSED,   /* the fd is gone; freed after this round */
};

/*
 * While it is lent, fd, in and the exchange (with its sink) are the body
 * thread's, and the socket is not in the epoll; all else stays the loop's. It
 * comes back by a post.
 */
struct connection {
	struct server *server;
	struct connection *next; /* still right after it was closed, so that */
	struct connection *prev; /* one who goes through all is not led off */
	struct connection *next_closed;
	struct exchange *exchange; /* from a request's head to its answer */
	struct timer timer;
	int fd;
	enum connection_state state;
	uint16_t id; /* FastCGI's, of the request in hand */
	bool keep;
	bool wants_out; /* EPOLLOUT is asked for */
	char *out;	/* what the socket did not take; NULL: nothing */
	size_t out_at;
	size_t out_len;
	size_t out_cap;
	struct frames in;
};

struct header {
	const char *name; /* as the parameter: "HTTP_PREFER", "CONTENT_TYPE" */
	const char *bare; /* without HTTP_ */
	const char *value;
};

struct exchange {
	struct connection *connection;
	struct exchange *next; /* of the same bucket, while kept */
	uint64_t ticket;
	exchange_gone_fn *gone;
	void *gone_ctx;
	exchange_late_fn *late;
	void *late_ctx;
	struct request request;
	struct body_sink *sink;
	char *kept_text; /* method and request id: outlive the arena */
	char *body;
	struct header *headers; /* in the arena */
	size_t header_count;
	struct arena arena;
	bool kept;
	bool streaming;
	bool ending;   /* being told that the caller is gone */
	bool too_long; /* its header fields are too many or too long */
};

/* The kept exchanges by their ticket. */
struct tickets {
	struct exchange **bucket;
	size_t size; /* a power of two */
	size_t count;
};

struct post {
	struct post *next;
	void (*fn)(void *arg);
	void *arg;
};

struct every {
	struct timer timer;
	struct server *server;
	int64_t interval_ms;
	void (*fn)(void *arg);
	void *arg;
};

struct server {
	struct server_options options;
	server_handler *handle;
	void *handle_ctx;
	char *socket_path; /* ours; NULL when inherited or given up */
	int listener;	   /* -1 after the drain began */
	int epoll;
	int wake;
	bool started;
	pthread_t thread;

	struct fastcgi fastcgi;
	struct timers timers;
	struct timer accept_again;
	bool accepting;
	struct every every[HTTP_EVERY_MAX];
	size_t every_count;
	struct bodies *bodies; /* NULL: every body goes into memory */
	struct tickets kept;
	uint64_t last_ticket;
	struct connection *connections;
	size_t connection_count;
	size_t held; /* bytes that all connections keep for slow readers */
	struct connection *closed; /* freed when the round is over */
	bool draining;
	bool stopping;
	int64_t stop_at; /* monotonic ms, written before stop */
	unsigned char *chunk;

	pthread_mutex_t lock; /* of posts */
	struct post *posts;
	struct post **posts_end;

	atomic_size_t open;	  /* exchanges */
	atomic_bool drain_called; /* by the main thread */
	atomic_bool drained;	  /* no connection left after that */
	atomic_bool stop;
};

/* server.c */
void server_pause_accept(struct server *s, bool retry);
void server_resume_accept(struct server *s);

/* listen.c */
MUST_USE bool listen_open(struct server *s, struct problem *why);
void listen_close(struct server *s);
void listen_limits(struct server *s);

/* connection.c */
void connection_accept(struct server *s);
void connection_event(struct connection *c, uint32_t events);
void connection_close(struct connection *c); /* gone first, where kept */
void connection_drain(struct connection *c);
void connection_free_closed(struct server *s);
/* Writes, keeps what the socket does not take. False when the peer is gone:
 * the connection is closed then (c->exchange must be NULL or over). */
MUST_USE bool connection_write(struct connection *c, struct iovec *iov,
			       size_t count);
size_t connection_backlog(const struct connection *c);
/* A body thread gives it back. Loop thread. */
void connection_body_read(struct connection *c);
/* The answer is written or buffered; on to the next request, or close. */
void connection_done(struct connection *c);

/* request.c */
/* From the head; NULL where that is not well formed. */
MUST_USE struct exchange *request_read(struct connection *c);
/* All has come: its body, too, and c->in is empty again. */
void request_take_body(struct exchange *x, struct frames *in);

/* exchange.c */
void exchange_hang_up(struct exchange *x);
void exchange_free(struct exchange *x);
void exchange_refuse(struct exchange *x); /* 431 */
/* Destroys it, where there is one. Also on the body thread that has x. */
void exchange_drop_sink(struct exchange *x);
struct exchange *tickets_find(const struct tickets *t, uint64_t ticket);
void tickets_add(struct tickets *t, struct exchange *x);
void tickets_remove(struct tickets *t, struct exchange *x);

#endif
