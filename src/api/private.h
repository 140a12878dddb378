#ifndef API_PRIVATE_H
#define API_PRIVATE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "api/api.h"
#include "api/link.h"
#include "api/waiting.h"
#include "auth/principal.h"
#include "http/router.h"

/* Shared by the files of api/. All of it belongs to the loop thread but the
 * atomics, and `newest`, which is the main thread's. */
struct api {
	struct api_options o;
	struct server *server;
	struct store_reader *reader;
	struct digest_mac *sign; /* of URLs */
	struct catalogue *catalogue;
	const struct catalogue *newest;
	struct waiting waiting;
	struct key_waiter *key_waiters; /* access_step.c */
	atomic_uint streams; /* open event streams: is progress of interest? */
	atomic_bool draining;
};

/* A request on its way through: what the steps before a resource found out. */
struct call {
	struct api *api;
	struct exchange *x;
	const struct request *request;
	struct arena *arena;   /* of the exchange */
	struct principal *who; /* NULL on routes without a token; borrowed */
	struct route_match match;
};

/* One per resource and method. It replies or keeps the exchange. */
typedef void call_fn(struct call *c);

call_fn run_post;	/* run.c */
call_fn endpoint_get;	/* endpoints.c */
call_fn endpoints_list; /* endpoints.c */
call_fn jobs_list;	/* jobs.c */
call_fn job_get;	/* jobs.c */
call_fn job_cancel;	/* job_actions.c */
call_fn job_delete;	/* job_actions.c */
call_fn job_events;	/* events.c */
call_fn upload_post;	/* uploads.c */
call_fn file_get;	/* file_get.c */
call_fn problem_get;	/* problem_get.c */
call_fn health_live;	/* health.c */
call_fn health_ready;	/* health.c */

/* access_step.c: finds out who calls. False: it has replied, or keeps the
 * exchange until keys were fetched and then handles it anew. */
MUST_USE bool access_step(struct call *c);
/* The same before the body is there, without a word to the caller: true also
 * where only the keys can tell, and c->who is NULL then. */
MUST_USE bool access_known(struct call *c);
/* … and may this caller use the endpoint? False: it has replied. */
MUST_USE bool access_scope(struct call *c, const struct endpoint *e);
void access_keys_renewed(struct api *a);
void access_forget_waiters(struct api *a); /* at the end */

/* run.c: is new work taken at all? False: it has replied 503. */
MUST_USE bool open_step(struct call *c);

/* body.c. Which bodies an intake reads: asked with the head of a request. NULL:
 * memory. A caller whose token is found bad gets no byte of his stored. */
typedef struct body_sink *body_fn(struct call *c);
body_fn body_of_run, body_of_upload;
bool body_is(const struct call *c, const char *type); /* its Content-Type */
/* The body is there. False: it has replied. */
MUST_USE bool body_came(struct call *c);

/* endpoints.c: the limits and bounds that hold for this caller; who NULL: for
 * everybody. */
const struct plan *endpoint_plan(const struct endpoint *e,
				 const struct principal *who);
/* endpoints.c: that of the captures, or NULL. */
struct endpoint *endpoint_named(const struct call *c);
/* endpoints.c: of the captures "v1", "portrait", where the caller's token has
 * its scope. NULL: it has replied 404 or 403. */
struct endpoint *endpoint_of_call(struct call *c);

/* parking.c: callers who wait for a job's end, and how they are answered. */
struct waiter *parking_waiter(const struct call *c, const char *job,
			      const char *owner, enum waiter_kind kind);
/* … and what is wished in place of the job: copied. */
struct one_file_wish;
void parking_wish(struct waiter *w, const struct one_file_wish *wish);
/* Takes over the waiter. Answers at once where the job has ended or wait_ms
 * is 0, else parks it for so long. Its exchange is kept already. */
void parking_add(struct waiter *w, int64_t wait_ms);
/* One owner has all the places that one may have: such a caller is answered at
 * once, with the job as it stands. */
bool parking_full(const struct api *a, const char *owner);
/* The caller is gone: takes over the waiter, cancels its job where the
 * endpoint wants that. */
void parking_abandoned(struct waiter *w);
/* An exchange_gone_fn for exchanges that are found again by ticket only. */
void parking_nobody(void *ctx, struct exchange *x);
/* The job has ended: everybody who waits for it is answered. NULL: it is to be
 * read. */
void parking_ended(struct api *a, const char *id, const struct job *job);
/* Everybody is answered with the job as it stands. */
void parking_release(struct api *a);
/* 200 or 202 with the job in this state, ETag and all, for a GET. */
void parking_reply_job(struct exchange *x, struct api *a, struct link_base base,
		       const struct job *job, const char *preference,
		       const char *if_none_match, int status,
		       struct arena *arena);

/* events.c: the job of these streams changed its phase or its progress. */
void events_job_changed(struct api *a, const char *id);
/* A timer: a comment line to every stream. */
void events_keep_open(void *api);
void events_ended(struct waiter *w, const struct job *job, struct arena *arena);

#endif
