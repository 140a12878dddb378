#include "comfy/history.h"

#include <string.h>

#include "base/json.h"
#include "base/text.h"

#define DEPTH_MAX 500 /* of a part of the entry */

#define VALUE_MAX      ((size_t)16 << 20)
#define TRACEBACK_MAX  ((size_t)1 << 20)
#define TRACEBACK_TAIL 900 /* what a value in the log may hold, and less */

static bool contains(const char *text, const char *part)
{
	return strstr(text, part) != NULL;
}

/*
 * Strings seen (s13): the exception class says it for torch's own errors; an
 * allocation that fails deeper down is a RuntimeError with words in it, and
 * Python's own is a MemoryError.
 */
static bool out_of_memory(const char *type, const char *message)
{
	if (text_ends(type, "OutOfMemoryError") ||
	    strcmp(type, "MemoryError") == 0)
		return true;
	if (strcmp(type, "RuntimeError") == 0 &&
	    (contains(message, "out of memory") ||
	     contains(message, "can't allocate memory") ||
	     contains(message, "CUBLAS_STATUS_ALLOC_FAILED")))
		return true;
	return contains(message, "CUDA error: out of memory") ||
	       contains(message, "CUDA out of memory") ||
	       contains(message, "HIP out of memory");
}

static const char *copy(struct arena *a, const char *s)
{
	return s == NULL ? "" : arena_strdup(a, s);
}

static const char *without_newlines_behind(struct arena *a, const char *s)
{
	size_t n = s == NULL ? 0 : strlen(s);

	while (n > 0 && s[n - 1] == '\n')
		n--;
	return n == 0 ? "" : arena_strndup(a, s, n);
}

/* Python marks places in a line by a line of ^ and ~ below it. */
static bool only_marks(const char *line, size_t n)
{
	return strspn(line, " ^~") >= n;
}

static void add_lines(struct buf *to, const char *text)
{
	while (text != NULL && *text != '\0') {
		size_t n = strcspn(text, "\n");

		if (!only_marks(text, n)) {
			buf_add(to, text, n);
			buf_addc(to, '\n');
		}
		text += n + (text[n] == '\n');
	}
}

/* A list of frames, each of some lines. The last ones tell where it happened;
 * those before are the server's own, and a line of the log is short. */
static const char *traceback_of(const struct json *frames, struct arena *a)
{
	struct buf text;
	const char *from;
	const char *all;

	buf_init(&text, TRACEBACK_MAX);
	json_each (frame, frames)
		add_lines(&text, json_string(frame));
	from = buf_str(&text);
	if (text.len > TRACEBACK_TAIL) {
		from += text.len - TRACEBACK_TAIL;
		from += strcspn(from, "\n");
		from += *from == '\n';
	}
	all = arena_strdup(a, from);
	buf_finish(&text);
	return all;
}

/*
 *	["execution_error", {"node_id": "9", "node_type": "RCRaise",
 *	 "exception_type": "ValueError", "exception_message": "…\n",
 *	 "traceback": ["…\n", …]}]
 */
static void read_error(const struct json *data, struct arena *a,
		       struct history *out)
{
	out->error_node = copy(a, json_string(json_get(data, "node_id")));
	out->error_class = copy(a, json_string(json_get(data, "node_type")));
	out->error_type =
		copy(a, json_string(json_get(data, "exception_type")));
	out->error_message = without_newlines_behind(
		a, json_string(json_get(data, "exception_message")));
	out->error_traceback = traceback_of(json_get(data, "traceback"), a);
	out->ending = out_of_memory(out->error_type, out->error_message)
			      ? HISTORY_OUT_OF_MEMORY
			      : HISTORY_ERROR;
}

/* status_str is "error" for both; only the messages tell them apart (s14). */
static void read_failure(const struct json *messages, struct arena *a,
			 struct history *out)
{
	out->ending = HISTORY_ERROR;
	json_each (message, messages) {
		const char *name = json_string(json_at(message, 0));

		if (name == NULL)
			continue;
		if (strcmp(name, "execution_error") == 0) {
			read_error(json_at(message, 1), a, out);
			return;
		}
		if (strcmp(name, "execution_interrupted") == 0)
			out->ending = HISTORY_INTERRUPTED;
	}
}

static bool read_ending(const struct json *status, struct arena *a,
			struct history *out)
{
	const char *word = json_string(json_get(status, "status_str"));

	if (word != NULL && strcmp(word, "success") == 0) {
		out->ending = HISTORY_SUCCESS;
		return true;
	}
	if (word == NULL || strcmp(word, "error") != 0)
		return false;
	read_failure(json_get(status, "messages"), a, out);
	return true;
}

static bool is_file(const struct json *item)
{
	const char *name = json_string(json_get(item, "filename"));

	return name != NULL && name[0] != '\0';
}

static void add_file(const struct json *item, struct arena *a,
		     struct history_list *out)
{
	const char *type = json_string(json_get(item, "type"));
	struct history_file *f = &out->files[out->file_count++];

	f->filename = copy(a, json_string(json_get(item, "filename")));
	f->subfolder = copy(a, json_string(json_get(item, "subfolder")));
	f->type = copy(a, type != NULL ? type : "output");
}

/* {"filename": "rec_00001_.png", "subfolder": "", "type": "output"}; other
 * members (format, fullpath, asset) are of no use here. Some nodes show one
 * file where others show a list of them. */
static void read_files(const struct json *items, struct arena *a,
		       struct history_list *out)
{
	size_t n = is_file(items);

	if (json_is(items, JSON_ARRAY))
		json_each (item, items)
			n += is_file(item);
	out->files = arena_array(a, n, sizeof(*out->files));
	if (is_file(items))
		add_file(items, a, out);
	if (json_is(items, JSON_ARRAY))
		json_each (item, items)
			if (is_file(item))
				add_file(item, a, out);
}

static bool read_list(const struct json *node, const struct json *list,
		      struct arena *a, struct history_list *out,
		      struct problem *why)
{
	struct json_writer w;
	struct buf text;
	bool fits;

	out->node = copy(a, json_key(node));
	out->key = copy(a, json_key(list));
	read_files(list, a, out);
	buf_init(&text, VALUE_MAX);
	json_writer_init(&w, &text);
	json_put_value(&w, list);
	fits = !buf_over(&text);
	if (fits)
		out->value = arena_strdup(a, buf_str(&text));
	buf_finish(&text);
	return fits ||
	       problem_set(why, PROBLEM_TOO_LARGE, "/outputs",
			   "an output is larger than %zu bytes", VALUE_MAX);
}

static bool read_outputs(const struct json *outputs, struct arena *a,
			 struct history *out, struct problem *why)
{
	size_t n = 0;

	if (json_is(outputs, JSON_NULL))
		return true;
	if (!json_is(outputs, JSON_OBJECT))
		return problem_set(why, PROBLEM_INTERNAL, "/outputs",
				   "outputs is %s, not an object",
				   json_type_name(json_type(outputs)));
	json_each (node, outputs)
		if (json_is(node, JSON_OBJECT))
			n += json_count(node);
	out->lists = arena_array(a, n, sizeof(*out->lists));
	json_each (node, outputs) {
		if (!json_is(node, JSON_OBJECT))
			continue;
		json_each (list, node)
			if (!read_list(node, list, a,
				       &out->lists[out->list_count++], why))
				return false;
	}
	return true;
}

/* ---- the entry ---- */

struct finding {
	const char *prompt_id;
	struct history_entry *out;
};

/* A key that stands twice is refused, as base/json does. */
static bool member_of_entry(struct skim *s, struct skim key, void *ctx)
{
	struct history_entry *e = ctx;
	struct skim other = {0}, *part = &other;

	if (skim_is(key, "status"))
		part = &e->status;
	else if (skim_is(key, "outputs"))
		part = &e->outputs;
	return part->at == NULL && skim_value(s, part);
}

static bool member_of_history(struct skim *s, struct skim key, void *ctx)
{
	struct finding *f = ctx;
	struct skim other;

	if (!skim_is(key, f->prompt_id))
		return skim_value(s, &other);
	if (f->out->there)
		return false;
	f->out->there = true;
	return skim_next_is(s, '{') ? skim_object(s, member_of_entry, f->out)
				    : skim_value(s, &other);
}

bool history_find(const char *text, size_t len, const char *prompt_id,
		  struct history_entry *out)
{
	struct skim s = {text, text + len};
	struct finding f = {prompt_id, out};

	memset(out, 0, sizeof(*out));
	return skim_object(&s, member_of_history, &f);
}

static struct json_doc *parse(struct skim part, struct problem *why)
{
	static const char none[] = "null";

	if (part.at == NULL)
		return json_parse(none, strlen(none), 0, why);
	return json_parse_python(part.at, (size_t)(part.end - part.at),
				 DEPTH_MAX, why);
}

bool history_read(const struct history_entry *entry, struct arena *a,
		  struct history *out, struct problem *why)
{
	struct json_doc *status = parse(entry->status, why), *outputs = NULL;
	bool good = false;

	memset(out, 0, sizeof(*out));
	if (status != NULL)
		outputs = parse(entry->outputs, why);
	if (outputs == NULL)
		goto out;
	if (read_ending(json_root(status), a, out))
		good = read_outputs(json_root(outputs), a, out, why);
	else
		(void)problem_set(why, PROBLEM_INTERNAL, "/status",
				  "the entry does not say how it ended");
out:
	json_free(status);
	json_free(outputs);
	return good;
}
