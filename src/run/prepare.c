#include "run/prepare.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "comfy/upload.h"
#include "jobs/blobs.h"
#include "run/splice.h"
#include "run/steps.h"

#define SUBFOLDER "comfygate"
/* An upload that broke is tried so often, with pauses that double. */
#define UPLOADS		3
#define UPLOAD_PAUSE_MS 50
/* No container that is known has a longer one. */
#define EXTENSION_MAX 8

/* ---- what they are called ---- */

static bool plain(const char *s, size_t least, size_t most)
{
	size_t n = s != NULL ? strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789")
			     : 0;

	return n >= least && n <= most && s[n] == '\0';
}

static bool can_be_sent(const struct job_file *f)
{
	return plain(f->sha256, DIGEST_HEX_SIZE - 1, DIGEST_HEX_SIZE - 1) &&
	       plain(f->extension, 1, EXTENSION_MAX) &&
	       f->content_type != NULL && f->size_bytes > 0 &&
	       (f->of == NULL || f->at_count == 0);
}

static struct input_file *file_of_field(struct slot *s, const char *field)
{
	for (size_t i = 0; i < s->input_count; i++) {
		if (strcmp(s->inputs[i].of_job.field, field) == 0)
			return &s->inputs[i];
	}
	return NULL;
}

/* As LoadImage and its like take it (s24). */
static const char *place_of(struct slot *s, const struct input_file *in)
{
	return arena_printf(&s->arena, "%s%s%s", in->subfolder,
			    in->subfolder[0] != '\0' ? "/" : "", in->there);
}

/* Gives each mask to its picture. */
static bool pair_masks(struct slot *s)
{
	for (size_t i = 0; i < s->input_count; i++) {
		const struct input_file *mask = &s->inputs[i];
		struct input_file *picture;

		if (mask->of_job.of == NULL)
			continue;
		picture = file_of_field(s, mask->of_job.of);
		if (picture == NULL || picture->of_job.of != NULL ||
		    picture->mask != NULL)
			return false;
		picture->mask = mask;
		picture->composed = arena_printf(&s->arena, "%s-%s.png",
						 picture->of_job.sha256,
						 mask->of_job.sha256);
		picture->there = picture->composed;
	}
	return true;
}

static bool put_in(struct slot *s)
{
	struct splice *list;
	size_t count = 0;

	for (size_t i = 0; i < s->input_count; i++)
		count += s->inputs[i].of_job.at_count;
	list = arena_array(&s->arena, count, sizeof(list[0]));
	count = 0;
	for (size_t i = 0; i < s->input_count; i++) {
		const struct input_file *in = &s->inputs[i];

		for (size_t k = 0; k < in->of_job.at_count; k++)
			list[count++] = (struct splice){in->of_job.at[k],
							place_of(s, in)};
	}
	s->text = splice_names(s->job.prompt, list, count, &s->arena);
	return s->text != NULL;
}

bool prepare_names(struct slot *s)
{
	struct job_file *files;
	size_t count;

	s->text = s->job.prompt;
	if (!job_files_read(s->job.files, &s->arena, &files, &count))
		return false;
	if (count == 0)
		return true;
	s->inputs = arena_array(&s->arena, count, sizeof(s->inputs[0]));
	s->input_count = count;
	for (size_t i = 0; i < count; i++) {
		struct input_file *in = &s->inputs[i];

		if (!can_be_sent(&files[i]))
			return false;
		in->of_job = files[i];
		in->name = arena_printf(&s->arena, "%s.%s", files[i].sha256,
					files[i].extension);
		in->subfolder = SUBFOLDER;
		in->there = in->name;
	}
	return pair_masks(s) && put_in(s);
}

/* ---- getting them there ---- */

/* One file that has to be there. */
struct errand {
	struct slot *s;
	struct input_file *in;
	const char *name, *subfolder; /* where it is looked for */
	int64_t size;		      /* -1: nobody knows */
	int64_t until;		      /* monotonic */
	unsigned sent;		      /* so often */
	bool overwrite;
	struct errand *picture; /* of a picture with its mask: without it */
};

/* This file, and no other one of the request, was the cause. */
static enum failure untaken(struct slot *s, const struct input_file *in,
			    bool too_large)
{
	const struct told_error e = {
		in->of_job.field, too_large ? "maxBytes" : "refused",
		too_large ? "is larger than the server takes"
			  : "was refused by the server"};

	s->problem =
		submit_problem(s, PROBLEM_WORKFLOW_REJECTED,
			       failure_rule(FAILURE_UNTAKEN)->detail, &e, 1);
	return FAILURE_UNTAKEN;
}

static enum failure by_outcome(struct slot *s, enum comfy_outcome o)
{
	enum failure f = submit_told_to_end(s);

	if (f != FAILURE_NONE)
		return f;
	switch (o) {
	case COMFY_UNREACHABLE:
		return FAILURE_UNREACHABLE;
	case COMFY_STOPPED:
		return FAILURE_STOP;
	case COMFY_LOCAL:
		s->detail = "a file of the request could not be read";
		return FAILURE_INTERNAL;
	default:
		return FAILURE_UNCERTAIN;
	}
}

/* NONE: the server says that it took it, or may have. */
static enum failure send_alone(struct errand *e)
{
	struct slot *s = e->s;
	const struct input_file *from =
		e->picture != NULL ? e->in->mask : e->in;
	struct comfy_upload u = {
		.fd = blobs_file(s->shared->blobs, from->of_job.sha256),
		.size = from->of_job.size_bytes,
		.filename = e->picture != NULL ? e->in->composed : e->in->name,
		.subfolder = SUBFOLDER,
		.content_type = from->of_job.content_type,
		.overwrite = e->overwrite,
	};
	enum comfy_outcome o;
	bool too_large;

	if (e->picture != NULL) {
		u.mask_of_name = e->picture->name;
		u.mask_of_subfolder = e->picture->subfolder;
	}
	if (u.fd < 0)
		return by_outcome(s, COMFY_LOCAL);
	o = comfy_upload(s->client, &u,
			 slot_time_for(s, e->until - clock_monotonic_ms()),
			 &s->arena, &e->name, &e->subfolder, &too_large);
	close(u.fd);
	log_event(LOG_INFO, "file.uploaded", "job", s->job.id, "backend",
		  s->backend->name, "field", from->of_job.field, "name",
		  u.filename, "bytes", log_num(u.size), "how",
		  o == COMFY_OK ? "taken" : comfy_detail(s->client), NULL);
	if (o == COMFY_REJECTED)
		return untaken(s, from, too_large);
	return o == COMFY_OK || o == COMFY_UNCERTAIN ? FAILURE_NONE
						     : by_outcome(s, o);
}

/* Is it there, and whole? What a server makes of a picture and a mask has a
 * size of its own. */
static enum failure look(struct errand *e, bool *there)
{
	struct slot *s = e->s;
	int64_t size;
	enum comfy_outcome o =
		comfy_held(s->client, e->subfolder, e->name,
			   slot_time_for(s, s->shared->call_ms), &size);
	bool whole = e->size >= 0 ? size == e->size : size > 0;

	if (size < 0) /* not told: then what was sent has to be believed */
		whole = e->sent > 0;
	*there = o == COMFY_OK && !e->in->anew && whole;
	/* Only what was cut off is written over, or what could not be read:
	 * another run may be reading it just now. */
	e->overwrite = o == COMFY_OK && (size >= 0 || e->in->anew);
	return o == COMFY_OK || o == COMFY_MISSING ? FAILURE_NONE
						   : by_outcome(s, o);
}

/*
 * Looks, sends, and looks again: a mask's 200 may have written nothing (s23),
 * and an upload without an answer may have arrived.
 */
static enum failure ensure(struct errand *e,
			   enum failure (*put)(struct errand *))
{
	int64_t pause = UPLOAD_PAUSE_MS;

	for (e->sent = 0;; e->sent++) {
		enum failure f = submit_told_to_end(e->s);
		bool there = false;

		if (f == FAILURE_NONE)
			f = look(e, &there);
		if (f != FAILURE_NONE || there)
			return f;
		if (e->sent == UPLOADS || clock_monotonic_ms() >= e->until)
			return FAILURE_UPLOAD;
		if (e->sent > 0) {
			slot_pause(e->s, pause);
			pause *= 2;
		}
		f = put(e);
		if (f != FAILURE_NONE)
			return f;
		e->in->anew = false;
	}
}

static enum failure send_with_picture(struct errand *e)
{
	enum failure f = ensure(e->picture, send_alone);

	return f == FAILURE_NONE ? send_alone(e) : f;
}

static enum failure prepare_one(struct slot *s, struct input_file *in,
				bool *renamed)
{
	struct errand alone = {
		.s = s,
		.in = in,
		.name = in->name,
		.subfolder = SUBFOLDER,
		.size = in->of_job.size_bytes,
		.until = clock_monotonic_ms() + s->shared->fetch_ms,
	};
	struct errand masked = alone, *e = &alone;
	enum failure f;

	masked.name = in->composed;
	masked.size = -1;
	masked.picture = &alone;
	if (in->mask != NULL)
		e = &masked;
	f = ensure(e, in->mask != NULL ? send_with_picture : send_alone);
	if (f == FAILURE_NONE && (strcmp(e->name, in->there) != 0 ||
				  strcmp(e->subfolder, in->subfolder) != 0)) {
		*renamed = true;
		in->there = e->name;
		in->subfolder = e->subfolder;
	}
	return f;
}

enum failure prepare_files(struct slot *s)
{
	enum failure f = FAILURE_NONE;
	bool renamed = false;

	s->breakable = true;
	for (size_t i = 0; i < s->input_count && f == FAILURE_NONE; i++) {
		if (s->inputs[i].of_job.of == NULL)
			f = prepare_one(s, &s->inputs[i], &renamed);
	}
	s->breakable = false;
	if (f == FAILURE_NONE && renamed && !put_in(s))
		return FAILURE_INTERNAL;
	return f;
}

/* ---- whose fault it was ---- */

/* input NULL: any of the node. */
static bool goes_to(const struct slot *s, const struct input_file *in,
		    const char *node, const char *input)
{
	for (size_t i = 0; i < s->recipe.field_count; i++) {
		const struct field *f = &s->recipe.fields[i];

		if (strcmp(f->field, in->of_job.field) == 0 &&
		    strcmp(f->node, node) == 0 &&
		    (input == NULL || strcmp(f->input, input) == 0))
			return true;
	}
	return false;
}

bool prepare_blame_input(struct slot *s, const char *node, const char *input)
{
	bool found = false;

	for (size_t i = 0; i < s->input_count && input != NULL; i++) {
		if (goes_to(s, &s->inputs[i], node, input))
			found = s->inputs[i].anew = true;
	}
	return found;
}

static bool is_gone(struct slot *s, const struct input_file *in)
{
	int64_t size;

	return comfy_held(s->client, in->subfolder, in->there,
			  s->shared->call_ms, &size) == COMFY_MISSING;
}

enum failure prepare_blame_run(struct slot *s)
{
	const char *node = s->history.error_node;
	struct told_error *errors =
		arena_array(&s->arena, s->input_count, sizeof(errors[0]));
	size_t count = 0;

	for (size_t i = 0; i < s->input_count; i++) {
		struct input_file *in = &s->inputs[i];

		if (in->of_job.of != NULL)
			continue;
		if (node != NULL && goes_to(s, in, node, NULL))
			in->anew = true;
		else if (!is_gone(s, in))
			continue;
		errors[count++] = (struct told_error){
			in->of_job.field, "unreadable",
			"could not be read by the workflow"};
	}
	if (count == 0)
		return FAILURE_RAISED;
	s->problem = submit_problem(s, PROBLEM_WORKFLOW_FAILED,
				    failure_rule(FAILURE_UNREAD)->detail,
				    errors, count);
	return FAILURE_UNREAD;
}
