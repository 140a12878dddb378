#include "classes.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct jdoc *table_doc;

static void add_members(struct str *s, const char *members)
{
	const char *p;

	str_char(s, '{');
	for (p = members ? members : ""; *p; p++) {
		if (*p == '@') {
			str_puts(s, "\"@");
			while (p[1] &&
			       strchr("abcdefghijklmnopqrstuvwxyz_", p[1]))
				str_char(s, *++p);
			str_char(s, '"');
			continue;
		}
		str_char(s, (char)(*p == '\'' ? '"' : *p));
	}
	str_char(s, '}');
}

void classes_init(struct world *w UNUSED)
{
	const size_t n = class_table_size;
	struct str all = {0};
	struct jv *v;
	size_t i;

	str_char(&all, '[');
	for (i = 0; i < n; i++) {
		if (i)
			str_char(&all, ',');
		add_members(&all, class_table[i].required);
		str_char(&all, ',');
		add_members(&all, class_table[i].optional);
	}
	str_char(&all, ']');
	table_doc = json_parse(all.p, all.len);
	if (!table_doc)
		abort();
	v = json_root(table_doc)->child;
	for (i = 0; i < n; i++) {
		char *types = mem_text(class_table[i].outputs);
		char *save = NULL, *t;

		class_table[i].required_spec = v;
		class_table[i].optional_spec = v->next;
		v = v->next->next;
		for (t = strtok_r(types, ",", &save); t;
		     t = strtok_r(NULL, ",", &save))
			strv_add(&class_table[i].output_types, t);
		free(types);
	}
	str_free(&all);
}

const struct class *class_at(size_t i)
{
	return i < class_table_size ? &class_table[i] : NULL;
}

const struct class *class_find(const char *name)
{
	size_t i;

	for (i = 0; i < class_table_size; i++)
		if (!strcmp(class_table[i].name, name))
			return &class_table[i];
	return NULL;
}

size_t class_output_count(const struct world *w, const struct class *c)
{
	if (c->flags & C_OUT_NEW && w->dialect < DIALECT_0_25_0)
		return 0;
	return c->output_types.n;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool ends_in(const char *name, const char *tails)
{
	const char *dot = strrchr(name, '.');

	return dot && strstr(tails, dot);
}

static void list_input(struct world *w, bool video, struct strv *out)
{
	struct str path = {0};
	struct dirent *e;
	struct stat st;
	DIR *d = opendir(w->input_dir);

	while (d && (e = readdir(d))) {
		str_clear(&path);
		str_printf(&path, "%s/%s", w->input_dir, e->d_name);
		if (stat(path.p, &st) || !S_ISREG(st.st_mode))
			continue;
		if (ends_in(e->d_name, ".mp4.webm.mkv.mov.gif") == video)
			strv_add(out, e->d_name);
	}
	if (d)
		closedir(d);
	str_free(&path);
	if (out->n)
		qsort(out->v, out->n, sizeof(*out->v), by_name);
}

void class_choices(struct world *w, const char *kind, struct strv *out)
{
	const size_t n = strlen(kind);
	size_t i;

	if (!strcmp(kind, "input") || !strcmp(kind, "input_video")) {
		list_input(w, kind[5], out);
		return;
	}
	for (i = 0; i < w->models.n; i++)
		if (!strncmp(w->models.v[i], kind, n) &&
		    w->models.v[i][n] == '/')
			strv_add(out, w->models.v[i] + n + 1);
}

static void print_choices(struct world *w, const char *kind, struct str *out)
{
	struct strv names = {0};
	size_t i;

	class_choices(w, kind, &names);
	str_char(out, '[');
	for (i = 0; i < names.n; i++) {
		str_puts(out, i ? ", " : "");
		str_json_text(out, names.v[i]);
	}
	str_char(out, ']');
	strv_free(&names);
}

void class_print_input(struct world *w, const struct jv *v, struct str *out)
{
	const struct jv *m;

	if (v->type == J_STR && v->text[0] == '@') {
		print_choices(w, v->text + 1, out);
		return;
	}
	if (v->type != J_ARR && v->type != J_OBJ) {
		json_dump(out, v);
		return;
	}
	str_char(out, v->type == J_OBJ ? '{' : '[');
	for (m = v->child; m; m = m->next) {
		if (m->key) {
			str_json_text(out, m->key);
			str_puts(out, ": ");
		}
		class_print_input(w, m, out);
		str_puts(out, m->next ? ", " : "");
	}
	str_char(out, v->type == J_OBJ ? '}' : ']');
}
