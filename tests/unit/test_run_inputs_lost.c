#include "comfy/upload.h"
#include "input_files_rig.h"

/* Input files that do not get there, or are gone when they are needed. */

/* What is done to the server while one job with a photo runs, and what comes
 * of it. */
static const struct {
	const char *name;
	const char *fault; /* POST /standin/fault */
	const char *code;  /* of the failure; NULL: it succeeds */
	const char *told;  /* the field's error; NULL: none */
	unsigned attempts;
	long uploads; /* taken */
	long posts;
} cases[] = {
	{"wiped before the graph is looked at (s24)",
	 "{\"kind\":\"wipe-input\",\"at\":\"arrive\",\"times\":1}", NULL, NULL,
	 1, 2, 2},
	{"wiped whenever a graph comes",
	 "{\"kind\":\"wipe-input\",\"at\":\"arrive\"}", "workflow-rejected",
	 "custom_validation_failed", 1, 2, 2},
	{"wiped before the run",
	 "{\"kind\":\"wipe-input\",\"at\":\"submit\",\"times\":1}", NULL, NULL,
	 1, 2, 2},
	{"wiped before each run", "{\"kind\":\"wipe-input\",\"at\":\"submit\"}",
	 "workflow-failed", "unreadable", 1, 2, 2},
	{"cut off in the middle", "{\"kind\":\"upload-cut\",\"times\":1}", NULL,
	 NULL, 1, 1, 1},
	{"cut off each time", "{\"kind\":\"upload-cut\"}", "no-backend", NULL,
	 2, 0, 0},
	{"500", "{\"kind\":\"http-500\",\"path\":\"/upload/\",\"times\":1}",
	 NULL, NULL, 1, 1, 1},
	{"500 for ever", "{\"kind\":\"http-500\",\"path\":\"/upload/\"}",
	 "no-backend", NULL, 2, 0, 0},
	{"an answer that is a page",
	 "{\"kind\":\"bad-json\",\"path\":\"/upload/\",\"mode\":\"html\","
	 "\"times\":1}",
	 NULL, NULL, 1, 1, 1},
	{"no answer to an upload",
	 "{\"kind\":\"http-drop\",\"path\":\"/upload/\",\"times\":1}", NULL,
	 NULL, 1, 1, 1},
	{"too large for the server (s22)",
	 "{\"kind\":\"http-500\",\"path\":\"/upload/\",\"status\":413}",
	 "workflow-rejected", "maxBytes", 1, 0, 0},
	{"refused",
	 "{\"kind\":\"http-500\",\"path\":\"/upload/\",\"status\":400}",
	 "workflow-rejected", "refused", 1, 0, 0},
	{"the look says 500",
	 "{\"kind\":\"http-500\",\"path\":\"/view\",\"times\":1}", NULL, NULL,
	 1, 1, 1},
	{"no answer to the look, ever",
	 "{\"kind\":\"http-drop\",\"path\":\"/view\"}", "no-backend", NULL, 2,
	 0, 0},
};

static void test_one(struct rig *r, size_t i)
{
	struct standin *s = &r->servers[0];
	long uploads = standin_count(s, "uploads");
	long posts = standin_count(s, "prompts");
	struct load_order l;
	struct given g =
		give_png(r, WIDE, HIGH, (uint32_t)(i + 1) << 12 | 0xff);
	struct result out;

	printf("# %s\n", cases[i].name);
	ok(standin_fault(s, cases[i].fault), "  fault");
	photo_order(&l, &g);
	run_one(r, &l.order, &out);
	if (cases[i].told != NULL)
		tells_field(&out, "/photo", cases[i].told);
	if (cases[i].code == NULL)
		is_success(r, &out, cases[i].attempts);
	else
		is_failure(r, &out, cases[i].code, cases[i].attempts);
	uploads = standin_count(s, "uploads") - uploads;
	posts = standin_count(s, "prompts") - posts;
	ok(uploads == cases[i].uploads && posts == cases[i].posts,
	   "  %ld uploads, %ld posts", uploads, posts);
	ok(standin_clear(s), "  fault cleared");
	load_order_finish(&l);
}

static void test_cases(void)
{
	struct rig r;

	rig_start(&r, 1, 1);
	for (size_t i = 0; i < COUNT(cases); i++)
		test_one(&r, i);
	rig_finish(&r);
}

/* The server's limit, as it is: it breaks off in the middle. */
static void test_limit(void)
{
	static unsigned char bytes[4 << 20];
	struct load_order l;
	struct given g;
	struct result out;
	struct rig r;

	printf("# more than the server's limit\n");
	rig_start(&r, 1, 1);
	ok(standin_call(&r.servers[0], "POST", "config",
			"{\"max_body\":1048576}", NULL, 0) == 200,
	   "  a limit of 1 MiB");
	g = give(&r, bytes, sizeof(bytes));
	photo_order(&l, &g);
	run_one(&r, &l.order, &out);
	tells_field(&out, "/photo", "maxBytes");
	is_failure(&r, &out, "workflow-rejected", 1);
	load_order_finish(&l);
	rig_finish(&r);
}

/* A graph of which one output validates is taken, and runs (s08). */
static void test_left_out(void)
{
	static const char graph[] =
		"{\"1\":{\"class_type\":\"LoadImage\",\"inputs\":{\"image\":%}}"
		","
		"\"2\":{\"class_type\":\"SaveImage\",\"inputs\":{\"images\":["
		"\"1\",0],\"filename_prefix\":\"t\"}},"
		"\"3\":{\"class_type\":\"EmptyImage\",\"inputs\":{\"width\":8,"
		"\"height\":8,\"batch_size\":1,\"color\":7}},"
		"\"4\":{\"class_type\":\"SaveImage\",\"inputs\":{\"images\":["
		"\"3\",0],\"filename_prefix\":\"u\"}}}";
	struct load_order l;
	struct job_file f;
	struct given g;
	struct result out;
	struct rig r;

	printf("# wiped, and another output of the graph is fine\n");
	rig_start(&r, 1, 1);
	g = give_png(&r, WIDE, HIGH, 0xabcdefff);
	f = job_file_of("/photo", &g);
	load_order(&l, graph, &f, 1);
	ok(standin_fault(&r.servers[0], "{\"kind\":\"wipe-input\",\"at\":"
					"\"arrive\",\"times\":1}"),
	   "  fault");
	run_one(&r, &l.order, &out);
	is_success(&r, &out, 1);
	ok(standin_count(&r.servers[0], "uploads") == 2 &&
		   standin_count(&r.servers[0], "prompts") == 2,
	   "  taken out there, uploaded and posted again");
	load_order_finish(&l);
	rig_finish(&r);
}

/* Nobody but a decoder knows that a file is no picture. */
static void test_broken_picture(void)
{
	struct load_order l;
	struct given g;
	struct result out;
	struct rig r;

	printf("# a picture that cannot be read\n");
	rig_start(&r, 1, 1);
	g = give(&r, "\x89PNG, it says", 13);
	photo_order(&l, &g);
	run_one(&r, &l.order, &out);
	tells_field(&out, "/photo", "unreadable");
	is_failure(&r, &out, "workflow-failed", 1);
	ok(standin_count(&r.servers[0], "uploads") == 2 &&
		   standin_count(&r.servers[0], "failed") == 2,
	   "  uploaded anew and tried again once");
	load_order_finish(&l);
	rig_finish(&r);
}

/* Somebody else's bytes lie under that name, and the look does not tell. */
static void test_other_name(void)
{
	static const char bytes[] = "somebody else's";
	struct comfy_server server = {.name = "s", .has_jobs_api = 0};
	struct comfy_client *c = comfy_client_create(&server);
	char name[DIGEST_HEX_SIZE + 8];
	const char *got, *sub;
	struct comfy_upload u = {.size = sizeof(bytes),
				 .filename = name,
				 .subfolder = "comfygate",
				 .content_type = "image/png"};
	struct load_order l;
	struct arena a = {0};
	struct given g, other;
	struct result out;
	char body[4096];
	bool too_large;
	struct rig r;

	printf("# the name is taken\n");
	rig_start(&r, 1, 1);
	server.url = r.servers[0].url;
	g = give_png(&r, WIDE, HIGH, 0x010203ff);
	other = give(&r, bytes, sizeof(bytes));
	(void)snprintf(name, sizeof(name), "%s.png", g.sha256);
	u.fd = blobs_file(r.blobs, other.sha256);
	ok(comfy_upload(c, &u, 10000, &a, &got, &sub, &too_large) == COMFY_OK,
	   "  other bytes are there");
	close(u.fd);
	ok(standin_fault(&r.servers[0], "{\"kind\":\"http-500\",\"path\":"
					"\"/view\",\"times\":1}"),
	   "  fault");
	photo_order(&l, &g);
	run_one(&r, &l.order, &out);
	is_success(&r, &out, 1);
	ok(standin_call(&r.servers[0], "GET", "prompts/0", NULL, body,
			sizeof(body)) == 200 &&
		   strstr(body, "\"comfygate/") != NULL &&
		   strstr(body, " (1).png\"") != NULL,
	   "  the name of the answer is posted");
	ok(comfy_held(c, "comfygate", name, 10000, &u.size) == COMFY_OK &&
		   u.size == sizeof(bytes),
	   "  theirs is as it was");
	load_order_finish(&l);
	arena_finish(&a);
	comfy_client_destroy(c);
	rig_finish(&r);
}

static void test_elsewhere(void)
{
	struct load_order l;
	struct given g;
	struct result out;
	struct rig r;

	printf("# one of two servers takes no files\n");
	rig_start(&r, 2, 1);
	ok(standin_fault(&r.servers[0],
			 "{\"kind\":\"http-500\",\"path\":\"/upload/\"}"),
	   "  fault");
	g = give_png(&r, WIDE, HIGH, 0x445566ff);
	photo_order(&l, &g);
	for (unsigned i = 0; i < 2; i++) {
		run_one(&r, &l.order, &out);
		is_success(&r, &out, out.job.attempts);
	}
	ok(standin_count(&r.servers[1], "uploads") == 1 &&
		   standin_count(&r.servers[0], "prompts") == 0,
	   "  the other one does the work");
	load_order_finish(&l);
	rig_finish(&r);
}

static void test_our_own(void)
{
	static const struct {
		const char *name, *files, *prompt;
	} bad[] = {
		{"a file that is not here",
		 "[{\"field\":\"/"
		 "photo\",\"sha256\":\"9f86d081884c7d659a2feaa0c5"
		 "5ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\",\"url\":null,"
		 "\"extension\":\"png\",\"content_type\":\"image/png\","
		 "\"size_bytes\":4,\"at\":[2],\"of\":null}]",
		 "{\"1\":{\"class_type\":\"X\",\"inputs\":{}}}"},
		{"a place outside of the prompt",
		 "[{\"field\":\"/"
		 "photo\",\"sha256\":\"9f86d081884c7d659a2feaa0c5"
		 "5ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\",\"url\":null,"
		 "\"extension\":\"png\",\"content_type\":\"image/png\","
		 "\"size_bytes\":4,\"at\":[200],\"of\":null}]",
		 "{}"},
		{"an extension that leads elsewhere",
		 "[{\"field\":\"/"
		 "photo\",\"sha256\":\"9f86d081884c7d659a2feaa0c5"
		 "5ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\",\"url\":null,"
		 "\"extension\":\"/../x\",\"content_type\":\"image/png\","
		 "\"size_bytes\":4,\"at\":[2],\"of\":null}]",
		 "{}"},
		{"a mask without its picture",
		 "[{\"field\":\"/hole\",\"sha256\":\"9f86d081884c7d659a2feaa0c5"
		 "5ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\",\"url\":null,"
		 "\"extension\":\"png\",\"content_type\":\"image/png\","
		 "\"size_bytes\":4,\"at\":[],\"of\":\"/photo\"}]",
		 "{}"},
	};
	struct result out;
	struct rig r;

	rig_start(&r, 1, 1);
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct order o = {.files = bad[i].files,
				  .prompt = bad[i].prompt,
				  .recipe = load_recipe};

		printf("# %s\n", bad[i].name);
		run_one(&r, &o, &out);
		is_failure(&r, &out, "internal", 1);
	}
	ok(standin_count(&r.servers[0], "uploads_begun") == 0 &&
		   standin_count(&r.servers[0], "prompts") == 0,
	   "  nothing was sent");
	rig_finish(&r);
}

/* ---- while it is on its way ---- */

static const char slow[] = "{\"kind\":\"http-slow\",\"path\":\"/upload/\","
			   "\"ms\":60000,\"times\":1}";

static void test_cancel(void)
{
	struct load_order l;
	struct given g;
	struct result out;
	char id[ID_SIZE];
	struct rig r;

	printf("# canceled during an upload\n");
	rig_start(&r, 1, 1);
	g = give_png(&r, WIDE, HIGH, 0x778899ff);
	photo_order(&l, &g);
	ok(standin_fault(&r.servers[0], slow), "  fault");
	insert(&r, &l.order, id);
	ok(standin_await(&r.servers[0], "uploads_begun:1"), "  on its way");
	store_cancel(r.store, id, "tester", cancel_done, NULL);
	ok(await_end(&r, id), "  it ends");
	read_job(&r, id, &out);
	ok(out.job.phase == PHASE_CANCELED, "  canceled");
	ok(standin_count(&r.servers[0], "prompts") == 0, "  and not posted");
	arena_finish(&out.arena);
	load_order_finish(&l);
	rig_finish(&r);
}

static void test_stop(void)
{
	struct load_order l;
	struct given g;
	struct result out;
	char id[ID_SIZE];
	struct rig r;

	printf("# a stop during an upload\n");
	rig_start(&r, 1, 1);
	g = give_png(&r, WIDE, HIGH, 0x99aabbff);
	photo_order(&l, &g);
	ok(standin_fault(&r.servers[0], slow), "  fault");
	insert(&r, &l.order, id);
	ok(standin_await(&r.servers[0], "uploads_begun:1"), "  on its way");
	restart(&r);
	ok(await_end(&r, id), "  it ends after the next start");
	read_job(&r, id, &out);
	is_success(&r, &out, 1);
	ok(standin_count(&r.servers[0], "prompts") == 1, "  posted once");
	load_order_finish(&l);
	rig_finish(&r);
}

/* The prompt was posted before we ended: nothing is uploaded for it again. */
static void test_resumed(void)
{
	struct load_order l;
	struct given g;
	struct result out;
	char id[ID_SIZE];
	struct rig r;

	printf("# a stop during the run\n");
	rig_start(&r, 1, 1);
	g = give_png(&r, WIDE, HIGH, 0xbbccddff);
	photo_order(&l, &g);
	ok(standin_fault(&r.servers[0], "{\"kind\":\"hang\",\"match\":"
					"\"SaveImage\",\"times\":1}"),
	   "  fault");
	insert(&r, &l.order, id);
	ok(standin_await(&r.servers[0], "blocked"), "  it runs");
	restart(&r);
	ok(standin_do(&r.servers[0], "release") && await_end(&r, id),
	   "  it ends after the next start");
	read_job(&r, id, &out);
	is_success(&r, &out, 1);
	ok(standin_count(&r.servers[0], "prompts") == 1 &&
		   standin_count(&r.servers[0], "uploads") == 1,
	   "  posted once, uploaded once");
	load_order_finish(&l);
	rig_finish(&r);
}

static void test_deadline(void)
{
	struct load_order l;
	struct given g;
	struct result out;
	struct rig r;

	printf("# the job's time is over during an upload\n");
	rig_start(&r, 1, 1);
	g = give_png(&r, WIDE, HIGH, 0xddeeffff);
	photo_order(&l, &g);
	l.order.deadline_ms = 700;
	ok(standin_fault(&r.servers[0], slow), "  fault");
	run_one(&r, &l.order, &out);
	is_failure(&r, &out, "timeout", 1);
	load_order_finish(&l);
	rig_finish(&r);
}

int main(void)
{
	log_set_level(LOG_NONE);
	test_cases();
	test_limit();
	test_left_out();
	test_broken_picture();
	test_other_name();
	test_elsewhere();
	test_our_own();
	test_cancel();
	test_stop();
	test_resumed();
	test_deadline();
	return tap_done();
}
