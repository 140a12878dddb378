#include <stdlib.h>
#include <string.h>

#include "api/answer.h"
#include "api/intake.h"
#include "api/private.h"
#include "base/clock.h"
#include "base/log.h"
#include "media/kind.h"

/* POST /v1/uploads: a file ahead of the job that uses it. */

#define UPLOAD_TEXT_MAX 4096
/* When one who has no room for uploads may look again. */
#define ROOM_AGAIN_S "600"

/* A file on its way into the store. From the heap; it goes from the loop to a
 * body thread, to the store thread and back. */
struct storing {
	struct api *api;
	uint64_t ticket;
	struct arena arena;
	struct intake *intake;
	struct upload upload;
	enum store_outcome outcome;
};

static void storing_free(struct storing *s)
{
	intake_destroy(s->intake);
	arena_finish(&s->arena);
	free(s);
}

static void reply_upload(struct exchange *x, const struct upload *u,
			 struct arena *arena)
{
	char expires[CLOCK_TEXT];
	struct json_writer w;
	struct buf b;

	buf_init(&b, UPLOAD_TEXT_MAX);
	json_writer_init(&w, &b);
	json_open(&w, '{');
	json_member_string(&w, "id", arena_printf(arena, "upload:%s", u->id));
	json_member_string(&w, "content_type", u->content_type);
	json_member_int(&w, "size_bytes", u->size_bytes);
	json_member_string(&w, "sha256", u->sha256);
	if (u->width > 0) {
		json_member_int(&w, "width", u->width);
		json_member_int(&w, "height", u->height);
	}
	if (u->duration_ms > 0)
		json_member_int(&w, "duration_ms", u->duration_ms);
	clock_rfc3339(u->expires_at, expires);
	json_member_string(&w, "expires_at", expires);
	json_close(&w, '}');
	answer_json(x, NULL, 201, &b);
	buf_finish(&b);
}

/* Loop thread: the store has said what became of it. */
static void stored(void *arg)
{
	struct storing *s = arg;
	struct exchange *x = server_exchange(s->api->server, s->ticket);
	struct reply r = {0};

	if (x == NULL) {
		storing_free(s);
		return;
	}
	if (s->outcome == STORE_DONE) {
		reply_upload(x, &s->upload, &s->arena);
	} else if (s->outcome == STORE_TOO_MANY) {
		reply_header(&r, "Retry-After", ROOM_AGAIN_S);
		answer_problem(x, &r, PROBLEM_RATE_LIMITED,
			       "your uploads take all the room that one may "
			       "have; each goes at its expires_at");
	} else {
		answer_problem(x, NULL, PROBLEM_QUEUE_FULL,
			       "the file could not be stored");
	}
	storing_free(s);
}

static void store_said(void *ctx, enum store_outcome outcome, const char *id)
{
	struct storing *s = ctx;

	(void)id;
	s->outcome = outcome;
	server_post(s->api->server, stored, s);
}

/* Body thread. */
static void commit(void *arg)
{
	struct storing *s = arg;
	const struct api_options *o = &s->api->o;
	struct problem why = {0};

	if (intake_commit(s->intake, &why)) {
		store_add_upload(o->store, &s->upload,
				 o->max_uploads_each_bytes, store_said, s);
		return;
	}
	log_event(LOG_ERROR, "upload.not_stored", "why", why.detail, NULL);
	store_said(s, STORE_FAILED, NULL);
}

static void fill(struct upload *u, const struct given_file *f)
{
	const struct media_type *type = media_type(f->facts.kind);

	id_v4(u->id);
	memcpy(u->sha256, f->sha256, sizeof(u->sha256));
	u->content_type = type->mime;
	u->extension = type->extension;
	u->size_bytes = f->size_bytes;
	u->width = f->facts.width;
	u->height = f->facts.height;
	u->frames = f->facts.frames;
	u->duration_ms = f->facts.duration_ms;
	u->alpha = f->facts.alpha;
}

static void store_file(struct call *c, const struct given_file *f)
{
	struct storing *s = mem_alloc(sizeof(*s));

	s->api = c->api;
	s->ticket = exchange_ticket(c->x);
	fill(&s->upload, f);
	s->upload.owner = arena_strdup(&s->arena, c->who->owner);
	s->upload.created_at = clock_wall_ms();
	s->upload.expires_at =
		s->upload.created_at + c->api->o.upload_lifetime_ms;
	s->intake = intake_of(exchange_take_sink(c->x));
	log_event(LOG_INFO, "upload.taken", "upload", s->upload.id, "request",
		  c->request->request_id, "bytes",
		  log_num(s->upload.size_bytes), NULL);
	exchange_forget_request(c->x);
	server_work(c->api->server, commit, s);
}

void upload_post(struct call *c)
{
	struct intake *in = intake_of(exchange_sink(c->x));
	const struct problem *why;
	size_t count;

	if (!open_step(c) || !body_came(c))
		return;
	if (in == NULL) {
		answer_problem(c->x, NULL, PROBLEM_MALFORMED_REQUEST,
			       "the body is empty: send the file");
		return;
	}
	why = intake_problem(in);
	if (why != NULL)
		answer_problem(c->x, NULL, why->code, why->detail);
	else if (!exchange_keep(c->x, parking_nobody, NULL))
		answer_problem(c->x, NULL, PROBLEM_QUEUE_FULL,
			       "too many callers are waiting");
	else
		store_file(c, intake_files(in, &count));
}
