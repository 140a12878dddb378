#include "unit/store_rig.h"

/* The answering half, its limits, keys and lists. What runs, waits and is
 * tidied is in test_store_run.c. */
static struct rig r;

/* ---- what the listener heard ---- */

static struct {
	struct box box;
	struct {
		char id[ID_SIZE];
		enum phase phase;
		bool cancel_asked;
	} news[256];
	unsigned count;
} heard;

static void listen_to(void *ctx, const char *id, enum phase phase, bool asked,
		      struct store_ended *told)
{
	store_ended_free(told);
	(void)ctx;
	box_lock(&heard.box);
	if (heard.count < COUNT(heard.news)) {
		memcpy(heard.news[heard.count].id, id, ID_SIZE);
		heard.news[heard.count].phase = phase;
		heard.news[heard.count++].cancel_asked = asked;
	}
	box_unlock(&heard.box);
}

/* How often it heard that of a job, all batches so far told. */
static unsigned times_heard(const char *id, enum phase phase, bool asked)
{
	unsigned n = 0;

	rig_batch(&r);
	rig_batch(&r);
	box_lock(&heard.box);
	for (unsigned i = 0; i < heard.count; i++)
		n += strcmp(heard.news[i].id, id) == 0 &&
		     heard.news[i].phase == phase &&
		     heard.news[i].cancel_asked == asked;
	box_unlock(&heard.box);
	return n;
}

static void begin(void)
{
	rig_folder(&r);
	box_init(&heard.box);
	heard.count = 0;
	r.listen = listen_to;
	rig_open(&r);
}

static void end(void)
{
	rig_finish(&r);
	box_finish(&heard.box);
}

/* ---- insert ---- */

static bool same(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static void all_is_kept(void)
{
	struct job j = rig_job(), got, mine;

	begin();
	j.priority = -7;
	j.inputs = "{\"text\":\"\\u00e4 \xc3\xa4 '\\\" --\"}";
	ok(rig_insert(&r, &j) == STORE_DONE, "stored");
	ok(times_heard(j.id, PHASE_QUEUED, false) == 1, "the listener heard");
	ok(rig_read(&r, j.id, &got), "and read");
	ok(same(got.id, j.id) && same(got.owner, j.owner) &&
		   same(got.endpoint, j.endpoint) && got.version == j.version &&
		   same(got.inputs, j.inputs) && same(got.pool, j.pool) &&
		   got.priority == -7 && got.max_attempts == 3 &&
		   got.created_at == j.created_at &&
		   got.deadline_at == j.deadline_at && got.keep_ms == j.keep_ms,
	   "as it was given");
	ok(got.phase == PHASE_QUEUED && got.attempts == 0 &&
		   got.prompt_id[0] == '\0' && got.backend == NULL &&
		   got.outputs == NULL && got.problem == NULL && !got.reused &&
		   got.started_at == 0 && got.ended_at == 0 && !got.files_gone,
	   "the rest is not set");
	ok(got.prompt == NULL && got.recipe == NULL, "a reader gets no prompt");
	ok(store_read(r.reader, j.id, "me", &r.arena, &got) &&
		   !store_read(r.reader, j.id, "you", &r.arena, &got) &&
		   !store_read(r.reader, "no-such-id", NULL, &r.arena, &got),
	   "by its owner alone");
	rig_reopen(&r);
	ok(rig_claim(&r, "gpu", &mine) && same(mine.prompt, j.prompt) &&
		   same(mine.recipe, j.recipe) && mine.attempts == 1 &&
		   same(mine.backend, "gpu") && mine.phase == PHASE_CLAIMED,
	   "a claim gets prompt and recipe, after a restart too");
	ok(rig_insert(&r, &j) == STORE_FAILED, "an id cannot come twice");
	ok(rig_phase(&r, j.id) == PHASE_CLAIMED, "and harms nothing");
	j.deadline_at = 0;
	id_v7(j.id);
	ok(rig_insert(&r, &j) == STORE_DONE && rig_claim(&r, "gpu", &mine) &&
		   mine.deadline_at == 0,
	   "a job without a deadline runs, too");
	end();
}

static void limits(void)
{
	struct job j = rig_job(), mine;
	int i;

	begin();
	j.queue_limit = 3;
	for (i = 0; i < 3; i++) {
		id_v7(j.id);
		if (rig_insert(&r, &j) != STORE_DONE)
			break;
	}
	ok(i == 3, "up to limits.queue");
	id_v7(j.id);
	ok(rig_insert(&r, &j) == STORE_QUEUE_FULL, "no more");
	ok(rig_phase(&r, j.id) == PHASE__COUNT, "nothing is stored of it");
	j.version = 2;
	ok(rig_insert(&r, &j) == STORE_DONE, "another version has its own");
	j.version = 1;
	rig_must(rig_claim(&r, "gpu", &mine));
	id_v7(j.id);
	ok(rig_insert(&r, &j) == STORE_DONE, "a claim makes room");
	rig_reopen(&r);
	id_v7(j.id);
	ok(rig_insert(&r, &j) == STORE_QUEUE_FULL, "counted after a restart");
	ok(rig_cancel(&r, mine.id, "me") == STORE_CANCELING, "cancel");
	id_v7(j.id);
	ok(rig_insert(&r, &j) == STORE_QUEUE_FULL,
	   "the cancel of a running job makes none");

	j.queue_limit = 0;
	j.own_limit = 2;
	j.endpoint = "own";
	ok(rig_insert(&r, &j) == STORE_DONE, "limits.concurrency: one");
	id_v7(j.id);
	ok(rig_insert(&r, &j) == STORE_DONE, "two");
	id_v7(j.id);
	ok(rig_insert(&r, &j) == STORE_TOO_MANY, "no more");
	j.owner = "you";
	ok(rig_insert(&r, &j) == STORE_DONE, "somebody else");
	ok(rig_cancel(&r, j.id, "you") == STORE_DONE, "and canceled");
	j.own_limit = 1;
	id_v7(j.id);
	ok(rig_insert(&r, &j) == STORE_DONE, "which makes room");
	end();
}

/* A job that ran counts until its end, whatever it did in between. */
static void limits_while_it_runs(void)
{
	struct job j = rig_job(), mine, more;

	begin();
	j.own_limit = 1;
	j.queue_limit = 1;
	rig_must(rig_insert(&r, &j) == STORE_DONE);
	rig_must(rig_claim(&r, "gpu", &mine));
	id_v7(j.id);
	ok(rig_insert(&r, &j) == STORE_TOO_MANY, "running, it counts as own");
	rig_must(store_release(r.store, mine.id, mine.prompt_id, 0, true));
	ok(rig_insert(&r, &j) == STORE_QUEUE_FULL, "released, as queued again");
	rig_must(rig_claim(&r, "other", &mine));
	rig_must(rig_end(&r, &mine, PHASE_SUCCEEDED));
	ok(rig_insert(&r, &j) == STORE_DONE, "ended, not at all");
	rig_must(rig_claim(&r, "gpu", &more));
	rig_must(rig_end(&r, &more, PHASE_FAILED));
	id_v7(j.id);
	ok(rig_insert(&r, &j) == STORE_DONE, "failed, not at all");
	end();
}

/*
 * A whole batch fails by one of its operations: `how` is what the database
 * does, undo a statement or the transaction.
 */
static void limits_after_rollback(const char *how)
{
	struct rig_answer bad, good, last;
	struct job j = rig_job(), mine, two;
	char trigger[256];
	struct rig_gate g;

	begin();
	snprintf(trigger, sizeof(trigger),
		 "CREATE TRIGGER no BEFORE INSERT ON jobs WHEN new.owner = "
		 "'bad' BEGIN SELECT RAISE(%s, 'no'); END",
		 how);
	rig_must(rig_sql(&r, trigger));
	rig_must(rig_insert(&r, &j) == STORE_DONE);
	rig_must(rig_claim(&r, "gpu", &mine));
	j.queue_limit = 2;
	j.own_limit = 3;
	bad = good = last = (struct rig_answer){0};
	box_init(&bad.box);
	box_init(&good.box);
	box_init(&last.box);
	store_note(r.store, mine.id, mine.prompt_id, PHASE_SUBMITTED);
	store_note(r.store, mine.id, mine.prompt_id, PHASE_RAN);
	rig_gate_close(&r, &g);
	id_v7(j.id);
	store_insert(r.store, &j, rig_answered, &good);
	two = j;
	id_v7(two.id);
	two.owner = "bad";
	store_insert(r.store, &two, rig_answered, &bad);
	id_v7(j.id);
	store_insert(r.store, &j, rig_answered, &last);
	rig_gate_open(&r, &g);
	ok(rig_await(&bad) == STORE_FAILED, "RAISE(%s): one fails", how);
	ok(rig_await(&good) == STORE_DONE && rig_await(&last) == STORE_DONE,
	   "RAISE(%s): those before and after it do not", how);
	ok(rig_phase(&r, good.id) == PHASE_QUEUED &&
		   rig_phase(&r, last.id) == PHASE_QUEUED &&
		   rig_phase(&r, two.id) == PHASE__COUNT,
	   "RAISE(%s): what was said is so", how);
	ok(times_heard(good.id, PHASE_QUEUED, false) == 1 &&
		   times_heard(two.id, PHASE_QUEUED, false) == 0,
	   "RAISE(%s): heard once, or not", how);
	id_v7(j.id);
	ok(rig_insert(&r, &j) == STORE_QUEUE_FULL,
	   "RAISE(%s): the counts are exact", how);
	ok(rig_succeed(&r, &mine, "{}", 0),
	   "RAISE(%s): a note of another job is not lost", how);
	ok(rig_insert(&r, &j) == STORE_QUEUE_FULL,
	   "RAISE(%s): an end frees its own place only", how);
	rig_must(rig_claim(&r, "gpu", &mine));
	ok(rig_insert(&r, &j) == STORE_DONE, "RAISE(%s): a claim the queue's",
	   how);
	end();
}

/* ---- idempotency keys ---- */

static void keys(void)
{
	struct rig_answer a[3] = {0};
	struct job j = rig_job(), again, other;
	char id[ID_SIZE];
	struct rig_gate g;

	begin();
	j.idempotency_key = "k1";
	j.request_hash = "h1";
	ok(rig_insert(&r, &j) == STORE_DONE, "a key");
	again = j;
	id_v7(again.id);
	ok(rig_insert_as(&r, &again, id) == STORE_REPLAYED && same(id, j.id),
	   "again: the first job's id");
	ok(rig_phase(&r, again.id) == PHASE__COUNT, "no second job");
	again.request_hash = "h2";
	ok(rig_insert(&r, &again) == STORE_MISMATCH, "with another body");
	again.request_hash = NULL;
	ok(rig_insert(&r, &again) == STORE_MISMATCH, "with none");
	other = again;
	other.owner = "you";
	ok(rig_insert(&r, &other) == STORE_DONE, "a key is its owner's");
	other = again;
	other.endpoint = "other";
	id_v7(other.id);
	ok(rig_insert(&r, &other) == STORE_DONE, "and its endpoint's");
	other.endpoint = j.endpoint;
	other.version = 2;
	id_v7(other.id);
	ok(rig_insert(&r, &other) == STORE_DONE, "and its version's");
	rig_reopen(&r);
	again.request_hash = "h1";
	again.queue_limit = 1;
	ok(rig_insert_as(&r, &again, id) == STORE_REPLAYED && same(id, j.id),
	   "after a restart, the limits notwithstanding");
	rig_must(rig_cancel(&r, j.id, "me") == STORE_DONE);
	ok(rig_insert(&r, &again) == STORE_REPLAYED, "after its end");
	rig_must(rig_delete(&r, j.id, "me") == STORE_ENDED);
	again.queue_limit = 0;
	id_v7(again.id);
	ok(rig_insert(&r, &again) == STORE_DONE, "deleted, its key is free");

	j = rig_job();
	j.idempotency_key = "twin";
	j.request_hash = "h";
	rig_gate_close(&r, &g);
	for (int i = 0; i < 3; i++) {
		box_init(&a[i].box);
		id_v7(j.id);
		j.request_hash = i < 2 ? "h" : "x";
		store_insert(r.store, &j, rig_answered, &a[i]);
	}
	rig_gate_open(&r, &g);
	ok(rig_await(&a[0]) == STORE_DONE &&
		   rig_await(&a[1]) == STORE_REPLAYED &&
		   same(a[0].id, a[1].id) && rig_await(&a[2]) == STORE_MISMATCH,
	   "twins in one batch");
	end();
}

/* ---- results that are shared ---- */

static const char image[] =
	"{\"image\":{\"files\":[{\"name\":\"image.png\",\"content_type\":"
	"\"image/png\",\"size_bytes\":5,\"sha256\":\"00\"}],\"many\":false}}";

static void run_one(struct job *mine)
{
	rig_must(rig_claim(&r, "gpu", mine));
	rig_file(&r, mine->id, "image.png");
	store_note(r.store, mine->id, mine->prompt_id, PHASE_SUBMITTED);
	store_note(r.store, mine->id, mine->prompt_id, PHASE_RAN);
	rig_must(rig_succeed(&r, mine, image, 5));
}

static void reuse(void)
{
	struct job j = rig_job(), first, got;
	struct problem why = {0};

	begin();
	j.reuse_key = "same";
	j.reuse_since = 0;
	rig_must(rig_insert(&r, &j) == STORE_DONE);
	run_one(&first);
	id_v7(j.id);
	j.created_at = first.created_at + 5000;
	j.queue_limit = 1;
	ok(rig_insert(&r, &j) == STORE_DONE && rig_read(&r, j.id, &got) &&
		   got.phase == PHASE_SUCCEEDED && got.reused &&
		   same(got.outputs, image) && got.ended_at == j.created_at,
	   "a good result is shared");
	ok(files_exists(r.files, j.id, "image.png"), "its file is linked");
	ok(times_heard(j.id, PHASE_SUCCEEDED, false) == 1, "and it is heard");
	rig_must(rig_delete(&r, first.id, "me") == STORE_ENDED);
	ok(!files_exists(r.files, first.id, "image.png") &&
		   files_exists(r.files, j.id, "image.png"),
	   "the link outlives the first job");
	id_v7(j.id);
	ok(rig_insert(&r, &j) == STORE_DONE &&
		   rig_phase(&r, j.id) == PHASE_QUEUED,
	   "what was shared is not shared on: a chain does not extend its "
	   "life");
	run_one(&first);
	id_v7(j.id);
	j.reuse_since = first.created_at + 1;
	ok(rig_insert(&r, &j) == STORE_DONE &&
		   rig_phase(&r, j.id) == PHASE_QUEUED,
	   "nothing older than asked for");
	rig_must(rig_cancel(&r, j.id, "me") == STORE_DONE);
	id_v7(j.id);
	j.reuse_since = first.created_at;
	ok(rig_insert(&r, &j) == STORE_DONE &&
		   rig_phase(&r, j.id) == PHASE_SUCCEEDED,
	   "just as old");
	rig_must(files_remove_job(r.files, first.id, &why));
	id_v7(j.id);
	ok(rig_insert(&r, &j) == STORE_DONE && rig_read(&r, j.id, &got) &&
		   got.phase == PHASE_QUEUED && !got.reused &&
		   got.outputs == NULL,
	   "its files are missing: it runs like any other");
	id_v7(j.id);
	ok(rig_insert(&r, &j) == STORE_QUEUE_FULL, "and counts like any other");
	j.reuse_key = "another";
	j.queue_limit = 0;
	ok(rig_insert(&r, &j) == STORE_DONE &&
		   rig_phase(&r, j.id) == PHASE_QUEUED,
	   "another key");
	end();
}

/* A job that cannot be stored leaves no links behind. */
static void reuse_undone(void)
{
	struct job j = rig_job(), first;

	begin();
	j.reuse_key = "same";
	rig_must(rig_insert(&r, &j) == STORE_DONE);
	run_one(&first);
	rig_must(rig_sql(&r, "CREATE TRIGGER no BEFORE INSERT ON jobs BEGIN "
			     "SELECT RAISE(FAIL, 'no'); END"));
	id_v7(j.id);
	ok(rig_insert(&r, &j) == STORE_FAILED &&
		   !files_exists(r.files, j.id, "image.png"),
	   "the links of a job that was not stored are removed");
	rig_must(rig_sql(&r, "DROP TRIGGER no"));
	ok(rig_insert(&r, &j) == STORE_DONE &&
		   files_exists(r.files, j.id, "image.png"),
	   "and made when it is");
	end();
}

/* ---- cancel and delete ---- */

static void asked(void)
{
	struct job j = rig_job(), mine, got;
	char none[ID_SIZE];

	begin();
	id_v7(none);
	ok(rig_cancel(&r, none, "me") == STORE_UNKNOWN, "cancel: unknown");
	ok(rig_delete(&r, none, "me") == STORE_UNKNOWN, "delete: unknown");
	rig_must(rig_insert(&r, &j) == STORE_DONE);
	ok(rig_cancel(&r, j.id, "you") == STORE_UNKNOWN &&
		   rig_delete(&r, j.id, "you") == STORE_UNKNOWN,
	   "somebody else's is as unknown");
	ok(rig_delete(&r, j.id, "me") == STORE_RUNNING,
	   "delete: it has not ended");
	ok(rig_cancel(&r, j.id, "me") == STORE_DONE &&
		   rig_read(&r, j.id, &got) && got.phase == PHASE_CANCELED &&
		   got.ended_at != 0,
	   "cancel: queued, ended at once");
	ok(times_heard(j.id, PHASE_CANCELED, true) == 1, "heard");
	ok(rig_cancel(&r, j.id, "me") == STORE_ENDED, "cancel: had ended");
	rig_file(&r, j.id, "left.png");
	ok(rig_delete(&r, j.id, "me") == STORE_ENDED &&
		   rig_phase(&r, j.id) == PHASE__COUNT,
	   "delete: gone");
	ok(!files_exists(r.files, j.id, "left.png"), "with its files");
	ok(rig_delete(&r, j.id, "me") == STORE_UNKNOWN, "delete: once");

	rig_must(rig_insert(&r, &j) == STORE_DONE);
	rig_must(rig_claim(&r, "gpu", &mine));
	ok(rig_cancel(&r, j.id, "me") == STORE_CANCELING &&
		   rig_read(&r, j.id, &got) && got.phase == PHASE_CLAIMED &&
		   got.cancel_asked,
	   "cancel: running, flagged");
	ok(times_heard(j.id, PHASE_CLAIMED, true) == 1, "heard");
	ok(rig_cancel(&r, j.id, "me") == STORE_CANCELING, "cancel: again");
	ok(rig_delete(&r, j.id, "me") == STORE_RUNNING,
	   "delete: running is running");
	ok(store_release(r.store, mine.id, mine.prompt_id, 0, true) &&
		   rig_phase(&r, j.id) == PHASE_CANCELED,
	   "released, it does not return to the queue");
	ok(rig_number(&r, "SELECT count(*) FROM work") == 0,
	   "no prompt is kept past the end");
	end();
}

/* ---- lists and positions ---- */

static size_t list(const struct store_query *q, struct job *jobs)
{
	return store_list(r.reader, q, &r.arena, jobs);
}

static void lists(void)
{
	struct job j = rig_job(), mine, got[10];
	struct store_query q = {.owner = "me", .limit = 10};
	char ids[7][ID_SIZE], gone[ID_SIZE];
	size_t n;

	begin();
	for (int i = 0; i < 7; i++) {
		if (i == 3)
			id_v7(gone);
		id_v7(j.id);
		memcpy(ids[i], j.id, ID_SIZE);
		j.owner = i == 3 ? "you" : "me";
		j.endpoint = i < 2 ? "first" : "second";
		rig_must(rig_insert(&r, &j) == STORE_DONE);
	}
	n = list(&q, got);
	ok(n == 6 && same(got[0].id, ids[6]) && same(got[3].id, ids[2]) &&
		   same(got[5].id, ids[0]),
	   "the newest first, somebody else's left out");
	q.limit = 2;
	ok(list(&q, got) == 2 && same(got[1].id, ids[5]), "a page");
	q.before = got[1].id;
	ok(list(&q, got) == 2 && same(got[0].id, ids[4]) &&
		   same(got[1].id, ids[2]),
	   "the next one");
	q.before = ids[0];
	ok(list(&q, got) == 0, "nothing before the oldest");
	/* A job may be deleted while somebody turns its pages. */
	q.before = ids[3];
	ok(list(&q, got) == 2 && same(got[0].id, ids[2]),
	   "a cursor holds its place, whosever job it is");
	q.before = gone;
	ok(list(&q, got) == 2 && same(got[0].id, ids[2]),
	   "or if it is deleted");
	q.before = "00000000-0000-7000-8000-000000000000";
	ok(list(&q, got) == 0, "nothing before all");
	q = (struct store_query){
		.owner = "me", .limit = 10, .endpoint = "first"};
	ok(list(&q, got) == 2 && same(got[0].id, ids[1]), "by endpoint");
	rig_must(rig_claim(&r, "gpu", &mine) && same(mine.id, ids[0]));
	rig_must(rig_cancel(&r, ids[5], "me") == STORE_DONE);
	q = (struct store_query){.owner = "me",
				 .limit = 10,
				 .phases = phase_set_of_status("running")};
	ok(list(&q, got) == 1 && same(got[0].id, ids[0]), "what runs");
	q.phases |= phase_set_of_status("canceled");
	ok(list(&q, got) == 2 && same(got[0].id, ids[5]), "or was canceled");
	q.endpoint = "first";
	ok(list(&q, got) == 1 && same(got[0].id, ids[0]), "both filters");
	q = (struct store_query){.owner = "nobody", .limit = 10};
	ok(list(&q, got) == 0, "who has none");
	end();
}

static void positions(void)
{
	static const int priorities[] = {0, 5, 0, 9, 5, -1};
	static const unsigned want[] = {4, 2, 5, 1, 3, 6};
	struct job j[COUNT(priorities)], mine;
	int right = 0;

	begin();
	for (size_t i = 0; i < COUNT(j); i++) {
		j[i] = rig_job();
		j[i].priority = priorities[i];
		rig_must(rig_insert(&r, &j[i]) == STORE_DONE);
	}
	mine = rig_job();
	mine.pool = "other";
	mine.priority = 100;
	rig_must(rig_insert(&r, &mine) == STORE_DONE);
	for (size_t i = 0; i < COUNT(j); i++)
		right += store_position(r.reader, &j[i]) == want[i];
	ok(right == (int)COUNT(j), "by priority, then by age, of its pool");
	right = 0;
	for (unsigned n = 1; n <= COUNT(j); n++) {
		rig_must(rig_claim(&r, "gpu", &mine));
		for (size_t i = 0; i < COUNT(j); i++)
			right += same(j[i].id, mine.id) && want[i] == n;
	}
	ok(right == (int)COUNT(j), "and in that order they are claimed");
	ok(store_position(r.reader, &mine) == 0, "what runs has none");
	end();
}

/* Counting costs the loop time, a hundred times for a page of the list. */
static void far_back(void)
{
	struct job j = rig_job(), last = rig_job();

	begin();
	for (int i = 0; i < 1010; i++) {
		id_v7(j.id);
		rig_must(rig_insert(&r, &j) == STORE_DONE);
	}
	rig_must(rig_insert(&r, &last) == STORE_DONE);
	ok(store_position(r.reader, &last) == 1000, "1000: that or more");
	end();
}

/* ---- the file ---- */

static void one_daemon(void)
{
	struct problem why = {0};
	struct rig second;
	char back[64];

	begin();
	second = r;
	ok(!rig_try_open(&second, &why) && why.detail[0] != '\0',
	   "a second store on the same file is refused");
	rig_reopen(&r);
	ok(r.store != NULL, "after a close it is free");
	rig_close(&r);
	snprintf(back, sizeof(back), "PRAGMA user_version = %d",
		 rig_number(&r, "PRAGMA user_version"));
	rig_must(rig_sql(&r, "PRAGMA user_version = 999"));
	why = (struct problem){0};
	ok(!rig_try_open(&r, &why) && strstr(why.detail, "newer") != NULL,
	   "so is what a newer version wrote");
	rig_must(rig_sql(&r, back));
	rig_open(&r);
	ok(r.store != NULL, "and left as it was");
	end();
	rig_folder(&r);
	rig_must(rig_sql(&r, "CREATE TABLE jobs (x)"));
	ok(!rig_try_open(&r, &why), "somebody else's database is refused");
	rig_must(file_write(r.path,
			    "no database at all, but long enough for "
			    "a header of SQLite: 0123456789012345678901"
			    "23456789012345678901234567890123456789",
			    118, 0600, &why));
	ok(!rig_try_open(&r, &why), "so is any other file");
	rig_finish(&r);
}

/* What is queued when the store closes is written or answered. */
static void closing(void)
{
	struct rig_answer a[50] = {0};
	struct job j = rig_job();
	int done = 0, there = 0;
	char ids[50][ID_SIZE];

	begin();
	for (int i = 0; i < 50; i++) {
		box_init(&a[i].box);
		id_v7(j.id);
		memcpy(ids[i], j.id, ID_SIZE);
		store_insert(r.store, &j, rig_answered, &a[i]);
	}
	rig_reopen(&r);
	for (int i = 0; i < 50; i++) {
		done += a[i].count == 1 && a[i].outcome == STORE_DONE;
		there += rig_phase(&r, ids[i]) == PHASE_QUEUED;
		box_finish(&a[i].box);
	}
	ok(done == 50 && there == 50, "a close writes what is queued");
	end();
}

int main(void)
{
	all_is_kept();
	limits();
	limits_while_it_runs();
	limits_after_rollback("FAIL");
	limits_after_rollback("ABORT");
	limits_after_rollback("ROLLBACK");
	keys();
	reuse();
	reuse_undone();
	asked();
	lists();
	positions();
	far_back();
	one_daemon();
	closing();
	return tap_done();
}
