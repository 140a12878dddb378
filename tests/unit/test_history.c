#include "comfy/history.h"
#include "base/buf.h"
#include "base/text.h"
#include "tap.h"
#include "unit/history_rig.h"

#include <stdlib.h>

#define SUCCESS                                                                \
	"\"status\": {\"status_str\": \"success\", \"completed\": true, "      \
	"\"messages\": [[\"execution_start\", {}], [\"execution_success\", "   \
	"{}]]}"
#define ERROR(type, message)                                                   \
	"{\"outputs\": {}, \"status\": {\"status_str\": \"error\", "           \
	"\"completed\": false, \"messages\": [[\"execution_start\", {}], "     \
	"[\"execution_error\", {\"node_id\": \"9\", \"node_type\": "           \
	"\"RCRaise\", \"executed\": [\"1\"], \"exception_message\": "          \
	"\"" message "\", \"exception_type\": \"" type                         \
	"\", \"traceback\": [\"one\\n\", "                                     \
	"\"two\\n\"], \"current_inputs\": {\"value\": [\"tensor(…)\"]}}]]}}"

static const struct {
	const char *name;
	const char *text;
	enum history_ending ending;
} endings[] = {
	{"a success", "{\"outputs\": {}, " SUCCESS "}", HISTORY_SUCCESS},
	{"a node raised", ERROR("ValueError", "a test value error\\n"),
	 HISTORY_ERROR},
	{"torch's own class",
	 ERROR("torch.OutOfMemoryError", "Allocation on device\\nThis error…"),
	 HISTORY_OUT_OF_MEMORY},
	{"its older name",
	 ERROR("torch.cuda.OutOfMemoryError", "CUDA out of memory."),
	 HISTORY_OUT_OF_MEMORY},
	{"a RuntimeError of CUDA",
	 ERROR("RuntimeError", "CUDA error: out of memory\\n"),
	 HISTORY_OUT_OF_MEMORY},
	{"a RuntimeError of the allocator",
	 ERROR("RuntimeError",
	       "[enforce fail at alloc_cpu.cpp:118] err == 0. "
	       "DefaultCPUAllocator: can't allocate memory: you tried to "
	       "allocate 4398046511104 bytes. Error code 12\\n"),
	 HISTORY_OUT_OF_MEMORY},
	{"a MemoryError without words", ERROR("MemoryError", "\\n"),
	 HISTORY_OUT_OF_MEMORY},
	{"another RuntimeError", ERROR("RuntimeError", "shape mismatch\\n"),
	 HISTORY_ERROR},
	{"words alone are not enough",
	 ERROR("ValueError", "the poet ran out of memory\\n"), HISTORY_ERROR},
	{"interrupted",
	 "{\"outputs\": {}, \"status\": {\"status_str\": \"error\", "
	 "\"completed\": false, \"messages\": [[\"execution_start\", {}], "
	 "[\"execution_cached\", {\"nodes\": []}], "
	 "[\"execution_interrupted\", {\"node_id\": \"2\", \"node_type\": "
	 "\"RCPreview\", \"executed\": [\"1\"]}]]}}",
	 HISTORY_INTERRUPTED},
	{"an error that nobody tells",
	 "{\"outputs\": {}, \"status\": {\"status_str\": \"error\", "
	 "\"messages\": \"none\"}}",
	 HISTORY_ERROR},
	{"messages of odd types",
	 "{\"outputs\": {}, \"status\": {\"status_str\": \"error\", "
	 "\"messages\": [1, [], [2, 3], [\"execution_error\"], null]}}",
	 HISTORY_ERROR},
	{"an error followed by a success is one (s35)",
	 "{\"outputs\": {}, \"status\": {\"status_str\": \"success\", "
	 "\"messages\": [[\"execution_error\", {\"exception_type\": "
	 "\"ExecutionBlocked\"}], [\"execution_success\", {}]]}}",
	 HISTORY_SUCCESS},
};

static const struct {
	const char *name;
	const char *text;
} refused[] = {
	{"no object", "[]"},
	{"null", "null"},
	{"no status", "{\"outputs\": {}}"},
	{"status null", "{\"outputs\": {}, \"status\": null}"},
	{"an unknown word",
	 "{\"outputs\": {}, \"status\": {\"status_str\": \"fine\"}}"},
	{"the word is a number",
	 "{\"outputs\": {}, \"status\": {\"status_str\": 1}}"},
	{"outputs is a list", "{\"outputs\": [1], " SUCCESS "}"},
	{"outputs is a word", "{\"outputs\": \"none\", " SUCCESS "}"},
	{"outputs is no JSON", "{\"outputs\": {\"9\" 1}, " SUCCESS "}"},
	{"outputs has a key twice",
	 "{\"outputs\": {\"9\": {}, \"9\": {}}, " SUCCESS "}"},
	{"status is no JSON", "{\"status\": {\"status_str\": tru}}"},
};

static bool read_text(const char *text, struct arena *a, struct history *h)
{
	struct problem why = {0};
	bool good = history_of(text, a, h, &why);

	if (!good)
		fprintf(stderr, "# %s\n", why.detail);
	return good;
}

static void table_of_endings(void)
{
	for (size_t i = 0; i < COUNT(endings); i++) {
		struct arena a = {0};
		struct history h;

		ok(read_text(endings[i].text, &a, &h) &&
			   h.ending == endings[i].ending,
		   "%s", endings[i].name);
		arena_finish(&a);
	}
	for (size_t i = 0; i < COUNT(refused); i++) {
		struct arena a = {0};
		struct history h;
		struct problem why = {0};

		ok(!history_of(refused[i].text, &a, &h, &why) &&
			   why.detail[0] != '\0',
		   "refused: %s", refused[i].name);
		arena_finish(&a);
	}
}

static void an_error(void)
{
	struct arena a = {0};
	struct history h = {0};

	ok(read_text(ERROR("RuntimeError",
			   "a test runtime error\\nwith a second line\\n"),
		     &a, &h),
	   "an error is read");
	is_str(h.error_node, "9", "its node");
	is_str(h.error_class, "RCRaise", "its class");
	is_str(h.error_type, "RuntimeError", "its type");
	is_str(h.error_message, "a test runtime error\nwith a second line",
	       "its message, without the newline behind");
	is_str(h.error_traceback, "one\ntwo\n", "its traceback");
	arena_finish(&a);
}

/* Python 3.13: many frames of the server, the node's own at the end. */
static void a_long_traceback(void)
{
	static const char frame[] =
		"\"  File \\\"execution.py\\\", line 496, in execute\\n"
		"    await get_output_data(prompt_id)\\n"
		"          ~~~~~~~~~~~~~~~^^^^^^^^^^^\\n\",";
	struct arena a = {0};
	struct history h = {0};
	struct buf text;

	buf_init(&text, 100000);
	buf_adds(&text, "{\"status\": {\"status_str\": \"error\", "
			"\"messages\": [[\"execution_error\", {"
			"\"exception_type\": \"ValueError\", "
			"\"traceback\": [");
	for (int i = 0; i < 40; i++)
		buf_adds(&text, frame);
	buf_adds(&text, "\"    raise ValueError(kind)\\n\"]}]]}, "
			"\"outputs\": {}}");
	ok(read_text(buf_str(&text), &a, &h), "a long traceback is read");
	ok(strlen(h.error_traceback) < 1000 &&
		   text_ends(h.error_traceback, "raise ValueError(kind)\n"),
	   "its end is kept, for that is where it happened");
	ok(strchr(h.error_traceback, '^') == NULL, "without the marks");
	ok(text_starts(h.error_traceback, "    await") ||
		   text_starts(h.error_traceback, "  File"),
	   "from the beginning of a line");
	buf_finish(&text);
	arena_finish(&a);
}

#define FILE_JSON(name, folder, type)                                          \
	"{\"filename\": \"" name "\", \"subfolder\": \"" folder                \
	"\", \"type\": \"" type "\"}"

static const char many[] = "{\"outputs\": {\"10:2\": {\"images\": [" FILE_JSON(
	"a_00001_.png", "",
	"output") ", " FILE_JSON("../b.png", "sub dir/x",
				 "temp") "], "
					 "\"gifs\": [{\"filename\": \"b.mp4\", "
					 "\"subfolder\": \"sub\", "
					 "\"type\": \"output\", \"format\": "
					 "\"video/h264-mp4\"}], "
					 "\"animated\": [true]}, "
					 "\"5\": {\"text\": [\"hello\", "
					 "\"w\\u00f6rld\"]}, "
					 "\"6\": {\"value\": [NaN, Infinity, "
					 "18446744073709551615], "
					 "\"odd\": \"plain\", \"none\": null, "
					 "\"deep\": {\"a\": [1]}, "
					 "\"mixed\": [1, {\"filename\": 5}, "
					 "{\"filename\": \"\"}, "
					 "{\"filename\": \"c.bin\", "
					 "\"subfolder\": null}]}, "
					 "\"7\": null, \"8\": [1]}, " SUCCESS
					 ", \"meta\": {}, "
					 "\"later\": true}";

static const struct {
	const char *node, *key, *value;
	size_t files;
} lists[] = {
	{"10:2", "images", NULL, 2},
	{"10:2", "gifs", NULL, 1},
	{"10:2", "animated", "[true]", 0},
	{"5", "text", "[\"hello\",\"wörld\"]", 0},
	{"6", "value", "[null,null,18446744073709551615]", 0},
	{"6", "odd", "\"plain\"", 0},
	{"6", "none", "null", 0},
	{"6", "deep", "{\"a\":[1]}", 0},
	{"6", "mixed", NULL, 1},
};

static void outputs(void)
{
	struct arena a = {0};
	struct history h = {0};
	const struct history_file *f;

	ok(read_text(many, &a, &h), "outputs of many kinds are read");
	ok(h.list_count == COUNT(lists), "as many lists as keys");
	if (h.list_count != COUNT(lists)) {
		arena_finish(&a);
		return;
	}
	for (size_t i = 0; i < COUNT(lists); i++) {
		const struct history_list *l = &h.lists[i];

		ok(strcmp(l->node, lists[i].node) == 0 &&
			   strcmp(l->key, lists[i].key) == 0 &&
			   l->file_count == lists[i].files,
		   "%s of node %s", lists[i].key, lists[i].node);
		if (lists[i].value != NULL)
			is_str(l->value, lists[i].value, "its value");
	}
	f = &h.lists[0].files[1];
	is_str(f->filename, "../b.png", "a hostile name is data");
	is_str(f->subfolder, "sub dir/x", "its folder");
	is_str(f->type, "temp", "its type");
	f = &h.lists[8].files[0];
	is_str(f->filename, "c.bin", "a file among other things");
	is_str(f->subfolder, "", "no folder");
	is_str(f->type, "output", "output, where no type is said");
	arena_finish(&a);
}

/* A failed run keeps what was done before it (s12). */
static void outputs_of_a_failure(void)
{
	struct arena a = {0};
	struct history h = {0};

	ok(read_text(
		   "{\"outputs\": {\"2\": {\"images\": [" FILE_JSON(
			   "a.png", "", "output") "]}}, \"status\": "
						  "{\"status_str\": \"error\", "
						  "\"messages\": []}}",
		   &a, &h) &&
		   h.ending == HISTORY_ERROR && h.list_count == 1 &&
		   h.lists[0].file_count == 1,
	   "a failed run has the outputs before the failure");
	ok(h.error_node == NULL && h.error_type == NULL,
	   "and no error text where there is none");
	arena_finish(&a);
}

/* What a graph may hold that we would not take. */
#define GRAPH                                                                  \
	"\"prompt\": [1, \"x\", {\"outputs\": {\"1\": 01}, \"a\\\"]}\": "      \
	"[NaN, \"\\ud800 \\u0000 \\\\\", \"\\\\\\\"\"], \"a\": 1, \"a\": 2, "  \
	"\"id\": {\"status\": 2}}, {}, [\"9\"]]"

static const struct {
	const char *name, *text;
	bool good, there;
	const char *status, *outputs; /* NULL: not there */
} answers[] = {
	{"no entry", "{}", true, false, NULL, NULL},
	{"another's entry", "{\"di\": {\"status\": 1}, \"idx\": [1]}", true,
	 false, NULL, NULL},
	{"an entry", "{\"id\": {\"outputs\": {\"9\": []}, \"status\": {}}}",
	 true, true, "{}", "{\"9\": []}"},
	{"behind a graph",
	 "{\"id\":{" GRAPH ",\"outputs\":{\"9\":\"}\"},\"status\":[1]}}", true,
	 true, "[1]", "{\"9\":\"}\"}"},
	{"before a graph", " { \"id\" : { \"status\" : 1 , " GRAPH " } } ",
	 true, true, "1 ", NULL},
	{"an empty entry", "{\"id\": {}}", true, true, NULL, NULL},
	{"an entry that is none", "{\"id\": null}", true, true, NULL, NULL},
	{"the entry twice", "{\"id\": {}, \"id\": {}}", false, false, NULL,
	 NULL},
	{"a part twice", "{\"id\": {\"status\": {}, \"status\": {}}}", false,
	 false, NULL, NULL},
	{"a list", "[\"id\"]", false, false, NULL, NULL},
	{"nothing", "", false, false, NULL, NULL},
	{"a page", "<html>", false, false, NULL, NULL},
};

static bool is_part(struct skim part, const char *want)
{
	return want == NULL ? part.at == NULL
			    : part.at != NULL && skim_is(part, want);
}

static void finding(void)
{
	for (size_t i = 0; i < COUNT(answers); i++) {
		/* A copy of its very size: reading past the end is seen. */
		size_t len = strlen(answers[i].text);
		char *copy = mem_alloc(len);
		struct history_entry e;
		bool good;

		memcpy(copy, answers[i].text, len);
		good = history_find(copy, len, "id", &e);
		ok(good == answers[i].good &&
			   (!good || (e.there == answers[i].there &&
				      is_part(e.status, answers[i].status) &&
				      is_part(e.outputs, answers[i].outputs))),
		   "found: %s", answers[i].name);
		free(copy);
	}
}

static void every_cut(void)
{
	const char *whole = answers[3].text;
	size_t len = strlen(whole);
	bool none = true;

	for (size_t n = 0; n < len; n++) {
		char *copy = mem_alloc(n + 1);
		struct history_entry e;

		memcpy(copy, whole, n);
		none &= !history_find(copy, n, "id", &e);
		free(copy);
	}
	ok(none, "no part of an answer passes for a whole");
}

int main(void)
{
	finding();
	every_cut();
	table_of_endings();
	an_error();
	a_long_traceback();
	outputs();
	outputs_of_a_failure();
	return tap_done();
}
