#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "jobs/outputs.h"
#include "run/choose.h"
#include "run/steps.h"
#include "run/take_file.h"

/* Of one job, all outputs together. */
#define FILES_PER_JOB 1000
#define VALUE_MAX     (1024 * 1024)
#define OUTPUTS_MAX   (4 * 1024 * 1024)

static bool of_files(const struct want *w)
{
	return w->type != WANT_TEXT && w->type != WANT_JSON;
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
		enum failure f = take_file(s, w, from[i], out->file_count, to);

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
	/* It may have been tried before, and given other files. */
	files_given_drop(&s->given);
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
	s->outputs_bytes = outputs_bytes(values, r->want_count);
	buf_finish(&b);
	return over ? FAILURE_TOO_LARGE : FAILURE_NONE;
}
