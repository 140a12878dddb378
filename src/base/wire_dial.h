#ifndef BASE_WIRE_DIAL_H
#define BASE_WIRE_DIAL_H

#include "base/curl_use.h"
#include "base/wire.h"

/*
 * How base/wire.c comes to a connection, and it alone: libcurl makes it, on the
 * carrier's descriptors and timers while the fiber gives way, or while the
 * thread waits.
 */
struct dial;

#define LOOK_MS 200 /* how often a limit's stop() is asked, here and there */

/* A connection to "https://host:port"; NULL: *state and `why` tell. `why` is
 * the caller's, and stays where it is until dial_hang_up(). */
MUST_USE struct dial *dial_up(const char *origin,
			      const struct wire_limit *limit,
			      char why[CURL_ERROR_SIZE],
			      enum wire_state *state);
/* For curl_easy_send(), curl_easy_recv(). */
CURL *dial_handle(const struct dial *d);
/* Its socket, -1 where it has none any more. */
int dial_socket(const struct dial *d);
/* Closes it. In the fiber or thread that made it. */
void dial_hang_up(struct dial *d);

#endif
