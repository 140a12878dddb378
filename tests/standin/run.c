#include "run.h"
#include "emit.h"
#include "ws.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct jv *run_const(struct enode *n, const char *name)
{
	return json_get(n->inputs, name);
}

struct enode *run_node(struct run *r, const char *id)
{
	size_t i;

	for (i = 0; i < r->count; i++)
		if (!strcmp(r->nodes[i].id, id))
			return &r->nodes[i];
	return NULL;
}

struct enode *run_source(struct run *r, struct enode *n, const char *name,
			 size_t *slot)
{
	const struct jv *v = run_const(n, name);
	struct enode *from;
	long i;

	if (!v || v->type != J_ARR || v->count != 2 || v->child->type != J_STR)
		return NULL;
	from = run_node(r, v->child->text);
	if (!from)
		return NULL;
	i = strtol(v->last->text ? v->last->text : "0", NULL, 10);
	if (i < 0)
		i += (long)class_output_count(r->w, from->class);
	*slot = i >= 0 && i < MAX_OUT ? (size_t)i : 0;
	return from;
}

struct value *run_link(struct run *r, struct enode *n, const char *name)
{
	size_t slot;
	struct enode *from = run_source(r, n, name, &slot);

	return from ? from->out[slot] : NULL;
}

const char *run_text(struct run *r, struct enode *n, const char *name,
		     struct str *tmp)
{
	const struct jv *v = run_const(n, name);
	const struct value *linked = run_link(r, n, name);

	str_clear(tmp);
	if (linked)
		value_print(linked, tmp);
	else if (v)
		json_str(tmp, v);
	return str_text(tmp);
}

long long run_int(struct run *r, struct enode *n, const char *name,
		  long long otherwise)
{
	struct str tmp = {0};
	const char *text = run_text(r, n, name, &tmp);
	const long long v = *text ? strtoll(text, NULL, 10) : otherwise;

	str_free(&tmp);
	return v;
}

double run_float(struct run *r, struct enode *n, const char *name,
		 double otherwise)
{
	struct str tmp = {0};
	const char *text = run_text(r, n, name, &tmp);
	const double v = *text ? strtod(text, NULL) : otherwise;

	str_free(&tmp);
	return v;
}

const struct image *run_image(struct run *r, struct enode *n, const char *name)
{
	const struct value *v = run_link(r, n, name);
	const struct jv *given = run_const(n, name);

	if (v && v->type == V_LIST && v->count)
		v = v->items[0];
	if (v && v->image)
		return v->image;
	run_raise(r, "AttributeError", "'%s' object has no attribute 'shape'",
		  given && given->type == J_STR ? "str" : "NoneType");
	return NULL;
}

void run_out(struct enode *n, size_t slot, struct value *v)
{
	value_unref(n->out[slot]);
	n->out[slot] = v;
}

bool run_raise(struct run *r, const char *type, const char *fmt, ...)
{
	struct str s = {0};
	char buf[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	str_puts(&s, buf);
	if (!s.len || s.p[s.len - 1] != '\n')
		str_char(&s, '\n');
	free(r->exc_type);
	free(r->exc_message);
	r->exc_type = mem_text(type);
	r->exc_message = s.p;
	r->raised = true;
	return false;
}

/* lock held; takes the interrupt if there is one */
static bool interrupted(struct run *r)
{
	if (r->generation != r->w->generation) {
		r->dead = true;
		return true;
	}
	if (!r->w->interrupt)
		return false;
	r->w->interrupt = false;
	r->interrupted = true;
	return true;
}

bool run_sleep(struct run *r, int64_t ms, bool interruptible)
{
	const int64_t until = clock_mono_us() + ms * 1000;
	bool stop = false;

	pthread_mutex_lock(&r->w->lock);
	while (clock_mono_us() < until && !stop) {
		world_wait(r->w, until);
		stop = (interruptible || r->generation != r->w->generation) &&
		       interrupted(r);
	}
	pthread_mutex_unlock(&r->w->lock);
	return !stop;
}

static void send_preview(struct run *r, const struct enode *n,
			 const struct image *im, int format, bool metadata)
{
	struct str frame = {0}, meta = {0};

	if (metadata) {
		str_puts(&meta, "{\"node_id\": ");
		str_json_text(&meta, n->id);
		str_puts(&meta, ", \"prompt_id\": ");
		str_json_text(&meta, r->job->id);
		str_puts(&meta, ", \"display_node_id\": ");
		str_json_text(&meta, n->id);
		str_puts(&meta, ", \"parent_node_id\": null, "
				"\"real_node_id\": ");
		str_json_text(&meta, n->id);
		str_printf(&meta, ", \"image_type\": \"image/%s\"}",
			   format == 2 ? "png" : "jpeg");
		str_be32(&frame, 4);
		str_be32(&frame, (uint32_t)meta.len);
		str_add(&frame, meta.p, meta.len);
	} else {
		str_be32(&frame, 1);
		str_be32(&frame, (uint32_t)format);
	}
	if (format == 2)
		png_encode(im, 0, NULL, 0, &frame);
	else
		jpeg_encode(im, 0, &frame);
	emit_binary(r, "preview", &frame);
	str_free(&frame);
	str_free(&meta);
}

bool run_progress(struct run *r, struct enode *n, const char *value,
		  const char *max, const struct image *preview, int format)
{
	struct str s = {0};
	bool metadata;
	bool fine;

	pthread_mutex_lock(&r->w->lock);
	fine = !interrupted(r);
	metadata = ws_wants_metadata(r->w, r->job->client_id);
	pthread_mutex_unlock(&r->w->lock);
	if (!fine)
		return false;
	snprintf(n->value, sizeof(n->value), "%s", value);
	snprintf(n->max, sizeof(n->max), "%s", max);
	emit_progress_state(r);
	if (preview && metadata)
		send_preview(r, n, preview, format, true);
	str_printf(&s, "{\"value\": %s, \"max\": %s, \"prompt_id\": ", value,
		   max);
	str_json_text(&s, r->job->id);
	str_puts(&s, ", \"node\": ");
	str_json_text(&s, n->id);
	str_char(&s, '}');
	emit(r, "progress", s.p, EMIT_TO_ALL);
	if (preview && !metadata)
		send_preview(r, n, preview, format, false);
	str_free(&s);
	return true;
}

void run_text_frame(struct run *r, struct enode *n, const char *text)
{
	struct str frame = {0};

	str_be32(&frame, 3);
	str_be32(&frame, (uint32_t)strlen(n->id));
	str_puts(&frame, n->id);
	str_puts(&frame, text);
	emit_binary(r, "text", &frame);
	str_free(&frame);
}
