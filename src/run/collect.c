#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "jobs/outputs.h"
#include "media/serve.h"
#include "media/strip.h"
#include "run/choose.h"
#include "run/convert_step.h"
#include "run/steps.h"

/* Of one job, all outputs together. */
#define FILES_PER_JOB 1000
#define VALUE_MAX     (1024 * 1024)
#define OUTPUTS_MAX   (4 * 1024 * 1024)
/* A fetch that broke is tried so often, with pauses that double. */
#define FETCHES	       4
#define FETCH_PAUSE_MS 50
#define ROOM_PAUSE_MS  1000

/* A file on its way in: to where it stays, or, where it is to be cleaned first,
 * into memory, or the slot's scratch if it is larger. */
struct fetch {
	struct slot *slot;
	struct file_sink *sink; /* NULL: not yet */
	struct buf memory;	/* until then, while it is small */
	int scratch;		/* … and when it is not; -1: it is */
	int64_t max, size;
	bool too_large;
	bool local; /* our disk took it not */
};

/* From memory into the slot's scratch. */
static bool move_on(struct fetch *f)
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

static bool gather(struct fetch *f, const void *bytes, size_t n)
{
	if (f->scratch < 0 && n <= FILES_SMALL - f->memory.len) {
		buf_add(&f->memory, bytes, n);
		return true;
	}
	return (f->scratch >= 0 || move_on(f)) &&
	       file_write_all(f->scratch, bytes, n);
}

static bool fetch_sink(void *ctx, const void *bytes, size_t n)
{
	struct fetch *f = ctx;

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

	s->folder = true;
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
static bool look(const struct fetch *f, struct media_facts *facts)
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

/* A sink that fails tells so by its commit. */
static bool strip_into(struct fetch *f, enum media_kind kind,
		       struct problem *why)
{
	struct buf clean;
	bool good;

	if (f->scratch >= 0) {
		good = media_strip(kind, f->scratch, file_sink_fd(f->sink),
				   why);
		if (good)
			file_sink_reread(f->sink);
		return good;
	}
	buf_init(&clean, (size_t)f->max);
	good = media_strip_memory(kind, f->memory.at, f->memory.len, &clean,
				  why);
	if (good)
		(void)file_sink_write(f->sink, buf_str(&clean), clean.len);
	buf_finish(&clean);
	return good;
}

static enum failure strip(struct slot *s, struct fetch *f, const struct want *w,
			  enum media_kind kind)
{
	struct problem why = {0};

	f->sink = begin(s);
	if (f->sink == NULL)
		return FAILURE_INTERNAL;
	if (strip_into(f, kind, &why))
		return FAILURE_NONE;
	log_event(LOG_ERROR, "file.not_cleaned", "job", s->job.id, "output",
		  w->name, "why", why.detail, "help",
		  "\"metadata\": true gives it as it is", NULL);
	return why.code == PROBLEM_UNSUPPORTED_MEDIA_TYPE ? FAILURE_UNCLEAN
							  : FAILURE_INTERNAL;
}

/* As it is to be given: clean, and of the format that is wanted. */
static enum failure treat(struct slot *s, struct fetch *f, const struct want *w,
			  struct media_facts *facts, struct converted *c)
{
	enum failure failed = FAILURE_NONE;

	if (!w->metadata)
		failed = strip(s, f, w, facts->kind);
	if (failed == FAILURE_NONE)
		failed = convert_output(s, w, f->sink, facts, c);
	return failed;
}

/* The sink is gone after this. */
static enum failure store(struct slot *s, struct fetch *f, const struct want *w,
			  const struct history_file *from, size_t index,
			  struct converted *c, struct output_file *out)
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
	if (!file_sink_commit_later(f->sink, out->name, &s->unsynced,
				    &out->size_bytes, sha, &why)) {
		log_event(LOG_ERROR, "file.not_stored", "job", s->job.id, "why",
			  why.detail, NULL);
		return FAILURE_INTERNAL;
	}
	return convert_store(s, c, out);
}

static enum failure commit(struct slot *s, struct fetch *f,
			   const struct want *w,
			   const struct history_file *from, size_t index,
			   struct output_file *out)
{
	struct converted c = CONVERTED_INIT;
	enum failure failed = store(s, f, w, from, index, &c, out);

	converted_finish(&c);
	return failed;
}

static bool of_files(const struct want *w)
{
	return w->type != WANT_TEXT && w->type != WANT_JSON;
}

/* One try. *again: worth another one. */
static enum failure fetch_into(struct fetch *f, const struct want *w,
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
	struct fetch f = {
		.slot = s, .scratch = -1, .max = s->shared->max_output_bytes};
	enum failure failed;

	buf_init(&f.memory, FILES_SMALL);
	failed = fetch_into(&f, w, from, index, out, again);
	buf_finish(&f.memory);
	return failed;
}

static enum failure fetch_file(struct slot *s, const struct want *w,
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

/* All were looked at, and none is of the kind that was promised. */
static enum failure wrong_kind(struct slot *s, const struct want *w,
			       const char *mime)
{
	log_event(LOG_WARN, "file.wrong_kind", "job", s->job.id, "output",
		  w->name, "is", mime, NULL);
	if (!w->required)
		return FAILURE_NONE;
	s->detail = arena_printf(&s->arena,
				 "the workflow gave a file of type %s for the "
				 "output %s, which is of another kind",
				 mime, w->name);
	return FAILURE_WRONG_KIND;
}

static enum failure take_files(struct slot *s, const struct want *w,
			       struct output_value *out, size_t *budget)
{
	const struct history_file **from;
	size_t n = choose_files(w, &s->history, &s->arena, &from);
	size_t most = w->many ? *budget : 1;
	const char *other = NULL;

	out->files = arena_array(&s->arena, n < most ? n : most,
				 sizeof(out->files[0]));
	out->many = w->many;
	for (size_t i = 0; i < n && out->file_count < most; i++) {
		struct output_file *to = &out->files[out->file_count];
		enum failure f = fetch_file(s, w, from[i], out->file_count, to);

		if (f == FAILURE_WRONG_KIND)
			other = to->content_type;
		else if (f != FAILURE_NONE)
			return f;
		else
			out->file_count++;
	}
	*budget -= out->file_count < *budget ? out->file_count : *budget;
	return out->file_count == 0 && other != NULL ? wrong_kind(s, w, other)
						     : FAILURE_NONE;
}

/* ---- values ---- */

/* Strings of one list into an array that is open; only the first where the
 * caller gets one. Returns how many there are by now. Some nodes show a string
 * where others show a list of them. */
static size_t put_texts(struct json_writer *w, const struct json *list,
			bool many, size_t n)
{
	const char *text = json_string(list);

	if (text != NULL && (many || n == 0)) {
		json_put_string(w, text);
		n++;
	}
	json_each (item, list) {
		text = json_string(item);
		if (text == NULL || (!many && n > 0))
			continue;
		json_put_string(w, text);
		n++;
	}
	return n;
}

static struct json_doc *list_read(const struct history_list *l)
{
	if (l->value == NULL)
		return NULL;
	return json_parse_python(l->value, strlen(l->value), JSON_DEPTH_DEFAULT,
				 NULL);
}

static size_t write_texts(struct slot *s, const struct want *w, struct buf *to)
{
	const struct history *h = &s->history;
	struct json_writer writer;
	size_t n = 0;

	json_writer_init(&writer, to);
	if (w->many)
		json_open(&writer, '[');
	for (size_t l = 0; l < h->list_count; l++) {
		struct json_doc *doc = NULL;

		if (choose_list(w, &h->lists[l]))
			doc = list_read(&h->lists[l]);
		if (doc != NULL)
			n = put_texts(&writer, json_root(doc), w->many, n);
		json_free(doc);
	}
	if (w->many)
		json_close(&writer, ']');
	return n;
}

/* With a key, or when the node has one list only: that list as it is. Else an
 * object of them by key. */
static size_t write_json(struct slot *s, const struct want *w, struct buf *to)
{
	const struct history *h = &s->history;
	const struct history_list *only = NULL;
	struct json_writer writer;
	size_t n = 0;

	for (size_t l = 0; l < h->list_count; l++) {
		if (choose_list(w, &h->lists[l]) && h->lists[l].value != NULL) {
			only = &h->lists[l];
			n++;
		}
	}
	json_writer_init(&writer, to);
	if (n == 1)
		json_put_raw(&writer, only->value);
	if (n < 2)
		return n;
	json_open(&writer, '{');
	for (size_t l = 0; l < h->list_count; l++) {
		const struct history_list *list = &h->lists[l];

		if (choose_list(w, list) && list->value != NULL)
			json_member_raw(&writer, list->key, list->value);
	}
	json_close(&writer, '}');
	return n;
}

static enum failure take_value(struct slot *s, const struct want *w,
			       struct output_value *out)
{
	enum failure f = FAILURE_NONE;
	struct buf b;
	size_t n;

	buf_init(&b, VALUE_MAX);
	n = w->type == WANT_TEXT ? write_texts(s, w, &b) : write_json(s, w, &b);
	if (buf_over(&b))
		f = FAILURE_TOO_LARGE;
	else if (n > 0)
		out->value = arena_strdup(&s->arena, buf_str(&b));
	buf_finish(&b);
	return f;
}

/* ---- all of them ---- */

static enum failure take(struct slot *s, const struct want *w,
			 struct output_value *out, size_t *budget)
{
	enum failure f;

	out->name = w->name;
	if (of_files(w))
		f = take_files(s, w, out, budget);
	else
		f = take_value(s, w, out);
	if (f == FAILURE_UNCLEAN)
		s->detail = arena_printf(&s->arena,
					 "the output %s cannot be cleaned of "
					 "its metadata",
					 w->name);
	if (f == FAILURE_UNCONVERTED)
		s->detail = arena_printf(&s->arena,
					 "the output %s cannot be converted",
					 w->name);
	if (f == FAILURE_TOO_LARGE)
		s->detail = arena_printf(&s->arena,
					 "the output %s is larger than allowed",
					 w->name);
	if (f != FAILURE_NONE || out->value != NULL || out->file_count > 0)
		return f;
	out->files = NULL;
	out->many = false;
	out->value = "null";
	if (!w->required)
		return FAILURE_NONE;
	s->detail = arena_printf(&s->arena,
				 "the workflow gave nothing for the output %s",
				 w->name);
	return FAILURE_NO_OUTPUT;
}

enum failure collect_outputs(struct slot *s)
{
	const struct recipe *r = &s->recipe;
	struct output_value *values =
		arena_array(&s->arena, r->want_count, sizeof(values[0]));
	size_t budget = FILES_PER_JOB;
	struct buf b;
	bool over;

	s->detail = NULL;
	for (size_t i = 0; i < r->want_count; i++) {
		enum failure f = take(s, &r->wants[i], &values[i], &budget);

		if (f != FAILURE_NONE)
			return f;
	}
	if (slot_canceled(s))
		return FAILURE_CANCELED;
	buf_init(&b, OUTPUTS_MAX);
	outputs_write(values, r->want_count, &b);
	over = buf_over(&b);
	if (!over)
		s->outputs = arena_strdup(&s->arena, buf_str(&b));
	buf_finish(&b);
	return over ? FAILURE_TOO_LARGE : FAILURE_NONE;
}
