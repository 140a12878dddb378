#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/answer.h"
#include "api/insertion.h"
#include "api/prefer.h"
#include "api/private.h"
#include "api/run_request.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/log.h"
#include "input/resolve.h"
#include "jobs/job_files.h"

/* More than any body can say of files, its URLs escaped. */
#define FILES_TEXT_MAX ((size_t)256 << 20)
#define DRY_RUN_MORE   4096 /* beside the inputs */

static uint64_t random_bits(void *ctx)
{
	uint64_t bits;

	(void)ctx;
	digest_random(&bits, sizeof(bits));
	return bits;
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

bool open_step(struct call *c)
{
	if (atomic_load(&c->api->draining))
		answer_problem(c->x, NULL, PROBLEM_SHUTTING_DOWN,
			       "no new jobs are taken just now");
	else if (files_have_room(c->api->o.files))
		return true;
	else {
		log_event(LOG_ERROR, "disk.full", NULL);
		answer_problem(c->x, NULL, PROBLEM_QUEUE_FULL,
			       "there is no room for results just now");
	}
	return false;
}

/* False: it has replied 503. */
static bool pool_step(struct call *c, const struct endpoint *e)
{
	const struct api_options *o = &c->api->o;

	if (o->fleet.serves(o->fleet.ctx, e->run.pool))
		return true;
	log_event(LOG_ERROR, "pool.unknown", "endpoint", e->name, "pool",
		  e->run.pool, NULL);
	answer_problem(c->x, NULL, PROBLEM_NO_BACKEND,
		       "no server is set up to run this endpoint");
	return false;
}

static void reply_dry_run(struct call *c, struct reply *r,
			  const struct endpoint *e,
			  const struct resolved *resolved)
{
	struct json_writer w;
	struct buf b;

	buf_init(&b, strlen(resolved->inputs) + DRY_RUN_MORE);
	json_writer_init(&w, &b);
	json_open(&w, '{');
	json_member_string(&w, "endpoint", e->name);
	json_member_int(&w, "version", e->version);
	json_member_raw(&w, "inputs", resolved->inputs);
	json_close(&w, '}');
	answer_json(c->x, r, 200, &b);
	buf_finish(&b);
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
static const char *reuse_key(struct arena *a, const char *owner,
			     const struct endpoint *e,
			     const struct resolved *resolved)
{
	const char *text;

	if (e->run.reuse_ms == 0 || resolved->random)
		return NULL;
	text = arena_printf(a, "%s\n%s\n%s", e->identity,
			    e->run.reuse_scope == REUSE_ALL ? "" : owner,
			    resolved->inputs);
	return hex_sha256(a, text, strlen(text));
}

static int64_t keep_ms(const struct api *a, const struct endpoint *e)
{
	int64_t most = a->o.keep_files_ms;

	return most != 0 && most < e->run.keep_ms ? most : e->run.keep_ms;
}

/* What the job keeps of its files. */
static const char *files_text(struct arena *a, const struct resolved *resolved)
{
	size_t count = resolved->file_count;
	struct job_file *files = arena_array(a, count, sizeof(*files));
	const char *text;
	struct buf b;

	if (count == 0)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		const struct resolved_file *f = &resolved->files[i];

		files[i] = (struct job_file){
			.field = f->field,
			.sha256 = f->sha256,
			.url = f->url,
			.extension = f->extension,
			.content_type = f->content_type,
			.size_bytes = f->size_bytes,
			.at = f->at,
			.at_count = f->at_count,
			.of = f->of,
		};
	}
	buf_init(&b, FILES_TEXT_MAX);
	job_files_write(files, count, &b);
	text = arena_strndup(a, buf_str(&b), b.len);
	buf_finish(&b);
	return text;
}

static const char *request_hash(struct call *c, struct arena *a)
{
	const struct intake *in = intake_of(exchange_sink(c->x));

	if (in != NULL)
		return arena_strdup(a, intake_hash(in));
	return hex_sha256(a, c->request->body, c->request->body_len);
}

/* All texts of the job are in the arena, or the endpoint's. */
static void fill_job(struct call *c, struct arena *a, const struct endpoint *e,
		     const struct plan *plan, const struct run_request *asked,
		     const struct resolved *resolved, struct job *job)
{
	int64_t timeout = plan->limits.timeout_ms;

	if (asked->cancel_after_ms != 0 && asked->cancel_after_ms < timeout)
		timeout = asked->cancel_after_ms;
	id_v7(job->id);
	job->phase = resolved->unfetched ? PHASE_FETCHING : PHASE_QUEUED;
	job->endpoint = e->name;
	job->version = e->version;
	job->inputs = resolved->inputs;
	job->files = files_text(a, resolved);
	job->recipe = plan->recipe;
	job->pool = e->run.pool;
	job->priority = e->run.priority;
	job->max_attempts = e->run.attempts;
	job->created_at = clock_wall_ms();
	job->deadline_at = job->created_at + timeout;
	job->keep_ms = keep_ms(c->api, e);
	if (asked->idempotency_key != NULL) {
		job->idempotency_key = arena_strdup(a, asked->idempotency_key);
		job->request_hash = request_hash(c, a);
	}
	job->reuse_key = reuse_key(a, job->owner, e, resolved);
	job->reuse_since = job->created_at - e->run.reuse_ms;
	job->queue_limit = plan->limits.queue;
	job->own_limit = plan->limits.concurrency;
}

/* Hands the job to the store; the answer comes after its commit. */
static void accept_job(struct call *c, const struct endpoint *e,
		       const struct run_request *asked, struct insertion *i)
{
	i->wait_ms = asked->wait_ms;
	i->waiter = parking_waiter(c, i->job.id, i->job.owner, WAITER_RUN);
	parking_wish(i->waiter, &asked->wish);
	i->waiter->preference = asked->preference;
	i->waiter->cancel_on_disconnect = e->run.cancel_on_disconnect;
	log_event(LOG_INFO, "job.accepted", "job", i->job.id, "request",
		  c->request->request_id, "endpoint", e->name, NULL);
	i->intake = intake_of(exchange_take_sink(c->x));
	if (i->intake != NULL)
		intake_drop_json(i->intake);
	insertion_start(i);
	exchange_forget_request(c->x);
}

/* Validates, and replies or hands the job on. */
static void resolve_and_accept(struct call *c, struct reply *r,
			       struct endpoint *e, const struct plan *plan,
			       const struct run_request *asked)
{
	struct insertion *i = insertion_create(c, e);
	struct arena *arena = asked->files.given != NULL ? &i->arena : c->arena;
	struct input_files files = asked->files;
	struct problem_list errors;
	struct resolved resolved;
	struct buf prompt;

	files.upload = insertion_upload;
	files.ctx = i;
	i->job.owner = arena_strdup(arena, c->who->owner);
	problem_list_init(&errors, arena);
	buf_init(&prompt, c->api->o.max_prompt_bytes);
	if (!input_resolve(e, plan, asked->inputs, &files, random_bits, NULL,
			   arena, &prompt, &resolved, &errors)) {
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
		i->job.prompt =
			arena_strndup(arena, buf_str(&prompt), prompt.len);
		fill_job(c, arena, e, plan, asked, &resolved, &i->job);
		accept_job(c, e, asked, i);
		i = NULL;
	}
	if (i != NULL)
		insertion_free(i);
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
	plan = endpoint_plan(e, c->who);
	if (!rate_step(c, e, plan, &r) || !open_step(c) || !pool_step(c, e) ||
	    !one_file_possible(c, e, &wish) ||
	    !run_request_read(c, &plan->limits, &asked))
		return;
	asked.wish = wish;
	resolve_and_accept(c, &r, e, plan, &asked);
	json_free(asked.doc);
}
