#include "unit/store_rig.h"

/* Uploads, and how long the blobs stay that they and jobs name. */
static struct rig r;

static struct upload upload_of(const char *sha256)
{
	struct upload u = {.owner = "me",
			   .content_type = "image/png",
			   .extension = "png",
			   .size_bytes = 5000,
			   .width = 640,
			   .height = 480,
			   .duration_ms = 1200,
			   .frames = 30,
			   .alpha = true};

	id_v4(u.id);
	memcpy(u.sha256, sha256, sizeof(u.sha256));
	u.created_at = clock_wall_ms();
	u.expires_at = u.created_at + 60000;
	return u;
}

static enum store_outcome add_up_to(const struct upload *u, int64_t max)
{
	struct rig_answer a = {0};

	box_init(&a.box);
	store_add_upload(r.store, u, max, rig_answered, &a);
	return rig_await(&a);
}

static enum store_outcome add(const struct upload *u)
{
	return add_up_to(u, 0);
}

static bool find(const struct upload *u, const char *owner, int64_t now,
		 struct upload *out)
{
	return store_read_upload(r.reader, u->id, owner, now, &r.arena, out);
}

/* A blob of that content with an upload that names it, no pin. */
static struct upload put(const char *content)
{
	char sha[DIGEST_HEX_SIZE];
	struct upload u;

	rig_blob(&r, content, sha);
	u = upload_of(sha);
	rig_must(add(&u) == STORE_DONE);
	blobs_unpin(r.blobs, sha);
	return u;
}

static void expire(int64_t now)
{
	(void)store_tidy(r.store, now, 0);
	rig_batch(&r); /* the files go after the commit is told */
}

static void kept(void)
{
	struct upload u, got;
	char sha[DIGEST_HEX_SIZE];

	rig_init(&r);
	rig_blob(&r, "one", sha);
	u = upload_of(sha);
	ok(add(&u) == STORE_DONE, "stored");
	blobs_unpin(r.blobs, sha);
	rig_reopen(&r);
	ok(find(&u, "me", u.created_at, &got), "and read");
	ok(strcmp(got.id, u.id) == 0 && strcmp(got.owner, "me") == 0 &&
		   strcmp(got.sha256, sha) == 0 &&
		   strcmp(got.content_type, "image/png") == 0 &&
		   strcmp(got.extension, "png") == 0 &&
		   got.size_bytes == 5000 && got.width == 640 &&
		   got.height == 480 && got.duration_ms == 1200 &&
		   got.frames == 30 && got.alpha &&
		   got.created_at == u.created_at &&
		   got.expires_at == u.expires_at,
	   "as it was given");
	ok(!find(&u, "you", u.created_at, &got), "by its owner alone");
	ok(find(&u, "me", u.expires_at - 1, &got) &&
		   !find(&u, "me", u.expires_at, &got),
	   "until it expires");
	ok(add(&u) == STORE_FAILED, "an id cannot come twice");
	ok(find(&u, "me", u.created_at, &got), "and harms nothing");
	rig_finish(&r);
}

static void each_owner_so_much(void)
{
	struct upload u, mine[3], yours;
	char sha[DIGEST_HEX_SIZE];

	rig_init(&r);
	rig_blob(&r, "x", sha);
	for (size_t i = 0; i < COUNT(mine); i++)
		mine[i] = upload_of(sha);
	ok(add_up_to(&mine[0], 4999) == STORE_TOO_MANY, "too large alone");
	ok(add_up_to(&mine[0], 10000) == STORE_DONE &&
		   add_up_to(&mine[1], 10000) == STORE_DONE,
	   "up to the limit");
	rig_reopen(&r);
	rig_must(blobs_pin(r.blobs, sha));
	u = upload_of(sha);
	u.size_bytes = 0;
	ok(add_up_to(&u, 10000) == STORE_TOO_MANY, "not past it");
	ok(add_up_to(&u, 14095) == STORE_TOO_MANY &&
		   add_up_to(&u, 14096) == STORE_DONE,
	   "the smallest counts as a block of the disk");
	yours = upload_of(sha);
	yours.owner = "you";
	ok(add_up_to(&yours, 5000) == STORE_DONE, "each owner alone");
	expire(mine[0].expires_at + 60000);
	ok(add_up_to(&mine[2], 5000) == STORE_DONE, "what expired is room");
	blobs_unpin(r.blobs, sha);
	rig_finish(&r);
}

static void expiry(void)
{
	struct upload first, second, other, got;
	int64_t now, next;

	rig_init(&r);
	first = put("shared");
	other = put("other");
	second = upload_of(first.sha256);
	second.expires_at += 5000;
	rig_must(blobs_pin(r.blobs, first.sha256));
	rig_must(add(&second) == STORE_DONE);
	blobs_unpin(r.blobs, first.sha256);
	now = first.created_at;
	next = store_tidy(r.store, first.expires_at - 1, 0);
	ok(next == first.expires_at || next == other.expires_at,
	   "the janitor is told when the next one expires");
	ok(rig_number(&r, "SELECT count(*) FROM uploads") == 3 &&
		   rig_blob_there(&r, first.sha256),
	   "not a moment too soon");
	expire(first.expires_at + 1000);
	ok(!find(&first, "me", now, &got) && find(&second, "me", now, &got),
	   "one is forgotten");
	ok(rig_blob_there(&r, first.sha256) &&
		   !rig_blob_there(&r, other.sha256),
	   "a blob stays while another upload names it");
	rig_reopen(&r);
	rig_must(blobs_pin(r.blobs, first.sha256));
	expire(second.expires_at);
	ok(rig_number(&r, "SELECT count(*) FROM uploads") == 0 &&
		   rig_blob_there(&r, first.sha256),
	   "or a pin holds it");
	blobs_unpin(r.blobs, first.sha256);
	rig_batch(&r);
	rig_batch(&r);
	ok(!rig_blob_there(&r, first.sha256), "after that it goes");
	rig_finish(&r);
}

/* More than one transaction of the janitor takes. */
static void many(void)
{
	struct upload u;
	char sha[DIGEST_HEX_SIZE];
	int64_t now = clock_wall_ms(), next;

	rig_init(&r);
	rig_blob(&r, "many", sha);
	for (int i = 0; i < 510; i++) {
		u = upload_of(sha);
		rig_must(add(&u) == STORE_DONE);
	}
	blobs_unpin(r.blobs, sha);
	now += 120000;
	next = store_tidy(r.store, now, 0);
	ok(next == now && rig_blob_there(&r, sha), "the rest is due at once");
	expire(now);
	ok(rig_number(&r, "SELECT count(*) FROM uploads") == 0 &&
		   !rig_blob_there(&r, sha),
	   "and goes with the next call");
	rig_finish(&r);
}

/* ---- jobs that name blobs ---- */

static struct job job_with(const char *sha256)
{
	struct job j = rig_job();

	j.files = rig_files(&r.arena, sha256);
	return j;
}

static void by_end(struct job *j)
{
	struct job mine;

	rig_must(rig_claim(&r, "gpu", &mine) && strcmp(mine.id, j->id) == 0);
	rig_must(rig_end(&r, &mine, PHASE_SUCCEEDED));
}

static void by_failure(struct job *j)
{
	struct job mine;

	rig_must(rig_claim(&r, "gpu", &mine) && strcmp(mine.id, j->id) == 0);
	rig_must(rig_end(&r, &mine, PHASE_FAILED));
}

static void by_cancel(struct job *j)
{
	rig_must(rig_cancel(&r, j->id, "me") == STORE_DONE);
}

static void by_deadline(struct job *j)
{
	(void)store_tidy(r.store, j->deadline_at, 0);
}

static void by_cancel_in_work(struct job *j)
{
	struct job mine;

	rig_must(rig_claim(&r, "gpu", &mine) && strcmp(mine.id, j->id) == 0);
	rig_must(rig_cancel(&r, j->id, "me") == STORE_CANCELING);
	rig_must(store_release(r.store, mine.id, mine.prompt_id, 0, true));
}

static void by_adoption(struct job *j)
{
	struct job mine;

	rig_must(rig_claim(&r, "gone", &mine) && strcmp(mine.id, j->id) == 0);
	rig_must(rig_cancel(&r, j->id, "me") == STORE_CANCELING);
	rig_reopen(&r);
	store_adopt(r.store, NULL, 0);
}

static const struct {
	const char *name;
	void (*ends)(struct job *j);
	bool waits; /* it can happen to one that is being fetched */
} ways[] = {
	{"success", by_end, false},
	{"failure", by_failure, false},
	{"a cancel", by_cancel, true},
	{"its deadline", by_deadline, true},
	{"a cancel in work", by_cancel_in_work, false},
	{"a cancel, its backend gone", by_adoption, false},
};

static void until_the_end(void)
{
	for (size_t i = 0; i < COUNT(ways); i++) {
		char sha[DIGEST_HEX_SIZE];
		struct job j;

		rig_init(&r);
		rig_blob(&r, "photo", sha);
		j = job_with(sha);
		ok(rig_insert(&r, &j) == STORE_DONE, "a job with a file");
		blobs_unpin(r.blobs, sha);
		rig_reopen(&r);
		rig_batch(&r);
		ok(rig_blob_there(&r, sha), "it is kept, after a restart too");
		ways[i].ends(&j);
		rig_batch(&r);
		ok(phase_final(rig_phase(&r, j.id)) &&
			   !rig_blob_there(&r, sha) &&
			   rig_number(&r, "SELECT count(*) FROM job_files") ==
				   0,
		   "it goes with %s", ways[i].name);
		rig_finish(&r);
	}
}

static void while_fetched(void)
{
	for (size_t i = 0; i < COUNT(ways); i++) {
		char sha[DIGEST_HEX_SIZE];
		struct job j;

		if (!ways[i].waits)
			continue;
		rig_init(&r);
		rig_blob(&r, "photo", sha);
		j = job_with(sha);
		j.phase = PHASE_FETCHING;
		rig_must(rig_insert(&r, &j) == STORE_DONE);
		blobs_unpin(r.blobs, sha);
		rig_batch(&r);
		ok(rig_blob_there(&r, sha), "kept while others are fetched");
		ways[i].ends(&j);
		rig_batch(&r);
		ok(!rig_blob_there(&r, sha), "it goes with %s", ways[i].name);
		rig_finish(&r);
	}
}

static void another_attempt(void)
{
	char sha[DIGEST_HEX_SIZE];
	struct job j, mine;

	rig_init(&r);
	rig_blob(&r, "photo", sha);
	j = job_with(sha);
	rig_must(rig_insert(&r, &j) == STORE_DONE);
	blobs_unpin(r.blobs, sha);
	rig_must(rig_claim(&r, "gpu", &mine));
	ok(strcmp(mine.files, j.files) == 0 &&
		   strcmp(mine.prompt, j.prompt) == 0,
	   "a claim gets the files with the prompt");
	rig_must(store_release(r.store, mine.id, mine.prompt_id, 0, false));
	rig_batch(&r);
	ok(rig_blob_there(&r, sha) && rig_claim(&r, "gpu", &mine) &&
		   strcmp(mine.files, j.files) == 0,
	   "so does the next attempt");
	rig_finish(&r);
}

static void shared(void)
{
	struct job one, two, mine;
	struct upload u;

	rig_init(&r);
	u = put("shared");
	one = job_with(u.sha256);
	two = job_with(u.sha256);
	rig_must(blobs_pin(r.blobs, u.sha256));
	rig_must(rig_insert(&r, &one) == STORE_DONE);
	rig_must(rig_insert(&r, &two) == STORE_DONE);
	blobs_unpin(r.blobs, u.sha256);
	expire(u.expires_at);
	ok(rig_blob_there(&r, u.sha256),
	   "the upload is gone, two jobs are not");
	rig_must(rig_claim(&r, "gpu", &mine) &&
		 rig_end(&r, &mine, PHASE_SUCCEEDED));
	rig_batch(&r);
	ok(rig_blob_there(&r, u.sha256), "one is not");
	rig_must(rig_claim(&r, "gpu", &mine) &&
		 rig_end(&r, &mine, PHASE_SUCCEEDED));
	rig_batch(&r);
	ok(!rig_blob_there(&r, u.sha256), "and with the last it goes");
	rig_finish(&r);
}

/* A job that never came to be names nothing. */
static void refused(void)
{
	struct rig_answer a = {0};
	char sha[DIGEST_HEX_SIZE];
	struct job j, k, mine;

	rig_init(&r);
	rig_blob(&r, "photo", sha);
	j = job_with(sha);
	j.queue_limit = 1;
	k = job_with(NULL);
	k.phase = PHASE_FETCHING;
	k.queue_limit = 1;
	rig_must(rig_insert(&r, &k) == STORE_DONE);
	ok(rig_insert(&r, &j) == STORE_QUEUE_FULL, "the queue is full");
	ok(rig_blob_there(&r, sha), "its pin holds the blob");
	blobs_unpin(r.blobs, sha);
	rig_batch(&r);
	rig_batch(&r);
	ok(!rig_blob_there(&r, sha), "without it, it goes");

	j = job_with(sha);
	j.files = "{\"field\":";
	ok(rig_insert(&r, &j) == STORE_FAILED &&
		   rig_phase(&r, j.id) == PHASE__COUNT,
	   "files that cannot be read are refused");

	rig_must(rig_cancel(&r, k.id, "me") == STORE_DONE);
	rig_blob(&r, "photo", sha);
	j = job_with(NULL);
	j.reuse_key = "same";
	rig_must(rig_insert(&r, &j) == STORE_DONE);
	rig_must(rig_claim(&r, "gpu", &mine) &&
		 rig_end(&r, &mine, PHASE_SUCCEEDED));
	j = job_with(sha);
	j.reuse_key = "same";
	box_init(&a.box);
	store_insert(r.store, &j, rig_answered, &a);
	ok(rig_await(&a) == STORE_DONE &&
		   rig_phase(&r, j.id) == PHASE_SUCCEEDED &&
		   rig_number(&r, "SELECT count(*) FROM job_files") == 0,
	   "a shared result needs no file");
	blobs_unpin(r.blobs, sha);
	rig_finish(&r);
}

/* A transaction that fails takes no blob with it. */
static void undone(void)
{
	char sha[DIGEST_HEX_SIZE];
	struct job j, mine;
	struct upload u;

	rig_init(&r);
	u = put("upload");
	rig_must(rig_sql(&r, "CREATE TRIGGER no BEFORE DELETE ON uploads"
			     " BEGIN SELECT raise(ABORT, 'no'); END"));
	rig_blob(&r, "photo", sha);
	j = job_with(sha);
	rig_must(rig_insert(&r, &j) == STORE_DONE);
	blobs_unpin(r.blobs, sha);
	expire(j.deadline_at);
	ok(rig_blob_there(&r, u.sha256) && rig_blob_there(&r, sha) &&
		   rig_phase(&r, j.id) == PHASE_QUEUED,
	   "what was undone still names its blob");
	rig_must(rig_sql(&r, "DROP TRIGGER no"));
	rig_must(rig_claim(&r, "gpu", &mine));
	ok(strcmp(mine.files, j.files) == 0, "and has it");
	expire(u.expires_at);
	ok(!rig_blob_there(&r, u.sha256) && rig_blob_there(&r, sha),
	   "done, it does not");
	rig_finish(&r);
}

/* ---- what a crash left ---- */

static void strays(void)
{
	char stray[DIGEST_HEX_SIZE], pinned[DIGEST_HEX_SIZE];
	struct problem why = {0};
	struct blobs *dead;
	struct blob_draft *draft;
	char sha[DIGEST_HEX_SIZE];
	struct upload u;
	struct job j;

	rig_init(&r);
	u = put("upload");
	rig_blob(&r, "job", sha);
	j = job_with(sha);
	rig_must(rig_insert(&r, &j) == STORE_DONE);
	/* Committed, and its process died before the insert. */
	rig_blob(&r, "stray", stray);
	rig_reopen(&r);
	dead = blobs_open(r.inputs, r.files, &why);
	rig_must(dead != NULL);
	draft = blob_begin(dead, 10, &why);
	rig_must(draft != NULL && blob_write(draft, "half", 4));
	rig_blob(&r, "pinned", pinned);
	ok(rig_blob_there(&r, stray), "a blob that nothing names");
	store_sweep(r.store, r.reader);
	rig_batch(&r);
	ok(!rig_blob_there(&r, stray), "the sweep removes it");
	ok(rig_blob_there(&r, u.sha256) && rig_blob_there(&r, sha) &&
		   rig_blob_there(&r, pinned),
	   "not what an upload or a job names, nor what is pinned");
	ok(blobs_sweep_drafts(r.blobs) == 0, "drafts that were left, too");
	blob_abort(draft);
	blobs_close(dead);
	blobs_unpin(r.blobs, pinned);
	rig_finish(&r);
}

static void more_strays(void)
{
	char sha[DIGEST_HEX_SIZE], text[16];
	int left = 0;

	rig_init(&r);
	for (int i = 0; i < 250; i++) {
		snprintf(text, sizeof(text), "%d", i);
		rig_blob(&r, text, sha);
	}
	rig_reopen(&r);
	store_sweep(r.store, r.reader);
	rig_batch(&r);
	for (int i = 0; i < 250; i++) {
		unsigned char digest[DIGEST_SIZE];

		snprintf(text, sizeof(text), "%d", i);
		digest_sha256(text, strlen(text), digest);
		digest_hex(digest, sha);
		left += rig_blob_there(&r, sha);
	}
	ok(left == 0, "many strays: %d left", left);
	rig_finish(&r);
}

int main(void)
{
	kept();
	each_owner_so_much();
	expiry();
	many();
	until_the_end();
	while_fetched();
	another_attempt();
	shared();
	refused();
	undone();
	strays();
	more_strays();
	return tap_done();
}
