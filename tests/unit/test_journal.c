#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "jobs/journal.h"
#include "jobs/recover.h"
#include "unit/store_rig.h"

static struct rig r;
static struct arena a;

/* Stands in for the C library's. */
static bool broken;

int syncfs(int fd)
{
	errno = EIO;
	return broken ? -1 : (int)syscall(SYS_syncfs, fd);
}

/* ---- the file alone ---- */

static const char *journal_path(void)
{
	return arena_printf(&a, "%s/alone", r.folder);
}

static struct journal *open_alone(void)
{
	struct problem why = {0};
	struct journal *j = journal_open(journal_path(), &why);

	rig_must(j != NULL);
	return j;
}

static void put(struct buf *to, unsigned number, const void *bytes, size_t n)
{
	struct journal_record rec = {
		.name = "image.png", .bytes = bytes, .n = n};

	snprintf(rec.job, ID_SIZE, "0190b3a2-0000-7000-8000-%012u", number);
	digest_sha256(bytes, n, rec.sha256);
	journal_put(&rec, to);
}

static bool add(struct journal *j, unsigned number, const void *bytes, size_t n)
{
	struct buf b;
	bool good;

	buf_init(&b, JOURNAL_HALF * 2);
	put(&b, number, bytes, n);
	good = journal_add(j, b.at, b.len);
	buf_finish(&b);
	return good;
}

/* The last digits of their jobs: "1 2 3 ". */
static bool note(void *ctx, const struct journal_record *rec)
{
	buf_addf(ctx, "%s ", rec->job + ID_SIZE - 2);
	return true;
}

static const char *records(struct journal *j)
{
	struct problem why = {0};
	const char *text;
	struct buf b;

	buf_init(&b, 4096);
	rig_must(journal_each(j, note, &b, &why));
	text = arena_strdup(&a, buf_str(&b));
	buf_finish(&b);
	return text;
}

static bool stop_at_once(void *ctx, const struct journal_record *rec)
{
	(void)rec;
	++*(int *)ctx;
	return false;
}

static void what_is_added_is_there(void)
{
	struct journal *j = open_alone();
	struct problem why = {0};
	char byte = 0;
	int calls = 0;
	int fd;

	is_str(records(j), "", "an empty one");
	ok(add(j, 1, "abc", 3) && add(j, 2, "", 0) && add(j, 3, "d", 1),
	   "three records");
	is_str(records(j), "1 2 3 ", "are there");
	ok(!journal_each(j, stop_at_once, &calls, &why) && calls == 1,
	   "looking may end early");
	fd = open(journal_path(), O_RDWR | O_CLOEXEC);
	rig_must(fd >= 0);
	/* the last byte of all */
	rig_must(pwrite(fd, &byte, 1, lseek(fd, -1, SEEK_END)) == 1);
	is_str(records(j), "1 2 ", "one that is broken ends them");
	ok(journal_empty(j) && strcmp(records(j), "") == 0, "emptied");
	journal_close(j);
	close(fd);
	journal_close(NULL);
	j = open_alone();
	ok(add(j, 1, "abc", 3), "another one");
	journal_close(j);
	j = open_alone();
	is_str(records(j), "", "closed in order it is empty");
	journal_close(j);
	ok(journal_open("/proc/none/journal", &why) == NULL &&
		   why.code == PROBLEM_INTERNAL,
	   "one that cannot be made");
}

static off_t size_alone(void)
{
	struct stat st;

	rig_must(stat(journal_path(), &st) == 0);
	return st.st_size;
}

static void filled_it_does_not_grow(void)
{
	const off_t whole = (off_t)(2 * JOURNAL_HALF);
	struct journal *j = open_alone();

	journal_fill(j);
	ok(size_alone() == whole && strcmp(records(j), "") == 0,
	   "filled it has its size, and no record");
	ok(add(j, 1, "abc", 3) && add(j, 2, "d", 1) && size_alone() == whole,
	   "what is added goes into it");
	is_str(records(j), "1 2 ", "and is there");
	journal_close(j);
	ok(size_alone() == 0, "closed in order it takes no room");
}

static void halves_take_turns(void)
{
	size_t n = JOURNAL_HALF / 2 - 1000;
	char *bytes = mem_alloc(JOURNAL_HALF);
	struct journal *j = open_alone();

	ok(!add(j, 9, bytes, JOURNAL_HALF), "more than a half is refused");
	ok(add(j, 1, bytes, n) && add(j, 2, bytes, n) && add(j, 3, bytes, n) &&
		   add(j, 4, bytes, n),
	   "both halves");
	is_str(records(j), "1 2 3 4 ", "are there");
	ok(!add(j, 5, bytes, n), "no more while the first is not free");
	is_str(records(j), "1 2 3 4 ", "and nothing is lost by trying");
	journal_settle(j);
	ok(add(j, 5, bytes, n), "after it was settled");
	is_str(records(j), "5 2 3 4 ",
	       "it is written over, where all of it is done with");
	journal_settle(j);
	journal_settle(j);
	ok(add(j, 6, bytes, n) && add(j, 7, bytes, n), "and the other one");
	is_str(records(j), "5 6 7 4 ", "in turn");
	journal_close(j);
	free(bytes);
}

/* The kernel tells once that it could not write something, and has forgotten
 * it by the next time. */
static void a_disk_that_failed_once(void)
{
	size_t n = JOURNAL_HALF - 1000;
	char *bytes = mem_alloc(JOURNAL_HALF);
	struct journal *j = open_alone();

	ok(add(j, 1, bytes, n) && add(j, 2, bytes, n), "both halves");
	broken = true;
	journal_settle(j);
	broken = false;
	journal_settle(j);
	ok(!add(j, 3, bytes, n), "the first is kept for good");
	journal_close(j);
	j = open_alone();
	is_str(records(j), "1 2 ", "also when it is closed in order");
	ok(journal_empty(j), "until what is in it has been looked for");
	journal_close(j);
	free(bytes);
}

/* Cut anywhere, or one byte of it another: it is none. */
static void no_half_records(void)
{
	char name[JOURNAL_NAME_SIZE];
	struct journal_record rec;
	unsigned taken = 0;
	struct buf b;

	buf_init(&b, 4096);
	put(&b, 1, "some bytes", 10);
	for (size_t i = 0; i < b.len; i++) {
		unsigned char *p = (unsigned char *)b.at;

		taken += journal_get(p, i, &rec, name) != 0;
		p[i] ^= 1;
		taken += journal_get(p, b.len, &rec, name) != 0;
		p[i] ^= 1;
	}
	ok(taken == 0 && journal_get((unsigned char *)b.at, b.len, &rec,
				     name) == b.len,
	   "whole or none");
	ok(strcmp(rec.name, "image.png") == 0 && rec.n == 10 &&
		   memcmp(rec.bytes, "some bytes", 10) == 0,
	   "what was put is read");
	buf_finish(&b);
}

/* ---- after a crash ---- */

static const char content[] = "what the caller was promised";

/* A job that succeeded with one file; its id. */
static const char *succeeded(const char *sha)
{
	struct files_unsynced later = {0};
	struct job j = rig_job(), mine;
	char real[DIGEST_HEX_SIZE];
	struct problem why = {0};
	struct file_sink *s;
	int64_t size;

	id_v7(j.id);
	rig_must(rig_insert(&r, &j) == STORE_DONE);
	rig_must(rig_claim(&r, "gpu", &mine));
	store_note(r.store, mine.id, mine.prompt_id, PHASE_SUBMITTED);
	store_note(r.store, mine.id, mine.prompt_id, PHASE_RAN);
	s = files_begin(r.files, mine.id, 1000, &why);
	rig_must(s != NULL && file_sink_write(s, content, sizeof(content)));
	rig_must(file_sink_commit(s, "image.png", &later, &size, real,
					&why));
	rig_must(store_succeed(
		r.store, mine.id, mine.prompt_id,
		arena_printf(&a,
			     "{\"image\":{\"files\":[{\"name\":\"image.png\","
			     "\"content_type\":\"image/png\","
			     "\"size_bytes\":%d,\"sha256\":\"%s\"}],"
			     "\"many\":false}}",
			     (int)sizeof(content), sha != NULL ? sha : real),
		&later));
	return arena_strdup(&a, mine.id);
}

static const char *path_of(const char *job)
{
	return arena_printf(&a, "%s/%.2s/%s-image.png", r.root, job + 6, job);
}

enum loss { NOTHING, NO_NAME, NO_BYTES, HALF, ZEROS, MORE, LOSS__COUNT };

static const char *const losses[] = {"nothing",	      "its name",
				     "all its bytes", "half of its bytes",
				     "zeros in it",   "bytes behind it"};

static void lose(const char *job, enum loss loss)
{
	static const char zeros[sizeof(content)];
	const char *path = path_of(job);
	int fd = open(path, O_RDWR | O_CLOEXEC);

	rig_must(fd >= 0);
	if (loss == NO_NAME)
		rig_must(unlink(path) == 0);
	if (loss == NO_BYTES)
		rig_must(ftruncate(fd, 0) == 0);
	if (loss == HALF)
		rig_must(ftruncate(fd, sizeof(content) / 2) == 0);
	if (loss == ZEROS)
		rig_must(write(fd, zeros, sizeof(zeros)) > 0);
	if (loss == MORE)
		rig_must(ftruncate(fd, 2 * sizeof(content)) == 0);
	close(fd);
}

static bool holds(const char *job)
{
	return files_holds(r.files, job, "image.png", content, sizeof(content));
}

static void what_was_lost_is_there_again(void)
{
	struct problem why = {0};
	const char *jobs[LOSS__COUNT];

	for (int i = 0; i < LOSS__COUNT; i++) {
		jobs[i] = succeeded(NULL);
		rig_must(holds(jobs[i]));
		lose(jobs[i], (enum loss)i);
		ok(holds(jobs[i]) == (i == NOTHING), "a job loses %s",
		   losses[i]);
	}
	ok(recover_files(r.files, r.store, &why), "recovered %s", why.detail);
	for (int i = 0; i < LOSS__COUNT; i++)
		ok(holds(jobs[i]), "it has its file: %s", losses[i]);
	lose(jobs[0], NO_NAME);
	ok(recover_files(r.files, r.store, &why) && !holds(jobs[0]),
	   "the journal is empty after that");
}

static void rows_are_the_truth(void)
{
	static const char other[] = "0123456789abcdef0123456789abcdef"
				    "0123456789abcdef0123456789abcdef";
	struct problem why = {0};
	const char *changed = succeeded(other), *gone = succeeded(NULL),
		   *good = succeeded(NULL);

	rig_must(rig_delete(&r, gone, rig_job().owner) == STORE_ENDED);
	lose(changed, NO_BYTES);
	lose(good, NO_BYTES);
	ok(recover_files(r.files, r.store, &why), "recovered");
	ok(!holds(changed), "not where the job names other bytes");
	ok(!files_exists(r.files, gone, "image.png"),
	   "nor where there is no job");
	ok(holds(good), "but where there is one");
}

/* Where the cut came while the disk was nearly full: no start, no janitor. */
static void no_room_is_needed(void)
{
	struct problem why = {0};
	const char *job = succeeded(NULL);
	struct files *f = files_open(r.root, INT64_MAX, &why);

	lose(job, NO_NAME);
	ok(f != NULL && !files_have_room(f), "below min_free");
	ok(recover_files(f, r.store, &why) && holds(job),
	   "the file is written all the same %s", why.detail);
	files_close(f);
}

int main(void)
{
	rig_folder(&r);
	what_is_added_is_there();
	filled_it_does_not_grow();
	halves_take_turns();
	a_disk_that_failed_once();
	no_half_records();
	rig_open(&r);
	what_was_lost_is_there_again();
	rows_are_the_truth();
	no_room_is_needed();
	rig_close(&r);
	rig_finish(&r);
	arena_finish(&a);
	return tap_done();
}
