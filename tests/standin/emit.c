#include "emit.h"
#include "ws.h"

#include <stdlib.h>
#include <string.h>

static bool lost(const struct run *r, const char *type)
{
	const char *list = r->job->lose;
	const size_t n = strlen(type);
	const char *p;

	if (!list)
		return false;
	if (!strcmp(list, "all"))
		return true;
	for (p = strstr(list, type); p; p = strstr(p + 1, type))
		if ((p == list || strchr(" |+", p[-1])) &&
		    (!p[n] || strchr(" |+", p[n])))
			return true;
	return false;
}

static void pass(struct run *r, const char *type, const char *p, size_t len,
		 bool binary, enum emit_scope scope)
{
	if (lost(r, type))
		return;
	/* a client_id that is no text belongs to no socket */
	if (r->job->client_id)
		ws_send(r->w, r->job->client_id, p, len, binary);
	else if (r->job->client_null && scope == EMIT_TO_ALL)
		ws_send(r->w, NULL, p, len, binary);
}

void emit(struct run *r, const char *type, const char *data,
	  enum emit_scope scope)
{
	struct str s = {0};

	str_puts(&s, "{\"type\": \"");
	str_puts(&s, type);
	str_puts(&s, "\", \"data\": ");
	str_puts(&s, data);
	str_char(&s, '}');
	pthread_mutex_lock(&r->w->lock);
	if (r->generation == r->w->generation)
		pass(r, type, s.p, s.len, false, scope);
	pthread_mutex_unlock(&r->w->lock);
	str_free(&s);
}

void emit_message(struct run *r, const char *type, const char *data,
		  enum emit_scope scope)
{
	struct str *m = &r->job->messages;

	str_puts(m, m->len ? ", [\"" : "[\"");
	str_puts(m, type);
	str_puts(m, "\", ");
	str_puts(m, data);
	str_char(m, ']');
	emit(r, type, data, scope);
}

void emit_binary(struct run *r, const char *type, const struct str *frame)
{
	pthread_mutex_lock(&r->w->lock);
	if (r->generation == r->w->generation)
		pass(r, type, frame->p, frame->len, true, EMIT_TO_ALL);
	pthread_mutex_unlock(&r->w->lock);
}

static void print_state(const struct run *r, const struct enode *n,
			struct str *s)
{
	str_json_text(s, n->id);
	str_printf(s, ": {\"value\": %s, \"max\": %s, \"state\": \"%s\", ",
		   n->value, n->max, n->finished ? "finished" : "running");
	str_puts(s, "\"node_id\": ");
	str_json_text(s, n->id);
	str_puts(s, ", \"prompt_id\": ");
	str_json_text(s, r->job->id);
	str_puts(s, ", \"display_node_id\": ");
	str_json_text(s, n->id);
	str_puts(s, ", \"parent_node_id\": null, \"real_node_id\": ");
	str_json_text(s, n->id);
	str_char(s, '}');
}

void emit_progress_state(struct run *r)
{
	struct str s = {0};
	size_t i;

	str_puts(&s, "{\"prompt_id\": ");
	str_json_text(&s, r->job->id);
	str_puts(&s, ", \"nodes\": {");
	for (i = 0; i < r->shown; i++) {
		str_puts(&s, i ? ", " : "");
		print_state(r, r->order[i], &s);
	}
	str_puts(&s, "}}");
	emit(r, "progress_state", s.p, EMIT_TO_ALL);
	str_free(&s);
}

void emit_executing(struct run *r, const struct enode *n)
{
	struct str s = {0};

	pthread_mutex_lock(&r->w->lock);
	if (r->generation == r->w->generation) {
		free(r->w->exec_node);
		r->w->exec_node =
			n && !r->job->client_null ? mem_text(n->id) : NULL;
	}
	pthread_mutex_unlock(&r->w->lock);
	str_puts(&s, "{\"node\": ");
	if (n) {
		str_json_text(&s, n->id);
		str_puts(&s, ", \"display_node\": ");
		str_json_text(&s, n->id);
	} else {
		str_puts(&s, "null");
	}
	str_puts(&s, ", \"prompt_id\": ");
	str_json_text(&s, r->job->id);
	str_char(&s, '}');
	emit(r, "executing", s.p, EMIT_TO_CLIENT);
	str_free(&s);
}

void emit_executed(struct run *r, const struct enode *n)
{
	struct str s = {0};

	str_puts(&s, "{\"node\": ");
	str_json_text(&s, n->id);
	str_puts(&s, ", \"display_node\": ");
	str_json_text(&s, n->id);
	str_puts(&s, ", \"output\": ");
	str_puts(&s, str_text(&n->ui));
	str_puts(&s, ", \"prompt_id\": ");
	str_json_text(&s, r->job->id);
	str_char(&s, '}');
	emit(r, "executed", s.p, EMIT_TO_CLIENT);
	str_free(&s);
}
