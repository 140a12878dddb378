#include "files.h"
#include "nodes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREVIEW_SIDE 64

bool node_loader(struct run *r UNUSED, struct enode *n)
{
	size_t i;

	for (i = 0; i < n->class->output_types.n && i < MAX_OUT; i++)
		run_out(n, i, value_new(V_MODEL));
	return true;
}

/* LoadAudio, LoadVideo: what the file holds is not looked at, but how much */
bool node_load_file(struct run *r, struct enode *n)
{
	const char *name =
		json_text(n->inputs, n->class->required_spec->child->key);
	struct str path = {0}, bytes = {0};
	char text[32];
	bool fine;

	files_annotated(r->w, name ? name : "", "input", &path);
	fine = file_read(path.p, &bytes);
	if (fine) {
		snprintf(text, sizeof(text), "%zu bytes", bytes.len);
		run_out(n, 0, value_text(V_TEXT, text));
	} else {
		run_raise(r, "FileNotFoundError",
			  "[Errno 2] No such file or directory: '%s'", path.p);
	}
	str_free(&path);
	str_free(&bytes);
	return fine;
}

/* stands for all that went into it: the node's own hash says that */
bool node_condition(struct run *r UNUSED, struct enode *n)
{
	struct value *v = value_new(V_COND);

	v->seed = n->hash;
	run_out(n, 0, v);
	return true;
}

static struct value *latent(int width, int height, int batch, uint64_t seed)
{
	struct value *v = value_new(V_LATENT);

	v->width = width;
	v->height = height;
	v->batch = batch;
	v->seed = seed;
	return v;
}

bool node_empty_latent(struct run *r, struct enode *n)
{
	run_out(n, 0,
		latent((int)run_int(r, n, "width", 512),
		       (int)run_int(r, n, "height", 512),
		       (int)run_int(r, n, "batch_size", 1), 0));
	return true;
}

/* the latent an input leads to; raises when it is none */
static const struct value *need_latent(struct run *r, struct enode *n,
				       const char *name)
{
	const struct value *v = run_link(r, n, name);

	if (v && v->type == V_LATENT)
		return v;
	run_raise(r, "TypeError", "'NoneType' object is not subscriptable");
	return NULL;
}

bool node_latent_upscale(struct run *r, struct enode *n)
{
	const struct value *v = need_latent(r, n, "samples");
	const double by = run_float(r, n, "scale_by", 0);
	struct value *out;
	int w, h;

	if (!v)
		return false;
	w = by > 0 ? (int)(v->width * by) : (int)run_int(r, n, "width", 0);
	h = by > 0 ? (int)(v->height * by) : (int)run_int(r, n, "height", 0);
	out = latent(w ? w : v->width, h ? h : v->height, v->batch, v->seed);
	out->image = v->image ? image_copy(v->image) : NULL;
	run_out(n, 0, out);
	return true;
}

bool node_noise(struct run *r, struct enode *n)
{
	struct value *v = value_new(V_MODEL);

	v->seed = (uint64_t)run_int(r, n, "noise_seed", 0);
	run_out(n, 0, v);
	return true;
}

bool node_sigmas(struct run *r, struct enode *n)
{
	struct value *v = value_new(V_MODEL);

	v->batch = (int)run_int(r, n, "steps", 20);
	run_out(n, 0, v);
	return true;
}

static int count_steps(struct run *r, struct enode *n)
{
	const struct value *sigmas = run_link(r, n, "sigmas");
	long long steps = run_int(r, n, "steps", 20);
	const long long from = run_int(r, n, "start_at_step", 0);
	const long long to = run_int(r, n, "end_at_step", steps);

	if (sigmas)
		steps = sigmas->batch;
	if (to < steps)
		steps = to;
	steps -= from;
	return steps < 1 ? 1 : steps > 10000 ? 10000 : (int)steps;
}

/* the picture comes out of the noise step by step */
static bool step(struct run *r, struct enode *n, const struct image *goal,
		 int done, int steps)
{
	struct image *now = image_copy(goal);
	const size_t total = image_stride(now);
	char value[16], max[16];
	unsigned noise = (unsigned)done * 2654435761U;
	bool fine;
	size_t i;

	for (i = 0; i < total; i++) {
		noise = noise * 1664525U + 1013904223U;
		now->px[i] =
			(unsigned char)((now->px[i] * done +
					 (int)(noise >> 24) * (steps - done)) /
					steps);
	}
	snprintf(value, sizeof(value), "%d", done);
	snprintf(max, sizeof(max), "%d", steps);
	fine = run_progress(r, n, value, max, now, 1);
	image_free(now);
	return fine;
}

bool node_sampler(struct run *r, struct enode *n)
{
	const struct value *in = need_latent(r, n, "latent_image");
	const int steps = in ? count_steps(r, n) : 0;
	struct image *goal;
	bool fine = in != NULL;
	int i, step_ms;

	if (!in)
		return false;
	pthread_mutex_lock(&r->w->lock);
	step_ms = r->w->step_ms;
	pthread_mutex_unlock(&r->w->lock);
	goal = image_dream(PREVIEW_SIDE, PREVIEW_SIDE, 1, n->hash);
	for (i = 1; i <= steps && fine; i++) {
		if (step_ms)
			fine = run_sleep(r, step_ms, true);
		fine = fine && step(r, n, goal, i, steps);
	}
	image_free(goal);
	if (!fine)
		return false;
	for (i = 0; i < (int)n->class->output_types.n; i++)
		run_out(n, (size_t)i,
			latent(in->width, in->height, in->batch, n->hash));
	return true;
}

bool node_decode(struct run *r, struct enode *n)
{
	const struct value *v = need_latent(r, n, "samples");
	struct image *im;

	if (!v)
		return false;
	if ((long long)v->width * v->height * v->batch > 64LL * 1024 * 1024)
		return run_raise(r, "torch.OutOfMemoryError",
				 "Allocation on device");
	im = v->image && !v->seed
		     ? image_scale(v->image, v->width, v->height, true)
		     : image_dream(v->width, v->height, v->batch, v->seed);
	image_stamp(im, "STAND-IN");
	run_out(n, 0, value_image(im, V_IMAGE));
	return true;
}

bool node_encode(struct run *r, struct enode *n)
{
	const struct image *im = run_image(r, n, "pixels");
	struct value *v;

	if (!im)
		return false;
	v = latent(im->width / 8 * 8, im->height / 8 * 8, im->batch, 0);
	v->image = image_copy(im);
	run_out(n, 0, v);
	return true;
}

bool node_pass(struct run *r, struct enode *n)
{
	run_out(n, 0,
		value_ref(run_link(r, n, n->class->required_spec->child->key)));
	return true;
}

bool node_create_video(struct run *r, struct enode *n)
{
	if (!run_image(r, n, "images"))
		return false;
	run_out(n, 0, value_new(V_MODEL));
	return true;
}

/* an ftyp box, words and an empty moov: enough to have the right type, to be
 * taken for a film, and to say what it is */
bool node_save_video(struct run *r, struct enode *n)
{
	static const char head[] = "\0\0\0\x18"
				   "ftypisom\0\0\2\0isommp42\0\0\0\x38"
				   "free";
	struct str bytes = {0}, name = {0}, sub = {0}, tmp = {0};
	bool fine;

	if (!strcmp(run_text(r, n, "format", &tmp), "auto") ||
	    !strcmp(tmp.p, "mp4"))
		fine = true;
	else
		fine = run_raise(r, "ValueError",
				 "'%s' is not a valid VideoContainer", tmp.p);
	if (!fine) {
		str_free(&tmp);
		return false;
	}
	str_add(&bytes, head, sizeof(head) - 1);
	str_puts(&bytes, "comfygate stand-in for ComfyUI: no real video...");
	str_add(&bytes, "\0\0\0\x08moov", 8);
	fine = files_save(r->w, "output",
			  run_text(r, n, "filename_prefix", &tmp), "_.mp4", 0,
			  0, &bytes, &name, &sub);
	if (fine) {
		str_puts(&n->ui, "{\"images\": [{\"filename\": ");
		str_json_text(&n->ui, name.p);
		str_puts(&n->ui, ", \"subfolder\": ");
		str_json_text(&n->ui, str_text(&sub));
		str_puts(&n->ui, ", \"type\": \"output\"}], \"animated\": "
				 "[true]}");
	} else {
		run_raise(r, "Exception",
			  "**** ERROR: Saving image outside the output "
			  "folder is not allowed.");
	}
	str_free(&bytes);
	str_free(&name);
	str_free(&sub);
	str_free(&tmp);
	return fine;
}

bool node_rc_preview(struct run *r, struct enode *n)
{
	const int steps = (int)run_int(r, n, "steps", 4);
	const double delay = run_float(r, n, "delay", 0.1);
	struct str tmp = {0};
	const char *format = run_text(r, n, "format", &tmp);
	const int kind = !strcmp(format, "PNG")	   ? 2
			 : !strcmp(format, "JPEG") ? 1
						   : 0;
	struct image *im = kind ? image_dream(512, 512, 1, n->hash) : NULL;
	char value[16], max[16];
	bool fine = true;
	int i;

	snprintf(max, sizeof(max), "%d", steps);
	for (i = 1; i <= steps && fine; i++) {
		/* it only notices an interrupt at its progress call */
		fine = run_sleep(r, (int64_t)(delay * 1000), false);
		snprintf(value, sizeof(value), "%d", i);
		fine = fine && run_progress(r, n, value, max, im, kind);
	}
	image_free(im);
	str_free(&tmp);
	if (fine)
		run_out(n, 0, value_ref(run_link(r, n, "value")));
	return fine;
}

bool node_rc_block(struct run *r, struct enode *n)
{
	const double s = run_float(r, n, "seconds", 1);

	if (!run_sleep(r, (int64_t)(s * 1000), false))
		return false;
	run_out(n, 0, value_ref(run_link(r, n, "value")));
	return true;
}
