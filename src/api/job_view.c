#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/answer.h"
#include "api/job_view.h"
#include "api/private.h"
#include "base/clock.h"

#define PROBLEM_MAX (64 * 1024)

const char *job_path(const struct job *job, struct arena *arena)
{
	return arena_join(arena, "/v1/jobs/", job->id, NULL);
}

static void put_time(struct json_writer *w, const char *key, int64_t ms)
{
	char text[CLOCK_TEXT];

	json_put_key(w, key);
	if (ms == 0) {
		json_put_null(w);
		return;
	}
	clock_rfc3339(ms, text);
	json_put_string(w, text);
}

/* When the files of an ended job go. */
static int64_t files_end(const struct job *job)
{
	return job->ended_at + job->keep_ms;
}

const char *job_file_url(struct api *a, struct link_base base,
			 const struct job *job, const struct output_file *f,
			 struct arena *arena)
{
	const char *path =
		arena_join(arena, "/v1/files/", job->id, "/", f->name, NULL);

	return link_signed(a, base, path, clock_wall_ms(), files_end(job),
			   arena);
}

/* Its members; a thumbnail has the same. */
static void put_facts(struct api *a, struct link_base base,
		      const struct job *job, const struct output_file *f,
		      struct arena *arena, struct json_writer *w)
{
	json_member_string(w, "url", job_file_url(a, base, job, f, arena));
	json_member_string(w, "content_type", f->content_type);
	json_member_int(w, "size_bytes", f->size_bytes);
	if (f->width > 0 && f->height > 0) {
		json_member_int(w, "width", f->width);
		json_member_int(w, "height", f->height);
	}
	if (f->duration_ms > 0)
		json_member_int(w, "duration_ms", f->duration_ms);
	json_member_string(w, "sha256", f->sha256);
}

static void put_file(struct api *a, struct link_base base,
		     const struct job *job, const struct output_file *f,
		     struct arena *arena, struct json_writer *w)
{
	json_open(w, '{');
	put_facts(a, base, job, f, arena, w);
	if (f->blurhash != NULL)
		json_member_string(w, "blurhash", f->blurhash);
	if (f->thumbnail != NULL) {
		json_put_key(w, "thumbnail");
		json_open(w, '{');
		put_facts(a, base, job, f->thumbnail, arena, w);
		json_close(w, '}');
	}
	json_close(w, '}');
}

static void put_outputs(struct api *a, struct link_base base,
			const struct job *job, struct arena *arena,
			struct json_writer *w)
{
	struct output_value *values;
	size_t count;

	json_put_key(w, "outputs");
	if (job->outputs == NULL ||
	    !outputs_read(job->outputs, arena, &values, &count)) {
		json_put_null(w);
		return;
	}
	json_open(w, '{');
	for (size_t i = 0; i < count; i++) {
		const struct output_value *v = &values[i];

		json_put_key(w, v->name);
		if (v->value != NULL) {
			json_put_raw(w, v->value);
			continue;
		}
		if (v->many)
			json_open(w, '[');
		for (size_t f = 0; f < v->file_count; f++)
			put_file(a, base, job, &v->files[f], arena, w);
		if (v->many)
			json_close(w, ']');
	}
	json_close(w, '}');
}

static void put_progress(struct api *a, const struct job *job,
			 struct json_writer *w)
{
	struct progress p;

	if (!board_get(a->o.board, job->id, &p))
		return;
	json_put_key(w, "progress");
	json_open(w, '{');
	if (p.fraction >= 0 && isfinite(p.fraction)) {
		char text[32];

		snprintf(text, sizeof(text), "%.3f",
			 p.fraction > 1 ? 1.0 : p.fraction);
		json_member_raw(w, "fraction", text);
	}
	if (p.node[0] != '\0')
		json_member_string(w, "node", p.node);
	if (p.steps > 0) {
		json_member_int(w, "step", p.step);
		json_member_int(w, "steps", p.steps);
	}
	if (p.eta_ms >= 0)
		json_member_int(w, "eta_ms", p.eta_ms);
	json_close(w, '}');
}

static void put_urls(struct api *a, struct link_base base,
		     const struct job *job, struct arena *arena,
		     struct json_writer *w)
{
	const char *self = job_path(job, arena);
	const char *events = arena_join(arena, self, "/events", NULL);
	const char *cancel = arena_join(arena, self, "/cancel", NULL);

	json_put_key(w, "urls");
	json_open(w, '{');
	json_member_string(w, "self", link_plain(base, self, arena));
	json_member_string(
		w, "events",
		link_signed(a, base, events, clock_wall_ms(), 0, arena));
	json_member_string(w, "cancel", link_plain(base, cancel, arena));
	json_close(w, '}');
}

struct job_failure job_failure_read(const struct job *job, struct arena *arena)
{
	struct job_failure f = {PROBLEM_INTERNAL,
				"the job failed for an unknown reason", NULL};
	const char *text = job->problem != NULL ? job->problem : "";
	struct json_doc *doc =
		json_parse(text, strlen(text), JSON_DEPTH_DEFAULT, NULL);
	const struct json *root = doc != NULL ? json_root(doc) : NULL;
	const char *code = json_string(json_get(root, "code"));
	const char *detail = json_string(json_get(root, "detail"));
	const struct json *errors = json_get(root, "errors");

	if (code != NULL && problem_from_name(code) != PROBLEM_NONE)
		f.code = problem_from_name(code);
	if (detail != NULL)
		f.detail = arena_strdup(arena, detail);
	if (json_is(errors, JSON_ARRAY)) {
		struct json_writer w;
		struct buf b;

		buf_init(&b, PROBLEM_MAX);
		json_writer_init(&w, &b);
		json_put_value(&w, errors);
		if (!buf_over(&b))
			f.errors = arena_strdup(arena, buf_str(&b));
		buf_finish(&b);
	}
	json_free(doc);
	return f;
}

static void put_error(const struct job *job, struct arena *arena,
		      struct json_writer *w)
{
	struct job_failure f = job_failure_read(job, arena);
	struct buf b;

	buf_init(&b, PROBLEM_MAX);
	answer_write_problem(&b, f.code, f.detail, NULL, NULL, f.errors);
	json_member_raw(w, "error", buf_str(&b));
	buf_finish(&b);
}

static void put_times(const struct job *job, struct json_writer *w)
{
	put_time(w, "created_at", job->created_at);
	put_time(w, "started_at", job->started_at);
	put_time(w, "ended_at", job->ended_at);
	if (job->started_at != 0)
		json_member_int(w, "queued_ms",
				job->started_at - job->created_at);
	if (job->started_at != 0 && job->ended_at != 0)
		json_member_int(w, "run_ms", job->ended_at - job->started_at);
	if (job->files_gone)
		json_member_bool(w, "files_gone", true);
	else if (job->phase == PHASE_SUCCEEDED)
		put_time(w, "files_expire_at", files_end(job));
}

void job_view_write(struct api *a, struct link_base base, const struct job *job,
		    struct arena *arena, struct json_writer *w)
{
	json_open(w, '{');
	json_member_string(w, "id", job->id);
	json_member_string(w, "endpoint", job->endpoint);
	json_member_int(w, "version", job->version);
	json_member_string(w, "status", phase_status(job->phase));
	json_member_raw(w, "inputs", job->inputs);
	put_outputs(a, base, job, arena, w);
	if (job->phase == PHASE_FAILED)
		put_error(job, arena, w);
	if (phase_waits(job->phase))
		json_member_int(w, "position", store_position(a->reader, job));
	else if (!phase_final(job->phase))
		put_progress(a, job, w);
	put_times(job, w);
	json_member_int(w, "attempts", job->attempts);
	json_member_bool(w, "reused", job->reused);
	put_urls(a, base, job, arena, w);
	json_close(w, '}');
}
