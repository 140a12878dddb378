#include "jobs/store_private.h"
#include "unit/store_rig.h"

/* The running half of the store: claims, notes, ends, what a restart finds,
 * and the janitor's part. */
static struct rig r;

static bool same(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcmp(a, b) == 0;
}

/* Waits until so many claims wait (each wakes the store's box on its way). */
static void await_claims(unsigned want)
{
	int64_t until = clock_monotonic_ms() + RIG_MS;
	unsigned n = 0;

	box_lock(&r.store->box);
	for (;;) {
		n = 0;
		for (struct claim *c = r.store->claims; c != NULL; c = c->next)
			n++;
		if (n >= want)
			break;
		rig_must(clock_monotonic_ms() < until);
		(void)box_wait(&r.store->box, clock_monotonic_ms() + 10);
	}
	box_unlock(&r.store->box);
}

/* Its job, or "" where it is not served when the store has looked. */
static const char *offered(const struct store_claim *want)
{
	static struct job out;
	struct rig_asking k;

	rig_ask(&r, &k, want);
	/* It is in the list, or has been served. */
	box_lock(&r.store->box);
	while (r.store->claims == NULL && !rig_is_over(&k))
		(void)box_wait(&r.store->box, clock_monotonic_ms() + 10);
	box_unlock(&r.store->box);
	rig_batch(&r);
	store_wake_claims(r.store);
	out = (struct job){0};
	if (rig_asked(&k))
		memcpy(out.id, k.job.id, ID_SIZE);
	return out.id;
}

static const char *offered_to(const char *backend, bool alone)
{
	struct store_claim c = rig_want(backend);

	c.alone = alone;
	return offered(&c);
}

static void insert(struct job *j)
{
	id_v7(j->id);
	rig_must(rig_insert(&r, j) == STORE_DONE);
}

/* ---- claims ---- */

static void which_job(void)
{
	struct job j = rig_job(), low, old, high, young, got;
	struct store_claim c = rig_want("gpu");

	rig_init(&r);
	ok(same(offered(&c), ""), "no job, no claim");
	low = old = high = young = j;
	low.priority = -1;
	high.priority = 3;
	insert(&low);
	insert(&old);
	insert(&high);
	insert(&young);
	ok(rig_claim(&r, "gpu", &got) && same(got.id, high.id),
	   "the highest priority first");
	ok(rig_claim(&r, "gpu", &got) && same(got.id, old.id), "the oldest");
	ok(rig_claim(&r, "gpu", &got) && same(got.id, young.id), "the next");
	ok(rig_claim(&r, "gpu", &got) && same(got.id, low.id), "the lowest");
	j.pool = "video";
	insert(&j);
	ok(same(offered(&c), ""), "not of another pool");
	c.pool = "video";
	ok(same(offered(&c), j.id), "but of its own");
	j.deadline_at = 1;
	insert(&j);
	ok(same(offered(&c), ""), "nor past its deadline");
	rig_finish(&r);
}

static void which_claim(void)
{
	struct rig_asking first, second, idle;
	struct store_claim busy = rig_want("busy"), other = rig_want("idle");
	struct job j = rig_job(), got;

	rig_init(&r);
	insert(&j);
	rig_must(rig_claim(&r, "busy", &got));
	rig_ask(&r, &first, &busy);
	await_claims(1);
	id_v4(busy.prompt_id);
	rig_ask(&r, &second, &busy);
	await_claims(2);
	rig_ask(&r, &idle, &other);
	await_claims(3);
	insert(&j);
	ok(rig_asked(&idle) && same(idle.job.id, j.id),
	   "the backend with the least in work gets it, though it came last");
	insert(&j);
	ok(rig_asked(&first) && same(first.job.id, j.id),
	   "among equals the one that waits longest");
	insert(&j);
	ok(rig_asked(&second) && same(second.job.id, j.id), "then the other");
	rig_finish(&r);
}

static void claims_that_end(void)
{
	struct store_claim c = rig_want("gpu");
	struct rig_asking k;
	struct job j = rig_job(), got;

	rig_init(&r);
	ok(!store_claimed(r.store, store_claim(r.store, &c, &r.arena, &got),
			  clock_monotonic_ms() + 20),
	   "a claim whose time is over");
	ok(!store_claimed(r.store, store_claim(r.store, &c, &r.arena, &got), 0),
	   "or was before it came");
	insert(&j);
	ok(rig_claim(&r, "gpu", &got) && same(got.id, j.id),
	   "takes no job with it");
	rig_ask(&r, &k, &c);
	await_claims(1);
	store_wake_claims(r.store);
	ok(!rig_asked(&k), "store_wake_claims() ends those that wait");
	rig_ask(&r, &k, &c);
	await_claims(1);
	rig_close(&r);
	ok(!rig_asked(&k), "so does a close");
	rig_open(&r);
	rig_finish(&r);
}

/* Nothing but time passes, or nothing but the failure. */
static void claims_wake_by_themselves(void)
{
	struct store_claim c = rig_want("gpu");
	int64_t when = clock_wall_ms() + 120, at;
	struct rig_asking k;
	struct job j = rig_job(), got;

	rig_init(&r);
	insert(&j);
	rig_must(rig_claim(&r, "gpu", &got));
	rig_must(store_release(r.store, got.id, got.prompt_id, when, false));
	rig_ask(&r, &k, &c);
	ok(rig_asked(&k) && same(k.job.id, j.id),
	   "a claim that waits wakes when not_before passes");
	at = clock_wall_ms();
	ok(at >= when, "not before it");
	rig_must(rig_end(&r, &k.job, PHASE_SUCCEEDED));

	rig_must(rig_sql(&r, "CREATE TRIGGER no BEFORE UPDATE ON jobs WHEN "
			     "new.phase = 1 BEGIN SELECT RAISE(FAIL, 'no'); "
			     "END; CREATE TRIGGER none BEFORE INSERT ON jobs "
			     "WHEN new.phase = 1 BEGIN "
			     "SELECT RAISE(FAIL, 'no'); END"));
	rig_ask(&r, &k, &c);
	await_claims(1);
	id_v7(j.id);
	ok(rig_insert(&r, &j) == STORE_DONE,
	   "a claim that cannot be written harms no insert");
	ok(rig_phase(&r, j.id) == PHASE_QUEUED, "its job waits");
	rig_must(rig_sql(&r, "DROP TRIGGER no; DROP TRIGGER none"));
	ok(rig_asked(&k) && same(k.job.id, j.id),
	   "and is tried again until it can");
	rig_finish(&r);
}

/* ---- release ---- */

static void released(void)
{
	struct job j = rig_job(), mine, got;

	rig_init(&r);
	insert(&j);
	rig_must(rig_claim(&r, "a", &mine));
	ok(store_release(r.store, mine.id, mine.prompt_id, 0, true),
	   "released");
	ok(rig_read(&r, j.id, &got) && got.phase == PHASE_QUEUED &&
		   got.attempts == 1 && got.prompt_id[0] == '\0',
	   "it waits again, an attempt used");
	ok(!store_release(r.store, mine.id, mine.prompt_id, 0, true) &&
		   !rig_end(&r, &mine, PHASE_FAILED),
	   "and is not that attempt's any more");
	ok(same(offered_to("a", false), ""), "not where it failed");
	ok(same(offered_to("a", true), j.id), "unless nobody else is there");
	rig_must(rig_read(&r, j.id, &mine));
	ok(mine.attempts == 2, "a second attempt");
	rig_must(store_release(r.store, mine.id, mine.prompt_id, 0, false));
	ok(rig_read(&r, j.id, &got) && got.attempts == 1,
	   "an attempt that ran nothing is given back");
	ok(same(offered_to("b", false), j.id), "elsewhere");
	rig_must(rig_read(&r, j.id, &mine));
	rig_must(store_release(r.store, mine.id, mine.prompt_id,
			       clock_wall_ms() + 3600000, false));
	ok(same(offered_to("b", true), ""), "not before its time");
	insert(&j);
	ok(same(offered_to("b", true), j.id), "which holds up nobody else");
	rig_finish(&r);
}

/* ---- notes and ends ---- */

static void notes(void)
{
	struct job j = rig_job(), mine, again;

	rig_init(&r);
	insert(&j);
	rig_must(rig_claim(&r, "gpu", &mine));
	ok(!rig_succeed(&r, &mine, "{}", 0) &&
		   rig_phase(&r, j.id) == PHASE_CLAIMED,
	   "no success of what was not run");
	store_note(r.store, mine.id, mine.prompt_id, PHASE_SUBMITTED);
	rig_reopen(&r);
	ok(rig_phase(&r, j.id) == PHASE_SUBMITTED, "a close writes a note");
	rig_must(rig_claim(&r, "gpu", &mine));
	store_note(r.store, mine.id, mine.prompt_id, PHASE_RAN);
	store_note(r.store, mine.id, mine.prompt_id, PHASE_SUBMITTED);
	rig_reopen(&r);
	ok(rig_phase(&r, j.id) == PHASE_RAN, "and never goes back");
	rig_must(rig_claim(&r, "gpu", &mine));
	rig_must(store_release(r.store, mine.id, mine.prompt_id, 0, false));
	rig_must(rig_claim(&r, "gpu", &again) && same(again.id, mine.id));
	ok(!same(again.prompt_id, mine.prompt_id), "a new attempt");
	store_note(r.store, mine.id, mine.prompt_id, PHASE_RAN);
	rig_reopen(&r);
	ok(rig_phase(&r, j.id) == PHASE_CLAIMED,
	   "a note of an old attempt is ignored");
	rig_must(rig_claim(&r, "gpu", &again));
	store_note(r.store, mine.id, mine.prompt_id, PHASE_RAN);
	ok(!rig_succeed(&r, &again, "{}", 0), "and lends its phase to nobody");
	ok(rig_end(&r, &again, PHASE_SUCCEEDED) &&
		   rig_phase(&r, j.id) == PHASE_SUCCEEDED,
	   "notes and the end at once");
	store_note(r.store, again.id, again.prompt_id, PHASE_RAN);
	ok(!rig_end(&r, &again, PHASE_FAILED) &&
		   !rig_end(&r, &again, PHASE_SUCCEEDED),
	   "it ends once");
	rig_reopen(&r);
	ok(rig_phase(&r, j.id) == PHASE_SUCCEEDED, "a late note is ignored");
	ok(rig_number(&r, "SELECT count(*) FROM work") == 0,
	   "an end forgets the prompt");
	insert(&j);
	rig_must(rig_claim(&r, "gpu", &mine));
	ok(rig_end(&r, &mine, PHASE_FAILED) && rig_read(&r, j.id, &mine) &&
		   same(mine.problem, "{\"code\":\"timeout\"}") &&
		   mine.outputs == NULL && mine.ended_at >= mine.started_at,
	   "a failure keeps its problem");
	insert(&j);
	rig_must(rig_claim(&r, "gpu", &mine));
	ok(rig_end(&r, &mine, PHASE_CANCELED) &&
		   rig_phase(&r, j.id) == PHASE_CANCELED,
	   "canceled");
	id_v7(mine.id);
	ok(!rig_end(&r, &mine, PHASE_FAILED), "no end of an unknown job");
	rig_finish(&r);
}

/* What has become of the row of a job since it was claimed. */
static const struct {
	const char *name, *sql;
	bool noted, ends;
} successes[] = {
	{"nothing", NULL, true, true},
	{"nothing, and it did not run", NULL, false, false},
	{"its note was written", "UPDATE jobs SET phase = 3", false, true},
	{"a cancel was asked for", "UPDATE jobs SET cancel_asked = 1", true,
	 true},
	{"another attempt has it", "UPDATE jobs SET prompt_id = 'x'", true,
	 false},
	{"it waits", "UPDATE jobs SET phase = 0, prompt_id = NULL", true,
	 false},
	{"it has failed", "UPDATE jobs SET phase = 5", true, false},
	{"somebody has deleted it", "DELETE FROM jobs", true, false},
};

static void success(void)
{
	struct job j = rig_job(), mine;

	for (size_t i = 0; i < COUNT(successes); i++) {
		rig_init(&r);
		insert(&j);
		rig_must(rig_claim(&r, "gpu", &mine));
		rig_must(successes[i].sql == NULL ||
			 rig_sql(&r, successes[i].sql));
		ok((successes[i].noted ? rig_end(&r, &mine, PHASE_SUCCEEDED)
				       : rig_succeed(&r, &mine, "{}", 0)) ==
				   successes[i].ends &&
			   (rig_phase(&r, j.id) == PHASE_SUCCEEDED) ==
				   successes[i].ends,
		   "a success: %s", successes[i].name);
		rig_finish(&r);
	}
}

static struct {
	struct box box;
	bool submitted;
} heard;

static void listen_to(void *ctx, const char *id, enum phase phase, bool asked,
		      struct store_ended *told)
{
	store_ended_free(told);
	(void)ctx;
	(void)id;
	(void)asked;
	box_lock(&heard.box);
	heard.submitted = heard.submitted || phase == PHASE_SUBMITTED;
	box_wake(&heard.box);
	box_unlock(&heard.box);
}

/* No op comes: it is written all the same. */
static void note_by_itself(void)
{
	struct job j = rig_job(), mine;
	int64_t until = clock_monotonic_ms() + RIG_MS;

	rig_folder(&r);
	box_init(&heard.box);
	r.listen = listen_to;
	rig_open(&r);
	insert(&j);
	rig_must(rig_claim(&r, "gpu", &mine));
	store_note(r.store, mine.id, mine.prompt_id, PHASE_SUBMITTED);
	box_lock(&heard.box);
	while (!heard.submitted && clock_monotonic_ms() < until)
		(void)box_wait(&heard.box, until);
	box_unlock(&heard.box);
	ok(rig_phase(&r, j.id) == PHASE_SUBMITTED,
	   "a note is written without being waited for");
	rig_finish(&r);
	box_finish(&heard.box);
}

/* ---- what cannot be written ---- */

struct ending {
	const struct job *job;
	bool got;
};

static void *end_it(void *arg)
{
	struct ending *e = arg;

	e->got = rig_end(&r, e->job, PHASE_SUCCEEDED);
	return NULL;
}

static void insistence(void)
{
	struct job j = rig_job(), mine;
	struct ending e = {.job = &mine};
	pthread_t t;

	rig_init(&r);
	insert(&j);
	rig_must(rig_claim(&r, "gpu", &mine));
	rig_must(rig_sql(&r, "CREATE TRIGGER no BEFORE UPDATE ON jobs WHEN "
			     "new.phase = 4 BEGIN SELECT RAISE(FAIL, 'no'); "
			     "END"));
	t = box_thread("end", end_it, &e);
	id_v7(j.id);
	ok(rig_insert(&r, &j) == STORE_DONE, "others go on meanwhile");
	rig_must(rig_sql(&r, "DROP TRIGGER no"));
	pthread_join(t, NULL);
	ok(e.got && rig_phase(&r, mine.id) == PHASE_SUCCEEDED,
	   "an end waits until it can be written");
	rig_must(rig_claim(&r, "gpu", &mine));
	rig_must(rig_sql(&r, "CREATE TRIGGER no BEFORE UPDATE ON jobs WHEN "
			     "new.phase = 4 BEGIN SELECT RAISE(FAIL, 'no'); "
			     "END"));
	t = box_thread("end", end_it, &e);
	rig_batch(&r);
	store_leave(r.store);
	pthread_join(t, NULL);
	ok(!e.got && !phase_final(rig_phase(&r, mine.id)),
	   "a stop gives it up");
	rig_must(rig_sql(&r, "DROP TRIGGER no"));
	rig_reopen(&r);
	ok(rig_claim(&r, "gpu", &mine) && rig_end(&r, &mine, PHASE_SUCCEEDED),
	   "and the next start ends it");
	rig_finish(&r);
}

/* ---- what a restart finds ---- */

static void orphans(void)
{
	struct job j = rig_job(), at_a, at_b, gone, got, young;
	const char *const only_b[] = {"b"};

	rig_init(&r);
	insert(&j);
	rig_must(rig_claim(&r, "a", &at_a));
	store_note(r.store, at_a.id, at_a.prompt_id, PHASE_SUBMITTED);
	insert(&j);
	rig_must(rig_claim(&r, "b", &at_b));
	insert(&j);
	rig_must(rig_claim(&r, "gone", &gone));
	young = rig_job();
	young.priority = 9;
	insert(&young);
	rig_reopen(&r);
	ok(rig_claim(&r, "a", &got) && same(got.id, at_a.id) &&
		   same(got.prompt_id, at_a.prompt_id) &&
		   got.phase == PHASE_SUBMITTED && got.attempts == 1 &&
		   same(got.prompt, at_a.prompt),
	   "what was in work comes first, in its phase, as the same attempt");
	ok(rig_claim(&r, "a", &got) && same(got.id, young.id),
	   "then the queue");
	store_adopt(r.store, only_b, 1);
	ok(rig_phase(&r, at_a.id) == PHASE_SUBMITTED &&
		   rig_phase(&r, young.id) == PHASE_CLAIMED,
	   "store_adopt() leaves alone what was handed out since");
	ok(rig_phase(&r, at_b.id) == PHASE_CLAIMED,
	   "and what waits for a backend that is there");
	ok(rig_read(&r, gone.id, &got) && got.phase == PHASE_QUEUED &&
		   got.attempts == 0,
	   "the rest returns to the queue, its attempt given back");
	store_adopt(r.store, only_b, 1);
	ok(rig_end(&r, &at_a, PHASE_SUCCEEDED), "the first one ends");
	ok(rig_claim(&r, "b", &got) && same(got.id, at_b.id), "b gets its own");
	ok(rig_claim(&r, "b", &got) && same(got.id, gone.id),
	   "and the lost one");
	rig_must(rig_cancel(&r, got.id, "me") == STORE_CANCELING);
	rig_reopen(&r);
	store_adopt(r.store, NULL, 0);
	ok(rig_phase(&r, got.id) == PHASE_CANCELED,
	   "canceled meanwhile, it ends");
	ok(rig_phase(&r, at_b.id) == PHASE_QUEUED, "no backend: all return");
	rig_finish(&r);
}

/* An adoption that fails keeps what it would have taken. */
static void adoption_fails(void)
{
	struct job j = rig_job(), mine, got;

	rig_init(&r);
	insert(&j);
	rig_must(rig_claim(&r, "a", &mine));
	rig_reopen(&r);
	rig_must(rig_sql(&r, "CREATE TRIGGER no BEFORE UPDATE ON jobs BEGIN "
			     "SELECT RAISE(FAIL, 'no'); END"));
	store_adopt(r.store, NULL, 0);
	rig_must(rig_sql(&r, "DROP TRIGGER no"));
	ok(rig_phase(&r, j.id) == PHASE_CLAIMED && rig_claim(&r, "a", &got) &&
		   same(got.prompt_id, mine.prompt_id),
	   "an adoption that fails loses nothing");
	rig_finish(&r);
}

/* ---- the janitor ---- */

static void tidy(void)
{
	struct job j = rig_job(), wait, mine, got, failed;
	int64_t now = clock_wall_ms(), next;

	rig_init(&r);
	ok(store_tidy(r.store, now, 0) == now + 60000, "nothing is due");
	wait = j;
	wait.deadline_at = now + 500;
	wait.own_limit = 2;
	insert(&wait);
	ok(store_tidy(r.store, now, 0) == now + 500, "the next deadline");
	store_tidy(r.store, now + 499, 0);
	ok(rig_phase(&r, wait.id) == PHASE_QUEUED, "not a moment too soon");
	store_tidy(r.store, now + 500, 0);
	ok(rig_read(&r, wait.id, &got) && got.phase == PHASE_FAILED &&
		   strstr(got.problem, "\"timeout\"") != NULL,
	   "overdue: it fails with `timeout`");
	failed = got;
	j.keep_ms = 1000;
	j.own_limit = 1;
	insert(&j);
	rig_must(rig_claim(&r, "gpu", &mine));
	store_tidy(r.store, j.deadline_at + 1, 0);
	ok(rig_phase(&r, j.id) == PHASE_CLAIMED,
	   "what runs past its deadline is not the store's to end");
	rig_file(&r, j.id, "a.png");
	rig_must(rig_end(&r, &mine, PHASE_SUCCEEDED));
	rig_must(rig_read(&r, j.id, &got));
	next = store_tidy(r.store, got.ended_at, 0);
	ok(next == got.ended_at + 1000, "the end of its files is due next");
	store_tidy(r.store, got.ended_at + 999, got.ended_at + 999);
	ok(files_exists(r.files, j.id, "a.png") &&
		   rig_phase(&r, j.id) == PHASE_SUCCEEDED,
	   "a job whose files are kept is not forgotten");
	ok(rig_phase(&r, failed.id) == PHASE__COUNT, "one without files is");
	store_tidy(r.store, got.ended_at + 1000, got.ended_at - 1);
	ok(rig_read(&r, j.id, &got) && got.files_gone &&
		   !files_exists(r.files, j.id, "a.png"),
	   "their time is over: marked and removed");
	store_tidy(r.store, got.ended_at + 1000, got.ended_at - 1);
	ok(rig_phase(&r, j.id) == PHASE_SUCCEEDED, "the row stays");
	store_tidy(r.store, got.ended_at + 1000, got.ended_at);
	ok(rig_phase(&r, j.id) == PHASE__COUNT, "until it is forgotten");
	rig_finish(&r);
}

/* More than one go takes: the answer says that there is more. */
static void tidy_much(void)
{
	struct job j = rig_job();
	int rounds = 1;
	int64_t now;

	rig_init(&r);
	insert(&j);
	rig_must(rig_cancel(&r, j.id, "me") == STORE_DONE);
	rig_must(rig_sql(
		&r, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
		    "FROM n WHERE i < 1200) INSERT INTO jobs (id, owner, "
		    "endpoint, version, phase, inputs, pool, priority, "
		    "max_attempts, created_at, deadline_at, keep_ms, ended_at) "
		    "SELECT 'job-' || i, owner, endpoint, version, phase, "
		    "inputs, pool, priority, max_attempts, created_at, "
		    "deadline_at, keep_ms, ended_at FROM jobs, n"));
	now = clock_wall_ms();
	while (store_tidy(r.store, now, now + 1000) <= now && rounds < 10)
		rounds++;
	ok(rounds == 3 && rig_number(&r, "SELECT count(*) FROM jobs") == 0,
	   "1201 rows in three goes");
	rig_finish(&r);
}

int main(void)
{
	which_job();
	which_claim();
	claims_that_end();
	claims_wake_by_themselves();
	released();
	notes();
	success();
	note_by_itself();
	insistence();
	orphans();
	adoption_fails();
	tidy();
	tidy_much();
	return tap_done();
}
