#include "api/one_file.h"

#include <string.h>

#include "api/accept.h"
#include "api/answer.h"
#include "api/file_send.h"
#include "api/job_view.h"
#include "base/text.h"
#include "jobs/outputs.h"
#include "media/serve.h"

#define JSON_TYPE "application/json"

/* ---- before the run: what an endpoint may come to ---- */

bool one_file_redirect_read(struct call *c, struct one_file_wish *out)
{
	const char *text = text_query(c->arena, c->request->query, "redirect");

	*out = (struct one_file_wish){NULL, NULL};
	if (text == NULL || strcmp(text, "0") == 0)
		return true;
	out->redirect = strcmp(text, "1") == 0 ? "" : text;
	if (out->redirect == text && !(*text >= 'a' && *text <= 'z')) {
		answer_problem(c->x, NULL, PROBLEM_MALFORMED_REQUEST,
			       "redirect must be 1 or the name of an output");
		return false;
	}
	return true;
}

static bool of_files(const struct output *o)
{
	return o->type != OUTPUT_TEXT && o->type != OUTPUT_JSON;
}

static enum media_class class_of(enum output_type t)
{
	switch (t) {
	case OUTPUT_IMAGE:
		return MEDIA_IMAGE;
	case OUTPUT_VIDEO:
		return MEDIA_VIDEO;
	case OUTPUT_AUDIO:
		return MEDIA_AUDIO;
	case OUTPUT_MODEL:
		return MEDIA_MODEL;
	default:
		return MEDIA_OTHER;
	}
}

/* No other output gives a file in any case. */
static bool may_be_alone(const struct endpoint *e, const struct output *o)
{
	for (size_t i = 0; i < e->output_count; i++) {
		const struct output *other = &e->outputs[i];

		if (other != o && of_files(other) && other->required)
			return false;
	}
	return of_files(o);
}

/* What the output is converted to; MEDIA_UNKNOWN: nothing. */
static enum media_kind kind_of_format(enum output_format f)
{
	switch (f) {
	case FORMAT_PNG:
		return MEDIA_PNG;
	case FORMAT_WEBP:
		return MEDIA_WEBP;
	case FORMAT_JPEG:
		return MEDIA_JPEG;
	default:
		return MEDIA_UNKNOWN;
	}
}

/* Is there a type of this output that is wanted more than that? */
static bool may_please(const char *accept, const struct output *o,
		       unsigned than)
{
	enum media_kind always = kind_of_format(o->format);
	enum media_class class = class_of(o->type);

	if (always != MEDIA_UNKNOWN)
		return accept_quality(accept, media_type(always)->mime) > than;
	/* Of these names say more than bytes, so any type may come. */
	if (class == MEDIA_OTHER || class == MEDIA_MODEL)
		return true;
	for (int k = 0; k < MEDIA_KIND__COUNT; k++)
		if (media_may_serve((enum media_kind)k, class) &&
		    accept_quality(accept,
				   media_type((enum media_kind)k)->mime) > than)
			return true;
	return false;
}

static bool redirect_possible(struct call *c, const struct endpoint *e,
			      const char *name)
{
	for (size_t i = 0; i < e->output_count; i++) {
		const struct output *o = &e->outputs[i];

		if (*name == '\0' ? may_be_alone(e, o)
				  : of_files(o) && strcmp(o->name, name) == 0)
			return true;
	}
	answer_problem(c->x, NULL, PROBLEM_MALFORMED_REQUEST,
		       *name == '\0' ? "redirect: this endpoint gives several "
				       "files, or none; name one of its outputs"
				     : "redirect: this endpoint has no output "
				       "of files with that name");
	return false;
}

bool one_file_possible(struct call *c, const struct endpoint *e,
		       struct one_file_wish *out)
{
	const char *accept = exchange_header(c->x, "Accept");
	unsigned json = accept_quality(accept, JSON_TYPE);
	struct reply r = {0};

	if (!one_file_redirect_read(c, out))
		return false;
	for (size_t i = 0; accept != NULL && i < e->output_count; i++)
		if (may_be_alone(e, &e->outputs[i]) &&
		    may_please(accept, &e->outputs[i], json))
			out->accept = accept;
	if (out->redirect != NULL)
		return redirect_possible(c, e, out->redirect);
	if (json > 0 || out->accept != NULL)
		return true;
	reply_header(&r, "Vary", "Accept");
	answer_problem(c->x, &r, PROBLEM_NOT_ACCEPTABLE,
		       "this endpoint gives nothing of the types in Accept, "
		       "which must allow application/json or that of its "
		       "only file");
	return false;
}

/* ---- after it ---- */

/* How many files there are, of the named output or of all; *out is the first.
 */
static size_t count_files(const struct job *job, const char *name,
			  struct arena *arena, const struct output_file **out)
{
	struct output_value *values;
	size_t count, n = 0;

	*out = NULL;
	if (job->outputs == NULL ||
	    !outputs_read(job->outputs, arena, &values, &count))
		return 0;
	for (size_t i = 0; i < count; i++) {
		if (*name != '\0' && strcmp(values[i].name, name) != 0)
			continue;
		if (n == 0 && values[i].file_count > 0)
			*out = &values[i].files[0];
		n += values[i].file_count;
	}
	return n;
}

static void refuse(struct exchange *x, struct reply *r, const struct job *job,
		   enum problem_code code, const char *detail)
{
	answer_problem_of_job(x, r, code, detail, job->id, NULL);
}

/* RFC 9110, 15.4.4: after a POST the way is 303, which is followed by GET. */
static void reply_redirect(struct exchange *x, const char *url, struct reply *r)
{
	r->status =
		strcmp(exchange_request(x)->method, "POST") == 0 ? 303 : 302;
	reply_header(r, "Location", url);
	exchange_reply(x, r);
}

static void reply_bytes(struct exchange *x, struct api *a,
			struct link_base base, const struct job *job,
			const struct output_file *f, const char *url,
			struct reply *r, struct arena *arena)
{
	const char *self = link_plain(base, job_path(job, arena), arena);
	struct reply good = *r;

	reply_header(&good, "Content-Location", url);
	reply_header(
		&good, "Link",
		arena_join(arena, "<", self, ">; rel=\"describedby\"", NULL));
	reply_header(&good, "X-Job-Id", job->id);
	reply_header(&good, "Cache-Control", "no-store");
	if (!file_send(x, a, &good, job->id, f->name, false, arena))
		refuse(x, r, job, PROBLEM_GONE, "the file was deleted");
}

/* False: JSON it is. */
static bool wants_bytes(const char *accept, size_t count,
			const struct output_file *f, const char **why_not)
{
	unsigned json = accept_quality(accept, JSON_TYPE);

	*why_not = NULL;
	if (count == 1 && accept_quality(accept, f->content_type) > json)
		return true;
	if (json == 0)
		*why_not = count == 1 ? "the job's file is of another type "
					"than those in Accept"
				      : "the job gave several files, or none: "
					"read it as application/json";
	return json == 0;
}

bool one_file_reply(struct exchange *x, struct api *a, struct link_base base,
		    const struct job *job, const struct one_file_wish *w,
		    struct reply *r, struct arena *arena)
{
	const char *name = w->redirect != NULL ? w->redirect : "";
	const char *why_not = NULL, *url;
	const struct output_file *f;
	size_t count;

	if (job->phase != PHASE_SUCCEEDED ||
	    (w->accept == NULL && w->redirect == NULL))
		return false;
	count = count_files(job, name, arena, &f);
	if (w->redirect == NULL && !wants_bytes(w->accept, count, f, &why_not))
		return false;
	if (why_not != NULL) {
		refuse(x, r, job, PROBLEM_NOT_ACCEPTABLE, why_not);
	} else if (count != 1) {
		refuse(x, r, job, PROBLEM_CONFLICT,
		       *name != '\0' ? "the job gave no file for that output, "
				       "or several"
				     : "the job gave several files, or none");
	} else if (job->files_gone) {
		refuse(x, r, job, PROBLEM_GONE, "the file was deleted");
	} else {
		url = job_file_url(a, base, job, f, arena);
		if (w->redirect != NULL)
			reply_redirect(x, url, r);
		else
			reply_bytes(x, a, base, job, f, url, r, arena);
	}
	return true;
}
