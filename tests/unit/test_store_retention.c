#include "jobs/outputs.h"
#include "store_rig.h"

/* How long output files live: by age and by what all take together. */

#define MINUTE INT64_C(60000)

static struct rig r;

static void begin(const char *what)
{
	printf("# %s\n", what);
	rig_init(&r);
}

static void end(void)
{
	rig_finish(&r);
}

/* A job that ended well with two files: 10 and `bytes` by its word. On disk
 * they are small: nobody looks there. */
static void ended(struct job *j, int bytes)
{
	struct output_value *v;
	char outputs[512];
	size_t n;

	id_v7(j->id);
	rig_must(rig_insert(&r, j) == STORE_DONE && rig_claim(&r, "a", j));
	rig_file(&r, j->id, "image.png");
	rig_file(&r, j->id, "more-1.png");
	snprintf(outputs, sizeof(outputs),
		 "{\"image\":{\"files\":[{\"name\":\"image.png\","
		 "\"content_type\":\"image/png\",\"size_bytes\":10,"
		 "\"sha256\":\"x\"}],\"many\":false},\"text\":{\"value\":"
		 "{\"files\":[{\"size_bytes\":5000}]}},\"more\":{\"files\":[{"
		 "\"name\":\"more-1.png\",\"content_type\":\"image/png\","
		 "\"size_bytes\":%d,\"sha256\":\"x\"}],\"many\":true}}",
		 bytes);
	store_note(r.store, j->id, j->prompt_id, PHASE_SUBMITTED);
	store_note(r.store, j->id, j->prompt_id, PHASE_RAN);
	rig_must(outputs_read(outputs, &r.arena, &v, &n));
	rig_must(rig_succeed(&r, j, outputs, outputs_bytes(v, n)));
}

static bool has_files(const struct job *j)
{
	struct job got;
	bool file = files_exists(r.files, j->id, "image.png");

	rig_must(rig_read(&r, j->id, &got));
	if (got.files_gone == file)
		fprintf(stderr, "# the row and the disk differ\n");
	return file && !got.files_gone;
}

static int kept(void)
{
	return rig_number(&r, "SELECT sum(files_bytes) FROM jobs"
			      " WHERE files_until IS NOT NULL");
}

static void cap(int64_t ahead, int64_t bytes)
{
	store_cap_files(r.store, r.reader, clock_wall_ms() + ahead, bytes);
}

static void by_size(void)
{
	struct job j[4], runs;

	begin("by size");
	for (int i = 0; i < 4; i++) {
		j[i] = rig_job();
		ended(&j[i], 90);
	}
	/* The first ended last. */
	rig_must(rig_sql(&r, "UPDATE jobs SET ended_at ="
			     " ended_at - seq * 1000"));
	runs = rig_job();
	rig_must(rig_insert(&r, &runs) == STORE_DONE &&
		 rig_claim(&r, "a", &runs));
	rig_file(&r, runs.id, "image.png");
	ok(kept() == 400, "the sizes of all files are summed up");
	cap(2 * MINUTE, 400);
	ok(has_files(&j[3]), "what is just within the limit stays");
	cap(0, 0);
	ok(has_files(&j[0]) && has_files(&j[3]),
	   "nothing goes within the first minute");
	cap(2 * MINUTE, 399);
	ok(!has_files(&j[3]) && has_files(&j[2]),
	   "a byte too much: those of the job that ended first go");
	cap(2 * MINUTE, 150);
	ok(!has_files(&j[2]) && !has_files(&j[1]) && has_files(&j[0]),
	   "as many as it takes");
	cap(2 * MINUTE, 0);
	ok(!has_files(&j[0]) && kept() <= 0, "all of them where none may be");
	ok(files_exists(r.files, runs.id, "image.png"),
	   "but never those of a job that runs");
	ok(rig_phase(&r, j[3].id) == PHASE_SUCCEEDED,
	   "the jobs are there to read");
	cap(2 * MINUTE, 0);
	ok(kept() <= 0, "nothing left to take");
	end();
}

static void young_ones_only(void)
{
	struct job old = rig_job(), young = rig_job();

	begin("young and old");
	ended(&old, 90);
	ended(&young, 90);
	rig_must(rig_sql(&r, "UPDATE jobs SET ended_at = ended_at - 61000"
			     " WHERE seq = 1"));
	cap(0, 50);
	ok(!has_files(&old) && has_files(&young),
	   "too much is borne rather than take what has just come");
	end();
}

static struct job shared_job(void)
{
	struct job j = rig_job();

	j.reuse_key = "same";
	j.reuse_since = 1;
	return j;
}

static void shared(void)
{
	struct job first = shared_job(), second, third, other = rig_job();

	begin("shared");
	ended(&first, 90);
	second = shared_job();
	rig_must(rig_insert(&r, &second) == STORE_DONE);
	third = shared_job();
	rig_must(rig_insert(&r, &third) == STORE_DONE);
	ended(&other, 90);
	ok(has_files(&second) && has_files(&third), "three have the files");
	ok(kept() == 200, "which count once");
	rig_must(rig_delete(&r, first.id, "me") == STORE_ENDED);
	ok(kept() == 200 && has_files(&second) && has_files(&third),
	   "one is deleted: they are still there, and count");
	rig_must(rig_delete(&r, third.id, "me") == STORE_ENDED);
	ok(kept() == 200, "another, with which they did not count");
	ok(has_files(&second), "the last one has them");
	rig_must(rig_delete(&r, second.id, "me") == STORE_ENDED);
	ok(kept() == 100, "and with it they go");
	end();
}

static void shared_and_capped(void)
{
	struct job first = shared_job(), second;

	begin("shared, and too much");
	ended(&first, 90);
	second = shared_job();
	rig_must(rig_insert(&r, &second) == STORE_DONE);
	rig_must(rig_sql(&r, "UPDATE jobs SET ended_at = ended_at - 1000"
			     " WHERE seq = 1"));
	cap(2 * MINUTE, 50);
	ok(!has_files(&first) && kept() == 100,
	   "the first goes, which frees nothing");
	cap(2 * MINUTE, 50);
	ok(!has_files(&second) && kept() <= 0, "then the other");
	end();
}

static void by_age(void)
{
	struct job old = rig_job(), waits = rig_job(), brief = rig_job();
	struct job got;
	int64_t now;

	begin("by age");
	brief.keep_ms = 5000;
	ended(&old, 90);
	ended(&brief, 90);
	rig_must(rig_insert(&r, &waits) == STORE_DONE);
	ok(store_limit_keep(r.store, 10000), "a limit below what was asked");
	rig_must(rig_read(&r, old.id, &got));
	now = got.ended_at;
	ok(got.keep_ms == 10000, "holds for what has ended");
	rig_must(rig_read(&r, waits.id, &got));
	ok(got.keep_ms == 10000, "and for what waits");
	rig_must(rig_read(&r, brief.id, &got));
	ok(got.keep_ms == 5000, "shorter times stay");
	ok(store_limit_keep(r.store, 3600000), "a limit above");
	rig_must(rig_read(&r, old.id, &got));
	ok(got.keep_ms == 10000, "gives nothing back");
	ok(store_tidy(r.store, now + 9999, 0) > now && has_files(&old),
	   "until then they are there");
	ok(store_tidy(r.store, now + 10001, 0) > now && !has_files(&old),
	   "then not");
	end();
}

/* The indexes of schema 3. */
#define BEFORE_4                                                               \
	"DROP INDEX jobs_line;"                                                \
	"CREATE INDEX jobs_queue ON jobs (pool, priority DESC, seq)"           \
	" WHERE phase = 0;"                                                    \
	"CREATE INDEX jobs_fetching ON jobs (seq) WHERE phase = 7;"            \
	"CREATE INDEX jobs_fetching_queue ON jobs (pool, priority DESC, seq)"  \
	" WHERE phase = 7;"                                                    \
	"DROP INDEX jobs_later;"                                               \
	"CREATE INDEX jobs_later ON jobs (not_before)"                         \
	" WHERE phase = 0 AND not_before > 0;"                                 \
	"DROP INDEX jobs_files;"                                               \
	"CREATE INDEX jobs_files ON jobs (files_until)"                        \
	" WHERE files_until IS NOT NULL;"                                      \
	"CREATE INDEX jobs_kept ON jobs (ended_at, files_bytes)"               \
	" WHERE files_until IS NOT NULL;"                                      \
	"DROP INDEX jobs_reuse;"                                               \
	"CREATE INDEX jobs_reuse ON jobs (reuse_key, seq)"                     \
	" WHERE reuse_key IS NOT NULL AND phase = 4;"

/* As a daemon left it that knew nothing of sizes. */
static void from_before(void)
{
	struct job first = shared_job(), second, gone = rig_job();

	begin("a database of before");
	ended(&first, 90);
	second = shared_job();
	rig_must(rig_insert(&r, &second) == STORE_DONE);
	ended(&gone, 90);
	rig_must(rig_sql(&r, "UPDATE jobs SET files_gone = 1,"
			     " files_until = NULL WHERE seq = 3"));
	rig_close(&r);
	rig_must(rig_sql(&r,
			 BEFORE_4 "DROP TABLE small_files;"
				  "DROP INDEX jobs_kept;"
				  "DROP INDEX jobs_shared;"
				  "ALTER TABLE jobs DROP COLUMN files_bytes;"
				  "ALTER TABLE jobs DROP COLUMN shared_from;"
				  "PRAGMA user_version = 2"));
	rig_open(&r);
	ok(kept() == 100, "what it has is counted when it is opened");
	ended(&gone, 40);
	ok(kept() == 150, "and what comes is added");
	end();
}

/* The database says no: the files stay, and are taken the next time. */
static void not_written(void)
{
	struct job j = rig_job();

	begin("not written");
	ended(&j, 90);
	rig_must(rig_sql(&r, "CREATE TRIGGER no BEFORE UPDATE OF files_gone ON"
			     " jobs BEGIN SELECT raise(ABORT, 'no'); END"));
	cap(2 * MINUTE, 0);
	ok(has_files(&j), "the files stay while it cannot be written");
	rig_must(rig_sql(&r, "DROP TRIGGER no"));
	cap(2 * MINUTE, 0);
	ok(!has_files(&j), "and go then");
	end();
}

static void strays(void)
{
	static const char nobody[] = "0193a1f2-0000-7000-8000-000000000001";
	struct job good = rig_job(), failed = rig_job(), waits = rig_job();

	begin("strays");
	ended(&good, 90);
	rig_must(rig_insert(&r, &failed) == STORE_DONE &&
		 rig_claim(&r, "a", &failed) &&
		 rig_end(&r, &failed, PHASE_FAILED));
	rig_must(rig_insert(&r, &waits) == STORE_DONE);
	ok(store_has_strays(r.reader, nobody) &&
		   store_has_strays(r.reader, failed.id),
	   "files of no job, or of one that failed");
	ok(!store_has_strays(r.reader, good.id) &&
		   !store_has_strays(r.reader, waits.id),
	   "not of one that has some, or may get some");
	rig_must(rig_sql(&r, "ALTER TABLE jobs RENAME TO lost"));
	ok(!store_has_strays(r.reader, good.id) &&
		   !store_has_strays(r.reader, nobody),
	   "nor where the database cannot be read");
	rig_must(rig_sql(&r, "ALTER TABLE lost RENAME TO jobs"));
	cap(2 * MINUTE, 0);
	ok(store_has_strays(r.reader, good.id), "but once its time is over");
	end();
}

int main(void)
{
	by_size();
	young_ones_only();
	shared();
	shared_and_capped();
	by_age();
	from_before();
	not_written();
	strays();
	return tap_done();
}
