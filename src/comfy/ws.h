#ifndef COMFY_WS_H
#define COMFY_WS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/id.h"
#include "base/problem.h"
#include "comfy/client.h"
#include "comfy/event.h"

/*
 * The events thread: one libwebsockets loop with a socket to each backend,
 * always drained (a socket that is not read holds up every client of that
 * ComfyUI, s43). It reconnects by itself, each time with a fresh clientId (a
 * reused one may go deaf, s20), with backoff; a socket that is silent is
 * pinged and dropped when no pong comes.
 */
struct ws;

/* Called on the events thread; must not block. The event is borrowed. */
typedef void ws_event_fn(void *ctx, size_t backend, const struct event *e);
/* The socket came up (a new clientId holds from now on) or was lost. Up means
 * that the first message came: only then has ComfyUI registered the clientId.
 * Neither is called any more once ws_stop() has begun. */
typedef void ws_state_fn(void *ctx, size_t backend, bool up);

struct ws_options {
	struct comfy_server *const *servers;
	size_t count;
	ws_event_fn *event;
	ws_state_fn *state;
	void *ctx;
	/* Silence before a ping, and again as long for its answer; 0: 20 s. */
	int64_t ping_ms;
};

/* The servers are borrowed until ws_stop(). Fails for a URL that is none.
 * http_proxy in the environment is not looked at; https:// is wss:// with the
 * certificate checked against the system's authorities. */
MUST_USE struct ws *ws_start(const struct ws_options *o, struct problem *why);
void ws_stop(struct ws *w); /* within a moment; NULL is fine */
/* The clientId to post prompts with: of the open socket; "" when there is
 * none. Any thread. */
void ws_client_id(struct ws *w, size_t backend, char out[ID_SIZE]);

#endif
