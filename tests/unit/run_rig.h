#ifndef TESTS_RUN_RIG_H
#define TESTS_RUN_RIG_H

#include <stdatomic.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/box.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "base/json.h"
#include "base/log.h"
#include "jobs/blobs.h"
#include "jobs/board.h"
#include "jobs/files.h"
#include "jobs/outputs.h"
#include "jobs/store.h"
#include "remove_tree.h"
#include "run/pool.h"
#include "standin.h"
#include "tap.h"

/*
 * The running half as it is: a store and files in a temporary folder, real
 * threads, and stand-ins for ComfyUI that fail on demand. What is waited for
 * is what the store tells its listener.
 */
#define BACKENDS 2
#define WAIT_MS	 30000
#define JOBS_MAX 256

struct ended {
	char id[ID_SIZE];
	unsigned times;
	enum phase phase;
};

struct rig {
	char root[64];
	struct store *store;
	struct files *files;
	struct blobs *blobs;
	struct board *board;
	struct standin servers[BACKENDS];
	struct pool_options o;
	struct backend_options backends[BACKENDS];

	struct box box; /* guards what the listener touches */
	struct pool *pool;
	enum phase now; /* the last news of any job */
	struct ended ended[JOBS_MAX];
	size_t ended_count;
	unsigned litter;
	char progress_node[64];
	unsigned progress_count;
};

/* Of one test at a time: what a job is made of. */
struct order {
	const char *prompt;
	const char *recipe;
	const char *files;   /* jobs/job_files.h; NULL: none */
	unsigned attempts;   /* 0: 2 */
	int64_t deadline_ms; /* 0: far */
};

struct result {
	struct arena arena;
	struct job job;
};

static unsigned colour;
/* What rig_open() makes. */
static const char *rig_dialect = "0.25.0";
static int64_t rig_min_free = 1;

/* EmptyImage to SaveImage; each one's own colour, so nothing is cached. */
static inline const char *image_prompt(void)
{
	static char text[512];

	colour++;
	(void)snprintf(text, sizeof(text),
		       "{\"1\":{\"class_type\":\"EmptyImage\",\"inputs\":{"
		       "\"width\":64,\"height\":48,\"batch_size\":1,"
		       "\"color\":%u}},\"2\":{\"class_type\":\"SaveImage\","
		       "\"inputs\":{\"images\":[\"1\",0],"
		       "\"filename_prefix\":\"t%u\"}}}",
		       colour, colour);
	return text;
}

static const char image_recipe[] =
	"{\"outputs\":[{\"name\":\"image\",\"type\":\"image\",\"node\":\"2\","
	"\"key\":null,\"many\":false,\"required\":true,\"temp\":false}],"
	"\"fields\":[{\"node\":\"1\",\"input\":\"width\",\"field\":\"/"
	"width\"}]}";

/* ---- the store's news ---- */

static inline void listen_in(void *ctx, const char *id, enum phase phase,
			     bool cancel, struct store_ended *ended)
{
	struct rig *r = ctx;

	store_ended_free(ended);
	box_lock(&r->box);
	r->now = phase;
	if (cancel && !phase_final(phase) && r->pool != NULL)
		pool_cancel(r->pool, id);
	if (phase_final(phase)) {
		size_t i = 0;

		while (i < r->ended_count && strcmp(r->ended[i].id, id) != 0)
			i++;
		if (i == r->ended_count && i < JOBS_MAX)
			(void)snprintf(r->ended[r->ended_count++].id, ID_SIZE,
				       "%s", id);
		r->ended[i].times++;
		r->ended[i].phase = phase;
	}
	box_wake(&r->box);
	box_unlock(&r->box);
}

static inline void changed(void *ctx, const char *id)
{
	struct rig *r = ctx;
	struct progress p;

	if (!board_get(r->board, id, &p))
		return;
	box_lock(&r->box);
	if (p.node[0] != '\0')
		memcpy(r->progress_node, p.node, sizeof(p.node));
	r->progress_count++;
	box_wake(&r->box);
	box_unlock(&r->box);
}

static inline unsigned times_ended(struct rig *r, const char *id)
{
	unsigned n = 0;

	for (size_t i = 0; i < r->ended_count; i++) {
		if (strcmp(r->ended[i].id, id) == 0)
			n = r->ended[i].times;
	}
	return n;
}

static inline bool await_end(struct rig *r, const char *id)
{
	int64_t until = clock_monotonic_ms() + WAIT_MS;
	bool there;

	box_lock(&r->box);
	while (times_ended(r, id) == 0 && box_wait(&r->box, until))
		;
	there = times_ended(r, id) > 0;
	box_unlock(&r->box);
	return there;
}

/* Where one job is at a time. */
static inline bool await_phase(struct rig *r, enum phase phase)
{
	int64_t until = clock_monotonic_ms() + WAIT_MS;
	bool there;

	box_lock(&r->box);
	while (r->now < phase && box_wait(&r->box, until))
		;
	there = r->now == phase;
	box_unlock(&r->box);
	return there;
}

/* ---- start and stop ---- */

static inline void must(bool fine, const char *what, const struct problem *why)
{
	if (fine)
		return;
	(void)fprintf(stderr, "# %s: %s %s\n", what, why->where, why->detail);
	exit(99);
}

static inline void open_store(struct rig *r)
{
	char path[128];
	struct problem why = {0};
	struct store_options o = {.path = path,
				  .files = r->files,
				  .blobs = r->blobs,
				  .listen = listen_in,
				  .listen_ctx = r};

	(void)snprintf(path, sizeof(path), "%s/jobs.db", r->root);
	r->store = store_open(&o, &why);
	must(r->store != NULL, "store", &why);
	r->o.store = r->store;
}

static inline void start_pool(struct rig *r)
{
	struct problem why = {0};
	struct pool *p = pool_start(&r->o, &why);

	must(p != NULL, "pool", &why);
	box_lock(&r->box);
	r->pool = p;
	box_unlock(&r->box);
}

static inline void stop_pool(struct rig *r, int64_t ms)
{
	struct pool *p;

	box_lock(&r->box);
	p = r->pool;
	r->pool = NULL;
	box_unlock(&r->box);
	pool_end(p, ms);
	pool_free(p);
}

/* The whole of our half ends and begins again, as a new process would. */
static inline void restart(struct rig *r)
{
	stop_pool(r, 0);
	store_close(r->store);
	open_store(r);
	start_pool(r);
}

static inline void rig_options(struct rig *r, size_t backends, unsigned slots)
{
	static const char *const names[BACKENDS] = {"a", "b"};

	for (size_t i = 0; i < backends; i++) {
		standin_start(&r->servers[i], rig_dialect, NULL);
		r->backends[i] = (struct backend_options){
			.name = names[i],
			.url = r->servers[i].url,
			.pool = "default",
			.slots = slots,
		};
	}
	r->o = (struct pool_options){
		.backends = r->backends,
		.count = backends,
		.files = r->files,
		.blobs = r->blobs,
		.board = r->board,
		.stall_ms = 60000,
		.poll_ms = 50,
		.call_timeout_ms = 10000,
		.fetch_timeout_ms = 20000,
		.max_output_bytes = 1 << 20,
		.forget_after_ms = 86400 * 1000LL,
	};
}

static inline void rig_open(struct rig *r, size_t backends, unsigned slots)
{
	char files[96];
	struct problem why = {0};

	memset(r, 0, sizeof(*r));
	box_init(&r->box);
	(void)snprintf(r->root, sizeof(r->root), "/tmp/test_run-XXXXXX");
	if (mkdtemp(r->root) == NULL)
		exit(99);
	(void)snprintf(files, sizeof(files), "%s/files", r->root);
	must(file_make_dirs(files, 0700, &why), "files", &why);
	r->files = files_open(files, rig_min_free, &why);
	must(r->files != NULL, "files", &why);
	(void)snprintf(files, sizeof(files), "%s/blobs", r->root);
	r->blobs = blobs_open(files, r->files, &why);
	must(r->blobs != NULL, "blobs", &why);
	r->board = board_create(changed, r);
	rig_options(r, backends, slots);
	open_store(r);
}

static inline void rig_start(struct rig *r, size_t backends, unsigned slots)
{
	rig_open(r, backends, slots);
	start_pool(r);
}

/* Only what succeeded leaves files behind. */
static inline void see_file(void *ctx, const char *job)
{
	struct rig *r = ctx;

	for (size_t i = 0; i < r->ended_count; i++) {
		if (strcmp(r->ended[i].id, job) == 0 &&
		    r->ended[i].phase != PHASE_SUCCEEDED)
			r->litter++;
	}
}

/* Each job ended once, whatever happened to it. */
static inline void rig_finish(struct rig *r)
{
	bool once = true;

	stop_pool(r, 10000);
	store_close(r->store);
	for (size_t i = 0; i < r->ended_count; i++)
		once = once && r->ended[i].times == 1;
	ok(once && r->ended_count > 0, "  %zu jobs, each ended once",
	   r->ended_count);
	files_each_job(r->files, see_file, r);
	ok(r->litter == 0, "  no file of what failed");
	for (size_t i = 0; i < r->o.count; i++)
		standin_stop(&r->servers[i]);
	board_destroy(r->board);
	blobs_close(r->blobs);
	files_close(r->files);
	remove_tree(r->root);
	box_finish(&r->box);
}

/* A counter of the stand-in's state; -1 where there is none. */
static inline long standin_count(struct standin *s, const char *name)
{
	static char body[1 << 20];
	char key[64];
	const char *at;

	if (standin_call(s, "GET", "state", NULL, body, sizeof(body)) != 200)
		return -1;
	(void)snprintf(key, sizeof(key), "\"%s\": ", name);
	at = strstr(body, key);
	return at != NULL ? strtol(at + strlen(key), NULL, 10) : -1;
}

/* For what nobody tells of: asks until a counter is there. */
static inline bool await_count(struct rig *r, size_t server, const char *name,
			       long want)
{
	int64_t until = clock_monotonic_ms() + WAIT_MS;
	long n;

	do
		n = standin_count(&r->servers[server], name);
	while (n != want && clock_monotonic_ms() < until);
	return n == want;
}

/* ---- jobs ---- */

static inline void inserted(void *ctx, enum store_outcome outcome,
			    const char *id)
{
	(void)id;
	atomic_store((atomic_int *)ctx, outcome == STORE_DONE ? 1 : -1);
}

static inline void insert(struct rig *r, const struct order *o,
			  char id[ID_SIZE])
{
	static atomic_int done;
	int64_t now = clock_wall_ms();
	struct job j = {
		.owner = "tester",
		.endpoint = "image",
		.version = 1,
		.phase = PHASE_QUEUED,
		.inputs = "{}",
		.prompt = o->prompt != NULL ? o->prompt : image_prompt(),
		.recipe = o->recipe != NULL ? o->recipe : image_recipe,
		.files = o->files,
		.pool = "default",
		.max_attempts = o->attempts > 0 ? o->attempts : 2,
		.created_at = now,
		.deadline_at = now + (o->deadline_ms > 0 ? o->deadline_ms
							 : 3600 * 1000LL),
		.keep_ms = 3600 * 1000LL,
	};

	id_v7(j.id);
	memcpy(id, j.id, ID_SIZE);
	store_insert(r->store, &j, inserted, &done);
}

static inline void cancel_done(void *ctx, enum store_outcome outcome,
			       const char *id)
{
	(void)ctx;
	(void)outcome;
	(void)id;
}

static inline void read_job(struct rig *r, const char *id, struct result *out)
{
	struct problem why = {0};
	struct store_reader *reader = store_reader_open(r->store, &why);

	must(reader != NULL, "reader", &why);
	arena_init(&out->arena);
	if (!store_read(reader, id, NULL, &out->arena, &out->job))
		exit(98);
	store_reader_close(reader);
}

/* Runs one to its end and says how it ended. */
static inline void run_one(struct rig *r, const struct order *o,
			   struct result *out)
{
	char id[ID_SIZE];

	insert(r, o, id);
	ok(await_end(r, id), "  it ends");
	read_job(r, id, out);
}

/* The small file of a job; NULL: there is none. In the arena. */
static inline const char *small_file(struct rig *r, const char *id,
				     const char *name, struct arena *a,
				     size_t *size)
{
	struct problem why = {0};
	struct store_reader *reader = store_reader_open(r->store, &why);
	const char *bytes = NULL;

	must(reader != NULL, "reader", &why);
	if (!store_read_small(reader, id, name, a, &bytes, size))
		bytes = NULL;
	store_reader_close(reader);
	return bytes;
}

static inline bool has_file(struct rig *r, struct result *out, const char *name)
{
	size_t size;

	return files_exists(r->files, out->job.id, name) ||
	       small_file(r, out->job.id, name, &out->arena, &size) != NULL;
}

static inline void is_success(struct rig *r, struct result *out,
			      unsigned attempts)
{
	struct output_value *v = NULL;
	size_t n = 0;
	bool stored = out->job.outputs != NULL &&
		      outputs_read(out->job.outputs, &out->arena, &v, &n) &&
		      n > 0 && v[0].file_count > 0;

	ok(out->job.phase == PHASE_SUCCEEDED, "  succeeded (%s %s)",
	   phase_name(out->job.phase),
	   out->job.problem != NULL ? out->job.problem : "");
	ok(out->job.attempts == attempts, "  attempt %u", out->job.attempts);
	ok(stored && v[0].files[0].width == 64 && v[0].files[0].height == 48 &&
		   strcmp(v[0].files[0].name, "image.png") == 0,
	   "  its outputs: %s",
	   out->job.outputs != NULL ? out->job.outputs : "(none)");
	ok(has_file(r, out, "image.png"), "  its file");
	arena_finish(&out->arena);
}

static inline void is_failure(struct rig *r, struct result *out,
			      const char *code, unsigned attempts)
{
	char want[64];

	(void)snprintf(want, sizeof(want), "\"code\":\"%s\"", code);
	ok(out->job.phase == PHASE_FAILED, "  failed");
	ok(out->job.problem != NULL && strstr(out->job.problem, want) != NULL,
	   "  with %s: %s", code,
	   out->job.problem != NULL ? out->job.problem : "(none)");
	ok(out->job.attempts == attempts, "  attempt %u", out->job.attempts);
	ok(!has_file(r, out, "image.png"), "  no file");
	arena_finish(&out->arena);
}

#endif
