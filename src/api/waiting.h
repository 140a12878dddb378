#ifndef API_WAITING_H
#define API_WAITING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/id.h"
#include "base/tally.h"
#include "http/exchange.h"

/*
 * The parked callers, by the job that they wait for. A waiter owns nothing but
 * itself and its strings; its exchange belongs to http/. Loop thread only.
 */
enum waiter_kind {
	WAITER_RUN,    /* POST of an endpoint: the result, or 202 when late */
	WAITER_JOB,    /* GET of a job with wait: the job, late or not */
	WAITER_STREAM, /* event stream */
};

struct waiter {
	struct waiter *next; /* of the same bucket */
	struct api *api;
	struct exchange *x;
	char job[ID_SIZE];
	enum waiter_kind kind;
	bool replayed;		   /* RUN: of an earlier key */
	bool cancel_on_disconnect; /* RUN */
	const char *preference;	   /* Preference-Applied, static; or NULL */
	char *origin;		   /* of URLs, own copy */
	char *owner;		   /* own copy; to cancel in its name */
	char *accept;		   /* own copies of a one_file_wish; or NULL */
	char *redirect;
	uint64_t event_id;    /* STREAM: the last sent */
	unsigned phases_told; /* STREAM: bits */
};

struct waiting {
	struct waiter **buckets;
	size_t bucket_count; /* a power of two; grows */
	size_t count;
	struct tally owners; /* how many wait for the jobs of each */
};

void waiting_init(struct waiting *w);
void waiting_finish(struct waiting *w); /* frees the waiters left */
/* Takes over *one, which is from the heap. */
void waiting_add(struct waiting *w, struct waiter *one);
/* Takes it out, does not free it. */
void waiting_remove(struct waiting *w, struct waiter *one);
void waiter_free(struct waiter *one);
/* The first waiter of that job, then the next; the current one may be removed
 * before asking for its successor if that was read first. */
struct waiter *waiting_first(const struct waiting *w, const char *job);
struct waiter *waiting_after(const struct waiter *one);
/* Any waiter at all; NULL when there is none. */
struct waiter *waiting_any(const struct waiting *w);
void waiting_each(const struct waiting *w,
		  void (*fn)(void *ctx, struct waiter *one), void *ctx);

#endif
