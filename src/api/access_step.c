#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/answer.h"
#include "api/private.h"
#include "base/clock.h"
#include "base/log.h"

#define KEYS_WAIT_MS 10000

/* A request whose token names a key that we have not seen: it is handled anew
 * when the keys were fetched. */
struct key_waiter {
	struct key_waiter *next;
	uint64_t ticket;
};

static void forget(void *ctx, struct exchange *x)
{
	(void)ctx; /* the ticket leads nowhere from now on */
	(void)x;
}

static bool loopback(const char *address)
{
	return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

static void deny(struct call *c, const char *challenge,
		 const struct problem *why)
{
	struct reply r = {0};

	if (challenge[0] != '\0')
		reply_header(&r, "WWW-Authenticate", challenge);
	answer_problem(c->x, &r, why->code, why->detail);
}

static enum access_outcome check(struct call *c, char *challenge,
				 struct problem *why)
{
	return access_check(c->api->o.access,
			    exchange_header(c->x, "Authorization"),
			    (int64_t)time(NULL), &c->who, challenge, why);
}

/* The keys have not come: what was to be said without them. */
static void keys_late(void *api, struct exchange *x)
{
	struct call c = {.api = api, .x = x, .request = exchange_request(x)};
	char challenge[ACCESS_CHALLENGE_MAX] = "";
	struct problem why = {.code = PROBLEM_UNAUTHORIZED};

	if (check(&c, challenge, &why) == ACCESS_GRANTED)
		api_handle(api, x);
	else
		deny(&c, challenge, &why);
}

static void wait_for_keys(struct call *c)
{
	struct key_waiter *w;

	if (!exchange_keep(c->x, forget, NULL)) {
		answer_problem(c->x, NULL, PROBLEM_QUEUE_FULL,
			       "too many requests are waiting");
		return;
	}
	exchange_deadline(c->x, clock_monotonic_ms() + KEYS_WAIT_MS, keys_late,
			  c->api);
	w = mem_alloc(sizeof(*w));
	w->ticket = exchange_ticket(c->x);
	w->next = c->api->key_waiters;
	c->api->key_waiters = w;
}

void access_keys_renewed(struct api *a)
{
	struct key_waiter *w = a->key_waiters;

	a->key_waiters = NULL;
	while (w != NULL) {
		struct key_waiter *next = w->next;
		struct exchange *x = server_exchange(a->server, w->ticket);

		if (x != NULL) {
			exchange_no_deadline(x);
			api_handle(a, x);
		}
		free(w);
		w = next;
	}
}

void access_forget_waiters(struct api *a)
{
	while (a->key_waiters != NULL) {
		struct key_waiter *next = a->key_waiters->next;

		free(a->key_waiters);
		a->key_waiters = next;
	}
}

bool access_step(struct call *c)
{
	char challenge[ACCESS_CHALLENGE_MAX] = "";
	struct problem why = {0};
	struct access *access = c->api->o.access;

	if (access_is_development(access) &&
	    !loopback(c->request->server_addr)) {
		log_event(LOG_ERROR, "auth.development_key_refused", "request",
			  c->request->request_id, NULL);
		answer_problem(c->x, NULL, PROBLEM_UNAUTHORIZED,
			       "the development key serves on loopback only");
		return false;
	}
	switch (check(c, challenge, &why)) {
	case ACCESS_GRANTED:
		return true;
	case ACCESS_PENDING:
		if (c->api->o.ask_keys != NULL &&
		    c->api->o.ask_keys(c->api->o.ask_keys_ctx)) {
			wait_for_keys(c);
			return false;
		}
		break;
	case ACCESS_DENIED:
		break;
	}
	deny(c, challenge, &why);
	return false;
}

/* A token whose key is still to be fetched may be good. */
bool access_known(struct call *c)
{
	char challenge[ACCESS_CHALLENGE_MAX];
	struct problem why = {0};

	if (access_is_development(c->api->o.access) &&
	    !loopback(c->request->server_addr))
		return false;
	return check(c, challenge, &why) != ACCESS_DENIED;
}

bool access_scope(struct call *c, const struct endpoint *e)
{
	struct problem why = {.code = PROBLEM_FORBIDDEN};
	char challenge[ACCESS_CHALLENGE_MAX] = "";

	if (principal_has_scope(c->who, e->scope))
		return true;
	access_insufficient_scope(c->api->o.access, e->scope, challenge);
	snprintf(why.detail, sizeof(why.detail), "the token lacks the scope %s",
		 e->scope);
	deny(c, challenge, &why);
	return false;
}
