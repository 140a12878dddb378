#ifndef BASE_FETCH_H
#define BASE_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/attr.h"

/*
 * Files from URLs that callers chose, many at once, by libcurl. One thread
 * makes it, begins transfers, runs them and destroys it; it is called back on
 * that thread.
 *
 * Each hop's address is looked at when it is connected to, and once more when
 * it is: public, at port 443 or 80, or in the operator's list. Connections are
 * new and used once, as libcurl asks nobody about a kept one. https only unless
 * told; certificates are checked; at most FETCH_HOPS redirects, none from https
 * to http. No proxy, cookie, user or .netrc; nothing compressed is asked for or
 * taken, so no bomb is ever unpacked. Nothing but a 200 is a file.
 *
 * What is said about an address that is not public, were it only by a redirect
 * on the way, is always the same: FETCH_UNREACHED, whether nobody may go there,
 * nobody listens, or somebody answers something else than a file. Where nobody
 * may go nothing is sent, so that time tells nothing either.
 */
#define FETCH_HOPS 3

struct fetch;
struct fetch_transfer;

struct fetch_options {
	const char *agent;		  /* "comfygate/1.0" */
	const struct address_list *allow; /* borrowed */
	bool http;			  /* http:// is taken, too */
};

enum fetch_outcome {
	FETCH_WHOLE,	  /* a 200, and the sink has all of it */
	FETCH_UNREACHED,  /* no name, address, connection or TLS; or as above */
	FETCH_STATUS,	  /* no 200 */
	FETCH_REDIRECTED, /* too often, to http, or to no URL */
	FETCH_CODED,	  /* compressed all the same */
	FETCH_TOO_LARGE,
	FETCH_TIMED_OUT, /* or it hardly moved */
	FETCH_BROKEN,	 /* the connection ended too early */
	FETCH_STOPPED,	 /* by the sink */
	FETCH__COUNT
};

struct fetch_result {
	enum fetch_outcome outcome;
	int status; /* of the last answer; only where it may be told */
	/* An address that is not public was met on the way: what is in the file
	 * is nothing to speak of, either. */
	bool inside;
	/* It may go better another time. True for all that is UNREACHED, so
	 * that this tells nothing of why. */
	bool again;
	char detail[256]; /* for the log alone */
};

struct fetch_call {
	const char *url; /* as url_split() takes it; copied */
	int64_t max_bytes;
	int64_t timeout_ms; /* of all hops together */
	bool (*sink)(void *ctx, const void *bytes, size_t n);
	/* The transfer is gone when this is called, from fetch_run() alone. */
	void (*done)(void *ctx, const struct fetch_result *r);
	void *ctx;
};

struct fetch *fetch_create(const struct fetch_options *o);
/* Ends what runs without a word. NULL is fine. */
void fetch_destroy(struct fetch *f);

/* Never fails at once: done() tells. */
struct fetch_transfer *fetch_begin(struct fetch *f, const struct fetch_call *c);
/* Ends it; done() is not called. */
void fetch_cancel(struct fetch *f, struct fetch_transfer *t);
/* Does what there is to do, waits for more at most until `until_ms` (monotonic)
 * and returns; to be called again and again. */
void fetch_run(struct fetch *f, int64_t until_ms);
/* fetch_run() returns soon. Any thread. */
void fetch_wake(struct fetch *f);

#endif
