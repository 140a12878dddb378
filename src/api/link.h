#ifndef API_LINK_H
#define API_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "api/api.h"
#include "base/arena.h"

/*
 * URLs that we hand out, absolute, so that no client builds one. Those that
 * work without a token carry an expiry and a signature: HMAC-SHA256 with the
 * key of this gateway over path and expiry.
 *
 *	…/v1/files/0193…/image.png?expires=1795400000&signature=mJ3…
 */
struct link_base {
	const char *origin; /* "https://api.example.com", in an arena */
};

/* The configured public URL, else scheme and Host of the request. */
struct link_base link_base(const struct api *a, const struct exchange *x,
			   struct arena *arena);

/* Origin and path. Both URLs are in the arena. */
const char *link_plain(struct link_base base, const char *path,
		       struct arena *arena);
/* Signed, good until about now_ms + lifetime and never past `end_ms` (0: no
 * end). Quantised, so that a job read twice looks the same. */
const char *link_signed(const struct api *a, struct link_base base,
			const char *path, int64_t now_ms, int64_t end_ms,
			struct arena *arena);

enum link_check { LINK_GOOD, LINK_BAD, LINK_EXPIRED };
/* path and query as they came. */
enum link_check link_verify(const struct api *a, const char *path,
			    const char *query, int64_t now_ms,
			    struct arena *arena);

#endif
