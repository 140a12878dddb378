#include "faults.h"
#include "ws.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const kinds[] = {
	"slow",
	"error",
	"oom",
	"hang",
	"wedge",
	"lose-events",
	"close-socket",
	"deaf-socket",
	"stall-socket",
	"crash",
	"restart",
	"submit-500",
	"submit-500-queued",
	"submit-drop",
	"empty-history",
	"history-late",
	"missing-file",
	"http-slow",
	"http-500",
	"http-drop",
	"bad-json",
	"huge-answer",
	"evil-names",
	"wipe-input",
	"upload-cut",
	"mask-unwritten",
};

static bool known(const char *kind)
{
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(kinds[i], kind))
			return true;
	return false;
}

static bool set(struct fault *f, const char *key, const char *value)
{
	const struct {
		const char *key;
		char **text;
		int *number;
	} keys[] = {{"kind", &f->kind, NULL},
		    {"match", &f->match, NULL},
		    {"times", NULL, &f->times},
		    {"ms", NULL, &f->ms},
		    {"polls", NULL, &f->polls},
		    {"status", NULL, &f->status},
		    {"at", &f->at, NULL},
		    {"type", &f->type, NULL},
		    {"message", &f->message, NULL},
		    {"path", &f->path, NULL},
		    {"events", &f->events, NULL},
		    {"mode", &f->mode, NULL},
		    {"filename", &f->filename, NULL},
		    {"subfolder", &f->subfolder, NULL}};
	size_t i;

	if (!strcmp(key, "bytes")) {
		f->bytes = strtol(value, NULL, 10);
		return true;
	}
	for (i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		if (strcmp(keys[i].key, key))
			continue;
		if (keys[i].number) {
			*keys[i].number = (int)strtol(value, NULL, 10);
		} else {
			free(*keys[i].text);
			*keys[i].text = mem_text(value);
		}
		return true;
	}
	return false;
}

static struct fault *add(struct world *w, struct fault *f)
{
	struct fault **end = &w->faults;

	while (*end)
		end = &(*end)->next;
	*end = f;
	f->id = ++w->next_fault;
	return f;
}

static struct fault *make(void)
{
	struct fault *f = mem_zero(sizeof(*f));

	f->match = mem_text("");
	f->times = -1;
	f->kind = mem_text("");
	return f;
}

/* a refused fault is leaked: it is a few bytes of a test tool */
struct fault *fault_add_spec(struct world *w, const char *spec)
{
	struct fault *f = make();
	char *copy = mem_text(spec), *save = NULL, *part, *eq;
	bool fine = true;

	part = strtok_r(copy, ",", &save);
	fine = part && known(part) && set(f, "kind", part);
	while (fine && (part = strtok_r(NULL, ",", &save))) {
		eq = strchr(part, '=');
		if (eq)
			*eq++ = '\0';
		fine = eq && set(f, part, eq);
	}
	free(copy);
	return fine ? add(w, f) : NULL;
}

struct fault *fault_add_json(struct world *w, const struct jv *v)
{
	struct fault *f = make();
	struct str text = {0};
	const struct jv *m;
	bool fine = v->type == J_OBJ && json_text(v, "kind") &&
		    known(json_text(v, "kind"));

	for (m = v->child; fine && m; m = m->next) {
		const struct jv *e;

		str_clear(&text);
		if (m->type == J_ARR) {
			for (e = m->child; e; e = e->next) {
				json_str(&text, e);
				str_char(&text, ' ');
			}
		} else {
			json_str(&text, m);
		}
		fine = set(f, m->key, str_text(&text));
	}
	str_free(&text);
	return fine ? add(w, f) : NULL;
}

void faults_clear(struct world *w)
{
	struct fault *f;

	for (f = w->faults; f; f = f->next)
		f->times = 0;
	w->release_count++;
	w->stalled = false;
	world_changed(w);
}

void faults_print(const struct world *w, struct str *out)
{
	const struct fault *f;
	bool first = true;

	str_char(out, '[');
	for (f = w->faults; f; f = f->next) {
		if (!f->times)
			continue;
		str_printf(out,
			   "%s{\"id\": %llu, \"kind\": \"%s\", "
			   "\"times\": %d, \"match\": ",
			   first ? "" : ", ", (unsigned long long)f->id,
			   f->kind, f->times);
		str_json_text(out, f->match);
		str_char(out, '}');
		first = false;
	}
	str_char(out, ']');
}

static const struct fault *fire(struct fault *f)
{
	if (f->times > 0)
		f->times--;
	return f;
}

static bool seen(struct job *j, const struct fault *f)
{
	const size_t i = f->id % 512;
	const bool was = j->seen_faults[i / 64] >> (i % 64) & 1;

	j->seen_faults[i / 64] |= 1ULL << (i % 64);
	return was;
}

static bool in_prompt(const struct fault *f, const struct job *j,
		      const char *text)
{
	if (!*f->match)
		return true;
	if (j && (strstr(j->prompt_text, f->match) || !strcmp(j->id, f->match)))
		return true;
	return text && strstr(text, f->match);
}

const struct fault *fault_for_prompt(struct world *w, const char *kind,
				     struct job *j, const char *text)
{
	struct fault *f;

	for (f = w->faults; f; f = f->next)
		if (f->times && !strcmp(f->kind, kind) && in_prompt(f, j, text))
			return fire(f);
	return NULL;
}

/* a class name fires at each node of the class, text once in a prompt */
static bool at_node(struct fault *f, struct job *j, const struct enode *n)
{
	if (class_find(f->match))
		return !strcmp(n->class->name, f->match);
	return in_prompt(f, j, NULL) && !seen(j, f);
}

const struct fault *fault_for_node(struct world *w, const char *kind,
				   struct run *r, const struct enode *n)
{
	struct fault *f;

	for (f = w->faults; f; f = f->next)
		if (f->times && !strcmp(f->kind, kind) && at_node(f, r->job, n))
			return fire(f);
	return NULL;
}

const struct fault *fault_for_path(struct world *w, const char *kind,
				   const char *path)
{
	struct fault *f;

	for (f = w->faults; f; f = f->next) {
		const char *want = f->path ? f->path : f->match;

		if (f->times && !strcmp(f->kind, kind) &&
		    strncmp(path, "/standin/", 9) != 0 && strstr(path, want))
			return fire(f);
	}
	return NULL;
}

static void play(struct world *w, const struct fault *f)
{
	if (!strcmp(f->kind, "crash")) {
		if (w->own_dir)
			file_remove_tree(w->dir, true);
		_exit(f->status ? f->status : 134);
	}
	if (!strcmp(f->kind, "close-socket"))
		ws_close_all(w);
	else if (!strcmp(f->kind, "wipe-input"))
		file_remove_tree(w->input_dir, false);
	else if (!strcmp(f->kind, "deaf-socket"))
		ws_forget_all(w);
	else if (!strcmp(f->kind, "stall-socket"))
		w->stalled = true;
	else
		w->restart_asked = true;
}

void faults_moment(struct world *w, const char *at, struct run *r,
		   struct job *j, const struct enode *n)
{
	static const char *const list[] = {"crash",	  "close-socket",
					   "deaf-socket", "stall-socket",
					   "wipe-input",  "restart"};
	struct fault *f;
	size_t i;

	for (f = w->faults; f; f = f->next) {
		if (!f->times || strcmp(f->at ? f->at : "run", at) != 0)
			continue;
		for (i = 0; i < sizeof(list) / sizeof(*list); i++)
			if (!strcmp(f->kind, list[i]))
				break;
		if (i == sizeof(list) / sizeof(*list))
			continue;
		if (n && r ? at_node(f, j, n) : in_prompt(f, j, NULL))
			play(w, fire(f));
	}
	world_changed(w);
}
