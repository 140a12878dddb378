/*
 * The WebSocket side: who is connected under which sid, the messages on their
 * way, and what happens to them. Messages leave one after the other, for all
 * sockets together, as in the real server: one that does not read holds up the
 * others. Service thread unless said otherwise.
 */
#ifndef STANDIN_WS_H
#define STANDIN_WS_H

#include <libwebsockets.h>

#include "world.h"

struct socket;

/* any thread, lock held: queue for one sid, or for all when sid is NULL */
void ws_send(struct world *w, const char *sid, const char *p, size_t len,
	     bool binary);
void ws_send_status(struct world *w);
/* lock held, any thread: does the client with this sid want metadata? */
bool ws_wants_metadata(const struct world *w, const char *sid);
/* lock held, any thread: cut the TCP connections, or stop knowing them */
void ws_close_all(struct world *w);
void ws_forget_all(struct world *w);
size_t ws_count(const struct world *w);

/* from the lws callback */
struct socket *ws_open(struct world *w, struct lws *wsi, const char *client);
void ws_closed(struct world *w, struct socket *s);
/* -1 to close */
int ws_receive(struct world *w, struct socket *s, const char *p, size_t len,
	       bool last, bool binary);
int ws_writable(struct world *w, struct socket *s);
/* moves messages on; called whenever something changed. Takes the lock. */
void ws_deliver(struct world *w);

#endif
