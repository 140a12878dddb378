#include "unit/store_rig.h"

/* Small output files: rows of the database, from their job's end to theirs. */

static struct rig r;

static int rows(void)
{
	return rig_number(&r, "SELECT count(*) FROM small_files");
}

static int kept(void)
{
	return rig_number(&r, "SELECT sum(files_bytes) FROM jobs"
			      " WHERE files_until IS NOT NULL");
}

/* ---- jobs with files ---- */

static const char content[] = "what the caller was promised";
enum { LEN = (int)sizeof(content) };

static void give_bytes(const char *job, const char *name, const void *bytes,
		       size_t n, struct files_given *given)
{
	struct problem why = {0};
	struct file_sink *s = files_begin(r.files, job, INT64_MAX, &why);
	char sha[DIGEST_HEX_SIZE];
	int64_t size;

	rig_must(s != NULL && file_sink_write(s, bytes, n));
	rig_must(file_sink_commit(s, name, given, &size, sha, &why));
	rig_must(size == (int64_t)n);
}

static void give(const char *job, const char *name, struct files_given *given)
{
	give_bytes(job, name, content, LEN, given);
}

static bool on_disk(const char *job, const char *name)
{
	return files_exists(r.files, job, name);
}

/* The daemon has just these bytes for that file. */
static bool reads(const char *job, const char *name, const void *bytes,
		  size_t n)
{
	const char *got = NULL;
	size_t len = 0;

	return store_read_small(r.reader, job, name, &r.arena, &got, &len) &&
	       len == n && memcmp(got, bytes, n) == 0;
}

static bool there(const char *job)
{
	return reads(job, "image.png", content, LEN);
}

static bool none(const char *job, const char *name)
{
	const char *got = NULL;
	size_t len = 0;

	return !store_read_small(r.reader, job, name, &r.arena, &got, &len);
}

static const char *outputs(int64_t bytes)
{
	return arena_printf(&r.arena,
			    "{\"image\":{\"files\":[{\"name\":\"image.png\","
			    "\"content_type\":\"image/png\",\"size_bytes\":%d,"
			    "\"sha256\":\"%064d\"}],\"many\":false}}",
			    (int)bytes, 0);
}

static bool succeed(const struct job *j, struct files_given *given)
{
	return store_succeed(r.store, j, outputs(LEN), LEN, given);
}

/* With one small file. */
static struct job ended(const char *reuse_key)
{
	struct files_given given = {0};
	struct job j = rig_job(), mine;

	j.reuse_key = reuse_key;
	j.reuse_since = 1;
	rig_must(rig_insert(&r, &j) == STORE_DONE);
	rig_must(rig_claim(&r, "gpu", &mine));
	store_note(r.store, mine.id, mine.prompt_id, PHASE_SUBMITTED);
	store_note(r.store, mine.id, mine.prompt_id, PHASE_RAN);
	give(mine.id, "image.png", &given);
	rig_must(succeed(&mine, &given));
	return mine;
}

/* ---- how they come ---- */

static void with_their_end(void)
{
	struct files_given given = {0};
	struct job mine = rig_running(&r);

	give(mine.id, "image.png", &given);
	give_bytes(mine.id, "empty.bin", "", 0, &given);
	ok(!on_disk(mine.id, "image.png") && !on_disk(mine.id, "empty.bin"),
	   "small files are none on disk");
	ok(rows() == 0 && none(mine.id, "image.png"),
	   "nor anywhere before their job's end");
	ok(succeed(&mine, &given) && given.row_count == 0, "the job ends");
	ok(there(mine.id), "the file is there with it");
	ok(reads(mine.id, "empty.bin", "", 0), "and the empty one");
	ok(none(mine.id, "other.png"), "no other");
	ok(none("0193a1f2-0000-7000-8000-000000000001", "image.png"),
	   "nor of another job");
	rig_reopen(&r);
	ok(there(mine.id) && reads(mine.id, "empty.bin", "", 0),
	   "and after a restart");
}

static void what_does_not_fit(void)
{
	static const char zeros[FILES_ROWS_BYTES + 1];
	struct files_given given = {0};
	struct job mine = rig_running(&r);
	int before = rows();
	char name[16];

	give_bytes(mine.id, "large.bin", zeros, FILES_ROWS_BYTES + 1, &given);
	ok(on_disk(mine.id, "large.bin") && given.row_count == 0,
	   "a larger file is on disk");
	give_bytes(mine.id, "most.bin", zeros, FILES_ROWS_BYTES - 8, &given);
	ok(!on_disk(mine.id, "most.bin"), "one that just fits is not");
	give_bytes(mine.id, "more.bin", zeros, 9, &given);
	ok(on_disk(mine.id, "more.bin"), "beside it there is no room");
	for (int i = 1; i <= FILES_ROWS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "f%d.bin", i);
		give_bytes(mine.id, name, zeros, 1, &given);
	}
	ok(!on_disk(mine.id, "f7.bin") && on_disk(mine.id, "f8.bin"),
	   "nor for more than so many");
	ok(succeed(&mine, &given) && given.open_count == 0,
	   "the job ends with all of them");
	ok(rows() == before + FILES_ROWS_MAX &&
		   reads(mine.id, "most.bin", zeros, FILES_ROWS_BYTES - 8) &&
		   reads(mine.id, "f7.bin", zeros, 1) &&
		   none(mine.id, "f8.bin"),
	   "and the small ones are to be read");
}

static void neighbours(void)
{
	struct files_given given[3] = {0};
	struct job j[3];

	for (int i = 0; i < 3; i++) {
		j[i] = rig_running(&r);
		for (int k = 0; k < FILES_ROWS_MAX; k++)
			give_bytes(j[i].id,
				   arena_printf(&r.arena, "f%d.bin", k), &k, 1,
				   &given[i]);
		rig_must(succeed(&j[i], &given[i]));
	}
	rig_must(rig_delete(&r, j[1].id, "me") == STORE_ENDED);
	for (int k = 0; k < FILES_ROWS_MAX; k++) {
		const char *name = arena_printf(&r.arena, "f%d.bin", k);

		ok(reads(j[0].id, name, &k, 1) && none(j[1].id, name) &&
			   reads(j[2].id, name, &k, 1),
		   "file %d of three jobs, of which one goes", k);
	}
}

static void of_a_job_that_fails(void)
{
	struct files_given given = {0};
	struct job mine = rig_running(&r);
	int before = rows();

	give(mine.id, "image.png", &given);
	ok(rig_end(&r, &mine, PHASE_FAILED) && rows() == before &&
		   none(mine.id, "image.png"),
	   "a job that fails leaves none");
	files_given_drop(&given);
}

/* An attempt that the last process did not end gave a larger file. */
static void another_attempt(void)
{
	static const char zeros[FILES_ROWS_BYTES + 1];
	struct files_given given = {0};
	struct job mine = rig_running(&r);

	give_bytes(mine.id, "image.png", zeros, sizeof(zeros), NULL);
	rig_must(on_disk(mine.id, "image.png"));
	give(mine.id, "image.png", &given);
	ok(succeed(&mine, &given) && there(mine.id),
	   "the row is read, whatever lies on disk");
	rig_must(rig_delete(&r, mine.id, "me") == STORE_ENDED);
	ok(!on_disk(mine.id, "image.png"), "which goes with the job");
}

/* ---- how they go ---- */

static void deleted(void)
{
	struct job j = ended(NULL);
	int before = rows();

	rig_must(rig_delete(&r, j.id, "me") == STORE_ENDED);
	ok(rows() == before - 1 && none(j.id, "image.png"),
	   "with a job that is deleted");
}

static void over(void)
{
	struct job j = ended(NULL);

	store_tidy(r.store, clock_wall_ms() + j.keep_ms - 60000, 0);
	ok(there(j.id), "until their time they stay");
	store_tidy(r.store, clock_wall_ms() + j.keep_ms + 60000, 0);
	ok(rows() == 0 && none(j.id, "image.png") &&
		   rig_phase(&r, j.id) == PHASE_SUCCEEDED,
	   "then they go, and the job is there to read");
}

static void too_many(void)
{
	struct job j = ended(NULL);

	store_cap_files(r.store, r.reader, clock_wall_ms() + 120000, 0);
	ok(rows() == 0 && none(j.id, "image.png"), "where there is too much");
}

/* ---- shared ---- */

static void shared(void)
{
	struct job first = ended("same"), second = rig_job(), third;

	second.reuse_key = "same";
	second.reuse_since = 1;
	third = second;
	id_v7(third.id);
	rig_must(rig_insert(&r, &second) == STORE_DONE);
	rig_must(rig_insert(&r, &third) == STORE_DONE);
	ok(rig_phase(&r, second.id) == PHASE_SUCCEEDED && there(second.id) &&
		   there(third.id),
	   "a result that is used again has its small files");
	ok(rows() == 3 && kept() == 3 * LEN, "rows of its own, which count");
	rig_must(rig_delete(&r, first.id, "me") == STORE_ENDED);
	ok(there(second.id) && there(third.id) && kept() == 2 * LEN,
	   "and stay when the first one goes");
	rig_must(rig_delete(&r, second.id, "me") == STORE_ENDED);
	ok(there(third.id) && kept() == LEN, "and the next");
	rig_must(rig_delete(&r, third.id, "me") == STORE_ENDED);
	ok(rows() == 0 && kept() <= 0, "until the last");
}

static void not_shared(void)
{
	struct job first = ended("lost"), second = rig_job();

	rig_must(rig_sql(&r, "DELETE FROM small_files"));
	second.reuse_key = "lost";
	second.reuse_since = 1;
	rig_must(rig_insert(&r, &second) == STORE_DONE);
	ok(rig_phase(&r, second.id) == PHASE_QUEUED,
	   "where its files are lost a result is not used again");
	rig_must(rig_cancel(&r, second.id, "me") == STORE_DONE);
	rig_must(rig_delete(&r, first.id, "me") == STORE_ENDED);
}

/* ---- from before ---- */

/* Schema 5 had all files on disk, and copies of the last ones, which stayed
 * when their job was deleted and the next one got its number. */
static void from_before(void)
{
	struct job mine = ended(NULL), next = ended(NULL);

	rig_close(&r);
	rig_must(rig_sql(
		&r,
		"CREATE TABLE copies (n INTEGER PRIMARY KEY, seq INTEGER"
		" NOT NULL, name TEXT NOT NULL, bytes BLOB NOT NULL) STRICT;"
		"INSERT INTO copies (seq, name, bytes) WITH RECURSIVE c (i) AS"
		" (SELECT 0 UNION ALL SELECT i + 1 FROM c WHERE i < 7)"
		" SELECT seq, 'deleted-' || i || '.bin', x'00' FROM c, jobs"
		" UNION ALL SELECT seq, 'image.png', x'00' FROM jobs;"
		"DROP TABLE small_files; PRAGMA user_version = 5"));
	give_bytes(mine.id, "image.png", content, LEN, NULL);
	rig_open(&r);
	ok(rows() == 0 && none(mine.id, "deleted-0.bin") &&
		   none(next.id, "deleted-7.bin"),
	   "of copies that a version before has left none is given");
	ok(on_disk(mine.id, "image.png"), "as its files are there");
}

int main(void)
{
	rig_folder(&r);
	rig_open(&r);
	with_their_end();
	what_does_not_fit();
	neighbours();
	of_a_job_that_fails();
	another_attempt();
	deleted();
	over();
	too_many();
	shared();
	not_shared();
	from_before();
	rig_close(&r);
	rig_finish(&r);
	return tap_done();
}
