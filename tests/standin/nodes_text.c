#include "nodes.h"

#include <stdlib.h>
#include <string.h>

static void text_ui(struct enode *n, const char *text)
{
	str_puts(&n->ui, "{\"text\": [");
	str_json_text(&n->ui, text);
	str_puts(&n->ui, "]}");
}

bool node_preview_any(struct run *r, struct enode *n)
{
	struct str s = {0};
	const char *text = run_text(r, n, "source", &s);

	text_ui(n, text);
	run_out(n, 0, value_text(V_TEXT, text));
	str_free(&s);
	return true;
}

bool node_primitive(struct run *r, struct enode *n)
{
	static const struct {
		const char *name;
		enum vtype type;
	} types[] = {{"INT", V_INT}, {"FLOAT", V_FLOAT}, {"BOOLEAN", V_BOOL}};
	const char *out = n->class->output_types.v[0];
	enum vtype type = V_TEXT;
	struct str s = {0};
	size_t i;

	for (i = 0; i < 3; i++)
		if (!strcmp(types[i].name, out))
			type = types[i].type;
	run_out(n, 0, value_text(type, run_text(r, n, "value", &s)));
	str_free(&s);
	return true;
}

bool node_concatenate(struct run *r, struct enode *n)
{
	struct str tmp = {0}, all = {0};

	str_puts(&all, run_text(r, n, "string_a", &tmp));
	str_puts(&all, run_text(r, n, "delimiter", &tmp));
	str_puts(&all, run_text(r, n, "string_b", &tmp));
	run_out(n, 0, value_text(V_TEXT, str_text(&all)));
	str_free(&tmp);
	str_free(&all);
	return true;
}

bool node_contains(struct run *r, struct enode *n)
{
	struct str text = {0}, part = {0}, flag = {0};
	const char *s = run_text(r, n, "string", &text);
	const char *wanted = run_text(r, n, "substring", &part);
	bool exact = !strcmp(run_text(r, n, "case_sensitive", &flag), "True");
	bool found = exact ? strstr(s, wanted) : strcasestr(s, wanted);

	run_out(n, 0, value_text(V_BOOL, found ? "True" : "False"));
	str_free(&text);
	str_free(&part);
	str_free(&flag);
	return true;
}

bool node_rc_text(struct run *r, struct enode *n)
{
	struct str s = {0}, frame = {0};
	const char *text = run_text(r, n, "text", &s);

	str_printf(&frame, "text frame: %s", text);
	run_text_frame(r, n, frame.p);
	text_ui(n, text);
	str_free(&s);
	str_free(&frame);
	return true;
}

bool node_rc_numbers(struct run *r, struct enode *n)
{
	static const char *const names[] = {"i", "f", "s", "b", "c", "opt"};
	struct str s = {0}, tmp = {0};
	size_t i;

	str_puts(&n->ui, "{\"text\": [");
	for (i = 0; i < 6; i++) {
		const struct jv *v = run_const(n, names[i]);

		str_clear(&s);
		if (run_link(r, n, names[i]))
			str_puts(&s, run_text(r, n, names[i], &tmp));
		else if (v)
			json_repr(&s, v);
		else
			str_puts(&s, "None");
		str_puts(&n->ui, i ? ", " : "");
		str_json_text(&n->ui, s.p);
	}
	str_puts(&n->ui, "]}");
	for (i = 0; i < 4; i++)
		run_out(n, i, value_text(V_TEXT, run_text(r, n, names[i], &s)));
	str_free(&s);
	str_free(&tmp);
	return true;
}

bool node_rc_list(struct run *r, struct enode *n)
{
	const long long count = run_int(r, n, "n", 3);
	struct value *list = value_new(V_LIST);
	long long i;

	list->items = mem_alloc((size_t)count * sizeof(struct value *));
	for (i = 0; i < count; i++)
		list->items[list->count++] =
			value_image(image_new(32, 32, 1, 3), V_IMAGE);
	run_out(n, 0, list);
	return true;
}

bool node_rc_raise(struct run *r, struct enode *n)
{
	static const struct {
		const char *kind, *type, *message;
		bool tip;
	} kinds[] = {
		{"ValueError", "ValueError", "a test value error", false},
		{"RuntimeError", "RuntimeError",
		 "a test runtime error\nwith a second line", false},
		{"KeyError", "KeyError", "'missing'", false},
		{"AssertionError", "AssertionError", "", false},
		{"EmptyMessage", "Exception", "", false},
		{"TorchOOM", "torch.OutOfMemoryError", "Allocation on device",
		 true},
		{"TorchCudaOOM", "torch.OutOfMemoryError",
		 "CUDA out of memory. Tried to allocate 20.00 GiB.", true},
		{"CudaOOMText", "RuntimeError", "CUDA error: out of memory",
		 false},
		{"MemoryError", "MemoryError", "", false},
	};
	struct str s = {0};
	const char *kind = run_text(r, n, "kind", &s);
	size_t i;

	if (!strcmp(kind, "InterruptException")) {
		r->interrupted = true;
	} else if (!strcmp(kind, "SystemExit") ||
		   !strcmp(kind, "KeyboardInterrupt")) {
		pthread_mutex_lock(&r->w->lock);
		r->w->worker_dead = r->dead = true;
		world_changed(r->w);
		pthread_mutex_unlock(&r->w->lock);
	} else {
		for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
			if (!strcmp(kinds[i].kind, kind))
				break;
		i %= sizeof(kinds) / sizeof(*kinds);
		run_raise(r, kinds[i].type, "%s", kinds[i].message);
		r->exc_tip = kinds[i].tip || (!strcmp(kind, "CudaOOMText") &&
					      r->w->dialect >= DIALECT_0_25_0);
	}
	str_free(&s);
	return false;
}
