#ifndef AUTH_KEYS_H
#define AUTH_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/access.h"
#include "auth/keyset.h"
#include "base/attr.h"
#include "base/problem.h"

/* A JWKS is fetched by https, or by http from this machine only. */
MUST_USE bool keys_url_valid(const char *url, struct problem *why);

/*
 * The keys thread: fetches the JWKS URL (base/web) at start, again when its
 * Cache-Control or one hour is over, and when somebody asks because of an
 * unknown kid, then at most once a minute. A failed fetch keeps the old set.
 * Each new set (files of the options and fetched text together) is published
 * to the access, then `renewed` is called, also when the fetch failed.
 */
struct keys;

struct keys_options {
	struct keyset_sources files;
	const char *jwks_url; /* keys_url_valid() or NULL */
	void (*renewed)(void *ctx);
	void *renewed_ctx;
};

/* Before the loop runs; copies the options' texts. The keys that access has
 * then count as those of the files. NULL options->jwks_url: no thread is made
 * and keys_ask() is always false. */
struct keys *keys_start(const struct keys_options *o, struct access *access);
/* Any thread: fetch soon because a kid was unknown. True: `renewed` will come,
 * also where a fetch is on its way already. False when the last asking is less
 * than a minute ago: the token is then simply invalid. */
bool keys_ask(struct keys *k);
/* Reads the files again (SIGHUP, not on the loop thread) and publishes; the
 * old set stays on error. */
MUST_USE bool keys_reload(struct keys *k, struct problem *why);
/* Abandons a fetch, joins the thread. NULL is fine. */
void keys_stop(struct keys *k);

#endif
