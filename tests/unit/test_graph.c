#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "manifest/load.h"
#include "tap.h"

/*
 *	{"a":1,"b":22,"c":333}
 *	     ^ 5   ^ 11   ^ 18
 */
static const char text[] = "{\"a\":1,\"b\":22,\"c\":333}";
static const struct hole holes[] = {
	{5, 1, "1", "a"}, {11, 2, "1", "b"}, {18, 3, "1", "c"}};
static const struct graph by_hand = {text, sizeof(text) - 1, holes, 3};

static void check_render(void)
{
	static const struct {
		const char *name;
		const char *values[3];
		const char *want;
	} cases[] = {
		{"nothing", {NULL, NULL, NULL}, "{\"a\":1,\"b\":22,\"c\":333}"},
		{"the first",
		 {"\"x\"", NULL, NULL},
		 "{\"a\":\"x\",\"b\":22,\"c\":333}"},
		{"the middle",
		 {NULL, "0", NULL},
		 "{\"a\":1,\"b\":0,\"c\":333}"},
		{"the last",
		 {NULL, NULL, "18446744073709551615"},
		 "{\"a\":1,\"b\":22,\"c\":18446744073709551615}"},
		{"all", {"[]", "{}", "null"}, "{\"a\":[],\"b\":{},\"c\":null}"},
		{"an empty text is a value",
		 {"", NULL, NULL},
		 "{\"a\":,\"b\":22,\"c\":333}"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct filling fillings[3] = {{NULL, 0}};
		struct buf to;

		for (size_t j = 0; j < 3; j++)
			if (cases[i].values[j] != NULL)
				fillings[j] = (struct filling){
					cases[i].values[j],
					strlen(cases[i].values[j])};
		buf_init(&to, 1000);
		graph_render(&by_hand, NULL, fillings, NULL, &to);
		is_str(buf_str(&to), cases[i].want, cases[i].name);
		buf_finish(&to);
	}
}

static void check_edges(void)
{
	static const struct hole touching[] = {{0, 1, "1", "a"},
					       {1, 1, "1", "b"}};
	static const struct graph ends = {"12", 2, touching, 2};
	static const struct graph plain = {"{}", 2, NULL, 0};
	const struct filling both[] = {{"x", 1}, {"yy", 2}};
	struct filling none[3] = {{NULL, 0}};
	struct buf to;

	buf_init(&to, 100);
	graph_render(&ends, NULL, both, NULL, &to);
	is_str(buf_str(&to), "xyy", "holes that touch, at both ends");
	graph_render(&plain, NULL, NULL, NULL, &to);
	is_str(buf_str(&to), "xyy{}", "appended; a graph without holes");
	buf_finish(&to);
	buf_init(&to, by_hand.len - 1);
	graph_render(&by_hand, NULL, none, NULL, &to);
	ok(buf_over(&to), "a prompt past the ceiling is told");
	buf_finish(&to);
}

/* Where each filling begins, also those of nothing. */
static void check_places(void)
{
	const struct filling fillings[3] = {{"", 0}, {NULL, 0}, {"12345", 5}};
	size_t at[3] = {77, 77, 77};
	struct buf to;

	buf_init(&to, 1000);
	buf_adds(&to, "before ");
	graph_render(&by_hand, NULL, fillings, at, &to);
	is_str(buf_str(&to), "before {\"a\":,\"b\":22,\"c\":12345}",
	       "an empty filling");
	ok(at[0] == 5 && at[1] == GRAPH_NOWHERE && at[2] == 17,
	   "places in the prompt alone");
	buf_finish(&to);
}

static struct endpoint *load(const char *folder)
{
	struct problem_list errors, notices;
	struct arena arena = {0};
	struct endpoint *e;

	problem_list_init(&errors, &arena);
	problem_list_init(&notices, &arena);
	e = manifest_load(folder, &errors, &notices);
	ok(e != NULL, "%s loads", folder);
	arena_finish(&arena);
	if (e == NULL)
		exit(tap_done());
	return e;
}

static const struct input *input_of(const struct endpoint *e, const char *name)
{
	for (size_t i = 0; i < e->input_count; i++)
		if (strcmp(e->inputs[i].name, name) == 0)
			return &e->inputs[i];
	abort();
}

/* The text that the hole of an input's first target stands for. */
static void check_hole(const struct endpoint *e, const char *name,
		       const char *want)
{
	const struct hole *h =
		&e->graph.holes[input_of(e, name)->targets[0].hole];
	struct arena arena = {0};

	is_str(arena_strndup(&arena, e->graph.text + h->at, h->len), want,
	       name);
	arena_finish(&arena);
}

static void check_text_is_kept(void)
{
	struct endpoint *e = load("tests/cases/manifest/ok-odd-formatting");
	struct problem why;
	size_t len;
	char *file = file_read("tests/cases/manifest/ok-odd-formatting/"
			       "workflow.json",
			       1 << 20, &len, &why);

	ok(len == e->graph.len, "as long as the file");
	is_str(e->graph.text, file, "the author's text, to the last byte");
	check_hole(e, "seed", "18446744073709551615");
	check_hole(e, "steps", "2E+1");
	check_hole(e, "name", "\"caf\\u00e9 \\/ é\"");
	check_hole(e, "list", "[1, 2.0,{\"a\":{}}]");
	check_hole(e, "nothing", "null");
	check_hole(e, "model", "\"a\\\"b\\\\c\"");
	check_hole(e, "prefix", "\"\"");
	for (size_t i = 1; i < e->graph.hole_count; i++)
		ok(e->graph.holes[i].at >=
			   e->graph.holes[i - 1].at + e->graph.holes[i - 1].len,
		   "hole %zu is after the one before", i);
	free(file);
	endpoint_drop(e);
}

static void check_set(void)
{
	struct endpoint *e = load("endpoints/portrait");
	struct filling none[16] = {{NULL, 0}};
	struct buf to;

	ok(e->graph.hole_count <= COUNT(none), "few holes");
	buf_init(&to, 1 << 20);
	graph_render(&e->graph, NULL, none, NULL, &to);
	is_str(buf_str(&to), e->graph.text, "rendered with nothing put in");
	ok(strstr(e->graph.text, "\"filename_prefix\": \"portrait\"") != NULL,
	   "the fixed value is in the text");
	ok(strstr(e->graph.text, "\"ComfyUI\"") == NULL,
	   "the author's value is not");
	check_hole(e, "seed", "156680208700286");
	check_hole(e, "avoid", "\"lowres, watermark, text\"");
	buf_finish(&to);
	endpoint_drop(e);
}

static void check_template(void)
{
	struct endpoint *e = load("tests/cases/manifest/ok-every-key");
	const struct target *t = input_of(e, "prompt")->targets;

	ok(t[0].part_count == 3, "two values, three pieces");
	is_str(t[0].parts[0], "a {b} ", "before; double braces are single");
	is_str(t[0].parts[1], ", ", "between");
	is_str(t[0].parts[2], "", "after");
	ok(t[1].parts == NULL, "a target without a template");
	endpoint_drop(e);
}

int main(void)
{
	check_render();
	check_edges();
	check_places();
	check_text_is_kept();
	check_set();
	check_template();
	return tap_done();
}
