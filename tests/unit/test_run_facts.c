#include "run_rig.h"

/* Facts about ComfyUI that docs/comfyui.md lists and that take whole runs. */

#define SAVE(node, prefix)                                                     \
	"\"" node "\":{\"class_type\":\"SaveImage\",\"inputs\":{\"images\":["  \
	"\"1\",0],\"filename_prefix\":\"" prefix "\"}}"
#define IMAGE(color)                                                           \
	"{\"1\":{\"class_type\":\"EmptyImage\",\"inputs\":{\"width\":64,"      \
	"\"height\":48,\"batch_size\":1,\"color\":" color "}},"

/* The hash that was stored with the first output, and the one file's bytes. */
static void read_file(struct rig *r, struct result *out, char sha[128],
		      char *bytes, size_t size)
{
	struct output_value *v = NULL;
	const char *got;
	size_t n = 0;

	sha[0] = '\0';
	memset(bytes, 0, size);
	if (out->job.outputs == NULL ||
	    !outputs_read(out->job.outputs, &out->arena, &v, &n) || n == 0 ||
	    v[0].file_count == 0)
		return;
	(void)snprintf(sha, 128, "%s", v[0].files[0].sha256);
	got = small_file(r, out->job.id, v[0].files[0].name, &out->arena, &n);
	if (got == NULL || n > size)
		return;
	memcpy(bytes, got, n);
	ok(n == (size_t)v[0].files[0].size_bytes, "  its file is whole");
}

static int view_status(struct standin *s, const char *name)
{
	char url[192];
	struct web_call call = {.method = "GET",
				.url = url,
				.timeout_ms = 20000,
				.max_bytes = 1 << 20};
	struct web_answer answer;
	int status;

	(void)snprintf(url, sizeof(url), "%s/view?filename=%s&type=output",
		       s->url, name);
	(void)web_do(s->web, &call, &answer);
	status = answer.status;
	web_answer_finish(&answer);
	return status;
}

/* A number that is free is given again (recording s03): what was fetched is
 * the job's own and stays. */
static void test_numbers(void)
{
	static char first[65536], again[65536], second[65536];
	struct order o = {.prompt = IMAGE("255") SAVE("2", "same") "}"};
	char sha[2][128], still[128];
	struct result one, two;
	struct rig r;

	printf("# one file name, two runs\n");
	rig_start(&r, 1, 1);
	run_one(&r, &o, &one);
	read_file(&r, &one, sha[0], first, sizeof(first));
	ok(standin_do(&r.servers[0], "restart"), "  the numbers begin anew");
	o.prompt = IMAGE("65280") SAVE("2", "same") "}";
	run_one(&r, &o, &two);
	ok(view_status(&r.servers[0], "same_00001_.png") == 200 &&
		   view_status(&r.servers[0], "same_00002_.png") == 404,
	   "  both runs gave their file the same name");
	read_file(&r, &two, sha[1], second, sizeof(second));
	read_file(&r, &one, still, again, sizeof(again));
	ok(sha[0][0] != '\0' && strcmp(sha[0], sha[1]) != 0 &&
		   memcmp(first, second, sizeof(first)) != 0,
	   "  each job has the picture of its own run");
	ok(memcmp(first, again, sizeof(first)) == 0,
	   "  and keeps it when the name is used again");
	arena_finish(&one.arena);
	arena_finish(&two.arena);
	rig_finish(&r);
}

/* An interrupt during the last node does nothing and the run succeeds
 * (recording s14); the job was canceled all the same. */
static void test_cancel_in_last(void)
{
	struct order o = {0};
	struct result out;
	char id[ID_SIZE];
	struct rig r;

	printf("# canceled in the last node\n");
	rig_start(&r, 1, 1);
	ok(standin_fault(&r.servers[0], "{\"kind\":\"hang\",\"match\":"
					"\"SaveImage\",\"times\":1}"),
	   "  fault");
	insert(&r, &o, id);
	ok(standin_await(&r.servers[0], "blocked"), "  in the last node");
	store_cancel(r.store, id, "tester", cancel_done, NULL);
	ok(standin_await(&r.servers[0], "interrupts:1"), "  interrupted");
	ok(standin_do(&r.servers[0], "release"), "  released");
	ok(await_end(&r, id), "  it ends");
	ok(standin_await(&r.servers[0], "succeeded:1"),
	   "  the run ended well there");
	read_job(&r, id, &out);
	ok(out.job.phase == PHASE_CANCELED && out.job.outputs == NULL,
	   "  the job is canceled, without outputs (%s)",
	   phase_name(out.job.phase));
	arena_finish(&out.arena);
	rig_finish(&r);
}

/* History is never read whole, and does not grow by us (recording s44). */
static void test_forgotten(void)
{
	struct order o = {0};
	struct result out;
	struct rig r;

	printf("# our entries leave the history\n");
	rig_start(&r, 1, 1);
	run_one(&r, &o, &out);
	is_success(&r, &out, 1);
	ok(standin_count(&r.servers[0], "succeeded") == 1 &&
		   await_count(&r, 0, "history", 0),
	   "  an ended prompt is dropped from the history");
	rig_finish(&r);
}

/* Two output nodes with equal inputs run once and report one file (recording
 * s34); the order is the manifest's, not that of the run. */
static void test_equal_outputs(void)
{
	static const char recipe[] =
		"{\"outputs\":["
		"{\"name\":\"image\",\"type\":\"image\",\"node\":\"9\",\"key\":"
		"null,\"many\":false,\"required\":true,\"temp\":false},"
		"{\"name\":\"copy\",\"type\":\"image\",\"node\":\"2\",\"key\":"
		"null,\"many\":false,\"required\":true,\"temp\":false}],"
		"\"fields\":[]}";
	struct order o = {.prompt = IMAGE("77")
				  SAVE("2", "x") "," SAVE("9", "x") "}",
			  .recipe = recipe};
	struct output_value *v = NULL;
	struct result out;
	struct rig r;
	size_t n = 0;

	printf("# two output nodes with equal inputs\n");
	rig_start(&r, 1, 1);
	run_one(&r, &o, &out);
	ok(out.job.outputs != NULL &&
		   outputs_read(out.job.outputs, &out.arena, &v, &n) &&
		   n == 2 && strcmp(v[0].name, "image") == 0 &&
		   strcmp(v[1].name, "copy") == 0,
	   "  both, in the order of the manifest");
	ok(n == 2 && v[0].file_count == 1 && v[1].file_count == 1 &&
		   strcmp(v[0].files[0].sha256, v[1].files[0].sha256) == 0 &&
		   has_file(&r, &out, "image.png") &&
		   has_file(&r, &out, "copy.png"),
	   "  each has a file of its own");
	arena_finish(&out.arena);
	rig_finish(&r);
}

/* The queue there is everybody's. */
static void test_behind_others(void)
{
	struct order o = {.attempts = 1};
	static const char body[] =
		"{\"prompt\":" IMAGE("3") SAVE("2", "theirs") "}}";
	struct web_call call = {.method = "POST",
				.content_type = "application/json",
				.body = body,
				.body_len = sizeof(body) - 1,
				.timeout_ms = 20000,
				.max_bytes = 1 << 20};
	struct web_answer answer;
	struct result out;
	char url[128];
	struct rig r;

	printf("# behind somebody else's run\n");
	rig_open(&r, 1, 1);
	r.o.stall_ms = 200;
	start_pool(&r);
	ok(standin_await(&r.servers[0], "sockets:1") &&
		   standin_fault(&r.servers[0],
				 "{\"kind\":\"slow\",\"match\":\"SaveImage\","
				 "\"ms\":1200,\"times\":1}"),
	   "  fault");
	(void)snprintf(url, sizeof(url), "%s/prompt", r.servers[0].url);
	call.url = url;
	(void)web_do(r.servers[0].web, &call, &answer);
	ok(answer.status == 200 &&
		   standin_await(&r.servers[0], "node:SaveImage"),
	   "  somebody else's runs");
	web_answer_finish(&answer);
	run_one(&r, &o, &out);
	is_success(&r, &out, 1);
	ok(standin_count(&r.servers[0], "interrupts") == 0 &&
		   standin_count(&r.servers[0], "succeeded") == 2,
	   "  a wait behind others is no stall");
	rig_finish(&r);
}

int main(void)
{
	static const char *const dialects[] = {"0.25.0", "0.3.64"};

	log_set_level(LOG_NONE);
	for (size_t i = 0; i < COUNT(dialects); i++) {
		rig_dialect = dialects[i];
		printf("# %s\n", rig_dialect);
		test_numbers();
		test_cancel_in_last();
		test_forgotten();
		test_equal_outputs();
		test_behind_others();
	}
	return tap_done();
}
