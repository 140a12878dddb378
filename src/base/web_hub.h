#ifndef BASE_WEB_HUB_H
#define BASE_WEB_HUB_H

#include <stdbool.h>

#include "base/curl_use.h"

/*
 * The transfers of all fibers of one carrier: one curl multi handle, driven by
 * the carrier's descriptors and timers. Only base/web.c uses it, in a fiber.
 */
struct hub;

#define WEB_LOOK_MS 200 /* how often stop() is asked while nothing comes */

/* The hub of the carrier that this fiber runs on, made by the first to ask. It
 * keeps two connections open for each that has taken it. */
struct hub *hub_take(void);
void hub_leave(struct hub *h); /* freed by the last */

/* Runs the transfer to its end while the fiber gives way.
 * CURLE_ABORTED_BY_CALLBACK: stop(ctx) said so. */
CURLcode hub_run(struct hub *h, CURL *easy, bool (*stop)(void *ctx), void *ctx);

#endif
