#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/box.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "base/log.h"
#include "base/num.h"
#include "jobs/db.h"
#include "jobs/files.h"
#include "jobs/store.h"
#include "remove_tree.h"

/*
 * What a job costs the store: insert, claim, end, each waited for, by 1, 8 and
 * 64 threads; and beside it, in the same run, the same statements with a
 * transaction for each step. CPU is of the whole process, the waiting threads
 * with it.
 *
 *	store [JOBS [FOLDER]]	jobs a round, 4000; where, /tmp
 */
#define PROMPT_BYTES 20000
#define OUTPUT_BYTES 183201
#define THREADS_MAX  64
#define FAR_MS	     60000

static const char inputs[] =
	"{\"prompt\":\"a lighthouse on a cliff at dawn, oil on canvas\","
	"\"steps\":20,\"cfg\":7.5,\"seed\":18446744073709551615}";
static const char outputs[] =
	"{\"image\":{\"files\":[{\"name\":\"image.png\",\"content_type\":"
	"\"image/png\",\"size_bytes\":183201,\"sha256\":\"9f86d081884c7d659a2fe"
	"aa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\",\"width\":1024,"
	"\"height\":1024}],\"many\":false}}";

struct round {
	struct store *store; /* or */
	struct db *db;	     /* one transaction a step, under the lock */
	pthread_mutex_t lock;
	const char *prompt;
	atomic_int left;
	atomic_int wrong;
};

struct wait {
	struct box box;
	bool done, good;
};

static void inserted(void *ctx, enum store_outcome outcome, const char *id)
{
	struct wait *w = ctx;

	(void)id;
	box_lock(&w->box);
	w->done = true;
	w->good = outcome == STORE_DONE;
	box_unlock(&w->box);
	box_wake(&w->box); /* it lives as long as its thread */
}

static struct job new_job(const struct round *r)
{
	struct job j = {.owner = "https://issuer.example\napp-user",
			.endpoint = "portrait",
			.version = 1,
			.inputs = inputs,
			.prompt = r->prompt,
			.recipe = "{\"outputs\":[],\"fields\":[]}",
			.pool = "default",
			.max_attempts = 3,
			.keep_ms = 3600000,
			.queue_limit = 100000,
			.own_limit = 100000};

	id_v7(j.id);
	j.created_at = clock_wall_ms();
	j.deadline_at = j.created_at + 600000;
	return j;
}

static bool whole_job(struct round *r, struct wait *w)
{
	struct store_claim c = {.backend = "gpu-1", .pool = "default"};
	struct job j = new_job(r), mine;
	struct files_given none = {0};
	struct arena a = {0};
	bool good;

	w->done = false;
	store_insert(r->store, &j, inserted, w);
	box_lock(&w->box);
	while (!w->done)
		(void)box_wait(&w->box, clock_monotonic_ms() + FAR_MS);
	box_unlock(&w->box);
	id_v4(c.prompt_id);
	good = w->good &&
	       store_claimed(r->store, store_claim(r->store, &c, &a, &mine),
			     clock_monotonic_ms() + FAR_MS);
	if (good) {
		store_note(r->store, mine.id, mine.prompt_id, PHASE_SUBMITTED);
		store_note(r->store, mine.id, mine.prompt_id, PHASE_RAN);
		good = store_succeed(r->store, &mine, outputs, 0, &none);
	}
	arena_finish(&a);
	return good;
}

/* begin and commit around one step of a job */
static bool step(struct round *r, bool good)
{
	return db_commit(r->db) && good;
}

static bool job_in_steps(struct round *r)
{
	struct store_claim c = {.backend = "gpu-1", .pool = "default"};
	struct job j = new_job(r), mine = {0};
	struct arena a = {0};
	int64_t now = clock_wall_ms(), seq;
	struct db_row row = {0};
	bool good;

	id_v4(c.prompt_id);
	pthread_mutex_lock(&r->lock);
	good = db_begin(r->db) && step(r, db_insert(r->db, &j, &seq));
	db_checkpoint(r->db, false);
	pthread_mutex_unlock(&r->lock);
	pthread_mutex_lock(&r->lock);
	good = good && db_begin(r->db) &&
	       step(r, db_claim(r->db, &c, now, &a, &mine) == DB_FOUND);
	pthread_mutex_unlock(&r->lock);
	pthread_mutex_lock(&r->lock);
	good = good && db_begin(r->db) &&
	       step(r, db_row(r->db, mine.id, &a, &row) == DB_FOUND &&
			       db_end(r->db, row.seq, PHASE_SUCCEEDED, outputs,
				      OUTPUT_BYTES, NULL, now));
	pthread_mutex_unlock(&r->lock);
	arena_finish(&a);
	return good;
}

/* The least there is: no other thread, 64 jobs in each of three commits. */
static bool batch_in_steps(struct round *r, struct job *j, unsigned n)
{
	struct store_claim c = {.backend = "gpu-1", .pool = "default"};
	int64_t now = clock_wall_ms();
	int64_t seqs[THREADS_MAX];
	bool good = db_begin(r->db);

	for (unsigned i = 0; i < n; i++) {
		j[i] = new_job(r);
		good = good && db_insert(r->db, &j[i], &seqs[i]);
	}
	good = db_commit(r->db) && db_begin(r->db) && good;
	for (unsigned i = 0; i < n; i++) {
		struct arena a = {0};
		struct job mine;

		id_v4(c.prompt_id);
		good = good && db_claim(r->db, &c, now, &a, &mine) == DB_FOUND;
		arena_finish(&a);
	}
	good = db_commit(r->db) && db_begin(r->db) && good;
	for (unsigned i = 0; i < n; i++)
		good = good && db_end(r->db, seqs[i], PHASE_SUCCEEDED, outputs,
				      OUTPUT_BYTES, NULL, now);
	good = db_commit(r->db) && good;
	db_checkpoint(r->db, false);
	return good;
}

static void *batches(void *arg)
{
	static struct job jobs[THREADS_MAX];
	struct round *r = arg;

	while (atomic_fetch_sub(&r->left, THREADS_MAX) > 0)
		if (!batch_in_steps(r, jobs, THREADS_MAX))
			atomic_fetch_add(&r->wrong, 1);
	return NULL;
}

static void *worker(void *arg)
{
	struct round *r = arg;
	struct wait w = {0};

	box_init(&w.box);
	while (atomic_fetch_sub(&r->left, 1) > 0)
		if (!(r->store != NULL ? whole_job(r, &w) : job_in_steps(r)))
			atomic_fetch_add(&r->wrong, 1);
	box_finish(&w.box);
	return NULL;
}

static double cpu_us(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static double measure(struct round *r, void *(*run)(void *), unsigned threads,
		      int jobs, const char *name)
{
	pthread_t t[THREADS_MAX];
	int64_t from = clock_monotonic_ms();
	double cpu = cpu_us(), rate;

	atomic_store(&r->left, jobs);
	atomic_store(&r->wrong, 0);
	for (unsigned i = 0; i < threads; i++)
		t[i] = box_thread("worker", run, r);
	for (unsigned i = 0; i < threads; i++)
		pthread_join(t[i], NULL);
	rate = jobs * 1000.0 / (double)(clock_monotonic_ms() - from);
	printf("%-28s %7u %9.0f %14.1f %6d\n", name, threads, rate,
	       (cpu_us() - cpu) / jobs, atomic_load(&r->wrong));
	return rate;
}

static void run_all(const char *folder, int jobs, const char *prompt)
{
	static const unsigned threads[] = {1, 8, 64};
	char path[256], files[256], steps[256];
	struct problem why = {0};
	struct round group = {.prompt = prompt}, single = {.prompt = prompt};
	struct store_options o = {.path = path};
	double a, b;

	snprintf(path, sizeof(path), "%s/group.db", folder);
	snprintf(files, sizeof(files), "%s/files", folder);
	snprintf(steps, sizeof(steps), "%s/single.db", folder);
	o.files = files_open(files, 0, &why);
	group.store = o.files != NULL ? store_open(&o, &why) : NULL;
	single.db = db_open(steps, &why);
	if (group.store == NULL || single.db == NULL) {
		fprintf(stderr, "store: %s: %s\n", why.where, why.detail);
		exit(1);
	}
	pthread_mutex_init(&single.lock, NULL);
	printf("%-28s %7s %9s %14s %6s\n", "", "threads", "jobs/s",
	       "CPU us a job", "wrong");
	for (size_t i = 0; i < COUNT(threads); i++) {
		a = measure(&group, worker, threads[i], jobs, "group commit");
		b = measure(&single, worker, threads[i], jobs / 4,
			    "a transaction for each step");
		printf("%-28s %7u %8.1fx\n", "ratio", threads[i], a / b);
	}
	measure(&single, batches, 1, jobs / THREADS_MAX * THREADS_MAX,
		"SQLite alone, 64 a commit");
	store_close(group.store);
	files_close(o.files);
	db_close(single.db);
	pthread_mutex_destroy(&single.lock);
}

int main(int argc, char **argv)
{
	uint64_t jobs = 4000;
	char folder[200];
	char *prompt = mem_alloc(PROMPT_BYTES + 1);

	if (argc > 1 && (!num_u64(argv[1], 1000000, &jobs) || jobs < 64)) {
		fprintf(stderr, "usage: store [JOBS [FOLDER]]\n");
		return 2;
	}
	snprintf(folder, sizeof(folder), "%s/comfygate-store-XXXXXX",
		 argc > 2 ? argv[2] : "/tmp");
	if (mkdtemp(folder) == NULL) {
		perror(folder);
		return 1;
	}
	memset(prompt, 'x', PROMPT_BYTES);
	prompt[0] = prompt[PROMPT_BYTES - 1] = '"';
	log_set_level(LOG_WARN);
	run_all(folder, (int)jobs, prompt);
	free(prompt);
	remove_tree(folder);
	return 0;
}
