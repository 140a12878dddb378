#include "run/take_file.h"

#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "media/serve.h"
#include "media/strip.h"
#include "run/choose.h"
#include "run/convert_step.h"

/* A fetch that broke is tried so often, with pauses that double. */
#define FETCHES	       4
#define FETCH_PAUSE_MS 50
#define ROOM_PAUSE_MS  1000

/* A file on its way in: to where it stays, or, where it is to be cleaned first,
 * into memory, or the slot's scratch if it is larger. */
struct incoming {
	struct slot *slot;
	struct file_sink *sink; /* NULL: not yet */
	struct buf memory;	/* until then, while it is small */
	int scratch;		/* … and when it is not; -1: it is */
	int64_t max, size;
	bool too_large;
	bool local; /* our disk took it not */
};

/* From memory into the slot's scratch. */
static bool move_on(struct incoming *f)
{
	struct slot *s = f->slot;
	struct problem why = {0};

	if (s->scratch < 0)
		s->scratch = files_scratch(s->shared->files, &why);
	if (s->scratch < 0 || ftruncate(s->scratch, 0) != 0 ||
	    lseek(s->scratch, 0, SEEK_SET) != 0 ||
	    !file_write_all(s->scratch, f->memory.at, f->memory.len)) {
		log_event(LOG_ERROR, "file.no_scratch", "job", s->job.id, "why",
			  why.detail, NULL);
		return false;
	}
	f->scratch = s->scratch;
	buf_finish(&f->memory);
	return true;
}

static bool gather(struct incoming *f, const void *bytes, size_t n)
{
	if (f->scratch < 0 && n <= FILES_MEMORY_MAX - f->memory.len) {
		buf_add(&f->memory, bytes, n);
		return true;
	}
	return (f->scratch >= 0 || move_on(f)) &&
	       file_write_all(f->scratch, bytes, n);
}

static bool fetch_sink(void *ctx, const void *bytes, size_t n)
{
	struct incoming *f = ctx;

	f->size += (int64_t)n;
	f->too_large = f->size > f->max;
	if (f->too_large)
		return false;
	f->local = f->sink != NULL ? !file_sink_write(f->sink, bytes, n)
				   : !gather(f, bytes, n);
	return !f->local;
}

/* A full disk is waited out: other jobs' files go when their time is over. */
static enum failure wait_for_room(struct slot *s)
{
	bool told = false;

	while (!files_have_room(s->shared->files)) {
		if (!told)
			log_event(LOG_ERROR, "disk.full", "job", s->job.id,
				  NULL);
		told = true;
		if (slot_leaving(s))
			return FAILURE_STOP;
		if (slot_canceled(s))
			return FAILURE_CANCELED;
		if (slot_time_left(s) <= 0)
			return FAILURE_DEADLINE;
		slot_pause(s, ROOM_PAUSE_MS);
	}
	return FAILURE_NONE;
}

static const char *file_name(struct slot *s, const struct want *w, size_t index,
			     const char *ext)
{
	if (!w->many)
		return arena_printf(&s->arena, "%s.%s", w->name, ext);
	return arena_printf(&s->arena, "%s-%zu.%s", w->name, index + 1, ext);
}

static struct file_sink *begin(struct slot *s)
{
	struct problem why = {0};
	struct file_sink *sink = files_begin(s->shared->files, s->job.id,
					     s->shared->max_output_bytes, &why);

	s->has_files = true;
	if (sink == NULL)
		log_event(LOG_ERROR, "file.not_begun", "job", s->job.id, "why",
			  why.detail, NULL);
	return sink;
}

/* Nobody runs markup that came out of a workflow: it is bytes to callers. */
static const struct media_type *
type_of(const struct want *w, enum media_kind kind, const char *filename)
{
	bool plain = w->type == WANT_FILE || w->type == WANT_MODEL;

	if (kind == MEDIA_SVG || kind == MEDIA_HTML)
		kind = MEDIA_UNKNOWN;
	else if (plain)
		return media_type_named(kind, filename);
	return media_type(kind);
}

/* What came, wherever it is by now. */
static bool look(const struct incoming *f, struct media_facts *facts)
{
	const void *bytes = f->scratch < 0 ? buf_str(&f->memory) : NULL;
	size_t n = f->memory.len;

	if (f->sink != NULL)
		bytes = file_sink_memory(f->sink, &n);
	if (bytes == NULL)
		return media_file_facts(f->sink != NULL ? file_sink_fd(f->sink)
							: f->scratch,
					facts);
	media_memory_facts(bytes, n, facts);
	return true;
}

struct cleaning {
	struct incoming *fetch;
	enum media_kind kind;
	struct problem why;
	bool good;
};

static void clean_file(void *ctx)
{
	struct cleaning *c = ctx;
	struct incoming *f = c->fetch;

	c->good = media_strip(c->kind, f->scratch, file_sink_fd(f->sink),
			      &c->why);
	if (c->good)
		file_sink_reread(f->sink);
}

static void clean_memory(struct cleaning *c)
{
	struct incoming *f = c->fetch;
	struct buf clean;

	buf_init(&clean, (size_t)f->max);
	c->good = media_strip_memory(c->kind, f->memory.at, f->memory.len,
				     &clean, &c->why);
	/* A sink that fails tells so by its commit. */
	if (c->good)
		(void)file_sink_write(f->sink, buf_str(&clean), clean.len);
	buf_finish(&clean);
}

static enum failure strip(struct slot *s, struct incoming *f,
			  const struct want *w, enum media_kind kind)
{
	struct cleaning c = {.fetch = f, .kind = kind};

	f->sink = begin(s);
	if (f->sink == NULL)
		return FAILURE_INTERNAL;
	if (f->scratch >= 0)
		slot_work(s, f->size > SLOT_LARGE, clean_file, &c);
	else
		clean_memory(&c);
	if (c.good)
		return FAILURE_NONE;
	log_event(LOG_ERROR, "file.not_cleaned", "job", s->job.id, "output",
		  w->name, "why", c.why.detail, "help",
		  "\"metadata\": true gives it as it is", NULL);
	return c.why.code == PROBLEM_UNSUPPORTED_MEDIA_TYPE ? FAILURE_UNCLEAN
							    : FAILURE_INTERNAL;
}

/* As it is to be given: clean, and of the format that is wanted. */
static enum failure treat(struct slot *s, struct incoming *f,
			  const struct want *w, struct media_facts *facts,
			  struct converted *c)
{
	enum failure failed = FAILURE_NONE;

	if (!w->metadata)
		failed = strip(s, f, w, facts->kind);
	if (failed == FAILURE_NONE)
		failed = convert_output(s, w, f->sink, facts, c);
	return failed;
}

struct commitment {
	struct file_sink *sink;
	const char *name;
	struct files_given *given;
	int64_t *size;
	char *sha256;
	struct problem *why;
	bool good;
};

static void commit_file(void *ctx)
{
	struct commitment *c = ctx;

	c->good = file_sink_commit(c->sink, c->name, c->given, c->size,
				   c->sha256, c->why);
}

bool take_commit(struct slot *s, struct file_sink *sink, const char *name,
		 int64_t *size, char sha256[DIGEST_HEX_SIZE],
		 struct problem *why)
{
	struct commitment c = {.sink = sink,
			       .name = name,
			       .given = &s->given,
			       .size = size,
			       .sha256 = sha256,
			       .why = why};

	slot_work(s, file_sink_syncs(sink, c.given), commit_file, &c);
	return c.good;
}

/* The sink is gone after this. */
static enum failure store(struct slot *s, struct incoming *f,
			  const struct want *w, const struct history_file *from,
			  size_t index, struct converted *c,
			  struct output_file *out)
{
	char *sha = arena_alloc(&s->arena, DIGEST_HEX_SIZE);
	const struct media_type *t;
	struct media_facts facts;
	struct problem why = {0};
	enum failure failed;

	if (!look(f, &facts)) {
		failed = FAILURE_INTERNAL;
	} else if (!media_serves(&facts, choose_class(w))) {
		out->content_type = media_type(facts.kind)->mime;
		failed = FAILURE_WRONG_KIND;
	} else {
		failed = treat(s, f, w, &facts, c);
	}
	if (failed != FAILURE_NONE) {
		file_sink_abort(f->sink);
		return failed;
	}
	t = type_of(w, facts.kind, from->filename);
	out->name = file_name(s, w, index, t->extension);
	out->content_type = t->mime;
	out->sha256 = sha;
	out->width = facts.width;
	out->height = facts.height;
	out->duration_ms = facts.duration_ms;
	if (!take_commit(s, f->sink, out->name, &out->size_bytes, sha, &why)) {
		log_event(LOG_ERROR, "file.not_stored", "job", s->job.id, "why",
			  why.detail, NULL);
		return FAILURE_INTERNAL;
	}
	return convert_store(s, c, out);
}

static enum failure commit(struct slot *s, struct incoming *f,
			   const struct want *w,
			   const struct history_file *from, size_t index,
			   struct output_file *out)
{
	struct converted c = CONVERTED_INIT;
	enum failure failed = store(s, f, w, from, index, &c, out);

	converted_finish(&c);
	return failed;
}

/* One try. *again: worth another one. */
static enum failure fetch_into(struct incoming *f, const struct want *w,
			       const struct history_file *from, size_t index,
			       struct output_file *out, bool *again)
{
	struct slot *s = f->slot;
	enum comfy_outcome o;
	char type[128];

	*again = true;
	if (w->metadata && (f->sink = begin(s)) == NULL)
		return FAILURE_INTERNAL;
	s->breakable = true;
	o = comfy_view(s->client, from, f->max,
		       slot_time_for(s, s->shared->fetch_ms), fetch_sink, f,
		       type);
	s->breakable = false;
	if (o == COMFY_OK && f->size > 0) {
		*again = false;
		return commit(s, f, w, from, index, out);
	}
	file_sink_abort(f->sink);
	if (o == COMFY_LOCAL && !f->local)
		f->too_large = true;
	*again = o != COMFY_MISSING && o != COMFY_OK && !f->too_large;
	if (f->too_large)
		return FAILURE_TOO_LARGE;
	if (f->local)
		return FAILURE_INTERNAL;
	if (o == COMFY_UNREACHABLE)
		return FAILURE_GONE;
	return FAILURE_FILES_GONE;
}

static enum failure fetch_once(struct slot *s, const struct want *w,
			       const struct history_file *from, size_t index,
			       struct output_file *out, bool *again)
{
	struct incoming f = {
		.slot = s, .scratch = -1, .max = s->shared->max_output_bytes};
	enum failure failed;

	buf_init(&f.memory, FILES_MEMORY_MAX);
	failed = fetch_into(&f, w, from, index, out, again);
	buf_finish(&f.memory);
	return failed;
}

enum failure take_file(struct slot *s, const struct want *w,
		       const struct history_file *from, size_t index,
		       struct output_file *out)
{
	int64_t pause = FETCH_PAUSE_MS;
	enum failure f = FAILURE_NONE;

	for (unsigned i = 0; i < FETCHES; i++) {
		bool again;

		f = wait_for_room(s);
		if (f != FAILURE_NONE)
			return f;
		f = fetch_once(s, w, from, index, out, &again);
		if (slot_leaving(s))
			return f == FAILURE_NONE ? f : FAILURE_STOP;
		if (slot_canceled(s))
			return FAILURE_CANCELED;
		if (slot_time_left(s) <= 0)
			return FAILURE_DEADLINE;
		if (f == FAILURE_NONE || !again)
			break;
		slot_pause(s, pause);
		pause *= 2;
	}
	return f;
}
