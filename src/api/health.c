#include "api/answer.h"
#include "api/private.h"
#include "base/json.h"

#define HEALTH_MAX (256 * 1024)

void health_live(struct call *c)
{
	struct reply r = {.status = 200, .content_type = "application/json"};
	static const char alive[] = "{\"status\":\"pass\"}";

	r.body = alive;
	r.body_len = sizeof(alive) - 1;
	exchange_reply(c->x, &r);
}

/* One check: {"name":"backends","status":"fail","detail":"…"}. No address and
 * no path is in it: everybody may read it. */
static void put_check(struct json_writer *w, const char *name,
		      const char *status, const char *detail)
{
	json_open(w, '{');
	json_member_string(w, "name", name);
	json_member_string(w, "status", status);
	json_member_string(w, "detail", detail);
	json_close(w, '}');
}

static bool put_backends(struct call *c, struct json_writer *w)
{
	const struct api_fleet *f = &c->api->o.fleet;
	size_t total = f->total(f->ctx), up = f->up(f->ctx);

	put_check(w, "backends",
		  up == 0      ? "fail"
		  : up < total ? "warn"
			       : "pass",
		  arena_printf(c->arena, "%zu of %zu are up", up, total));
	return up > 0;
}

static void put_endpoints(struct call *c, struct json_writer *w)
{
	const struct catalogue *all = c->api->catalogue;
	size_t kept = 0;

	for (size_t i = 0; i < all->broken_count; i++)
		kept += all->broken[i].kept;
	put_check(w, "endpoints", all->broken_count > 0 ? "warn" : "pass",
		  arena_printf(c->arena,
			       "%zu are served, %zu folders are broken, %zu "
			       "of them serve the version before",
			       all->count, all->broken_count, kept));
}

void health_ready(struct call *c)
{
	bool room = files_have_room(c->api->o.files);
	bool open = !atomic_load(&c->api->draining);
	struct json_writer w;
	struct buf checks, b;
	bool ready;

	buf_init(&checks, HEALTH_MAX);
	json_writer_init(&w, &checks);
	json_open(&w, '[');
	ready = put_backends(c, &w) && room && open;
	put_endpoints(c, &w);
	put_check(&w, "disk", room ? "pass" : "fail",
		  room ? "there is room" : "there is no room for results");
	put_check(&w, "accepting", open ? "pass" : "fail",
		  open ? "new jobs are taken" : "the service is stopping");
	json_close(&w, ']');

	buf_init(&b, HEALTH_MAX);
	json_writer_init(&w, &b);
	json_open(&w, '{');
	json_member_string(&w, "status", ready ? "pass" : "fail");
	json_member_raw(&w, "checks", buf_str(&checks));
	json_close(&w, '}');
	answer_json(c->x, NULL, ready ? 200 : 503, &b);
	buf_finish(&b);
	buf_finish(&checks);
}
