#include <string.h>

#include "api/answer.h"
#include "api/job_view.h"
#include "api/one_file.h"
#include "api/prefer.h"
#include "api/private.h"
#include "base/id.h"
#include "base/json.h"
#include "base/num.h"
#include "base/text.h"

#define LIST_DEFAULT 20
#define LIST_LIMIT   100
#define LIST_MAX     (32 * 1024 * 1024)
#define LIST_FULL    (4 * 1024 * 1024) /* a page ends after so many bytes */

/* The job as it is, or what is wished in its place. */
static void reply_now(struct call *c, const struct job *job, bool wait_given,
		      const struct one_file_wish *wish)
{
	struct link_base base = link_base(c->api, c->x, c->arena);
	struct reply r = {0};

	if (wait_given)
		reply_header(&r, "Preference-Applied", "wait");
	if (!one_file_reply(c->x, c->api, base, job, wish, &r, c->arena))
		parking_reply_job(
			c->x, c->api, base, job, wait_given ? "wait" : NULL,
			exchange_header(c->x, "If-None-Match"), 200, c->arena);
}

void job_get(struct call *c)
{
	const char *id = c->match.captures[0];
	struct prefer p = prefer_read(exchange_header(c->x, "Prefer"));
	int64_t wait_ms = p.wait_given ? p.wait_ms : 0;
	struct one_file_wish wish;
	struct waiter *w;
	struct job job;

	if (!one_file_redirect_read(c, &wish))
		return;
	if (!id_valid(id) ||
	    !store_read(c->api->reader, id, c->who->owner, c->arena, &job)) {
		answer_problem(c->x, NULL, PROBLEM_NOT_FOUND,
			       "there is no such job");
		return;
	}
	if (wait_ms > c->api->o.max_wait_ms)
		wait_ms = c->api->o.max_wait_ms;
	if (phase_final(job.phase) || wait_ms == 0 ||
	    atomic_load(&c->api->draining)) {
		reply_now(c, &job, p.wait_given, &wish);
		return;
	}
	if (!exchange_keep(c->x, parking_nobody, NULL)) {
		answer_problem(c->x, NULL, PROBLEM_QUEUE_FULL,
			       "too many callers are waiting");
		return;
	}
	w = parking_waiter(c, job.id, c->who->owner, WAITER_JOB);
	parking_wish(w, &wish);
	w->preference = "wait";
	parking_add(w, wait_ms);
}

/* Reads the query of a list; false: it has replied. */
static bool read_query(struct call *c, struct store_query *q)
{
	const char *query = c->request->query;
	const char *status = text_query(c->arena, query, "status");
	const char *limit = text_query(c->arena, query, "limit");
	uint64_t n = LIST_DEFAULT;

	*q = (struct store_query){.owner = c->who->owner};
	q->endpoint = text_query(c->arena, query, "endpoint");
	q->before = text_query(c->arena, query, "cursor");
	if (status != NULL) {
		q->phases = phase_set_of_status(status);
		if (q->phases == 0) {
			answer_problem(c->x, NULL, PROBLEM_MALFORMED_REQUEST,
				       "status must be queued, running, "
				       "succeeded, failed or canceled");
			return false;
		}
	}
	if (limit != NULL && (!num_u64(limit, LIST_LIMIT, &n) || n == 0)) {
		answer_problem(c->x, NULL, PROBLEM_MALFORMED_REQUEST,
			       "limit must be a number from 1 to 100");
		return false;
	}
	if (q->before != NULL && !id_valid(q->before)) {
		answer_problem(c->x, NULL, PROBLEM_MALFORMED_REQUEST,
			       "cursor is not one that this list gave");
		return false;
	}
	q->limit = (size_t)n;
	return true;
}

void jobs_list(struct call *c)
{
	struct link_base base = link_base(c->api, c->x, c->arena);
	struct store_query q;
	struct json_writer w;
	struct job *jobs;
	size_t count, shown = 0;
	struct buf b;

	if (!read_query(c, &q))
		return;
	/* One more than asked for tells whether there is another page. */
	q.limit++;
	jobs = arena_array(c->arena, q.limit, sizeof(*jobs));
	count = store_list(c->api->reader, &q, c->arena, jobs);

	buf_init(&b, LIST_MAX);
	json_writer_init(&w, &b);
	json_open(&w, '{');
	json_put_key(&w, "jobs");
	json_open(&w, '[');
	/* Large jobs make a short page, never an answer that cannot be sent. */
	while (shown < count && shown + 1 < q.limit && b.len < LIST_FULL)
		job_view_write(c->api, base, &jobs[shown++], c->arena, &w);
	json_close(&w, ']');
	json_member_string(&w, "next_cursor",
			   shown < count ? jobs[shown - 1].id : NULL);
	json_close(&w, '}');
	answer_json(c->x, NULL, 200, &b);
	buf_finish(&b);
}
