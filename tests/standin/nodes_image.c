#include "faults.h"
#include "files.h"
#include "nodes.h"

#include <stdlib.h>
#include <string.h>

bool node_empty_image(struct run *r, struct enode *n)
{
	const long long w = run_int(r, n, "width", 512);
	const long long h = run_int(r, n, "height", 512);
	const long long batch = run_int(r, n, "batch_size", 1);
	const long long colour = run_int(r, n, "color", 0);
	struct image *im;
	size_t i, total;

	if (w * h * batch > 512LL * 1024 * 1024)
		return run_raise(r, "RuntimeError",
				 "[enforce fail at alloc_cpu.cpp:118] err == "
				 "0. DefaultCPUAllocator: can't allocate "
				 "memory: you tried to allocate %lld bytes. "
				 "Error code 12 (Cannot allocate memory)",
				 w * h * batch * 4);
	im = image_new((int)w, (int)h, (int)batch, 3);
	total = (size_t)(w * h * batch);
	for (i = 0; i < total; i++) {
		im->px[i * 3] = (unsigned char)(colour >> 16);
		im->px[i * 3 + 1] = (unsigned char)(colour >> 8);
		im->px[i * 3 + 2] = (unsigned char)colour;
	}
	run_out(n, 0, value_image(im, V_IMAGE));
	return true;
}

static struct image *read_image(struct run *r, struct enode *n)
{
	const char *name = json_text(n->inputs, "image");
	struct str path = {0}, bytes = {0};
	struct image *im = NULL;

	files_annotated(r->w, name ? name : "", "input", &path);
	if (!file_read(path.p, &bytes))
		run_raise(r, "FileNotFoundError",
			  "[Errno 2] No such file or directory: '%s'", path.p);
	else if (!(im = image_decode(bytes.p, bytes.len)))
		run_raise(r, "PIL.UnidentifiedImageError",
			  "cannot identify image file '%s'", path.p);
	str_free(&path);
	str_free(&bytes);
	return im;
}

static struct image *channel(const struct image *im, int c, bool invert)
{
	struct image *out = image_new(im->width, im->height, im->batch, 1);
	const size_t total = image_stride(out) * (size_t)im->batch;
	size_t i;

	for (i = 0; i < total; i++) {
		const unsigned char v =
			c < im->channels
				? im->px[i * (size_t)im->channels + (size_t)c]
				: 255;

		out->px[i] = invert ? (unsigned char)(255 - v) : v;
	}
	return out;
}

bool node_load_image(struct run *r, struct enode *n)
{
	struct image *im = read_image(r, n);

	if (!im)
		return false;
	run_out(n, 0, value_image(image_to_rgb(im), V_IMAGE));
	run_out(n, 1, value_image(channel(im, 3, true), V_MASK));
	image_free(im);
	return true;
}

static int channel_index(const char *name)
{
	switch (*name) {
	case 'r':
		return 0;
	case 'g':
		return 1;
	case 'b':
		return 2;
	default:
		return 3;
	}
}

bool node_load_mask(struct run *r, struct enode *n)
{
	struct image *im = read_image(r, n);
	struct str tmp = {0};
	int c;

	if (!im)
		return false;
	c = channel_index(run_text(r, n, "channel", &tmp));
	run_out(n, 0, value_image(channel(im, c, c == 3), V_MASK));
	image_free(im);
	str_free(&tmp);
	return true;
}

bool node_mask_to_image(struct run *r, struct enode *n)
{
	const struct image *im = run_image(r, n, "mask");

	if (!im)
		return false;
	run_out(n, 0, value_image(image_to_rgb(im), V_IMAGE));
	return true;
}

bool node_image_to_mask(struct run *r, struct enode *n)
{
	const struct image *im = run_image(r, n, "image");
	struct str tmp = {0};

	if (!im)
		return false;
	run_out(n, 0,
		value_image(
			channel(im,
				channel_index(run_text(r, n, "channel", &tmp)),
				false),
			V_MASK));
	str_free(&tmp);
	return true;
}

static bool scale_to(struct run *r, struct enode *n, const struct image *im,
		     int width, int height)
{
	struct str tmp = {0};
	const bool smooth = strcmp(run_text(r, n, "upscale_method", &tmp),
				   "nearest-exact") != 0;

	str_free(&tmp);
	run_out(n, 0,
		value_image(image_scale(im, width > 0 ? width : 1,
					height > 0 ? height : 1, smooth),
			    V_IMAGE));
	return true;
}

/* the middle part with the proportions of the goal */
static struct image *cut(const struct image *im, int width, int height)
{
	int w = im->width, h = im->height, b, y;
	struct image *out;

	if ((long)w * height > (long)h * width)
		w = (int)((long)h * width / height);
	else
		h = (int)((long)w * height / width);
	w = w > 0 ? w : 1;
	h = h > 0 ? h : 1;
	out = image_new(w, h, im->batch, im->channels);
	for (b = 0; b < im->batch; b++)
		for (y = 0; y < h; y++)
			memcpy(out->px + image_stride(out) * (size_t)b +
				       (size_t)y * (size_t)w *
					       (size_t)im->channels,
			       image_at(im, b) +
				       ((size_t)((im->height - h) / 2 + y) *
						(size_t)im->width +
					(size_t)((im->width - w) / 2)) *
					       (size_t)im->channels,
			       (size_t)w * (size_t)im->channels);
	return out;
}

bool node_scale(struct run *r, struct enode *n)
{
	const struct image *im = run_image(r, n, "image");
	int w = (int)run_int(r, n, "width", 512);
	int h = (int)run_int(r, n, "height", 512);
	struct str tmp = {0};
	struct image *middle = NULL;
	bool fine;

	if (!im)
		return false;
	/* a side of 0 follows the other one */
	if (!w && !h) {
		w = im->width;
		h = im->height;
	} else if (!w) {
		w = (int)((long)im->width * h / im->height);
	} else if (!h) {
		h = (int)((long)im->height * w / im->width);
	}
	if (!strcmp(run_text(r, n, "crop", &tmp), "center"))
		im = middle = cut(im, w > 0 ? w : 1, h > 0 ? h : 1);
	fine = scale_to(r, n, im, w, h);
	image_free(middle);
	str_free(&tmp);
	return fine;
}

bool node_scale_by(struct run *r, struct enode *n)
{
	const struct image *im = run_image(r, n, "image");
	const double by = run_float(r, n, "scale_by", 1);

	return im && scale_to(r, n, im, (int)(im->width * by + 0.5),
			      (int)(im->height * by + 0.5));
}

bool node_upscale_model(struct run *r, struct enode *n)
{
	const struct image *im = run_image(r, n, "image");

	return im && scale_to(r, n, im, im->width * 4, im->height * 4);
}

bool node_invert(struct run *r, struct enode *n)
{
	const struct image *im = run_image(r, n, "image");
	struct image *out;
	size_t i, total;

	if (!im)
		return false;
	out = image_copy(im);
	total = image_stride(im) * (size_t)im->batch;
	for (i = 0; i < total; i++)
		out->px[i] = (unsigned char)(255 - im->px[i]);
	run_out(n, 0, value_image(out, V_IMAGE));
	return true;
}

static float blend_one(const char *mode, float a, float b)
{
	switch (*mode) {
	case 'm':
		return a * b;
	case 'd':
		return a > b ? a - b : 0;
	case 'o':
		return a <= 0.5F ? 2 * a * b : 1 - 2 * (1 - a) * (1 - b);
	case 's':
		if (mode[1] == 'c')
			return 1 - (1 - a) * (1 - b);
		return b <= 0.5F ? a - (1 - 2 * b) * a * (1 - a)
				 : a + (2 * b - 1) * (a - a * a);
	default:
		return b;
	}
}

bool node_blend(struct run *r, struct enode *n)
{
	const struct image *a = run_image(r, n, "image1");
	const struct image *b = a ? run_image(r, n, "image2") : NULL;
	const float factor = (float)run_float(r, n, "blend_factor", 0.5);
	struct str tmp = {0};
	const char *mode;
	struct image *fit, *out;
	size_t i, total, one;

	if (!b)
		return false;
	mode = run_text(r, n, "blend_mode", &tmp);
	fit = image_scale(b, a->width, a->height, true);
	out = image_copy(a);
	one = image_stride(a);
	total = one * (size_t)a->batch;
	for (i = 0; i < total; i++) {
		const float x = (float)a->px[i] / 255;
		const float y =
			(float)fit->px[b->batch == a->batch ? i : i % one] /
			255;
		const float v =
			x * (1 - factor) + blend_one(mode, x, y) * factor;

		out->px[i] = (unsigned char)((v < 0   ? 0
					      : v > 1 ? 1
						      : v) *
						     255 +
					     0.5F);
	}
	image_free(fit);
	str_free(&tmp);
	run_out(n, 0, value_image(out, V_IMAGE));
	return true;
}

bool node_batch(struct run *r, struct enode *n)
{
	const struct image *a = run_image(r, n, "image1");
	const struct image *b = a ? run_image(r, n, "image2") : NULL;
	struct image *fit, *out;
	size_t na;

	if (!b)
		return false;
	fit = image_scale(b, a->width, a->height, true);
	out = image_new(a->width, a->height, a->batch + b->batch, a->channels);
	na = image_stride(a) * (size_t)a->batch;
	memcpy(out->px, a->px, na);
	memcpy(out->px + na, fit->px, image_stride(fit) * (size_t)b->batch);
	image_free(fit);
	run_out(n, 0, value_image(out, V_IMAGE));
	return true;
}

static void put_file(struct str *ui, const char *name, const char *subfolder,
		     const char *type)
{
	str_puts(ui, ui->p[ui->len - 1] == '[' ? "" : ", ");
	str_puts(ui, "{\"filename\": ");
	str_json_text(ui, name);
	str_puts(ui, ", \"subfolder\": ");
	str_json_text(ui, subfolder);
	str_printf(ui, ", \"type\": \"%s\"}", type);
}

/* names no client may use as a path */
static bool evil(struct run *r, struct enode *n, struct str *ui,
		 const char *type)
{
	static const char *const names[][2] = {
		{"../../../../etc/passwd", ""},
		{"a.png", "../../.."},
		{"/etc/passwd", ""},
		{"a.png", "/etc"},
		{"a\nSet-Cookie: x=1\r\n.png", ""},
		{"\xe2\x80\xae"
		 "gnp.html",
		 ""},
		{"", ""},
		{"..", ".."},
	};
	const struct fault *f;
	size_t i;

	pthread_mutex_lock(&r->w->lock);
	f = fault_for_node(r->w, "evil-names", r, n);
	pthread_mutex_unlock(&r->w->lock);
	if (!f)
		return false;
	if (f->filename || f->subfolder)
		put_file(ui, f->filename ? f->filename : "a.png",
			 f->subfolder ? f->subfolder : "",
			 f->type ? f->type : type);
	for (i = 0; !f->filename && !f->subfolder &&
		    i < sizeof(names) / sizeof(*names);
	     i++)
		put_file(ui, names[i][0], names[i][1], type);
	return true;
}

static bool save_batch(struct run *r, struct enode *n, const struct image *im,
		       const char *prefix, const char *type)
{
	struct str png = {0}, name = {0}, sub = {0};
	bool fine = true;
	int b;

	for (b = 0; b < im->batch && fine; b++) {
		str_clear(&png);
		str_clear(&name);
		str_clear(&sub);
		png_encode(im, b, r->job->pnginfo_text, r->job->pnginfo_len,
			   &png);
		fine = files_save(r->w, type, prefix, "_.png", im->width,
				  im->height, &png, &name, &sub);
		if (fine)
			put_file(&n->ui, name.p, str_text(&sub), type);
	}
	str_free(&png);
	str_free(&name);
	str_free(&sub);
	if (fine)
		return true;
	return run_raise(r, "Exception",
			 "**** ERROR: Saving image outside the output folder "
			 "is not allowed.\n full_output_folder: %s\n"
			 "         output_dir: %s\n         commonpath: /\n",
			 prefix, r->w->output_dir);
}

static bool save(struct run *r, struct enode *n, const char *prefix,
		 const char *type)
{
	const struct value *v = run_link(r, n, "images");
	const struct image *im;
	bool fine = true;
	size_t i;

	if (v && v->type == V_LIST && !v->count)
		return run_raise(r, "IndexError", "list index out of range");
	im = run_image(r, n, "images");
	if (!im)
		return false;
	str_puts(&n->ui, "{\"images\": [");
	if (evil(r, n, &n->ui, type))
		;
	else if (v && v->type == V_LIST)
		for (i = 0; i < v->count && fine; i++)
			fine = save_batch(r, n, v->items[i]->image, prefix,
					  type);
	else
		fine = save_batch(r, n, im, prefix, type);
	str_puts(&n->ui, "]}");
	if (!fine)
		str_clear(&n->ui);
	return fine;
}

bool node_save_image(struct run *r, struct enode *n)
{
	struct str tmp = {0};
	const bool fine =
		save(r, n, run_text(r, n, "filename_prefix", &tmp), "output");

	str_free(&tmp);
	return fine;
}

bool node_preview_image(struct run *r, struct enode *n)
{
	struct str prefix = {0};
	bool fine;

	str_printf(&prefix, "ComfyUI_temp_%s", r->w->temp_tag);
	fine = save(r, n, prefix.p, "temp");
	str_free(&prefix);
	return fine;
}
