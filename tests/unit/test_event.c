#include "comfy/event.h"
#include "tap.h"

#define ID "d372be56-afaa-4d9f-af0b-3124dcfb12c5"

static const struct {
	const char *name;
	const char *text;
	bool good;
	enum event_kind kind;
	const char *prompt_id;
	const char *node;
	double value, max;
	size_t count, done;
} cases[] = {
	{.name = "status with our sid",
	 .text = "{\"type\": \"status\", \"data\": {\"status\": {\"exec_info\":"
		 " {\"queue_remaining\": 0}}, \"sid\": \"c31b310e\"}}",
	 .good = true,
	 .kind = EVENT_STATUS},
	{.name = "feature flags are of no interest",
	 .text = "{\"type\": \"feature_flags\", \"data\": "
		 "{\"supports_preview_metadata\": true}}",
	 .good = true,
	 .kind = EVENT_OTHER},
	{.name = "start",
	 .text = "{\"type\": \"execution_start\", \"data\": {\"prompt_id\": "
		 "\"" ID "\", \"timestamp\": 1795322790636}}",
	 .good = true,
	 .kind = EVENT_START,
	 .prompt_id = ID},
	{.name = "cached nodes are counted",
	 .text = "{\"type\": \"execution_cached\", \"data\": {\"nodes\": "
		 "[\"1\", \"2\"], \"prompt_id\": \"" ID "\"}}",
	 .good = true,
	 .kind = EVENT_CACHED,
	 .prompt_id = ID,
	 .count = 2},
	{.name = "a node begins: the display node",
	 .text = "{\"type\": \"executing\", \"data\": {\"node\": \"7.0.3\", "
		 "\"display_node\": \"7\", \"prompt_id\": \"" ID "\"}}",
	 .good = true,
	 .kind = EVENT_EXECUTING,
	 .prompt_id = ID,
	 .node = "7"},
	{.name = "after a reconnect there is no prompt id (s20)",
	 .text = "{\"type\": \"executing\", \"data\": {\"node\": \"2\"}}",
	 .good = true,
	 .kind = EVENT_EXECUTING,
	 .node = "2"},
	{.name = "node null is the end",
	 .text = "{\"type\": \"executing\", \"data\": {\"node\": null, "
		 "\"prompt_id\": \"" ID "\"}}",
	 .good = true,
	 .kind = EVENT_END,
	 .prompt_id = ID},
	{.name = "no node at all is not the end",
	 .text = "{\"type\": \"executing\", \"data\": {\"prompt_id\": \"" ID
		 "\"}}",
	 .good = true,
	 .kind = EVENT_OTHER,
	 .prompt_id = ID},
	{.name = "progress",
	 .text = "{\"type\": \"progress\", \"data\": {\"value\": 3, \"max\": "
		 "20, \"prompt_id\": \"" ID "\", \"node\": \"3\"}}",
	 .good = true,
	 .kind = EVENT_PROGRESS,
	 .prompt_id = ID,
	 .node = "3",
	 .value = 3,
	 .max = 20},
	{.name = "progress in fractions (s35)",
	 .text = "{\"type\": \"progress\", \"data\": {\"value\": 0.5, \"max\": "
		 "1.0, \"prompt_id\": \"" ID "\", \"node\": \"3\"}}",
	 .good = true,
	 .kind = EVENT_PROGRESS,
	 .prompt_id = ID,
	 .node = "3",
	 .value = 0.5,
	 .max = 1},
	{.name = "progress that is no number",
	 .text = "{\"type\": \"progress\", \"data\": {\"value\": NaN, \"max\": "
		 "1e999, \"prompt_id\": \"" ID "\", \"node\": 3}}",
	 .good = true,
	 .kind = EVENT_PROGRESS,
	 .prompt_id = ID},
	{.name = "progress_state is counted",
	 .text = "{\"type\": \"progress_state\", \"data\": {\"prompt_id\": "
		 "\"" ID "\", \"nodes\": {\"1\": {\"value\": 1.0, \"max\": "
		 "1.0, \"state\": \"finished\", \"node_id\": \"1\", "
		 "\"prompt_id\": \"" ID "\", \"display_node_id\": \"1\", "
		 "\"parent_node_id\": null, \"real_node_id\": \"1\"}, \"2\": "
		 "{\"value\": 0.25, \"max\": 4.0, \"state\": \"running\", "
		 "\"node_id\": \"2\", \"display_node_id\": \"2\"}, \"3\": "
		 "{\"state\": \"finished\"}}}}",
	 .good = true,
	 .kind = EVENT_PROGRESS,
	 .prompt_id = ID,
	 .node = "2",
	 .value = 0.25,
	 .max = 4,
	 .count = 3,
	 .done = 2},
	{.name = "progress_state of another form",
	 .text = "{\"type\": \"progress_state\", \"data\": {\"prompt_id\": "
		 "\"" ID "\", \"nodes\": [1]}}",
	 .good = true,
	 .kind = EVENT_PROGRESS,
	 .prompt_id = ID},
	{.name = "executed",
	 .text = "{\"type\": \"executed\", \"data\": {\"node\": \"2\", "
		 "\"display_node\": \"2\", \"output\": {\"images\": "
		 "[{\"filename\": \"rec_00001_.png\", \"subfolder\": \"\", "
		 "\"type\": \"output\"}]}, \"prompt_id\": \"" ID "\"}}",
	 .good = true,
	 .kind = EVENT_EXECUTED,
	 .prompt_id = ID,
	 .node = "2"},
	{.name = "success",
	 .text = "{\"type\": \"execution_success\", \"data\": {\"prompt_id\": "
		 "\"" ID "\"}}",
	 .good = true,
	 .kind = EVENT_SUCCESS,
	 .prompt_id = ID},
	{.name = "error",
	 .text = "{\"type\": \"execution_error\", \"data\": {\"prompt_id\": "
		 "\"" ID "\", \"node_id\": \"3\", \"node_type\": "
		 "\"PreviewImage\", \"executed\": [\"1\", \"2\"], "
		 "\"exception_type\": \"ExecutionBlocked\", \"traceback\": "
		 "[]}}",
	 .good = true,
	 .kind = EVENT_ERROR,
	 .prompt_id = ID,
	 .node = "3"},
	{.name = "interrupted",
	 .text = "{\"type\": \"execution_interrupted\", \"data\": "
		 "{\"prompt_id\": \"" ID "\", \"node_id\": \"2\", "
		 "\"node_type\": \"RCPreview\", \"executed\": [\"1\"]}}",
	 .good = true,
	 .kind = EVENT_INTERRUPTED,
	 .prompt_id = ID,
	 .node = "2"},
	{.name = "a message of a later version (s45)",
	 .text = "{\"type\": \"assets.seed.paused\", \"data\": {}}",
	 .good = true,
	 .kind = EVENT_OTHER},
	{.name = "ids of other types are not there",
	 .text = "{\"type\": \"executing\", \"data\": {\"node\": {\"a\": 1}, "
		 "\"display_node\": [], \"prompt_id\": 7}}",
	 .good = true,
	 .kind = EVENT_EXECUTING},
	{.name = "\\u0000 in a text",
	 .text = "{\"type\": \"executed\", \"data\": {\"node\": \"1\", "
		 "\"output\": {\"text\": [\"a \\u0000 \\ud83d\\ude00\"]}, "
		 "\"prompt_id\": \"" ID "\"}}",
	 .good = true,
	 .kind = EVENT_EXECUTED,
	 .prompt_id = ID,
	 .node = "1"},
	{.name = "half a surrogate pair in an error",
	 .text = "{\"type\": \"execution_error\", \"data\": {\"prompt_id\": "
		 "\"" ID "\", \"node_id\": \"1\", \"exception_message\": "
		 "\"can't encode\\n\", \"current_inputs\": {\"text\": "
		 "[\"\\ud800\"]}}}",
	 .good = true,
	 .kind = EVENT_ERROR,
	 .prompt_id = ID,
	 .node = "1"},
	{.name = "data is a list", .text = "{\"type\":\"status\",\"data\":[]}"},
	{.name = "no data", .text = "{\"type\": \"status\"}"},
	{.name = "type is a number", .text = "{\"type\": 1, \"data\": {}}"},
	{.name = "a list", .text = "[1]"},
	{.name = "a string", .text = "\"status\""},
	{.name = "no JSON", .text = "not json"},
	{.name = "cut off", .text = "{\"type\": \"status\", \"data\": {"},
	{.name = "empty", .text = ""},
};

static bool same(const struct event *e, size_t i)
{
	const char *id = cases[i].prompt_id, *node = cases[i].node;

	return e->kind == cases[i].kind &&
	       strcmp(e->prompt_id, id != NULL ? id : "") == 0 &&
	       strcmp(e->node, node != NULL ? node : "") == 0 &&
	       e->value >= cases[i].value && e->value <= cases[i].value &&
	       e->max >= cases[i].max && e->max <= cases[i].max &&
	       e->node_count == cases[i].count &&
	       e->nodes_done == cases[i].done;
}

static void deep(void)
{
	char text[2048] = "{\"type\":\"status\",\"data\":{\"a\":";
	size_t n = strlen(text);
	struct arena a = {0};
	struct event e;

	memset(text + n, '[', 1500);
	ok(!event_read(text, n + 1500, &a, &e), "nested for ever: refused");
	arena_finish(&a);
}

int main(void)
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena a = {0};
		struct event e;
		bool good = event_read(cases[i].text, strlen(cases[i].text), &a,
				       &e);

		ok(good == cases[i].good && (!good || same(&e, i)), "%s",
		   cases[i].name);
		arena_finish(&a);
	}
	deep();
	return tap_done();
}
