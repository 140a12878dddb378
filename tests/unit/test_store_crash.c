#include <signal.h>
#include <sys/wait.h>

#include "unit/store_rig.h"

/*
 * A child works on the store and says through a pipe what was acknowledged to
 * it; it is killed after the k-th word. What it said must be there when the
 * store is opened again, and no job may end twice over all of its lives. Blobs
 * that jobs name are there, and after the janitor's look no others. (The page
 * cache survives a kill: what a sync is for cannot be tested so.)
 */
enum { ROUNDS = 72, FRESH = 8, JOBS_MAX = 4096, THREADS = 3 };

enum said { SAID_START, SAID_BLOB, SAID_IN, SAID_CLAIMED, SAID_END };

struct word {
	int said, job, phase;
};

static struct rig r;
static int out; /* the child's end of the pipe */
static atomic_int next_job;
static atomic_bool draining;

static void id_of(int n, char id[ID_SIZE])
{
	snprintf(id, ID_SIZE, "0190b3a2-0000-7000-8000-%012x", n);
}

static int number_of(const char *id)
{
	return (int)strtol(id + 24, NULL, 16);
}

static void say(enum said said, int job, enum phase phase)
{
	struct word w = {(int)said, job, (int)phase};

	/* Shorter than PIPE_BUF: whole or not at all. */
	if (write(out, &w, sizeof(w)) != (ssize_t)sizeof(w))
		_exit(3);
}

/* ---- the child ---- */

/* Of a few contents, so that several jobs name the same one. Pinned. */
static void blob_for(int n, char sha256[DIGEST_HEX_SIZE])
{
	char text[32];

	snprintf(text, sizeof(text), "content %d", n % 5);
	rig_blob(&r, text, sha256);
	say(SAID_BLOB, n, PHASE_QUEUED);
}

static void fetch_for(int n, const char *id)
{
	struct arena a = {0};
	char sha[DIGEST_HEX_SIZE];

	blob_for(n, sha);
	/* False: canceled by now. */
	if (store_fetched(r.store, id, rig_files(&a, sha)))
		say(SAID_BLOB, n, PHASE_QUEUED);
	blobs_unpin(r.blobs, sha);
	arena_finish(&a);
}

/* Those of the life before. */
static void fetch_what_is_left(void)
{
	struct arena a = {0};
	struct job jobs[16];
	size_t n;

	while ((n = store_fetching(r.reader, "", &a, jobs, COUNT(jobs))) > 0)
		for (size_t i = 0; i < n; i++)
			fetch_for(number_of(jobs[i].id), jobs[i].id);
	arena_finish(&a);
}

static void put_in(void)
{
	int n = atomic_fetch_add(&next_job, 1);
	struct job j = rig_job();
	char sha[DIGEST_HEX_SIZE];
	struct arena a = {0};

	if (n >= JOBS_MAX)
		_exit(4);
	id_of(n, j.id);
	if (n % 3 == 0) {
		blob_for(n, sha);
		j.files = rig_files(&a, sha);
	} else if (n % 3 == 1) {
		j.files = rig_files(&a, NULL);
		j.phase = PHASE_FETCHING;
	}
	if (rig_insert(&r, &j) != STORE_DONE)
		_exit(5);
	say(SAID_IN, n, PHASE_QUEUED);
	if (n % 3 == 0)
		blobs_unpin(r.blobs, sha);
	arena_finish(&a);
	if (n % 3 == 1)
		fetch_for(n, j.id);
	if (n % 7 == 3 && rig_cancel(&r, j.id, "me") == STORE_DONE)
		say(SAID_END, n, PHASE_CANCELED);
}

static void read_files(const struct job *j)
{
	struct arena a = {0};
	struct job_file *f;
	size_t count;

	if (!job_files_read(j->files, &a, &f, &count) ||
	    count != (number_of(j->id) % 3 != 2) ||
	    (count > 0 && !rig_blob_there(&r, f[0].sha256)))
		_exit(8);
	arena_finish(&a);
}

static void work_on(const struct job *j)
{
	int n = number_of(j->id);
	enum phase to = n % 5 == 4 ? PHASE_FAILED : PHASE_SUCCEEDED;

	read_files(j);
	say(SAID_CLAIMED, n, j->phase);
	if (n % 6 == 1 && j->attempts == 1 && j->phase == PHASE_CLAIMED) {
		if (!store_release(r.store, j->id, j->prompt_id, 0, true))
			_exit(6);
		return;
	}
	store_note(r.store, j->id, j->prompt_id, PHASE_SUBMITTED);
	store_note(r.store, j->id, j->prompt_id, PHASE_RAN);
	if (!rig_end(&r, j, to))
		_exit(7);
	say(SAID_END, n, to);
}

static void *live(void *arg)
{
	(void)arg;
	for (;;) {
		struct store_claim c = rig_want("gpu");
		struct arena a = {0};
		struct job j;
		bool got;

		c.alone = true;
		if (!atomic_load(&draining))
			put_in();
		got = store_claimed(r.store, store_claim(r.store, &c, &a, &j),
				    clock_monotonic_ms() + 200);
		if (got)
			work_on(&j);
		arena_finish(&a);
		if (!got && atomic_load(&draining))
			return NULL;
	}
}

static void child(bool drain, int first)
{
	pthread_t t[THREADS];

	atomic_store(&next_job, first);
	atomic_store(&draining, drain);
	say(SAID_START, 0, PHASE_QUEUED);
	rig_open(&r);
	fetch_what_is_left();
	for (int i = 0; i < THREADS; i++)
		t[i] = box_thread("live", live, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	rig_close(&r);
	_exit(0);
}

/* ---- the parent ---- */

static struct {
	bool in, ended;
	enum phase phase;
} known[JOBS_MAX];
static int known_count;
static int lost, changed, illegal, twice, words, strays, uncounted;

static void learn(const struct word *w)
{
	words++;
	if (w->said == SAID_START || w->said == SAID_BLOB)
		return;
	if (w->job >= known_count)
		known_count = w->job + 1;
	/* A claim of what has ended would be a second run of it. */
	if (known[w->job].ended)
		twice++;
	known[w->job].in = true;
	if (w->said == SAID_END) {
		known[w->job].ended = true;
		known[w->job].phase = (enum phase)w->phase;
	}
}

static void count_blob(void *ctx, const char *sha256)
{
	(void)sha256;
	++*(int *)ctx;
}

static int blobs_there(void)
{
	int n = 0;

	blobs_each(r.blobs, count_blob, &n);
	return n;
}

/* Each blob that a job names is there, and after the sweep no other one. */
static void look_at_blobs(void)
{
	int named, before = blobs_there();

	store_sweep(r.store, r.reader);
	rig_batch(&r);
	named = rig_number(&r, "SELECT count(DISTINCT sha256) FROM job_files");
	strays += before - named;
	uncounted += blobs_there() != named;
	uncounted += blobs_sweep_drafts(r.blobs) != 0;
	uncounted += rig_number(&r, "SELECT count(*) FROM job_files LEFT JOIN "
				    "work USING (seq) WHERE files IS NULL OR "
				    "instr(files, sha256) = 0") != 0;
	uncounted += rig_number(&r, "SELECT count(*) FROM work WHERE "
				    "files LIKE '%\"sha256\":\"%' AND seq NOT "
				    "IN (SELECT seq FROM job_files)") != 0;
}

static void look(void)
{
	rig_open(&r);
	look_at_blobs();
	for (int n = 0; n < known_count; n++) {
		char id[ID_SIZE];
		struct job j;

		id_of(n, id);
		if (!rig_read(&r, id, &j)) {
			lost += known[n].in;
			continue;
		}
		if (known[n].ended && j.phase != known[n].phase)
			changed++;
		/* Its end may be there though nobody was told; then it stays.
		 */
		if (phase_final(j.phase)) {
			known[n].ended = true;
			known[n].phase = j.phase;
		}
		known[n].in = true;
		illegal += (unsigned)j.phase >= PHASE__COUNT ||
			   phase_final(j.phase) != (j.ended_at != 0) ||
			   (j.phase >= PHASE_CLAIMED && j.phase <= PHASE_RAN &&
			    j.prompt_id[0] == '\0');
	}
	arena_finish(&r.arena);
	illegal += rig_number(&r, "SELECT count(*) FROM jobs LEFT JOIN work "
				  "USING (seq) WHERE (phase < 4 OR phase = 7)"
				  " <> (prompt IS NOT NULL)");
	illegal += rig_number(&r, "SELECT count(*) FROM pragma_integrity_check "
				  "WHERE integrity_check <> 'ok'");
	rig_close(&r);
}

/* Runs a child, kills it after `after` words; below 0: lets it end. */
static bool life(int after)
{
	/* Past the jobs that the life before put in without a word. */
	int first = known_count + THREADS;
	int ends[2], status, n = 0;
	struct word w;
	pid_t pid;

	rig_must(pipe(ends) == 0);
	fflush(NULL);
	pid = fork();
	rig_must(pid >= 0);
	if (pid == 0) {
		close(ends[0]);
		out = ends[1];
		child(after < 0, first);
	}
	known_count = first;
	close(ends[1]);
	while (read(ends[0], &w, sizeof(w)) == (ssize_t)sizeof(w)) {
		learn(&w);
		if (n++ == after)
			kill(pid, SIGKILL);
	}
	close(ends[0]);
	rig_must(waitpid(pid, &status, 0) == pid);
	if (after < 0)
		return WIFEXITED(status) && WEXITSTATUS(status) == 0;
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

/* Dies while it makes the database. */
static void fresh(void)
{
	int killed = 0, opened = 0;

	for (int i = 0; i < FRESH; i++) {
		rig_folder(&r);
		known_count = 0;
		killed += life(i / 4);
		memset(known, 0, sizeof(known));
		known_count = 0;
		rig_open(&r);
		opened += r.store != NULL;
		rig_finish(&r);
	}
	ok(killed == FRESH && opened == FRESH,
	   "killed while it made the database, it opens");
}

int main(void)
{
	int killed = 0, left = 0;

	fresh();
	rig_folder(&r);
	for (int i = 0; i < ROUNDS; i++) {
		killed += life(i * 5 % 61);
		look();
	}
	ok(killed == ROUNDS, "%d lives, %d words, each killed at its own",
	   killed, words);
	ok(lost == 0, "nothing that was acknowledged is lost");
	ok(changed == 0, "no end that was told is another one now");
	ok(illegal == 0, "all phases are legal, the database whole");
	ok(uncounted == 0,
	   "blobs are there while they are named; %d strays are gone", strays);
	ok(life(-1), "a last life runs what is left");
	look();
	for (int n = 0; n < known_count; n++)
		left += known[n].in && !known[n].ended;
	ok(left == 0, "all have ended");
	ok(twice == 0, "none twice");
	ok(uncounted == 0 &&
		   rig_number(&r, "SELECT count(*) FROM job_files") == 0,
	   "no blob is named any more");
	rig_finish(&r);
	return tap_done();
}
