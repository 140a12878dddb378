#include <string.h>

#include "api/answer.h"
#include "api/etag.h"
#include "api/link.h"
#include "api/private.h"
#include "base/json.h"
#include "base/num.h"

#define LIST_MAX (4 * 1024 * 1024)

struct endpoint *endpoint_named(const struct call *c)
{
	const char *version = c->match.captures[0];
	uint64_t n;

	/* "v1", never "v01": one resource has one URL. */
	if (version[0] != 'v' || version[1] == '0' ||
	    !num_u64(version + 1, 1000000, &n))
		return NULL;
	return catalogue_find(c->api->catalogue, c->match.captures[1],
			      (unsigned)n);
}

const struct plan *endpoint_plan(const struct endpoint *e,
				 const struct principal *who)
{
	for (size_t i = 1; who != NULL && i < e->plan_count; i++) {
		const char *value = principal_claim(who, e->plans[i].claim);

		if (value != NULL && strcmp(value, e->plans[i].value) == 0)
			return &e->plans[i];
	}
	return &e->plans[0];
}

struct endpoint *endpoint_of_call(struct call *c)
{
	struct endpoint *e = endpoint_named(c);

	if (e == NULL) {
		answer_problem(c->x, NULL, PROBLEM_NOT_FOUND,
			       "there is no such endpoint");
		return NULL;
	}
	return access_scope(c, e) ? e : NULL;
}

void endpoint_get(struct call *c)
{
	struct reply r = {.status = 200, .content_type = "application/json"};
	struct endpoint *e = endpoint_of_call(c);

	if (e == NULL)
		return; /* it has replied: the exchange is no more */
	reply_header(&r, "ETag", e->contract_etag);
	reply_header(&r, "Cache-Control", "private, no-cache");
	if (etag_listed(exchange_header(c->x, "If-None-Match"),
			e->contract_etag)) {
		r.status = 304;
		r.content_type = NULL;
	} else {
		r.body = e->contract;
		r.body_len = strlen(e->contract);
	}
	exchange_reply(c->x, &r);
}

static void put_endpoint(struct json_writer *w, const struct call *c,
			 struct link_base base, const struct endpoint *e)
{
	const char *path =
		arena_printf(c->arena, "/v%u/%s", e->version, e->name);

	json_open(w, '{');
	json_member_string(w, "name", e->name);
	json_member_int(w, "version", e->version);
	json_member_string(w, "title", e->title);
	json_member_string(w, "description", e->description);
	if (e->deprecated != NULL)
		json_member_string(w, "deprecated", e->deprecated);
	json_member_string(w, "url", link_plain(base, path, c->arena));
	json_close(w, '}');
}

void endpoints_list(struct call *c)
{
	struct link_base base = link_base(c->api, c->x, c->arena);
	const struct catalogue *all = c->api->catalogue;
	struct json_writer w;
	struct buf b;

	buf_init(&b, LIST_MAX);
	json_writer_init(&w, &b);
	json_open(&w, '{');
	json_put_key(&w, "endpoints");
	json_open(&w, '[');
	for (size_t i = 0; i < all->count; i++)
		if (principal_has_scope(c->who, all->endpoints[i]->scope))
			put_endpoint(&w, c, base, all->endpoints[i]);
	json_close(&w, ']');
	json_close(&w, '}');
	answer_json(c->x, NULL, 200, &b);
	buf_finish(&b);
}
