#include "run_rig.h"

/* Backends that hang, vanish and come back; jobs that are to be canceled or
 * are too slow; our own half that ends in the middle. */

#define SLOW                                                                   \
	"{\"kind\":\"slow\",\"match\":\"SaveImage\",\"ms\":60000,\"times\":1}"
#define HANG "{\"kind\":\"hang\",\"match\":\"SaveImage\",\"times\":1}"

static void faulty(struct rig *r, size_t i, const char *fault)
{
	ok(standin_fault(&r->servers[i], fault), "  fault");
}

static void happens(struct rig *r, size_t i, const char *event)
{
	ok(standin_await(&r->servers[i], event), "  %s", event);
}

/* Awaits the end of a job that was inserted before. */
static void ends_well(struct rig *r, const char *id, unsigned attempts)
{
	struct result out;

	ok(await_end(r, id), "  it ends");
	read_job(r, id, &out);
	is_success(r, &out, attempts);
}

/* The probe of backend b fails until it is let in, so a has the job first. */
static void shut_out(struct rig *r, size_t i)
{
	faulty(r, i, "{\"kind\":\"http-500\",\"path\":\"/queue\"}");
}

static void let_in(struct rig *r, size_t i)
{
	ok(standin_clear(&r->servers[i]), "  the other comes up");
}

static void test_hang(void)
{
	struct order o = {0};
	char id[ID_SIZE];
	struct result out;
	struct rig r;

	printf("# a node hangs: to the other backend\n");
	rig_open(&r, 2, 1);
	r.o.stall_ms = 400;
	shut_out(&r, 1);
	start_pool(&r);
	faulty(&r, 0, "{\"kind\":\"hang\",\"times\":1}");
	insert(&r, &o, id);
	happens(&r, 0, "blocked");
	let_in(&r, 1);
	ok(await_end(&r, id), "  it ends");
	read_job(&r, id, &out);
	is_str(out.job.backend, "b", "  there");
	is_success(&r, &out, 2);
	ok(standin_count(&r.servers[1], "accepted") == 1, "  posted once");
	rig_finish(&r);
}

/* Each is short of memory twice: freed and tried again there, then elsewhere,
 * and the first once more. */
static void test_memory(void)
{
	struct order o = {.attempts = 3};
	char id[ID_SIZE];
	struct rig r;

	printf("# out of memory: on the same backend, then elsewhere\n");
	rig_start(&r, 2, 1);
	for (size_t i = 0; i < 2; i++) {
		happens(&r, i, "sockets:1");
		faulty(&r, i, "{\"kind\":\"oom\",\"times\":2}");
	}
	insert(&r, &o, id);
	ends_well(&r, id, 3);
	ok(standin_count(&r.servers[0], "failed") == 2 &&
		   standin_count(&r.servers[1], "failed") == 2,
	   "  both were tried twice");
	ok(standin_count(&r.servers[0], "frees") == 1 &&
		   standin_count(&r.servers[1], "frees") == 1,
	   "  both were told to free");
	rig_finish(&r);
}

/* A dead worker behind HTTP that lives (s19): the backend stays out of work
 * until its prompt is gone; the one that waits behind it goes, too. */
static void test_wedge(void)
{
	struct order o = {.attempts = 5};
	char first[ID_SIZE], second[ID_SIZE];
	struct backend_state b;
	struct rig r;

	printf("# a worker dies: nothing goes there until a restart\n");
	rig_open(&r, 1, 2);
	r.o.stall_ms = 400;
	start_pool(&r);
	faulty(&r, 0, "{\"kind\":\"wedge\",\"times\":1}");
	insert(&r, &o, first);
	happens(&r, 0, "dead");
	insert(&r, &o, second);
	happens(&r, 0, "accepted:2");
	/* The one that was pending is taken out when the backend is given up
	 * as stuck; both are back in our queue. */
	ok(await_count(&r, 0, "pending", 0), "  nothing waits there");
	ok(pool_backends(r.pool, &b, 1) == 1 && !b.up, "  throttled: %s",
	   b.reason);
	ok(pool_exists(r.pool, "default"), "  the pool is there all the same");
	ok(standin_do(&r.servers[0], "restart"), "  restart");
	ends_well(&r, first, 2);
	ends_well(&r, second, 1);
	ok(pool_backends(r.pool, &b, 1) == 1 && b.up, "  up again");
	rig_finish(&r);
}

/* On the port it had before. */
static void start_again(struct standin *s, int port)
{
	char number[16];
	const char *const more[] = {"--port", number, NULL};

	(void)snprintf(number, sizeof(number), "%d", port);
	standin_start(s, "0.25.0", more);
}

static void test_crash(void)
{
	struct order o = {0};
	char id[ID_SIZE];
	siginfo_t info;
	int port;
	struct rig r;

	printf("# ComfyUI dies and comes back\n");
	rig_start(&r, 1, 1);
	port = r.servers[0].port;
	faulty(&r, 0, HANG);
	insert(&r, &o, id);
	happens(&r, 0, "blocked");
	ok(await_phase(&r, PHASE_SUBMITTED), "  submitted");
	ok(kill(r.servers[0].pid, SIGKILL) == 0, "  killed");
	/* Its pid is kept for standin_stop(). */
	ok(waitid(P_PID, (id_t)r.servers[0].pid, &info, WEXITED | WNOWAIT) == 0,
	   "  gone");
	standin_stop(&r.servers[0]);
	start_again(&r.servers[0], port);
	ends_well(&r, id, 2);
	rig_finish(&r);
}

static void test_no_server_yet(void)
{
	struct order o = {.attempts = 1};
	char id[ID_SIZE];
	int port;
	struct rig r;

	printf("# a job waits for a backend that is not there yet\n");
	rig_open(&r, 1, 2);
	port = r.servers[0].port;
	standin_stop(&r.servers[0]);
	start_pool(&r);
	insert(&r, &o, id);
	start_again(&r.servers[0], port);
	ends_well(&r, id, 1);
	rig_finish(&r);
}

static bool interrupt(struct standin *s)
{
	struct web_call call = {.method = "POST",
				.content_type = "application/json",
				.body = "{}",
				.body_len = 2,
				.timeout_ms = 20000,
				.max_bytes = 4096};
	struct web_answer answer;
	char url[128];
	bool fine;

	(void)snprintf(url, sizeof(url), "%s/interrupt", s->url);
	call.url = url;
	(void)web_do(s->web, &call, &answer);
	fine = answer.status == 200;
	web_answer_finish(&answer);
	return fine;
}

static void test_interrupt(void)
{
	struct order o = {0};
	char id[ID_SIZE];
	struct rig r;

	printf("# somebody else interrupts: another attempt\n");
	rig_start(&r, 1, 1);
	faulty(&r, 0, SLOW);
	insert(&r, &o, id);
	happens(&r, 0, "node:SaveImage");
	ok(interrupt(&r.servers[0]), "  interrupt");
	ends_well(&r, id, 2);
	rig_finish(&r);
}

static void is_canceled(struct rig *r, const char *id)
{
	struct result out;

	ok(await_end(r, id), "  it ends");
	read_job(r, id, &out);
	ok(out.job.phase == PHASE_CANCELED, "  canceled (%s)",
	   phase_name(out.job.phase));
	arena_finish(&out.arena);
}

static void test_cancel(void)
{
	struct order o = {0};
	char running[ID_SIZE], pending[ID_SIZE], queued[ID_SIZE];
	struct rig r;

	printf("# cancel: running, pending there, queued here\n");
	rig_start(&r, 1, 2);
	faulty(&r, 0, SLOW);
	insert(&r, &o, running);
	happens(&r, 0, "node:SaveImage");
	insert(&r, &o, pending);
	happens(&r, 0, "pending:1");
	insert(&r, &o, queued);
	store_cancel(r.store, queued, "tester", cancel_done, NULL);
	is_canceled(&r, queued);
	store_cancel(r.store, pending, "tester", cancel_done, NULL);
	is_canceled(&r, pending);
	ok(standin_count(&r.servers[0], "pending") == 0, "  taken out there");
	store_cancel(r.store, running, "tester", cancel_done, NULL);
	is_canceled(&r, running);
	ok(standin_count(&r.servers[0], "interrupted") == 1,
	   "  interrupted there");
	rig_finish(&r);
}

static void test_deadline(void)
{
	struct order o = {.deadline_ms = 400};
	struct result out;
	int port;
	struct rig r;

	printf("# too slow: the deadline, while it runs and while it waits\n");
	rig_start(&r, 1, 1);
	faulty(&r, 0, SLOW);
	run_one(&r, &o, &out);
	is_failure(&r, &out, "timeout", 1);
	happens(&r, 0, "interrupted:1");
	stop_pool(&r, 1000);
	port = r.servers[0].port;
	standin_stop(&r.servers[0]);
	start_pool(&r);
	run_one(&r, &o, &out);
	is_failure(&r, &out, "timeout", 0);
	start_again(&r.servers[0], port);
	rig_finish(&r);
}

static void test_two(void)
{
	enum { JOBS = 40 };
	struct order o = {0};
	char ids[JOBS][ID_SIZE];
	bool good = true;
	struct rig r;

	printf("# two backends share the work\n");
	rig_start(&r, 2, 2);
	happens(&r, 0, "sockets:1");
	happens(&r, 1, "sockets:1");
	for (int i = 0; i < JOBS; i++)
		insert(&r, &o, ids[i]);
	for (int i = 0; i < JOBS; i++) {
		struct result out;

		good = await_end(&r, ids[i]) && good;
		read_job(&r, ids[i], &out);
		good = out.job.phase == PHASE_SUCCEEDED &&
		       out.job.attempts == 1 && good;
		arena_finish(&out.arena);
	}
	ok(good, "  all succeed at the first attempt");
	ok(standin_count(&r.servers[0], "accepted") +
			   standin_count(&r.servers[1], "accepted") ==
		   JOBS,
	   "  each posted once");
	ok(standin_count(&r.servers[0], "accepted") > 0 &&
		   standin_count(&r.servers[1], "accepted") > 0,
	   "  both had some");
	rig_finish(&r);
}

/* ---- our half ends and begins again ---- */

/* It ends when the store tells of the phase; then the fault is taken away. */
static const struct {
	const char *what;
	const char *fault;
	enum phase phase;
} restarts[] = {
	{"while posting",
	 "{\"kind\":\"http-slow\",\"path\":\"/prompt\",\"ms\":20000}",
	 PHASE_CLAIMED},
	{"while it runs", HANG, PHASE_SUBMITTED},
	{"while the outputs are fetched",
	 "{\"kind\":\"http-slow\",\"path\":\"/view\",\"ms\":20000}", PHASE_RAN},
};

static void test_restarts(void)
{
	for (size_t i = 0; i < COUNT(restarts); i++) {
		struct order o = {.attempts = 1};
		struct result out;
		char id[ID_SIZE];
		struct rig r;

		printf("# we end %s\n", restarts[i].what);
		rig_open(&r, 1, 1);
		start_pool(&r);
		happens(&r, 0, "sockets:1");
		faulty(&r, 0, restarts[i].fault);
		insert(&r, &o, id);
		ok(await_phase(&r, restarts[i].phase), "  %s",
		   phase_name(restarts[i].phase));
		stop_pool(&r, 0);
		store_close(r.store);
		open_store(&r);
		read_job(&r, id, &out);
		ok(out.job.phase == restarts[i].phase, "  left as %s",
		   phase_name(out.job.phase));
		arena_finish(&out.arena);
		let_in(&r, 0);
		start_pool(&r);
		ends_well(&r, id, 1);
		ok(standin_count(&r.servers[0], "prompts") == 1,
		   "  posted once");
		rig_finish(&r);
	}
}

/* The claim was stored and nothing came of it: what was never posted is posted
 * now; what ComfyUI has lost meanwhile is another attempt. */
static void test_restart_lost(void)
{
	struct order o = {0};
	char id[ID_SIZE];
	struct rig r;

	printf("# we end, and ComfyUI, too\n");
	rig_start(&r, 1, 1);
	faulty(&r, 0, HANG);
	insert(&r, &o, id);
	happens(&r, 0, "blocked");
	ok(await_phase(&r, PHASE_SUBMITTED), "  submitted");
	stop_pool(&r, 0);
	store_close(r.store);
	ok(standin_do(&r.servers[0], "restart"), "  restart");
	open_store(&r);
	start_pool(&r);
	ends_well(&r, id, 2);
	rig_finish(&r);
}

/* A cancel that came while we were away is done at the next start. */
static void test_restart_cancel(void)
{
	struct order o = {0};
	char id[ID_SIZE];
	struct rig r;

	printf("# a cancel that was asked for before we ended\n");
	rig_start(&r, 1, 1);
	faulty(&r, 0, SLOW);
	insert(&r, &o, id);
	happens(&r, 0, "node:SaveImage");
	stop_pool(&r, 0);
	store_cancel(r.store, id, "tester", cancel_done, NULL);
	restart(&r);
	is_canceled(&r, id);
	ok(standin_count(&r.servers[0], "interrupted") == 1,
	   "  interrupted there");
	rig_finish(&r);
}

/* Time enough: what runs is brought to its end. */
static void test_drain(void)
{
	struct order o = {0};
	char id[ID_SIZE];
	struct result out;
	struct rig r;

	printf("# a stop with time lets the job end\n");
	rig_start(&r, 1, 1);
	faulty(&r, 0, "{\"kind\":\"slow\",\"match\":\"SaveImage\",\"ms\":200}");
	insert(&r, &o, id);
	happens(&r, 0, "node:SaveImage");
	stop_pool(&r, 20000);
	read_job(&r, id, &out);
	is_success(&r, &out, 1);
	rig_finish(&r);
}

/* As a process leaves one that dies before it has stored a row about it. */
static void leave_blob(const struct rig *r, char sha[DIGEST_HEX_SIZE])
{
	struct problem why = {0};
	char path[96];
	struct blobs *dead;
	struct blob_draft *d;
	int64_t size;

	(void)snprintf(path, sizeof(path), "%s/blobs", r->root);
	dead = blobs_open(path, r->files, &why);
	must(dead != NULL, "blobs", &why);
	d = blob_begin(dead, 10, &why);
	must(d != NULL && blob_write(d, "x", 1) &&
		     blob_commit(d, sha, &size, &why),
	     "blob", &why);
	blobs_close(dead);
}

static bool blob_there(const struct rig *r, const char *sha)
{
	int fd = blobs_file(r->blobs, sha);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Folders of jobs that nobody knows are removed; young ones are left. */
static void test_strays(void)
{
	static const char old[] = "0193a1f2-0000-7000-8000-0000000000ab";
	int64_t until = clock_monotonic_ms() + WAIT_MS;
	struct problem why = {0};
	char young[ID_SIZE], sha[DIGEST_HEX_SIZE], id[ID_SIZE];
	char blob[DIGEST_HEX_SIZE];
	struct order o = {0};
	struct rig r;
	int64_t size;

	printf("# strays\n");
	rig_open(&r, 1, 1);
	id_v7(young);
	for (int i = 0; i < 2; i++) {
		struct file_sink *s =
			files_begin(r.files, i == 0 ? old : young, 100, &why);

		must(s != NULL && file_sink_write(s, "x", 1) &&
			     file_sink_commit(s, "a.bin", NULL, &size, sha,
					      &why),
		     "stray", &why);
	}
	leave_blob(&r, blob);
	ok(blob_there(&r, blob), "  a blob that nothing names");
	start_pool(&r);
	insert(&r, &o, id);
	ends_well(&r, id, 1);
	while ((files_exists(r.files, old, "a.bin") || blob_there(&r, blob)) &&
	       clock_monotonic_ms() < until)
		(void)standin_count(&r.servers[0], "views");
	ok(!files_exists(r.files, old, "a.bin"), "  an old stray is gone");
	ok(files_exists(r.files, young, "a.bin"), "  a young one is not");
	ok(!blob_there(&r, blob), "  the blob is gone, too");
	rig_finish(&r);
}

int main(void)
{
	log_set_level(LOG_NONE);
	test_hang();
	test_memory();
	test_wedge();
	test_crash();
	test_no_server_yet();
	test_interrupt();
	test_cancel();
	test_deadline();
	test_two();
	test_restarts();
	test_restart_lost();
	test_restart_cancel();
	test_drain();
	test_strays();
	return tap_done();
}
