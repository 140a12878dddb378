#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/answer.h"
#include "api/prefer.h"
#include "api/private.h"
#include "api/run_request.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "input/resolve.h"

/* An accepted request on its way into the store. From the heap; the store
 * thread carries it to the loop. */
struct insertion {
	struct api *api;
	uint64_t ticket;
	enum store_outcome outcome;
	char id[ID_SIZE]; /* of the job, or of the first one with the key */
	struct waiter *waiter; /* made beforehand, parked after the commit */
	int64_t wait_ms;
};

static uint64_t random_bits(void *ctx)
{
	uint64_t bits;

	(void)ctx;
	digest_random(&bits, sizeof(bits));
	return bits;
}

static const struct plan *plan_of(const struct endpoint *e,
				  const struct principal *who)
{
	for (size_t i = 1; i < e->plan_count; i++) {
		const char *value = principal_claim(who, e->plans[i].claim);

		if (value != NULL && strcmp(value, e->plans[i].value) == 0)
			return &e->plans[i];
	}
	return &e->plans[0];
}

/* False: it has replied 429. Headers as in the RateLimit draft. */
static bool rate_step(struct call *c, const struct endpoint *e,
		      const struct plan *plan, struct reply *r)
{
	const struct limits *l = &plan->limits;
	struct rate_state s;
	char key[96];

	if (l->rate_count == 0)
		return true;
	snprintf(key, sizeof(key), "%s/%u", e->name, e->version);
	s = access_rate(c->api->o.access, c->who->owner, key, l->rate_count,
			l->rate_window_ms, clock_monotonic_ms());
	reply_header(r, "RateLimit-Policy",
		     arena_printf(c->arena,
				  "\"default\";q=%" PRIu32 ";w=%" PRId64,
				  l->rate_count, l->rate_window_ms / 1000));
	reply_header(r, "RateLimit",
		     arena_printf(c->arena,
				  "\"default\";r=%" PRIu32 ";t=%" PRId64,
				  s.remaining, (s.reset_ms + 999) / 1000));
	if (s.allowed)
		return true;
	reply_header(
		r, "Retry-After",
		arena_printf(c->arena, "%" PRId64, (s.retry_ms + 999) / 1000));
	answer_problem(c->x, r, PROBLEM_RATE_LIMITED,
		       "the limit of requests for this endpoint is reached");
	return false;
}

/* False: it has replied 503. */
static bool open_step(struct call *c, const struct endpoint *e)
{
	const struct api_options *o = &c->api->o;

	if (atomic_load(&c->api->draining)) {
		answer_problem(c->x, NULL, PROBLEM_SHUTTING_DOWN,
			       "no new jobs are taken just now");
		return false;
	}
	if (!files_have_room(o->files)) {
		log_event(LOG_ERROR, "disk.full", NULL);
		answer_problem(c->x, NULL, PROBLEM_QUEUE_FULL,
			       "there is no room for results just now");
		return false;
	}
	if (!o->fleet.serves(o->fleet.ctx, e->run.pool)) {
		log_event(LOG_ERROR, "pool.unknown", "endpoint", e->name,
			  "pool", e->run.pool, NULL);
		answer_problem(c->x, NULL, PROBLEM_NO_BACKEND,
			       "no server is set up to run this endpoint");
		return false;
	}
	return true;
}

static void reply_dry_run(struct call *c, struct reply *r,
			  const struct endpoint *e,
			  const struct resolved *resolved)
{
	struct json_writer w;
	struct buf b;

	buf_init(&b, 2 * c->request->body_len + 1024 * 1024);
	json_writer_init(&w, &b);
	json_open(&w, '{');
	json_member_string(&w, "endpoint", e->name);
	json_member_int(&w, "version", e->version);
	json_member_raw(&w, "inputs", resolved->inputs);
	json_close(&w, '}');
	answer_json(c->x, r, 200, &b);
	buf_finish(&b);
}

static void insertion_free(struct insertion *i)
{
	waiter_free(i->waiter);
	free(i);
}

static void reply_refused(struct exchange *x, enum store_outcome outcome)
{
	switch (outcome) {
	case STORE_QUEUE_FULL:
		answer_problem(x, NULL, PROBLEM_QUEUE_FULL,
			       "too many jobs of this endpoint are waiting");
		return;
	case STORE_TOO_MANY:
		answer_problem(x, NULL, PROBLEM_TOO_MANY_JOBS,
			       "you have as many jobs of this endpoint in work "
			       "as you may");
		return;
	case STORE_MISMATCH:
		answer_problem(x, NULL, PROBLEM_IDEMPOTENCY_MISMATCH,
			       "this Idempotency-Key came with another body "
			       "before");
		return;
	default:
		answer_problem(x, NULL, PROBLEM_QUEUE_FULL,
			       "the job could not be stored; nothing was run");
	}
}

/* Loop thread: the store has said what became of the job. */
static void inserted(void *arg)
{
	struct insertion *i = arg;
	struct exchange *x = server_exchange(i->api->server, i->ticket);
	bool accepted =
		i->outcome == STORE_DONE || i->outcome == STORE_REPLAYED;

	memcpy(i->waiter->job, i->id, sizeof(i->waiter->job));
	i->waiter->replayed = i->outcome == STORE_REPLAYED;
	if (x == NULL && accepted) {
		parking_abandoned(i->waiter);
		i->waiter = NULL;
	} else if (x != NULL && accepted) {
		parking_add(i->waiter, i->wait_ms);
		i->waiter = NULL;
	} else if (x != NULL) {
		reply_refused(x, i->outcome);
	}
	insertion_free(i);
}

static void store_said(void *ctx, enum store_outcome outcome, const char *id)
{
	struct insertion *i = ctx;

	i->outcome = outcome;
	if (id != NULL)
		snprintf(i->id, sizeof(i->id), "%s", id);
	server_post(i->api->server, inserted, i);
}

static const char *hex_sha256(struct arena *a, const void *bytes, size_t n)
{
	unsigned char digest[DIGEST_SIZE];
	char *hex = arena_alloc(a, DIGEST_HEX_SIZE);

	digest_sha256(bytes, n, digest);
	digest_hex(digest, hex);
	return hex;
}

/* What must be equal for two requests to share a result. */
static const char *reuse_key(struct call *c, const struct endpoint *e,
			     const struct resolved *resolved)
{
	const char *text;

	if (e->run.reuse_ms == 0 || resolved->random)
		return NULL;
	text = arena_printf(c->arena, "%s\n%s\n%s", e->identity,
			    e->run.reuse_scope == REUSE_ALL ? ""
							    : c->who->owner,
			    resolved->inputs);
	return hex_sha256(c->arena, text, strlen(text));
}

static int64_t keep_ms(const struct api *a, const struct endpoint *e)
{
	int64_t most = a->o.keep_files_ms;

	return most != 0 && most < e->run.keep_ms ? most : e->run.keep_ms;
}

static void fill_job(struct call *c, const struct endpoint *e,
		     const struct plan *plan, const struct run_request *asked,
		     const struct resolved *resolved, struct job *job)
{
	int64_t timeout = plan->limits.timeout_ms;

	if (asked->cancel_after_ms != 0 && asked->cancel_after_ms < timeout)
		timeout = asked->cancel_after_ms;
	id_v7(job->id);
	job->owner = c->who->owner;
	job->endpoint = e->name;
	job->version = e->version;
	job->inputs = resolved->inputs;
	job->recipe = plan->recipe;
	job->pool = e->run.pool;
	job->priority = e->run.priority;
	job->max_attempts = e->run.attempts;
	job->created_at = clock_wall_ms();
	job->deadline_at = job->created_at + timeout;
	job->keep_ms = keep_ms(c->api, e);
	job->idempotency_key = asked->idempotency_key;
	if (asked->idempotency_key != NULL)
		job->request_hash = hex_sha256(c->arena, c->request->body,
					       c->request->body_len);
	job->reuse_key = reuse_key(c, e, resolved);
	job->reuse_since = job->created_at - e->run.reuse_ms;
	job->queue_limit = plan->limits.queue;
	job->own_limit = plan->limits.concurrency;
}

/* Hands the job to the store; the answer comes after its commit. */
static void accept_job(struct call *c, const struct endpoint *e,
		       const struct run_request *asked, const struct job *job)
{
	struct insertion *i = mem_alloc(sizeof(*i));

	i->api = c->api;
	i->ticket = exchange_ticket(c->x);
	i->wait_ms = asked->wait_ms;
	i->waiter = parking_waiter(c, job->id, job->owner, WAITER_RUN);
	parking_wish(i->waiter, &asked->wish);
	i->waiter->preference = asked->preference;
	i->waiter->cancel_on_disconnect = e->run.cancel_on_disconnect;
	log_event(LOG_INFO, "job.accepted", "job", job->id, "request",
		  c->request->request_id, "endpoint", e->name, NULL);
	store_insert(c->api->o.store, job, store_said, i);
	exchange_forget_request(c->x);
}

/* Validates, and replies or hands the job on. */
static void resolve_and_accept(struct call *c, struct reply *r,
			       const struct endpoint *e,
			       const struct plan *plan,
			       const struct run_request *asked)
{
	struct problem_list errors;
	struct resolved resolved;
	struct job job = {0};
	struct buf prompt;

	problem_list_init(&errors, c->arena);
	buf_init(&prompt, c->api->o.max_prompt_bytes);
	if (!input_resolve(e, plan, json_root(asked->body), NULL, random_bits,
			   NULL, c->arena, &prompt, &resolved, &errors)) {
		answer_problems(c->x, PROBLEM_INVALID_INPUT,
				"some inputs are not as the endpoint wants "
				"them",
				&errors);
	} else if (asked->dry_run) {
		reply_dry_run(c, r, e, &resolved);
	} else if (!exchange_keep(c->x, parking_nobody, NULL)) {
		answer_problem(c->x, NULL, PROBLEM_QUEUE_FULL,
			       "too many callers are waiting");
	} else {
		job.prompt = buf_str(&prompt);
		fill_job(c, e, plan, asked, &resolved, &job);
		accept_job(c, e, asked, &job);
	}
	buf_finish(&prompt);
}

void run_post(struct call *c)
{
	struct endpoint *e = endpoint_of_call(c);
	struct one_file_wish wish;
	struct run_request asked;
	const struct plan *plan;
	struct reply r = {0};

	if (e == NULL)
		return;
	plan = plan_of(e, c->who);
	if (!rate_step(c, e, plan, &r) || !open_step(c, e) ||
	    !one_file_possible(c, e, &wish) ||
	    !run_request_read(c, &plan->limits, &asked))
		return;
	asked.wish = wish;
	resolve_and_accept(c, &r, e, plan, &asked);
	json_free(asked.body);
}
