#include "comfy/upload.h"
#include "input_files_rig.h"

/* Input files that do not get there, or are gone when they are needed. */

/* Most run against one server after another, and count from their start. */
static long uploads_before, slowed_before, posts_before;

static void begin(struct rig *r, const char *name)
{
	printf("# %s\n", name);
	uploads_before = standin_count(&r->servers[0], "uploads");
	slowed_before = standin_count(&r->servers[0], "slowed");
	posts_before = standin_count(&r->servers[0], "prompts");
}

static long uploads(struct rig *r)
{
	return standin_count(&r->servers[0], "uploads") - uploads_before;
}

static bool await_slowed(struct rig *r)
{
	char event[64];

	(void)snprintf(event, sizeof(event), "slowed:%ld", slowed_before + 1);
	return standin_await(&r->servers[0], event);
}

static long posts(struct rig *r)
{
	return standin_count(&r->servers[0], "prompts") - posts_before;
}

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
	struct load_order l;
	struct given g =
		give_png(r, WIDE, HIGH, (uint32_t)(i + 1) << 12 | 0xff);
	struct result out;

	begin(r, cases[i].name);
	ok(standin_fault(s, cases[i].fault), "  fault");
	photo_order(&l, &g);
	run_one(r, &l.order, &out);
	if (cases[i].told != NULL)
		tells_field(&out, "/photo", cases[i].told);
	if (cases[i].code == NULL)
		is_success(r, &out, cases[i].attempts);
	else
		is_failure(r, &out, cases[i].code, cases[i].attempts);
	ok(uploads(r) == cases[i].uploads && posts(r) == cases[i].posts,
	   "  %ld uploads, %ld posts", uploads(r), posts(r));
	ok(standin_clear(s), "  fault cleared");
	load_order_finish(&l);
}

static void test_cases(struct rig *r)
{
	for (size_t i = 0; i < COUNT(cases); i++)
		test_one(r, i);
}

/* The server's limit, as it is: it breaks off in the middle. */
static void test_limit(struct rig *r)
{
	static unsigned char bytes[4 << 20];
	struct load_order l;
	struct given g;
	struct result out;

	begin(r, "more than the server's limit");
	ok(standin_call(&r->servers[0], "POST", "config",
			"{\"max_body\":1048576}", NULL, 0) == 200,
	   "  a limit of 1 MiB");
	g = give(r, bytes, sizeof(bytes));
	photo_order(&l, &g);
	run_one(r, &l.order, &out);
	tells_field(&out, "/photo", "maxBytes");
	is_failure(r, &out, "workflow-rejected", 1);
	ok(standin_call(&r->servers[0], "POST", "config",
			"{\"max_body\":104857600}", NULL, 0) == 200,
	   "  the limit is as it was");
	load_order_finish(&l);
}

/* A graph of which one output validates is taken, and runs (s08). */
static void test_left_out(struct rig *r)
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

	begin(r, "wiped, and another output of the graph is fine");
	g = give_png(r, WIDE, HIGH, 0xabcdefff);
	f = job_file_of("/photo", &g);
	load_order(&l, graph, &f, 1);
	ok(standin_fault(&r->servers[0], "{\"kind\":\"wipe-input\",\"at\":"
					 "\"arrive\",\"times\":1}"),
	   "  fault");
	run_one(r, &l.order, &out);
	is_success(r, &out, 1);
	ok(uploads(r) == 2 && posts(r) == 2,
	   "  taken out there, uploaded and posted again");
	load_order_finish(&l);
}

/* Nobody but a decoder knows that a file is no picture. */
static void test_broken_picture(struct rig *r)
{
	struct load_order l;
	struct given g;
	struct result out;

	begin(r, "a picture that cannot be read");
	g = give(r, "\x89PNG, it says", 13);
	photo_order(&l, &g);
	run_one(r, &l.order, &out);
	tells_field(&out, "/photo", "unreadable");
	is_failure(r, &out, "workflow-failed", 1);
	ok(uploads(r) == 2 && posts(r) == 2,
	   "  uploaded anew and tried again once");
	load_order_finish(&l);
}

/* Somebody else's bytes lie under that name, and the look does not tell. */
static void test_other_name(struct rig *r)
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
	char body[4096], path[32];
	bool too_large;

	begin(r, "the name is taken");
	server.url = r->servers[0].url;
	g = give_png(r, WIDE, HIGH, 0x010203ff);
	other = give(r, bytes, sizeof(bytes));
	(void)snprintf(name, sizeof(name), "%s.png", g.sha256);
	u.fd = blobs_file(r->blobs, other.sha256);
	ok(comfy_upload(c, &u, 10000, &a, &got, &sub, &too_large) == COMFY_OK,
	   "  other bytes are there");
	close(u.fd);
	ok(standin_fault(&r->servers[0], "{\"kind\":\"http-500\",\"path\":"
					 "\"/view\",\"times\":1}"),
	   "  fault");
	photo_order(&l, &g);
	run_one(r, &l.order, &out);
	is_success(r, &out, 1);
	(void)snprintf(path, sizeof(path), "prompts/%ld", posts_before);
	ok(standin_call(&r->servers[0], "GET", path, NULL, body,
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

#define FILE_OF(field, extension, at, of)                                      \
	"[{\"field\":\"" field "\",\"sha256\":\"9f86d081884c7d659a2feaa0c55a"  \
	"d015a3bf4f1b2b0b822cd15d6c15b0f00a08\",\"url\":null,\"extension\":"   \
	"\"" extension "\",\"content_type\":\"image/png\",\"size_bytes\":4,"   \
	"\"at\":[" at "],\"of\":" of "}]"

static void test_our_own(struct rig *r)
{
	static const struct {
		const char *name, *files, *prompt;
	} bad[] = {
		{"a file that is not here",
		 FILE_OF("/photo", "png", "2", "null"),
		 "{\"1\":{\"class_type\":\"X\",\"inputs\":{}}}"},
		{"a place outside of the prompt",
		 FILE_OF("/photo", "png", "200", "null"), "{}"},
		{"an extension that leads elsewhere",
		 FILE_OF("/photo", "/../x", "2", "null"), "{}"},
		{"a mask without its picture",
		 FILE_OF("/hole", "png", "", "\"/photo\""), "{}"},
	};
	struct result out;

	begin(r, "jobs that cannot be sent");
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct order o = {.files = bad[i].files,
				  .prompt = bad[i].prompt,
				  .recipe = load_recipe};

		printf("# %s\n", bad[i].name);
		run_one(r, &o, &out);
		is_failure(r, &out, "internal", 1);
	}
	ok(uploads(r) == 0 && posts(r) == 0, "  nothing was sent");
}

/* ---- while it is on its way ---- */

static const char slow[] = "{\"kind\":\"http-slow\",\"path\":\"/upload/\","
			   "\"ms\":60000,\"times\":1}";

static void test_cancel(struct rig *r)
{
	struct load_order l;
	struct given g;
	struct result out;
	char id[ID_SIZE];

	begin(r, "canceled during an upload");
	g = give_png(r, WIDE, HIGH, 0x778899ff);
	photo_order(&l, &g);
	ok(standin_fault(&r->servers[0], slow), "  fault");
	insert(r, &l.order, id);
	ok(await_slowed(r), "  on its way");
	store_cancel(r->store, id, "tester", cancel_done, NULL);
	ok(await_end(r, id), "  it ends");
	read_job(r, id, &out);
	ok(out.job.phase == PHASE_CANCELED, "  canceled");
	ok(posts(r) == 0, "  and not posted");
	arena_finish(&out.arena);
	load_order_finish(&l);
}

static void test_stop(struct rig *r)
{
	struct load_order l;
	struct given g;
	struct result out;
	char id[ID_SIZE];

	begin(r, "a stop during an upload");
	g = give_png(r, WIDE, HIGH, 0x99aabbff);
	photo_order(&l, &g);
	ok(standin_fault(&r->servers[0], slow), "  fault");
	insert(r, &l.order, id);
	ok(await_slowed(r), "  on its way");
	restart(r);
	ok(await_end(r, id), "  it ends after the next start");
	read_job(r, id, &out);
	is_success(r, &out, 1);
	ok(posts(r) == 1, "  posted once");
	load_order_finish(&l);
}

/* The prompt was posted before we ended: nothing is uploaded for it again. */
static void test_resumed(struct rig *r)
{
	struct load_order l;
	struct given g;
	struct result out;
	char id[ID_SIZE];

	begin(r, "a stop during the run");
	g = give_png(r, WIDE, HIGH, 0xbbccddff);
	photo_order(&l, &g);
	ok(standin_fault(&r->servers[0], "{\"kind\":\"hang\",\"match\":"
					 "\"SaveImage\",\"times\":1}"),
	   "  fault");
	insert(r, &l.order, id);
	ok(standin_await(&r->servers[0], "blocked"), "  it runs");
	restart(r);
	ok(standin_do(&r->servers[0], "release") && await_end(r, id),
	   "  it ends after the next start");
	read_job(r, id, &out);
	is_success(r, &out, 1);
	ok(posts(r) == 1 && uploads(r) == 1, "  posted once, uploaded once");
	load_order_finish(&l);
}

static void test_deadline(struct rig *r)
{
	struct load_order l;
	struct given g;
	struct result out;

	begin(r, "the job's time is over during an upload");
	g = give_png(r, WIDE, HIGH, 0xddeeffff);
	photo_order(&l, &g);
	l.order.deadline_ms = 700;
	ok(standin_fault(&r->servers[0], slow), "  fault");
	run_one(r, &l.order, &out);
	is_failure(r, &out, "timeout", 1);
	load_order_finish(&l);
}

int main(void)
{
	struct rig r;

	log_set_level(LOG_NONE);
	rig_start(&r, 1, 1);
	test_cases(&r);
	test_limit(&r);
	test_left_out(&r);
	test_broken_picture(&r);
	test_other_name(&r);
	test_our_own(&r);
	test_cancel(&r);
	test_stop(&r);
	test_resumed(&r);
	test_deadline(&r);
	rig_finish(&r);
	test_elsewhere();
	return tap_done();
}
