#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "unit/store_rig.h"

/*
 * A disk that is full: no file of this process may grow past a limit (writes
 * fail with EFBIG, as they would with ENOSPC), and later it may again.
 */
enum { RUNNING = 20 };

static struct rig r;

static void set_room(rlim_t bytes)
{
	struct rlimit l;

	rig_must(getrlimit(RLIMIT_FSIZE, &l) == 0);
	l.rlim_cur = bytes < l.rlim_max ? bytes : l.rlim_max;
	rig_must(setrlimit(RLIMIT_FSIZE, &l) == 0);
}

/* Room for so many more bytes in the write-ahead log. */
static void leave_room(off_t bytes)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s-wal", r.path);
	rig_must(stat(path, &st) == 0);
	set_room((rlim_t)(st.st_size + bytes));
}

static char *text_of(size_t n)
{
	char *text = mem_alloc(n + 1);

	memset(text, 'x', n);
	text[0] = text[n - 1] = '"';
	return text;
}

struct ending {
	struct job job;
	const char *outputs;
	struct files_given files;
	atomic_bool over;
	bool got;
};

static void *end_it(void *arg)
{
	struct ending *e = arg;

	store_note(r.store, e->job.id, e->job.prompt_id, PHASE_SUBMITTED);
	store_note(r.store, e->job.id, e->job.prompt_id, PHASE_RAN);
	e->got = store_succeed(r.store, &e->job, e->outputs, 5, &e->files);
	atomic_store(&e->over, true);
	return NULL;
}

static void small_file(const char *job, struct files_given *given)
{
	char sha[DIGEST_HEX_SIZE];
	struct problem why = {0};
	struct file_sink *s = files_begin(r.files, job, 100, &why);
	int64_t size;

	rig_must(s != NULL && file_sink_write(s, "bytes", 5));
	rig_must(file_sink_commit(s, "a.bin", given, &size, sha, &why));
}

/* Fetched, with a text that does not fit now. */
struct fetching {
	struct job job;
	const char *files;
	atomic_bool over;
	bool got;
};

static void *fetch_it(void *arg)
{
	struct fetching *f = arg;

	f->got = store_fetched(r.store, f->job.id, f->files);
	atomic_store(&f->over, true);
	return NULL;
}

/* A file comes in while there is room for it, but none for its job. */
static void files_come_in(void)
{
	struct fetching f = {.job = rig_job()};
	char sha[DIGEST_HEX_SIZE], fetched[DIGEST_HEX_SIZE];
	struct job j = rig_job(), got;
	struct upload u = {
		.owner = "me", .content_type = "image/png", .extension = "png"};
	struct rig_answer a = {0};
	char *big = text_of(400000);
	pthread_t t;
	int stored = 0;

	rig_init(&r);
	f.job.phase = PHASE_FETCHING;
	f.job.files = rig_files(&r.arena, NULL);
	rig_must(rig_insert(&r, &f.job) == STORE_DONE);
	rig_blob(&r, "photo", sha);
	rig_blob(&r, "fetched", fetched);
	f.files = rig_files(&r.arena, fetched);
	leave_room(0);
	do {
		id_v7(j.id);
	} while (rig_insert(&r, &j) == STORE_DONE && ++stored < 1000);
	id_v7(j.id);
	j.files = rig_files(&r.arena, sha);
	j.prompt = big;
	ok(rig_insert(&r, &j) == STORE_FAILED, "a job with a file: no room");
	id_v4(u.id);
	memcpy(u.sha256, sha, sizeof(sha));
	u.expires_at = clock_wall_ms() + 600000;
	box_init(&a.box);
	store_add_upload(r.store, &u, 0, rig_answered, &a);
	ok(rig_await(&a) == STORE_FAILED, "nor for an upload");
	t = box_thread("fetch", fetch_it, &f);
	blobs_unpin(r.blobs, sha);
	for (int i = 0; i < 20; i++) {
		id_v7(j.id);
		rig_must(rig_insert(&r, &j) == STORE_FAILED);
	}
	ok(!rig_blob_there(&r, sha), "its blob goes all the same");
	ok(!atomic_load(&f.over) && rig_blob_there(&r, fetched) &&
		   rig_phase(&r, f.job.id) == PHASE_FETCHING,
	   "what was fetched waits");
	set_room(RLIM_INFINITY);
	pthread_join(t, NULL);
	blobs_unpin(r.blobs, fetched);
	rig_batch(&r);
	rig_batch(&r);
	ok(f.got && rig_phase(&r, f.job.id) == PHASE_QUEUED &&
		   rig_blob_there(&r, fetched) &&
		   rig_number(&r, "SELECT count(*) FROM job_files") == 1,
	   "and is queued when room is back");
	ok(rig_claim(&r, "gpu", &got) && strcmp(got.id, f.job.id) == 0 &&
		   strcmp(got.files, f.files) == 0,
	   "with its file");
	free(big);
	rig_finish(&r);
}

/* A slot asks while its job's end waits for room, which may take hours. */
static void a_claim_waits(void)
{
	struct store_claim want = rig_want("gpu");
	char *big = text_of(400000);
	struct job j = rig_job(), got;
	struct arena own = {0};
	struct claim *claim;
	int failed = 0;

	rig_init(&r);
	leave_room(0);
	claim = store_claim(r.store, &want, &own, &got);
	j.prompt = big;
	for (int i = 0; i < 20; i++) {
		id_v7(j.id);
		failed += rig_insert(&r, &j) == STORE_FAILED;
	}
	set_room(RLIM_INFINITY);
	id_v7(j.id);
	ok(failed == 20 && rig_insert(&r, &j) == STORE_DONE &&
		   store_claimed(r.store, claim,
				 clock_monotonic_ms() + RIG_MS) &&
		   strcmp(got.id, j.id) == 0 && strcmp(got.prompt, big) == 0,
	   "a claim outlives jobs that could not be written");
	ok(own.held < 2 * strlen(big), "and keeps nothing of them");
	arena_finish(&own);
	free(big);
	rig_finish(&r);
}

int main(void)
{
	char *big = text_of(400000);
	struct job j = rig_job(), large, got, running[RUNNING];
	struct ending e = {0};
	int failed = 0, stored = 0, asked = 0;
	pthread_t t;

	signal(SIGXFSZ, SIG_IGN);
	rig_init(&r);
	for (int i = 0; i < RUNNING; i++) {
		rig_must(rig_insert(&r, &j) == STORE_DONE);
		rig_must(rig_claim(&r, "other", &running[i]));
		id_v7(j.id);
	}
	rig_must(rig_insert(&r, &j) == STORE_DONE);
	rig_must(rig_claim(&r, "gpu", &e.job));
	small_file(e.job.id, &e.files);
	id_v7(j.id);
	rig_must(rig_insert(&r, &j) == STORE_DONE);
	large = rig_job();
	large.prompt = big;
	large.priority = 9;

	leave_room(200000);
	ok(rig_insert(&r, &large) == STORE_FAILED,
	   "too large for what is left");
	ok(rig_phase(&r, large.id) == PHASE__COUNT, "nothing of it is there");
	ok(rig_claim(&r, "gpu", &got) && rig_end(&r, &got, PHASE_SUCCEEDED),
	   "what fits is written");

	/* The log has place from before: that is used up first. */
	leave_room(0);
	do {
		id_v7(j.id);
	} while (rig_insert(&r, &j) == STORE_DONE && ++stored < 1000);
	ok(stored < 1000, "no room: an insert is told so");
	e.outputs = big;
	t = box_thread("end", end_it, &e);
	for (int i = 0; i < 20; i++) {
		id_v7(j.id);
		failed += rig_insert(&r, &j) == STORE_FAILED;
	}
	ok(failed == 20, "each of them");
	ok(!atomic_load(&e.over), "an end waits");
	/* It is small: a few may fit where no job does. */
	while (asked < RUNNING &&
	       rig_cancel(&r, running[asked].id, "me") == STORE_CANCELING)
		asked++;
	ok(asked < RUNNING, "so is a cancel");
	ok(rig_phase(&r, e.job.id) != PHASE_SUCCEEDED &&
		   !phase_final(rig_phase(&r, e.job.id)),
	   "readers read");
	set_room(RLIM_INFINITY);
	pthread_join(t, NULL);
	ok(e.got && rig_phase(&r, e.job.id) == PHASE_SUCCEEDED &&
		   rig_number(&r, "SELECT count(*) FROM small_files") == 1,
	   "and succeeds when room is back, with its file");
	ok(rig_insert(&r, &large) == STORE_DONE && rig_claim(&r, "gpu", &got) &&
		   strcmp(got.id, large.id) == 0,
	   "all goes on");
	ok(rig_number(&r, "SELECT count(*) FROM pragma_integrity_check WHERE "
			  "integrity_check = 'ok'") == 1 &&
		   rig_number(&r, "SELECT count(*) FROM jobs") ==
			   RUNNING + 3 + stored,
	   "nothing is corrupt, nothing is too many");
	rig_reopen(&r);
	ok(rig_claim(&r, "gpu", &got) && strcmp(got.id, large.id) == 0 &&
		   strcmp(got.prompt, big) == 0 &&
		   rig_end(&r, &got, PHASE_SUCCEEDED),
	   "after a restart neither");
	free(big);
	rig_finish(&r);
	files_come_in();
	a_claim_waits();
	return tap_done();
}
