#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "run/prepare.h"
#include "run/steps.h"

/* So often is a prompt posted, once it is sure that it is not there. */
#define POSTS 2
/* A post whose connection died may still be on its way: it is not there when
 * it was not seen so often, with pauses that double between the looks. */
#define LOOKS	      4
#define LOOK_PAUSE_MS 20
#define PROBLEM_MAX   (64 * 1024)

/* ComfyUI's words for what is wrong with a value, and ours. Only these pass:
 * its messages name nodes and models. */
static const struct {
	const char *type;
	const char *detail;
} refusals[] = {
	{"value_not_in_list", "is not one of the values the server has"},
	{"value_smaller_than_min", "is too small for the workflow"},
	{"value_bigger_than_max", "is too large for the workflow"},
	{"invalid_input_type", "is not of the type that the workflow takes"},
	{"required_input_missing", "is needed by the workflow"},
	{"custom_validation_failed", "was refused by the workflow"},
};

static struct told_error in_words(const char *field, const struct node_error *e)
{
	struct told_error told = {field, "refused",
				  "was refused by the workflow"};

	for (size_t i = 0; e->type != NULL && i < COUNT(refusals); i++) {
		if (strcmp(e->type, refusals[i].type) == 0) {
			told.code = refusals[i].type;
			told.detail = refusals[i].detail;
		}
	}
	return told;
}

static bool same_input(const struct field *f, const struct node_error *e)
{
	return e->node != NULL && e->input != NULL &&
	       strcmp(f->node, e->node) == 0 && strcmp(f->input, e->input) == 0;
}

/* Those node inputs that are somebody's field. */
static size_t tell(struct slot *s, const struct comfy_submission *sub,
		   struct told_error out[PROBLEM_LIST_MAX])
{
	const struct recipe *r = &s->recipe;
	size_t n = 0;

	for (size_t e = 0; e < sub->error_count; e++) {
		for (size_t f = 0; f < r->field_count; f++) {
			if (n < PROBLEM_LIST_MAX &&
			    same_input(&r->fields[f], &sub->errors[e]))
				out[n++] = in_words(r->fields[f].field,
						    &sub->errors[e]);
		}
	}
	return n;
}

static void put_errors(struct json_writer *w, const struct told_error *errors,
		       size_t count)
{
	json_put_key(w, "errors");
	json_open(w, '[');
	for (size_t i = 0; i < count && i < PROBLEM_LIST_MAX; i++) {
		json_open(w, '{');
		json_member_string(w, "pointer", errors[i].field);
		json_member_string(w, "code", errors[i].code);
		json_member_string(w, "detail", errors[i].detail);
		json_close(w, '}');
	}
	json_close(w, ']');
}

const char *submit_problem(struct slot *s, enum problem_code code,
			   const char *detail, const struct told_error *errors,
			   size_t count)
{
	const char *text;
	struct json_writer w;
	struct buf b;

	buf_init(&b, PROBLEM_MAX);
	json_writer_init(&w, &b);
	json_open(&w, '{');
	json_member_string(&w, "code", problem_name(code));
	json_member_string(&w, "detail", detail);
	if (count > 0)
		put_errors(&w, errors, count);
	json_close(&w, '}');
	text = arena_strdup(&s->arena, buf_over(&b) ? "{\"code\":\"internal\"}"
						    : buf_str(&b));
	buf_finish(&b);
	return text;
}

/* A file that is said not to be there was taken away since it was looked for:
 * worth another try. */
static enum failure rejected(struct slot *s, const struct comfy_submission *sub)
{
	struct told_error errors[PROBLEM_LIST_MAX];
	size_t count = tell(s, sub, errors);
	bool file = false;

	for (size_t i = 0; i < sub->error_count; i++)
		file = prepare_blame_input(s, sub->errors[i].node,
					   sub->errors[i].input) ||
		       file;
	s->problem = submit_problem(
		s, PROBLEM_WORKFLOW_REJECTED,
		count > 0 ? "the server did not take a value of the request"
			  : failure_rule(FAILURE_REJECTED)->detail,
		errors, count);
	return file ? FAILURE_UNREAD : FAILURE_REJECTED;
}

static void log_errors(const struct slot *s, const struct comfy_submission *sub)
{
	for (size_t i = 0; i < sub->error_count; i++) {
		const struct node_error *e = &sub->errors[i];

		log_event(LOG_WARN, "prompt.node_error", "job", s->job.id,
			  "node", e->node, "class", e->class_type, "type",
			  e->type, "input", e->input, "message", e->message,
			  NULL);
	}
	if (sub->detail != NULL && sub->detail[0] != '\0')
		log_event(LOG_WARN, "prompt.detail", "job", s->job.id, "detail",
			  sub->detail, NULL);
}

/* ComfyUI takes a graph when one of its output nodes is fine, and leaves the
 * others out without a word (s08). */
static bool leaves_out_wanted(struct slot *s,
			      const struct comfy_submission *sub)
{
	const struct prompt *p = slot_prompt(s);

	for (size_t e = 0; e < sub->error_count; e++) {
		const char *node = sub->errors[e].node;

		for (size_t i = 0; i < s->recipe.want_count; i++) {
			if (p == NULL || node == NULL ||
			    prompt_needs(p, s->recipe.wants[i].node, node))
				return true;
		}
	}
	return false;
}

static enum failure accepted(struct slot *s, const struct comfy_submission *sub)
{
	if (sub->error_count == 0)
		return FAILURE_NONE;
	log_errors(s, sub);
	if (!leaves_out_wanted(s, sub))
		return FAILURE_NONE;
	watch_cancel(s);
	return rejected(s, sub);
}

enum settled { IS_THERE, IS_NOT_THERE, IS_UNKNOWN };

/* Did the post arrive? Asked until there is an answer to go by, for about as
 * long as a call may take. */
static enum settled settle(struct slot *s)
{
	int64_t until = clock_monotonic_ms() + 2 * s->shared->call_ms;
	int64_t pause = LOOK_PAUSE_MS;
	unsigned absent = 0;

	while (!slot_leaving(s)) {
		enum comfy_place place;
		enum comfy_outcome o = comfy_where(s->client, s->job.prompt_id,
						   s->shared->call_ms, &place);

		if (o == COMFY_OK && place != PLACE_NOWHERE)
			return IS_THERE;
		if (o == COMFY_OK && ++absent == LOOKS)
			return IS_NOT_THERE;
		if (clock_monotonic_ms() >= until || slot_canceled(s))
			break;
		slot_pause(s, pause);
		if (pause < s->shared->poll_ms)
			pause *= 2;
	}
	return IS_UNKNOWN;
}

enum failure submit_told_to_end(struct slot *s)
{
	if (slot_leaving(s))
		return FAILURE_STOP;
	if (slot_canceled(s))
		return FAILURE_CANCELED;
	return slot_time_left(s) <= 0 ? FAILURE_DEADLINE : FAILURE_NONE;
}

static enum comfy_outcome post(struct slot *s, struct comfy_submission *sub)
{
	char client_id[ID_SIZE];

	/* Read after the inbox was opened: a socket lost from here on is told
	 * to this slot, so it knows that it hears nothing. */
	ws_client_id(s->shared->ws, s->backend_index, client_id);
	if (client_id[0] == '\0')
		inbox_deaf(&s->inbox);
	memset(sub, 0, sizeof(*sub));
	s->posted = true;
	return comfy_submit(s->client, s->text, strlen(s->text),
			    s->job.prompt_id, client_id, s->shared->call_ms,
			    &s->arena, sub);
}

/* An attempt that began before this process did may be there already. */
static enum failure look_first(struct slot *s, bool *there)
{
	enum settled at = settle(s);

	*there = at == IS_THERE;
	s->resumed = false;
	if (at != IS_UNKNOWN)
		return FAILURE_NONE;
	if (slot_leaving(s))
		return FAILURE_STOP;
	if (slot_canceled(s)) {
		(void)comfy_cancel(s->client, s->job.prompt_id,
				   s->shared->call_ms);
		return FAILURE_CANCELED;
	}
	return FAILURE_UNCERTAIN;
}

enum failure submit_prompt(struct slot *s)
{
	bool there = false;

	if (s->resumed) {
		enum failure f = look_first(s, &there);

		/* Its events go to a socket that is no more. */
		if (there)
			inbox_deaf(&s->inbox);
		if (there || f != FAILURE_NONE)
			return f;
	}
	for (unsigned posts = 0; posts < POSTS; posts++) {
		enum failure f = submit_told_to_end(s);
		struct comfy_submission sub;

		if (f == FAILURE_NONE)
			f = prepare_files(s);
		if (f != FAILURE_NONE)
			return f;
		switch (post(s, &sub)) {
		case COMFY_OK:
			return accepted(s, &sub);
		case COMFY_REJECTED:
			log_errors(s, &sub);
			return rejected(s, &sub);
		case COMFY_UNREACHABLE:
			return FAILURE_UNREACHABLE;
		case COMFY_STOPPED:
			return FAILURE_STOP;
		default:
			break;
		}
		f = look_first(s, &there);
		if (there || f != FAILURE_NONE)
			return f;
	}
	return FAILURE_REFUSED;
}
