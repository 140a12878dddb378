/* What ComfyUI's answers say, without a server: the queue, refused graphs,
 * odd escapes, and the parts of a backend's URL. */
#include "comfy/base_url.h"
#include "comfy/client_private.h"
#include "comfy/queue.h"
#include "base/json.h"
#include "tap.h"

#include <stdlib.h>

#define A "35798812-da7f-4592-aff6-9ece0bd7eb1e"
#define B "ed457125-6d7e-446a-accb-9e74033edc8a"

static const struct {
	const char *name;
	const char *text;
	bool good;
	int64_t running, pending;
	bool found_running, found_pending;
} queues[] = {
	{"idle", "{\"queue_running\": [], \"queue_pending\": []}", true, 0, 0,
	 false, false},
	{"running",
	 "{\"queue_running\": [[62, \"" A "\", {\"1\": {\"class_type\": \"X\", "
	 "\"inputs\": {}}}, {}, [\"3\"]]], \"queue_pending\": []}",
	 true, 1, 0, true, false},
	{"pending, behind graphs with anything in them",
	 "{\"queue_pending\": [[-1.5e3, \"" B "\", {\"a\\\"]}\": [NaN, "
	 "\"\\ud800 \\u0000 \\\\\"]}], [7, \"" A "\"]],\n\"other\": [{\"a\": "
	 "[]}, \"]\"], \"queue_running\": [[1, \"x\"]]}",
	 true, 1, 2, false, true},
	{"an id inside a graph is not the prompt's",
	 "{\"queue_running\": [[1, \"" B "\", {\"1\": \"" A "\"}, [1, \"" A
	 "\"]]], \"queue_pending\": [[\"" A "\", 1]]}",
	 true, 1, 1, false, false},
	{"entries of odd types",
	 "{\"queue_running\": [[], [1], [[1, \"" A "\"]], [1, 2]], "
	 "\"queue_pending\": []}",
	 true, 4, 0, false, false},
	{"half of it", "{\"queue_running\": []}", false, 0, 0, false, false},
	{"an entry that is no list",
	 "{\"queue_running\": [{\"a\": 1}], \"queue_pending\": []}", false, 0,
	 0, false, false},
	{"a queue that is no list",
	 "{\"queue_running\": 1, \"queue_pending\": []}", false, 0, 0, false,
	 false},
	{"cut off in a graph",
	 "{\"queue_running\": [[62, \"" A "\", {\"1\": {\"class_type\": \"X\"",
	 false, 0, 0, false, false},
	{"cut off in an escape", "{\"queue_running\": [[62, \"a\\", false, 0, 0,
	 false, false},
	{"no comma", "{\"queue_running\": [[1] [2]], \"queue_pending\": []}",
	 false, 0, 0, false, false},
	{"an error object", "{\"error\": \"no\"}", false, 0, 0, false, false},
	{"a list", "[]", false, 0, 0, false, false},
	{"empty", "", false, 0, 0, false, false},
};

static void read_queues(void)
{
	for (size_t i = 0; i < COUNT(queues); i++) {
		/* A copy of its very size: reading past the end is seen. */
		size_t len = strlen(queues[i].text);
		char *copy = mem_alloc(len + 1);
		struct queue q;
		bool good;

		memcpy(copy, queues[i].text, len);
		good = queue_read(copy, len, A, &q);
		ok(good == queues[i].good &&
			   (!good ||
			    (q.running == queues[i].running &&
			     q.pending == queues[i].pending &&
			     q.found_running == queues[i].found_running &&
			     q.found_pending == queues[i].found_pending)),
		   "queue: %s", queues[i].name);
		free(copy);
	}
}

static void every_cut_of_a_queue(void)
{
	const char *whole = queues[2].text;
	size_t len = strlen(whole);
	bool none = true;

	for (size_t n = 0; n < len; n++) {
		char *copy = mem_alloc(n + 1);
		struct queue q;

		memcpy(copy, whole, n);
		none &= !queue_read(copy, n, A, &q);
		free(copy);
	}
	ok(none, "queue: no part of one passes for a whole");
}

static void a_deep_queue(void)
{
	size_t half = 200000;
	struct buf text;
	struct queue q;

	buf_init(&text, 4 * half);
	buf_adds(&text, "{\"queue_running\": [[1, \"" A "\", ");
	for (size_t i = 0; i < half; i++)
		buf_addc(&text, '[');
	for (size_t i = 0; i < half; i++)
		buf_addc(&text, ']');
	buf_adds(&text, "]], \"queue_pending\": []}");
	ok(queue_read(buf_str(&text), text.len, A, &q) && q.found_running,
	   "queue: depth costs nothing");
	buf_finish(&text);
}

static const struct {
	const char *name;
	const char *text;
	bool known;
	size_t count;
	const char *node, *class, *type, *input, *message, *detail;
} answers[] = {
	{"unknown class, 0.3.64",
	 "{\"error\": {\"type\": \"invalid_prompt\", \"message\": \"Cannot "
	 "execute because node NoSuchNode does not exist.\", \"details\": "
	 "\"Node ID '#5'\", \"extra_info\": {}}, \"node_errors\": {}}",
	 true, 1, "5", "", "invalid_prompt", NULL,
	 "Cannot execute because node NoSuchNode does not exist.: Node ID "
	 "'#5'",
	 "invalid_prompt: Cannot execute because node NoSuchNode does not "
	 "exist.: Node ID '#5'"},
	{"unknown class, 0.25.0",
	 "{\"error\": {\"type\": \"missing_node_type\", \"message\": \"Node "
	 "'My node' not found.\", \"details\": \"Node ID '#5'\", "
	 "\"extra_info\": {\"node_id\": \"5\", \"class_type\": "
	 "\"NoSuchNode\", \"node_title\": \"My node\"}}, \"node_errors\": {}}",
	 true, 1, "5", "NoSuchNode", "missing_node_type", NULL,
	 "Node 'My node' not found.: Node ID '#5'", NULL},
	{"class_type null, 0.25.0",
	 "{\"error\": {\"type\": \"missing_node_type\", \"message\": \"Node "
	 "'ID #1' has no class_type.\", \"details\": \"Node ID '#1'\", "
	 "\"extra_info\": {\"node_id\": \"1\", \"class_type\": null}}, "
	 "\"node_errors\": {}}",
	 true, 1, "1", "", "missing_node_type", NULL, NULL, NULL},
	{"value not in list",
	 "{\"error\": {\"type\": \"prompt_outputs_failed_validation\", "
	 "\"message\": \"Prompt outputs failed validation\", \"details\": "
	 "\"\", \"extra_info\": {}}, \"node_errors\": {\"1\": {\"errors\": "
	 "[{\"type\": \"value_not_in_list\", \"message\": \"Value not in "
	 "list\", \"details\": \"ckpt_name: 'sd15.safetensors' not in []\", "
	 "\"extra_info\": {\"input_name\": \"ckpt_name\", \"input_config\": "
	 "[[], {}], \"received_value\": \"sd15.safetensors\"}}], "
	 "\"dependent_outputs\": [\"4\"], \"class_type\": "
	 "\"CheckpointLoaderSimple\"}}}",
	 true, 1, "1", "CheckpointLoaderSimple", "value_not_in_list",
	 "ckpt_name",
	 "Value not in list: ckpt_name: 'sd15.safetensors' not in []",
	 "prompt_outputs_failed_validation: Prompt outputs failed validation"},
	{"several errors of several nodes",
	 "{\"error\": {}, \"node_errors\": {\"1\": {\"errors\": [{\"type\": "
	 "\"a\", \"message\": \"m\"}, {}]}, \"2\": {\"errors\": [{}], "
	 "\"class_type\": \"SaveImage\"}}}",
	 true, 3, "1", "", "a", NULL, "m", NULL},
	{"an exception while validating has no input",
	 "{\"error\": {\"type\": \"prompt_outputs_failed_validation\"}, "
	 "\"node_errors\": {\"2\": {\"errors\": [{\"type\": "
	 "\"exception_during_validation\", \"message\": \"Exception when "
	 "validating node\", \"details\": \"'99'\", \"extra_info\": "
	 "{\"exception_type\": \"KeyError\", \"traceback\": []}}], "
	 "\"dependent_outputs\": [\"2\"], \"class_type\": \"SaveImage\"}}}",
	 true, 1, "2", "SaveImage", "exception_during_validation", NULL,
	 "Exception when validating node: '99'", NULL},
	{"a cycle, 0.25.0",
	 "{\"error\": {\"type\": \"prompt_outputs_failed_validation\"}, "
	 "\"node_errors\": {\"1\": {\"errors\": [{\"type\": "
	 "\"dependency_cycle\", \"message\": \"Dependency cycle detected\", "
	 "\"details\": \"1 -> 2 -> 1\", \"extra_info\": {\"node_id\": \"1\", "
	 "\"cycle_nodes\": [\"1\", \"2\"]}}], \"class_type\": "
	 "\"ImageInvert\"}}}",
	 true, 1, "1", "ImageInvert", "dependency_cycle", NULL, NULL, NULL},
	{"a cycle, 0.3.64: of the whole graph",
	 "{\"error\": {\"type\": \"prompt_outputs_failed_validation\", "
	 "\"message\": \"Prompt outputs failed validation\", \"details\": "
	 "\"\", \"extra_info\": {}}, \"node_errors\": {}}",
	 true, 1, "", "", "prompt_outputs_failed_validation", NULL,
	 "Prompt outputs failed validation", NULL},
	{"a prompt id it does not like",
	 "{\"error\": {\"type\": \"invalid_prompt_id\", \"message\": "
	 "\"prompt_id must be a valid UUID\", \"details\": \"\"}, "
	 "\"node_errors\": {}}",
	 true, 1, "", "", "invalid_prompt_id", NULL, NULL, NULL},
	{"accepted, one output left out",
	 "{\"prompt_id\": \"x\", \"number\": 31, \"node_errors\": {\"8\": "
	 "{\"errors\": [{\"type\": \"required_input_missing\", \"message\": "
	 "\"Required input is missing\", \"details\": \"images\", "
	 "\"extra_info\": {\"input_name\": \"images\"}}], \"class_type\": "
	 "\"SaveImage\"}}}",
	 true, 1, "8", "SaveImage", "required_input_missing", "images", NULL,
	 ""},
	{"accepted", "{\"prompt_id\": \"x\", \"node_errors\": {}}", true, 0,
	 NULL, NULL, NULL, NULL, NULL, ""},
	{"an error in one word", "{\"error\": \"no\"}", true, 0, NULL, NULL,
	 NULL, NULL, NULL, "no"},
	{"wrong types everywhere",
	 "{\"error\": {\"type\": 1, \"message\": [], \"details\": {}, "
	 "\"extra_info\": 5}, \"node_errors\": {\"1\": 7, \"2\": {\"errors\": "
	 "{\"a\": 1}, \"class_type\": []}, \"3\": {\"errors\": \"x\"}}}",
	 true, 1, "2", "", "", NULL, "", ": "},
	{"of another form", "{\"message\": \"no\"}", false, 0, NULL, NULL, NULL,
	 NULL, NULL, NULL},
	{"a list", "[1]", false, 0, NULL, NULL, NULL, NULL, NULL, NULL},
	{"null", "null", false, 0, NULL, NULL, NULL, NULL, NULL, NULL},
};

static bool same(const char *got, const char *want)
{
	return want == NULL || (got != NULL && strcmp(got, want) == 0);
}

static void read_answers(void)
{
	for (size_t i = 0; i < COUNT(answers); i++) {
		const char *text = answers[i].text;
		struct comfy_submission s = {.detail = ""};
		struct arena a = {0};
		struct problem why = {0};
		struct json_doc *doc = json_parse(text, strlen(text), 64, &why);
		bool known = doc != NULL &&
			     submit_read_errors(json_root(doc), &a, &s);
		const struct node_error *e = s.errors;

		ok(doc != NULL && known == answers[i].known &&
			   s.error_count == answers[i].count &&
			   same(s.detail, answers[i].detail),
		   "answer: %s", answers[i].name);
		if (known && s.error_count > 0)
			ok(same(e->node, answers[i].node) &&
				   same(e->class_type, answers[i].class) &&
				   same(e->type, answers[i].type) &&
				   same(e->message, answers[i].message) &&
				   (answers[i].input != NULL) ==
					   (e->input != NULL) &&
				   same(e->input, answers[i].input),
			   "answer: %s: the first error", answers[i].name);
		json_free(doc);
		arena_finish(&a);
	}
}

static const struct {
	const char *url;
	bool good, tls;
	int port;
	const char *host, *header, *prefix;
} urls[] = {
	{"http://127.0.0.1:8188", true, false, 8188, "127.0.0.1",
	 "127.0.0.1:8188", ""},
	{"http://gpu", true, false, 80, "gpu", "gpu", ""},
	{"http://gpu:80/", true, false, 80, "gpu", "gpu", ""},
	{"https://gpu.example/comfy/", true, true, 443, "gpu.example",
	 "gpu.example", "/comfy"},
	{"https://gpu.example:80/a/b", true, true, 80, "gpu.example",
	 "gpu.example:80", "/a/b"},
	{"http://[::1]:8188/x", true, false, 8188, "::1", "[::1]:8188", "/x"},
	{"ftp://gpu", false, false, 0, NULL, NULL, NULL},
	{"gpu:8188", false, false, 0, NULL, NULL, NULL},
	{"http://", false, false, 0, NULL, NULL, NULL},
	{"http://:80", false, false, 0, NULL, NULL, NULL},
	{"http://gpu:", false, false, 0, NULL, NULL, NULL},
	{"http://gpu:0", false, false, 0, NULL, NULL, NULL},
	{"http://gpu:65536", false, false, 0, NULL, NULL, NULL},
	{"http://gpu:80x", false, false, 0, NULL, NULL, NULL},
	{"http://me:pass@gpu", false, false, 0, NULL, NULL, NULL},
	{"http://gpu/a?b", false, false, 0, NULL, NULL, NULL},
	{"http://gpu/a b", false, false, 0, NULL, NULL, NULL},
	{"http://gpu\r\nX: y/", false, false, 0, NULL, NULL, NULL},
	{"http://gpu/\r\nX: y", false, false, 0, NULL, NULL, NULL},
	{"http://[::1", false, false, 0, NULL, NULL, NULL},
	{"http://[::1]x", false, false, 0, NULL, NULL, NULL},
};

static void read_urls(void)
{
	for (size_t i = 0; i < COUNT(urls); i++) {
		struct problem why = {0};
		struct base_url u;
		bool good = base_url_read(urls[i].url, &u, &why);

		ok(good == urls[i].good && good == (why.detail[0] == '\0') &&
			   (!good ||
			    (u.tls == urls[i].tls && u.port == urls[i].port &&
			     same(u.host, urls[i].host) &&
			     same(u.header, urls[i].header) &&
			     same(u.prefix, urls[i].prefix))),
		   "URL %zu", i);
	}
}

int main(void)
{
	read_queues();
	every_cut_of_a_queue();
	a_deep_queue();
	read_answers();
	read_urls();
	return tap_done();
}
