#include "run/convert_step.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "media/strip.h"
#include "run/convert.h"
#include "run/take_file.h"

static const enum media_kind kinds[] = {
	[WANT_AS_IT_IS] = MEDIA_UNKNOWN,
	[WANT_PNG] = MEDIA_PNG,
	[WANT_WEBP] = MEDIA_WEBP,
	[WANT_JPEG] = MEDIA_JPEG,
};
static_assert(COUNT(kinds) == WANT_FORMAT__COUNT, "a kind for each format");

static bool converts(const struct want *w)
{
	return w->format != WANT_AS_IT_IS || w->thumbnail > 0 || w->blurhash;
}

void convert_prepare(struct slot *s)
{
	for (size_t i = 0; i < s->recipe.want_count; i++) {
		if (converts(&s->recipe.wants[i])) {
			convert_warm(s->shared->convert);
			return;
		}
	}
}

static bool readable(enum media_kind kind)
{
	return kind == MEDIA_PNG || kind == MEDIA_JPEG || kind == MEDIA_WEBP ||
	       kind == MEDIA_GIF;
}

static enum failure refuse(struct slot *s, const struct want *w,
			   const char *why)
{
	log_event(LOG_ERROR, "file.not_converted", "job", s->job.id, "output",
		  w->name, "why", why, NULL);
	return FAILURE_UNCONVERTED;
}

/* ---- what to ask ---- */

/* NULL: it may be decoded. Looked at before anything is. */
static const char *forbidden(const struct convert_request *r,
			     const struct media_facts *f)
{
	int64_t frames = r->animated ? f->frames : 1;

	if (f->width < 1 || f->height < 1)
		return "its size cannot be told";
	if (frames > CONVERT_MAX_FRAMES)
		return "it has too many frames";
	/* Neither is above 2^31-1, and frames are few. */
	if (f->width * f->height > CONVERT_MAX_PIXELS ||
	    f->width * f->height * frames > CONVERT_MAX_PIXELS)
		return "it has too many pixels";
	return NULL;
}

/* A file that has its format already is not encoded anew, unless a quality is
 * asked for. */
static bool has_format(const struct want *w, enum media_kind kind)
{
	return w->format == WANT_AS_IT_IS ||
	       (kind == kinds[w->format] && w->quality == 0);
}

static struct convert_request request_of(const struct slot *s,
					 const struct want *w,
					 const struct media_facts *f)
{
	struct convert_request r = {.kind = f->kind,
				    .quality = w->quality,
				    .thumbnail = w->thumbnail,
				    .thumbnail_format = MEDIA_WEBP,
				    .blurhash = w->blurhash,
				    .max_bytes = s->shared->max_output_bytes};

	if (w->format != WANT_AS_IT_IS)
		r.thumbnail_format = kinds[w->format];
	if (!has_format(w, f->kind)) {
		r.format = kinds[w->format];
		r.animated = f->frames != 1;
	}
	return r;
}

/* ---- asking ---- */

static bool stop_waiting(void *ctx)
{
	struct slot *s = ctx;

	return slot_leaving(s) || slot_canceled(s) || slot_time_left(s) <= 0;
}

static enum failure why_stopped(struct slot *s)
{
	if (slot_leaving(s))
		return FAILURE_STOP;
	return slot_canceled(s) ? FAILURE_CANCELED : FAILURE_DEADLINE;
}

/* The file once more, for reading alone and with an offset of its own. */
static int for_reading(int fd)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static enum failure ask(struct slot *s, const struct want *w,
			const struct convert_task *t, struct converted *c)
{
	struct convert_answer a;
	enum convert_outcome o = convert_run(s->shared->convert, t, &a);

	switch (o) {
	case CONVERT_DONE:
		if (w->blurhash)
			c->blurhash = arena_strdup(&s->arena, a.blurhash);
		return FAILURE_NONE;
	case CONVERT_STOPPED:
		return why_stopped(s);
	case CONVERT_ABSENT:
		log_event(LOG_ERROR, "convert.absent", "job", s->job.id,
			  "output", w->name, "help",
			  "comfygate-media is missing or cannot be started",
			  NULL);
		s->detail = "pictures cannot be converted at the moment";
		return FAILURE_INTERNAL;
	case CONVERT_BAD:
		return refuse(s, w, a.why);
	case CONVERT_DIED:
	case CONVERT_LATE:
	case CONVERT__COUNT:
		break;
	}
	return refuse(s, w, convert_outcome_name(o));
}

/* ---- what came of it ---- */

struct taking {
	int from;
	enum media_kind kind;
	struct file_sink *to;
	struct media_facts *facts;
	bool good;
};

static void take_clean(void *ctx)
{
	struct taking *t = ctx;

	t->good = media_file_facts(t->from, t->facts) &&
		  t->facts->kind == t->kind &&
		  media_strip(t->kind, t->from, file_sink_fd(t->to), NULL);
	if (t->good)
		file_sink_reread(t->to);
}

/* Whatever the helper wrote, only a clean file of that kind goes on. */
static bool take(struct slot *s, int from, enum media_kind kind,
		 struct file_sink *to, struct media_facts *facts)
{
	struct taking t = {from, kind, to, facts, false};

	slot_work(s, lseek(from, 0, SEEK_END) > SLOT_LARGE, take_clean, &t);
	return t.good;
}

static enum failure convert_with(struct slot *s, const struct want *w,
				 struct file_sink *sink,
				 const struct convert_task *t,
				 struct media_facts *facts, struct converted *c)
{
	enum media_kind format = (enum media_kind)t->request.format;
	enum failure f;

	if (t->in < 0 || (format != MEDIA_UNKNOWN && t->out < 0) ||
	    (w->thumbnail > 0 && c->thumbnail < 0)) {
		log_event(LOG_ERROR, "file.no_scratch", "job", s->job.id, NULL);
		return FAILURE_INTERNAL;
	}
	f = ask(s, w, t, c);
	if (f == FAILURE_NONE && format != MEDIA_UNKNOWN &&
	    !take(s, t->out, format, sink, facts))
		f = refuse(s, w, "what the helper wrote is no such file");
	return f;
}

enum failure convert_output(struct slot *s, const struct want *w,
			    struct file_sink *sink, struct media_facts *facts,
			    struct converted *c)
{
	struct convert_task t = {.in = -1,
				 .out = -1,
				 .small = -1,
				 .stop = stop_waiting,
				 .ctx = s};
	const char *why;
	enum failure f;

	if (!converts(w))
		return FAILURE_NONE;
	if (!readable(facts->kind))
		return w->format == WANT_AS_IT_IS
			       ? FAILURE_NONE
			       : refuse(s, w, "it is of another kind");
	t.request = request_of(s, w, facts);
	if (t.request.format == MEDIA_UNKNOWN && w->thumbnail == 0 &&
	    !w->blurhash)
		return FAILURE_NONE;
	/* libvips knows no animated PNG, and the others have no frames. */
	if (t.request.animated &&
	    (t.request.format != MEDIA_WEBP || facts->kind == MEDIA_PNG))
		return refuse(s, w, "an animation stays one only as WebP");
	why = forbidden(&t.request, facts);
	if (why != NULL)
		return refuse(s, w, why);
	t.in = for_reading(file_sink_fd(sink));
	if (t.request.format != MEDIA_UNKNOWN)
		t.out = files_scratch(s->shared->files, NULL);
	if (w->thumbnail > 0)
		t.small = files_scratch(s->shared->files, NULL);
	c->thumbnail = t.small;
	c->thumbnail_kind = (enum media_kind)t.request.thumbnail_format;
	f = convert_with(s, w, sink, &t, facts, c);
	if (t.in >= 0)
		close(t.in);
	if (t.out >= 0)
		close(t.out);
	return f;
}

/* "image-2.webp" -> "image-2-thumb.webp" */
static const char *thumbnail_name(struct slot *s, const char *name,
				  const char *extension)
{
	return arena_printf(&s->arena, "%.*s-thumb.%s", (int)strcspn(name, "."),
			    name, extension);
}

static enum failure not_stored(struct slot *s, const char *why)
{
	log_event(LOG_ERROR, "file.not_stored", "job", s->job.id, "why", why,
		  NULL);
	return FAILURE_INTERNAL;
}

enum failure convert_store(struct slot *s, struct converted *c,
			   struct output_file *out)
{
	struct output_file *small = arena_alloc(&s->arena, sizeof(*small));
	const struct media_type *t = media_type(c->thumbnail_kind);
	char *sha = arena_alloc(&s->arena, DIGEST_HEX_SIZE);
	struct media_facts facts;
	struct file_sink *sink;
	struct problem why = {0};

	out->blurhash = c->blurhash;
	if (c->thumbnail < 0)
		return FAILURE_NONE;
	sink = files_begin(s->shared->files, s->job.id,
			   s->shared->max_output_bytes, &why);
	if (sink == NULL)
		return not_stored(s, why.detail);
	if (!take(s, c->thumbnail, c->thumbnail_kind, sink, &facts)) {
		file_sink_abort(sink);
		return not_stored(s, "the thumbnail is no such file");
	}
	*small = (struct output_file){
		.name = thumbnail_name(s, out->name, t->extension),
		.content_type = t->mime,
		.sha256 = sha,
		.width = facts.width,
		.height = facts.height,
	};
	if (!take_commit(s, sink, small->name, &small->size_bytes, sha, &why))
		return not_stored(s, why.detail);
	out->thumbnail = small;
	return FAILURE_NONE;
}

void converted_finish(struct converted *c)
{
	if (c->thumbnail >= 0)
		close(c->thumbnail);
	c->thumbnail = -1;
}
