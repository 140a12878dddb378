#include "unit/store_rig.h"

/* Jobs that wait for input files to be fetched; and what an older version
 * knew nothing of. */
static struct rig r;

/* ---- what the listener heard ---- */

static struct {
	struct box box;
	char id[ID_SIZE];
	unsigned fetching, queued, other;
} heard;

static void listen_to(void *ctx, const char *id, enum phase phase, bool asked,
		      struct store_ended *told)
{
	store_ended_free(told);
	(void)ctx;
	(void)asked;
	box_lock(&heard.box);
	if (strcmp(id, heard.id) == 0) {
		heard.fetching += phase == PHASE_FETCHING;
		heard.queued += phase == PHASE_QUEUED;
		heard.other += phase != PHASE_FETCHING && phase != PHASE_QUEUED;
	}
	box_unlock(&heard.box);
}

static bool has_heard(unsigned fetching, unsigned queued, unsigned other)
{
	bool same;

	rig_batch(&r);
	rig_batch(&r);
	box_lock(&heard.box);
	same = heard.fetching == fetching && heard.queued == queued &&
	       heard.other == other;
	box_unlock(&heard.box);
	return same;
}

static void begin(void)
{
	rig_folder(&r);
	box_init(&heard.box);
	heard.id[0] = '\0';
	heard.fetching = heard.queued = heard.other = 0;
	r.listen = listen_to;
	rig_open(&r);
}

static void end(void)
{
	rig_finish(&r);
	box_finish(&heard.box);
}

/* ---- jobs ---- */

static struct job fetching(void)
{
	struct job j = rig_job();

	j.phase = PHASE_FETCHING;
	j.files = rig_files(&r.arena, NULL);
	return j;
}

static bool claims_nothing(void)
{
	struct store_claim c = rig_want("gpu");
	struct job job;

	return !store_claimed(r.store, store_claim(r.store, &c, &r.arena, &job),
			      clock_monotonic_ms() + 50);
}

static bool same(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static void its_way(void)
{
	struct job j, got, mine, list[4];
	struct rig_asking k;
	struct store_claim c = rig_want("gpu");
	char sha[DIGEST_HEX_SIZE];
	const char *files;

	begin();
	j = fetching();
	memcpy(heard.id, j.id, ID_SIZE);
	rig_ask(&r, &k, &c);
	ok(rig_insert(&r, &j) == STORE_DONE, "stored");
	ok(has_heard(1, 0, 0), "the listener heard");
	ok(rig_phase(&r, j.id) == PHASE_FETCHING && !rig_is_over(&k),
	   "no slot gets it, though one waits");
	store_wake_claims(r.store);
	ok(!rig_asked(&k), "which goes empty-handed");
	rig_reopen(&r);
	ok(rig_phase(&r, j.id) == PHASE_FETCHING && claims_nothing(),
	   "after a restart neither");
	store_adopt(r.store, NULL, 0);
	ok(rig_phase(&r, j.id) == PHASE_FETCHING && claims_nothing(),
	   "no backend had it, so it is no orphan");
	ok(store_fetching(r.reader, "", &r.arena, list, 4) == 1 &&
		   same(list[0].id, j.id) && same(list[0].files, j.files) &&
		   same(list[0].recipe, j.recipe) && list[0].prompt == NULL &&
		   list[0].deadline_at == j.deadline_at,
	   "the fetcher finds it, with what it needs");
	c = rig_want("gpu");
	rig_ask(&r, &k, &c);
	rig_blob(&r, "fetched", sha);
	files = rig_files(&r.arena, sha);
	ok(store_fetched(r.store, j.id, files), "fetched");
	ok(rig_asked(&k) && same(k.job.id, j.id) &&
		   k.job.phase == PHASE_CLAIMED,
	   "a slot that waits has it at once");
	blobs_unpin(r.blobs, sha);
	ok(has_heard(1, 1, 1), "the listener heard of both");
	ok(!store_fetched(r.store, j.id, files), "not twice");
	ok(store_fetching(r.reader, "", &r.arena, list, 4) == 0,
	   "the fetcher finds none");
	rig_reopen(&r);
	ok(rig_claim(&r, "gpu", &mine) && same(mine.id, j.id) &&
		   same(mine.files, files) && same(mine.prompt, j.prompt),
	   "its slot has the new files");
	ok(rig_blob_there(&r, sha) &&
		   rig_number(&r, "SELECT count(*) FROM job_files") == 1,
	   "which are kept");
	ok(rig_end(&r, &mine, PHASE_SUCCEEDED) && rig_read(&r, j.id, &got) &&
		   got.files == NULL,
	   "it ends like any other");
	rig_batch(&r);
	ok(!rig_blob_there(&r, sha) &&
		   rig_number(&r, "SELECT count(*) FROM work") == 0,
	   "and its files go");
	end();
}

/* Some files were there from the start. */
static void some_were_there(void)
{
	char first[DIGEST_HEX_SIZE], second[DIGEST_HEX_SIZE];
	struct job_file f[] = {{.field = "/a", .sha256 = first},
			       {.field = "/b", .sha256 = second},
			       {.field = "/c", .sha256 = first}};
	struct buf b;
	struct job j;

	begin();
	rig_blob(&r, "first", first);
	j = fetching();
	j.files = rig_files(&r.arena, first);
	rig_must(rig_insert(&r, &j) == STORE_DONE);
	blobs_unpin(r.blobs, first);
	rig_blob(&r, "second", second);
	buf_init(&b, 4096);
	job_files_write(f, COUNT(f), &b);
	ok(store_fetched(r.store, j.id, buf_str(&b)), "two files, one twice");
	buf_finish(&b);
	blobs_unpin(r.blobs, second);
	rig_batch(&r);
	rig_batch(&r);
	ok(rig_blob_there(&r, first) && rig_blob_there(&r, second) &&
		   rig_number(&r, "SELECT count(*) FROM job_files") == 2,
	   "both are named, and kept");
	rig_must(rig_cancel(&r, j.id, "me") == STORE_DONE);
	rig_batch(&r);
	ok(!rig_blob_there(&r, first) && !rig_blob_there(&r, second),
	   "until the end");
	end();
}

/* What the list does not name any more is let go of. */
static void another_list(void)
{
	char first[DIGEST_HEX_SIZE], second[DIGEST_HEX_SIZE];
	struct job j;

	begin();
	rig_blob(&r, "first", first);
	rig_blob(&r, "second", second);
	j = fetching();
	j.files = rig_files(&r.arena, first);
	rig_must(rig_insert(&r, &j) == STORE_DONE);
	blobs_unpin(r.blobs, first);
	ok(store_fetched(r.store, j.id, rig_files(&r.arena, second)),
	   "another file in its place");
	blobs_unpin(r.blobs, second);
	rig_batch(&r);
	ok(!rig_blob_there(&r, first) && rig_blob_there(&r, second) &&
		   rig_number(&r, "SELECT count(*) FROM job_files") == 1,
	   "the first is named no more");
	end();
}

static void other_ends(void)
{
	static const char bad[] = "{\"code\":\"invalid-input\"}";
	struct job j, got;

	begin();
	j = fetching();
	rig_must(rig_insert(&r, &j) == STORE_DONE);
	ok(!store_fetched(r.store, j.id, "[{"), "no list of files");
	ok(rig_phase(&r, j.id) == PHASE_FETCHING, "changes nothing");
	ok(rig_delete(&r, j.id, "me") == STORE_RUNNING,
	   "it cannot be forgotten before its end");
	ok(store_end(r.store, j.id, "", PHASE_FAILED, bad) &&
		   rig_read(&r, j.id, &got) && got.phase == PHASE_FAILED &&
		   same(got.problem, bad) && got.attempts == 0,
	   "a file that cannot be had ends it");
	ok(!store_end(r.store, j.id, "", PHASE_FAILED, bad) &&
		   !store_fetched(r.store, j.id, "[]"),
	   "once");
	j = fetching();
	rig_must(rig_insert(&r, &j) == STORE_DONE);
	ok(!rig_succeed(&r, &j, "{}", 0), "it cannot succeed");
	ok(rig_cancel(&r, j.id, "me") == STORE_DONE &&
		   rig_phase(&r, j.id) == PHASE_CANCELED,
	   "canceled at once");
	ok(!store_fetched(r.store, j.id, "[]") &&
		   !store_end(r.store, j.id, "", PHASE_FAILED, bad),
	   "and then it is over");
	j = fetching();
	rig_must(rig_insert(&r, &j) == STORE_DONE);
	ok(store_tidy(r.store, j.created_at, 0) <= j.deadline_at,
	   "its deadline is known to the janitor");
	(void)store_tidy(r.store, j.deadline_at - 1, 0);
	ok(rig_phase(&r, j.id) == PHASE_FETCHING, "not a moment too soon");
	(void)store_tidy(r.store, j.deadline_at, 0);
	ok(rig_read(&r, j.id, &got) && got.phase == PHASE_FAILED &&
		   strstr(got.problem, "\"timeout\"") != NULL,
	   "overdue: it fails with `timeout`");
	ok(!store_fetched(r.store, j.id, "[]") &&
		   !store_fetched(r.store, "no-such-id", "[]"),
	   "too late");
	end();
}

static enum store_outcome one_more(const struct job *like)
{
	struct job j = *like;

	id_v7(j.id);
	return rig_insert(&r, &j);
}

static bool one_fits(const struct job *like, enum store_outcome then)
{
	enum store_outcome first = one_more(like);

	return first == STORE_DONE && one_more(like) == then;
}

/* They count in limits.queue and limits.concurrency; over restarts, too. */
static void limits(void)
{
	struct job f, q, mine;

	begin();
	f = fetching();
	f.queue_limit = 2;
	q = rig_job();
	q.queue_limit = 2;
	rig_must(one_more(&q) == STORE_DONE);
	ok(rig_insert(&r, &f) == STORE_DONE, "one of each");
	ok(one_more(&q) == STORE_QUEUE_FULL && one_more(&f) == STORE_QUEUE_FULL,
	   "the queue is full for both");
	rig_reopen(&r);
	ok(one_more(&q) == STORE_QUEUE_FULL && one_more(&f) == STORE_QUEUE_FULL,
	   "after a restart, too");
	rig_must(rig_claim(&r, "gpu", &mine));
	ok(one_fits(&q, STORE_QUEUE_FULL), "what runs waits no more");
	rig_must(rig_claim(&r, "gpu", &mine));
	ok(store_fetched(r.store, f.id, "[]") && one_fits(&f, STORE_QUEUE_FULL),
	   "fetched it still counts, once");
	rig_must(rig_claim(&r, "gpu", &mine) && same(mine.id, f.id));
	ok(one_fits(&f, STORE_QUEUE_FULL), "and claimed no more");
	f.queue_limit = 0;
	f.own_limit = 5;
	ok(one_more(&f) == STORE_TOO_MANY, "each owner's own are counted");
	f.own_limit = 6;
	rig_must(one_more(&f) == STORE_DONE);
	rig_reopen(&r);
	ok(one_more(&f) == STORE_TOO_MANY, "after a restart, too");
	rig_must(rig_end(&r, &mine, PHASE_FAILED));
	ok(one_fits(&f, STORE_TOO_MANY), "one that ended makes room");
	end();
}

static void in_line(void)
{
	struct job j[5], got[5];
	struct store_query q = {.owner = "me", .limit = 5};
	int right = 0;

	begin();
	for (size_t i = 0; i < COUNT(j); i++) {
		j[i] = i % 2 == 0 ? fetching() : rig_job();
		j[i].priority = i == 4 ? 7 : 0;
		rig_must(rig_insert(&r, &j[i]) == STORE_DONE);
	}
	for (unsigned i = 0; i < 4; i++)
		right += store_position(r.reader, &j[i]) == i + 2;
	ok(right == 4 && store_position(r.reader, &j[4]) == 1,
	   "one line for both");
	q.phases = phase_set_of_status("queued");
	ok(store_list(r.reader, &q, &r.arena, got) == 5 &&
		   same(got[0].id, j[4].id),
	   "both are listed as queued");
	rig_must(store_fetched(r.store, j[2].id, "[]"));
	rig_must(rig_read(&r, j[2].id, &got[0]));
	ok(store_position(r.reader, &got[0]) == 4,
	   "fetched it keeps its place");
	rig_must(rig_claim(&r, "gpu", &got[0]) && same(got[0].id, j[1].id));
	rig_must(rig_claim(&r, "gpu", &got[1]));
	ok(same(got[1].id, j[2].id), "by age among those that are ready");
	end();
}

static void pages(void)
{
	struct job j[5], list[5];

	begin();
	for (size_t i = 0; i < COUNT(j); i++) {
		j[i] = fetching();
		rig_must(rig_insert(&r, &j[i]) == STORE_DONE);
	}
	ok(store_fetching(r.reader, "", &r.arena, list, 2) == 2 &&
		   same(list[0].id, j[0].id) && same(list[1].id, j[1].id),
	   "the oldest first");
	rig_must(rig_cancel(&r, j[1].id, "me") == STORE_DONE);
	ok(store_fetching(r.reader, j[1].id, &r.arena, list, 2) == 2 &&
		   same(list[0].id, j[2].id) && same(list[1].id, j[3].id),
	   "then those after it, also where it has ended");
	ok(store_fetching(r.reader, j[3].id, &r.arena, list, 2) == 1 &&
		   same(list[0].id, j[4].id),
	   "to the end");
	ok(store_fetching(r.reader, j[4].id, &r.arena, list, 2) == 0,
	   "and no further");
	rig_must(rig_delete(&r, j[1].id, "me") == STORE_ENDED);
	ok(store_fetching(r.reader, j[1].id, &r.arena, list, 5) == 4,
	   "where it is forgotten, all");
	end();
}

/* ---- an older database ---- */

static void load_old(void)
{
	struct problem why = {0};
	size_t len;
	char *sql = file_read("tests/cases/store/schema-1.sql", 1 << 20, &len,
			      &why);

	rig_must(sql != NULL && rig_sql(&r, sql));
	free(sql);
}

static void brought_up(void)
{
	static const char waits[] = "0193a1f2-0000-7000-8000-000000000001",
			  runs[] = "0193a1f2-0000-7000-8000-000000000002",
			  ended[] = "0193a1f2-0000-7000-8000-000000000003",
			  gone[] = "0193a1f2-0000-7000-8000-000000000004";
	char sha[DIGEST_HEX_SIZE];
	struct job mine, j;

	rig_folder(&r);
	load_old();
	rig_open(&r);
	ok(rig_number(&r, "PRAGMA user_version") > 1, "brought up");
	ok(rig_phase(&r, waits) == PHASE_QUEUED &&
		   rig_phase(&r, runs) == PHASE_SUBMITTED &&
		   rig_phase(&r, ended) == PHASE_SUCCEEDED &&
		   rig_phase(&r, gone) == PHASE_CANCELED,
	   "its jobs are there");
	rig_reopen(&r);
	ok(rig_claim(&r, "gpu", &mine) && same(mine.id, runs) &&
		   mine.phase == PHASE_SUBMITTED && mine.files == NULL &&
		   same(mine.prompt, "{\"2\":{}}"),
	   "one goes on, without files");
	ok(rig_end(&r, &mine, PHASE_SUCCEEDED), "to its end");
	ok(rig_claim(&r, "gpu", &mine) && same(mine.id, waits) &&
		   mine.files == NULL && rig_end(&r, &mine, PHASE_SUCCEEDED),
	   "the other one after it");
	rig_blob(&r, "new", sha);
	j = rig_job();
	j.files = rig_files(&r.arena, sha);
	ok(rig_insert(&r, &j) == STORE_DONE && rig_claim(&r, "gpu", &mine) &&
		   same(mine.files, j.files),
	   "a new one has files");
	blobs_unpin(r.blobs, sha);
	rig_finish(&r);
}

int main(void)
{
	its_way();
	some_were_there();
	another_list();
	other_ends();
	limits();
	in_line();
	pages();
	brought_up();
	return tap_done();
}
