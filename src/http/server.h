#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/problem.h"
#include "http/exchange.h"

/*
 * The FastCGI server: one thread, one epoll over the listening socket, all
 * connections from nginx, an eventfd and the timers. libfcgi parses what is
 * readable (http/fastcgi.c); the sockets are ours. It calls the one handler
 * for each complete request, on the loop thread.
 */
struct server;

/*
 * Asked on the loop thread when the head of a request is there, and nothing of
 * its body: where is it to go? NULL: into memory. The exchange owns the sink;
 * the handler is called when the body is whole, as ever.
 */
typedef struct body_sink *server_head(void *ctx, struct exchange *x);

struct server_options {
	const char *socket_path; /* made by us, mode 0660, private folder */
	int inherited_fd;	 /* a listening socket from outside, or -1 */
	size_t max_body_bytes;	 /* larger ones are flagged, not kept */
	size_t max_waiting;	 /* exchanges kept at once */
	size_t max_connections;
	int64_t read_timeout_ms; /* for the rest of a request begun */
	server_head *head;	 /* NULL: every body goes into memory */
	unsigned body_threads;	 /* that read the others; 1 or more */
	size_t max_bodies;	 /* being read, or waiting for it; 1 or more */
};

typedef void server_handler(void *ctx, struct exchange *x);

/* Binds and listens (backlog 4096), raises RLIMIT_NOFILE; no thread yet. */
MUST_USE struct server *server_create(const struct server_options *o,
				      server_handler *handle, void *ctx,
				      struct problem *why);
void server_start(struct server *s); /* starts the loop thread */

/*
 * From any thread: run fn(arg) on the loop thread, soon and in order. The
 * only way in for the other half of the house (ends of jobs, progress).
 * Never blocks. What is posted after server_stop() runs in server_finish().
 */
void server_post(struct server *s, void (*fn)(void *arg), void *arg);

/* Runs fn(arg) on a body thread, behind the bodies that wait: for work that
 * waits for the disk, never for the loop. Any thread; without body threads,
 * before server_start() and from server_stop() on, at once on the caller's
 * own. */
void server_work(struct server *s, void (*fn)(void *arg), void *arg);

/* Loop thread only: the kept exchange with that ticket, or NULL. */
struct exchange *server_exchange(struct server *s, uint64_t ticket);
/* Loop thread only: calls fn(arg) every interval_ms. At most 8 of them. */
void server_every(struct server *s, int64_t interval_ms, void (*fn)(void *),
		  void *arg);

/*
 * Stop in steps, from the main thread. server_drain(): accept no new
 * connection (an inherited socket is left alone, never shut down), close each
 * connection when its exchange ends; one between requests has 200 ms to bring
 * the request that nginx may have sent already, which is still handled. Then
 * the caller lets parked exchanges be answered (server_post). server_stop()
 * runs the posts made so far, calls `gone` for exchanges that are still open,
 * writes what is buffered for at most `ms` and joins the thread; others may
 * still post. server_finish(), when nobody posts any more, runs what was
 * posted since on this thread (no exchange is open then) and frees all; it
 * stops first where that was not done. server_idle(), any thread: no exchange
 * open any more, and after server_drain() no connection either.
 */
void server_drain(struct server *s);
bool server_idle(struct server *s);
void server_stop(struct server *s, int64_t ms);
void server_finish(struct server *s, int64_t ms);

#endif
