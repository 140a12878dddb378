#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "unit/store_rig.h"

/*
 * A disk that is full: no file of this process may grow past a limit (writes
 * fail with EFBIG, as they would with ENOSPC), and later it may again.
 */
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
	atomic_bool over;
	bool got;
};

static void *end_it(void *arg)
{
	struct ending *e = arg;

	store_note(r.store, e->job.id, e->job.prompt_id, PHASE_SUBMITTED);
	store_note(r.store, e->job.id, e->job.prompt_id, PHASE_RAN);
	e->got = store_end(r.store, e->job.id, e->job.prompt_id,
			   PHASE_SUCCEEDED, e->outputs, NULL);
	atomic_store(&e->over, true);
	return NULL;
}

int main(void)
{
	char *big = text_of(400000);
	struct job j = rig_job(), large, got;
	struct ending e = {0};
	int failed = 0, stored = 0;
	pthread_t t;

	signal(SIGXFSZ, SIG_IGN);
	rig_init(&r);
	rig_must(rig_insert(&r, &j) == STORE_DONE);
	rig_must(rig_claim(&r, "gpu", &e.job));
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
	ok(rig_cancel(&r, e.job.id, "me") == STORE_FAILED, "so is a cancel");
	ok(rig_phase(&r, e.job.id) != PHASE_SUCCEEDED &&
		   !phase_final(rig_phase(&r, e.job.id)),
	   "readers read");
	set_room(RLIM_INFINITY);
	pthread_join(t, NULL);
	ok(e.got && rig_phase(&r, e.job.id) == PHASE_SUCCEEDED,
	   "and succeeds when room is back");
	ok(rig_insert(&r, &large) == STORE_DONE && rig_claim(&r, "gpu", &got) &&
		   strcmp(got.id, large.id) == 0,
	   "all goes on");
	ok(rig_number(&r, "SELECT count(*) FROM pragma_integrity_check WHERE "
			  "integrity_check = 'ok'") == 1 &&
		   rig_number(&r, "SELECT count(*) FROM jobs") == 3 + stored,
	   "nothing is corrupt, nothing is too many");
	rig_reopen(&r);
	ok(rig_claim(&r, "gpu", &got) && strcmp(got.id, large.id) == 0 &&
		   strcmp(got.prompt, big) == 0 &&
		   rig_end(&r, &got, PHASE_SUCCEEDED),
	   "after a restart neither");
	free(big);
	rig_finish(&r);
	return tap_done();
}
