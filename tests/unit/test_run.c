#include "run_rig.h"

/* One backend, one fault, one job: how it ends, and what comes out of it. */

static const struct single {
	const char *what;
	const char *fault; /* NULL: none */
	unsigned max_attempts, attempts;
	const char *code; /* NULL: succeeds */
	const char *counter;
	long count;
} singles[] = {
	{"success", NULL, 2, 1, NULL, "accepted", 1},
	{"a node raises", "{\"kind\":\"error\"}", 3, 1, "workflow-failed",
	 "accepted", 1},
	{"out of memory once", "{\"kind\":\"oom\",\"times\":1}", 1, 1, NULL,
	 "frees", 1},
	{"out of memory for ever", "{\"kind\":\"oom\"}", 2, 2, "out-of-memory",
	 "accepted", 4},
	{"all events lost", "{\"kind\":\"lose-events\"}", 2, 1, NULL,
	 "accepted", 1},
	{"the end marker lost", "{\"kind\":\"lose-events\",\"events\":\"end\"}",
	 2, 1, NULL, "accepted", 1},
	{"the socket closed in the run",
	 "{\"kind\":\"close-socket\",\"at\":\"run\",\"times\":1}", 2, 1, NULL,
	 "accepted", 1},
	{"the socket deaf in the run",
	 "{\"kind\":\"deaf-socket\",\"at\":\"run\",\"times\":1}", 2, 1, NULL,
	 "accepted", 1},
	{"the socket stalled",
	 "{\"kind\":\"stall-socket\",\"at\":\"run\",\"times\":1}", 2, 1, NULL,
	 "accepted", 1},
	{"500, though it was queued (s41)",
	 "{\"kind\":\"submit-500-queued\",\"times\":1}", 2, 1, NULL, "prompts",
	 1},
	{"500, and not queued", "{\"kind\":\"submit-500\",\"times\":1}", 2, 1,
	 NULL, "prompts", 2},
	{"500 for ever", "{\"kind\":\"submit-500\"}", 2, 2, "workflow-rejected",
	 "prompts", 4},
	{"the connection dies, it was queued",
	 "{\"kind\":\"submit-drop\",\"times\":1}", 2, 1, NULL, "prompts", 1},
	{"the connection dies, it was not queued",
	 "{\"kind\":\"submit-drop\",\"mode\":\"unqueued\",\"times\":1}", 2, 1,
	 NULL, "prompts", 2},
	{"an entry that never comes",
	 "{\"kind\":\"empty-history\",\"times\":1}", 2, 2, NULL, "accepted", 2},
	{"entries that never come", "{\"kind\":\"empty-history\"}", 2, 2,
	 "no-backend", "accepted", 2},
	{"an entry that comes late", "{\"kind\":\"history-late\",\"polls\":1}",
	 2, 1, NULL, "accepted", 1},
	{"a run without outputs",
	 "{\"kind\":\"empty-history\",\"mode\":\"no-outputs\",\"times\":1}", 2,
	 1, NULL, "frees", 1},
	{"never an output",
	 "{\"kind\":\"empty-history\",\"mode\":\"no-outputs\"}", 2, 1,
	 "output-missing", "accepted", 2},
	{"the file is gone (s03)", "{\"kind\":\"missing-file\",\"times\":1}", 2,
	 1, NULL, "frees", 1},
	{"the file is always gone", "{\"kind\":\"missing-file\"}", 2, 2,
	 "output-missing", "accepted", 4},
	{"the file breaks off once",
	 "{\"kind\":\"http-drop\",\"path\":\"/view\",\"times\":1}", 2, 1, NULL,
	 "accepted", 1},
	{"a restart in the run",
	 "{\"kind\":\"restart\",\"at\":\"run\",\"times\":1}", 2, 2, NULL,
	 "accepted", 2},
	{"a restart in each run", "{\"kind\":\"restart\",\"at\":\"run\"}", 2, 2,
	 "no-backend", "accepted", 2},
	{"history is no JSON once",
	 "{\"kind\":\"bad-json\",\"path\":\"/history/\",\"times\":1}", 2, 1,
	 NULL, "accepted", 1},
	{"history cannot be printed for a while (s36)",
	 "{\"kind\":\"http-500\",\"path\":\"/history/\",\"times\":5}", 2, 1,
	 NULL, "accepted", 1},
	{"history can never be printed",
	 "{\"kind\":\"http-500\",\"path\":\"/history/\"}", 1, 1,
	 "output-missing", "accepted", 2},
	{"names that climb", "{\"kind\":\"evil-names\"}", 1, 1,
	 "output-missing", "accepted", 2},
};

static void test_singles(void)
{
	for (size_t i = 0; i < COUNT(singles); i++) {
		const struct single *s = &singles[i];
		struct order o = {.attempts = s->max_attempts};
		struct result out;
		struct rig r;
		long n;

		printf("# %s, %s\n", s->what, rig_dialect);
		rig_start(&r, 1, 1);
		(void)standin_await(&r.servers[0], "sockets:1");
		if (s->fault != NULL)
			ok(standin_fault(&r.servers[0], s->fault), "  fault");
		run_one(&r, &o, &out);
		if (s->code == NULL)
			is_success(&r, &out, s->attempts);
		else
			is_failure(&r, &out, s->code, s->attempts);
		n = standin_count(&r.servers[0], s->counter);
		ok(n == s->count, "  %s: %ld", s->counter, n);
		(void)standin_clear(&r.servers[0]);
		rig_finish(&r);
	}
}

/* Outputs wait for room on the disk, as long as the job may. */
static void test_full_disk(void)
{
	struct order o = {.deadline_ms = 500};
	struct result out;
	struct rig r;

	printf("# no room on the disk\n");
	rig_min_free = INT64_MAX;
	rig_start(&r, 1, 1);
	rig_min_free = 1;
	run_one(&r, &o, &out);
	is_failure(&r, &out, "timeout", 1);
	ok(standin_count(&r.servers[0], "views") == 0, "  nothing fetched");
	rig_finish(&r);
}

/* ---- what ComfyUI refuses ---- */

static void test_rejected(void)
{
	static const char bad[] =
		"{\"1\":{\"class_type\":\"EmptyImage\",\"inputs\":{\"width\":0,"
		"\"height\":48,\"batch_size\":1,\"color\":1}},\"2\":{\"class_"
		"type\":\"SaveImage\",\"inputs\":{\"images\":[\"1\",0],"
		"\"filename_prefix\":\"x\"}}}";
	/* 2 is fine, 4 hangs on a bad node: 200, and 4 is left out (s08). */
	static const char half[] =
		"{\"1\":{\"class_type\":\"EmptyImage\",\"inputs\":{\"width\":"
		"64,\"height\":48,\"batch_size\":1,\"color\":77}},"
		"\"2\":{\"class_type\":\"SaveImage\",\"inputs\":{\"images\":["
		"\"1\",0],\"filename_prefix\":\"x\"}},"
		"\"3\":{\"class_type\":\"EmptyImage\",\"inputs\":{\"width\":0,"
		"\"height\":48,\"batch_size\":1,\"color\":1}},"
		"\"4\":{\"class_type\":\"SaveImage\",\"inputs\":{\"images\":["
		"\"3\",0],\"filename_prefix\":\"y\"}}}";
	static const char want4[] =
		"{\"outputs\":[{\"name\":\"image\",\"type\":\"image\","
		"\"node\":\"4\",\"key\":null,\"many\":false,\"required\":true,"
		"\"temp\":false}],\"fields\":[{\"node\":\"3\",\"input\":"
		"\"width\",\"field\":\"/size/w\"}]}";
	struct order o = {.prompt = bad};
	struct result out;
	struct rig r;

	printf("# refused values\n");
	rig_start(&r, 1, 1);
	run_one(&r, &o, &out);
	ok(strstr(out.job.problem,
		  "\"errors\":[{\"pointer\":\"/width\","
		  "\"code\":\"value_smaller_than_min\"") != NULL,
	   "  the caller's own field: %s", out.job.problem);
	ok(strstr(out.job.problem, "EmptyImage") == NULL, "  no node in it");
	is_failure(&r, &out, "workflow-rejected", 1);
	o = (struct order){.prompt = half, .recipe = want4};
	run_one(&r, &o, &out);
	ok(strstr(out.job.problem, "\"pointer\":\"/size/w\"") != NULL,
	   "  an output that was left out");
	is_failure(&r, &out, "workflow-rejected", 1);
	o = (struct order){.prompt = half};
	run_one(&r, &o, &out);
	is_success(&r, &out, 1);
	rig_finish(&r);
}

/* ---- what is taken out of a run ---- */

static const char many_prompt[] =
	"{\"1\":{\"class_type\":\"EmptyImage\",\"inputs\":{\"width\":64,"
	"\"height\":48,\"batch_size\":3,\"color\":5}},"
	"\"2\":{\"class_type\":\"SaveImage\",\"inputs\":{\"images\":[\"1\",0],"
	"\"filename_prefix\":\"m\"}},"
	"\"3\":{\"class_type\":\"PreviewImage\",\"inputs\":{\"images\":[\"1\","
	"0]}},"
	"\"4\":{\"class_type\":\"PrimitiveString\",\"inputs\":{\"value\":"
	"\"caf\\u00e9\"}},"
	"\"5\":{\"class_type\":\"PreviewAny\",\"inputs\":{\"source\":[\"4\","
	"0]}}}";

static const char many_recipe[] =
	"{\"outputs\":["
	"{\"name\":\"all\",\"type\":\"image\",\"node\":\"2\",\"key\":null,"
	"\"many\":true,\"required\":true,\"temp\":false},"
	"{\"name\":\"one\",\"type\":\"image\",\"node\":\"2\",\"key\":"
	"\"images\","
	"\"many\":false,\"required\":true,\"temp\":false},"
	"{\"name\":\"other\",\"type\":\"image\",\"node\":\"2\",\"key\":"
	"\"gifs\","
	"\"many\":false,\"required\":false,\"temp\":false},"
	"{\"name\":\"hidden\",\"type\":\"image\",\"node\":\"3\",\"key\":null,"
	"\"many\":true,\"required\":false,\"temp\":false},"
	"{\"name\":\"seen\",\"type\":\"image\",\"node\":\"3\",\"key\":null,"
	"\"many\":true,\"required\":true,\"temp\":true},"
	"{\"name\":\"text\",\"type\":\"text\",\"node\":\"5\",\"key\":null,"
	"\"many\":false,\"required\":true,\"temp\":false},"
	"{\"name\":\"texts\",\"type\":\"text\",\"node\":\"5\",\"key\":\"text\","
	"\"many\":true,\"required\":true,\"temp\":false},"
	"{\"name\":\"raw\",\"type\":\"json\",\"node\":\"5\",\"key\":\"text\","
	"\"many\":false,\"required\":true,\"temp\":false}],\"fields\":[]}";

static void test_outputs(void)
{
	static const struct {
		const char *name;
		const char *value; /* NULL: files */
		size_t files;
		bool many;
		const char *first;
	} want[] = {
		{"all", NULL, 3, true, "all-1.png"},
		{"one", NULL, 1, false, "one.png"},
		{"other", "null", 0, false, NULL},
		{"hidden", "null", 0, false, NULL},
		{"seen", NULL, 3, true, "seen-1.png"},
		{"text", "\"caf\xc3\xa9\"", 0, false, NULL},
		{"texts", "[\"caf\xc3\xa9\"]", 0, false, NULL},
		{"raw", "[\"caf\xc3\xa9\"]", 0, false, NULL},
	};
	struct order o = {.prompt = many_prompt, .recipe = many_recipe};
	struct output_value *v = NULL;
	struct result out;
	struct rig r;
	size_t n = 0;

	printf("# outputs of many kinds\n");
	rig_start(&r, 1, 1);
	run_one(&r, &o, &out);
	ok(out.job.outputs != NULL &&
		   outputs_read(out.job.outputs, &out.arena, &v, &n) &&
		   n == COUNT(want),
	   "  all are there");
	for (size_t i = 0; i < n && i < COUNT(want); i++) {
		is_str(v[i].name, want[i].name, want[i].name);
		is_str(v[i].value != NULL ? v[i].value : "(files)",
		       want[i].value != NULL ? want[i].value : "(files)",
		       "  value");
		ok(v[i].file_count == want[i].files, "  %zu files",
		   v[i].file_count);
		ok(v[i].file_count == 0 || v[i].many == want[i].many,
		   "  a list or one");
		if (v[i].file_count > 0)
			is_str(v[i].files[0].name, want[i].first, "  name");
	}
	arena_finish(&out.arena);
	r.o.max_output_bytes = 20;
	stop_pool(&r, 1000);
	start_pool(&r);
	o = (struct order){0};
	run_one(&r, &o, &out);
	ok(strstr(out.job.problem, "the output image is larger") != NULL,
	   "  too large: %s", out.job.problem);
	is_failure(&r, &out, "output-missing", 1);
	rig_finish(&r);
}

/* The stand-in's film says something in a box that nobody needs. */
static const char film_prompt[] =
	"{\"1\":{\"class_type\":\"EmptyImage\",\"inputs\":{\"width\":64,"
	"\"height\":48,\"batch_size\":1,\"color\":5}},"
	"\"2\":{\"class_type\":\"CreateVideo\",\"inputs\":{\"images\":[\"1\",0]"
	","
	"\"fps\":10}},"
	"\"3\":{\"class_type\":\"SaveVideo\",\"inputs\":{\"video\":[\"2\",0],"
	"\"filename_prefix\":\"v\",\"format\":\"mp4\",\"codec\":\"auto\"}}}";

static const char film_recipe[] =
	"{\"outputs\":["
	"{\"name\":\"clean\",\"type\":\"video\",\"node\":\"3\"},"
	"{\"name\":\"raw\",\"type\":\"video\",\"node\":\"3\","
	"\"metadata\":true}],\"fields\":[]}";

static void test_metadata(void)
{
	struct order o = {.prompt = film_prompt, .recipe = film_recipe};
	struct output_value *v = NULL;
	struct result out;
	struct rig r;
	size_t n = 0;

	printf("# metadata is taken out, or not\n");
	rig_start(&r, 1, 1);
	run_one(&r, &o, &out);
	ok(out.job.outputs != NULL &&
		   outputs_read(out.job.outputs, &out.arena, &v, &n) &&
		   n == 2 && v[0].file_count == 1 && v[1].file_count == 1,
	   "  both are there");
	if (n == 2 && v[0].file_count == 1 && v[1].file_count == 1) {
		is_str(v[0].files[0].content_type, "video/mp4", "  type");
		ok(v[0].files[0].size_bytes == v[1].files[0].size_bytes,
		   "  of one size");
		ok(strcmp(v[0].files[0].sha256, v[1].files[0].sha256) != 0,
		   "  the one is cleaned");
	}
	arena_finish(&out.arena);
	rig_finish(&r);
}

/* ---- progress ---- */

static void test_progress(void)
{
	struct order o = {0};
	struct result out;
	struct rig r;

	printf("# progress on the board\n");
	rig_start(&r, 1, 1);
	(void)standin_await(&r.servers[0], "sockets:1");
	r.o.poll_ms = 2000;
	ok(standin_fault(&r.servers[0],
			 "{\"kind\":\"slow\",\"match\":\"SaveImage\","
			 "\"ms\":300}"),
	   "  slow");
	run_one(&r, &o, &out);
	is_success(&r, &out, 1);
	box_lock(&r.box);
	is_str(r.progress_node, "SaveImage", "  the node at work is named");
	ok(r.progress_count > 0, "  told");
	box_unlock(&r.box);
	rig_finish(&r);
}

int main(void)
{
	log_set_level(LOG_NONE);
	test_singles();
	rig_dialect = "0.3.64";
	test_singles();
	rig_dialect = "0.25.0";
	test_full_disk();
	test_rejected();
	test_outputs();
	test_metadata();
	test_progress();
	return tap_done();
}
