#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "unit/store_rig.h"

static struct rig r;
static struct arena a;

/* These stand in for the C library's. */
static atomic_bool broken; /* the disk fails at a sync of everything */
static atomic_uint settled, file_syncs;

int syncfs(int fd)
{
	settled++;
	errno = EIO;
	return broken ? -1 : (int)syscall(SYS_syncfs, fd);
}

int fsync(int fd)
{
	file_syncs++;
	return (int)syscall(SYS_fsync, fd);
}

/* What the kernel could not write is in its memory, until that is wanted for
 * something else. */
static bool unwritten;

int posix_fadvise(int fd, off_t offset, off_t len, int advise)
{
	char path[64];

	(void)offset;
	(void)len;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (unwritten && advise == POSIX_FADV_DONTNEED)
		unwritten = truncate(path, 0) != 0;
	return 0;
}

static int copies(void)
{
	return rig_number(&r, "SELECT count(*) FROM copies");
}

/* By a new process, which knows of no failure before. */
static void open_files(void)
{
	files_close(r.files);
	r.files = files_open(r.root, 0, NULL);
	rig_must(r.files != NULL);
}

/* As by a crash: the copies are there still. */
static void leave(void)
{
	broken = true;
	rig_close(&r);
	broken = false;
	open_files();
}

/* ---- jobs with a file ---- */

static const char content[] = "what the caller was promised";

static void give(const char *job, const char *name, const void *bytes, size_t n,
		 struct files_unsynced *later, char sha256[DIGEST_HEX_SIZE])
{
	struct problem why = {0};
	struct file_sink *s = files_begin(r.files, job, (int64_t)n, &why);
	int64_t size;

	rig_must(s != NULL && file_sink_write(s, bytes, n));
	rig_must(file_sink_commit(s, name, later, &size, sha256, &why));
}

/* A job that succeeded with one file; its id. It may name another SHA-256. */
static const char *succeeded(const char *sha)
{
	struct files_unsynced later = {0};
	struct job mine = rig_running(&r);
	char real[DIGEST_HEX_SIZE];

	give(mine.id, "image.png", content, sizeof(content), &later, real);
	rig_must(store_succeed(
		r.store, mine.id, mine.prompt_id,
		arena_printf(&a,
			     "{\"image\":{\"files\":[{\"name\":\"image.png\","
			     "\"content_type\":\"image/png\","
			     "\"size_bytes\":%d,\"sha256\":\"%s\"}],"
			     "\"many\":false}}",
			     (int)sizeof(content), sha != NULL ? sha : real),
		&later));
	rig_must(later.count == 0);
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

/* ---- after a crash ---- */

static void what_was_lost_is_there_again(void)
{
	const char *jobs[LOSS__COUNT];

	for (int i = 0; i < LOSS__COUNT; i++)
		jobs[i] = succeeded(NULL);
	leave();
	for (int i = 0; i < LOSS__COUNT; i++) {
		rig_must(holds(jobs[i]));
		lose(jobs[i], (enum loss)i);
		ok(holds(jobs[i]) == (i == NOTHING), "a job loses %s",
		   losses[i]);
	}
	ok(copies() == LOSS__COUNT, "each has a copy");
	rig_open(&r);
	for (int i = 0; i < LOSS__COUNT; i++)
		ok(holds(jobs[i]), "it has its file: %s", losses[i]);
	ok(copies() == 0, "no copy is left after that");
}

static void rows_are_the_truth(void)
{
	static const char other[] = "0123456789abcdef0123456789abcdef"
				    "0123456789abcdef0123456789abcdef";
	const char *changed = succeeded(other), *deleted = succeeded(NULL),
		   *gone = succeeded(NULL), *good = succeeded(NULL);

	rig_must(rig_delete(&r, deleted, rig_job().owner) == STORE_ENDED);
	leave();
	rig_must(rig_sql(&r, arena_printf(&a,
					  "UPDATE jobs SET files_gone = 1"
					  " WHERE id = '%s'",
					  gone)));
	lose(changed, NO_BYTES);
	lose(gone, NO_NAME);
	lose(good, NO_BYTES);
	rig_open(&r);
	ok(!holds(changed), "not where the job names other bytes");
	ok(!files_exists(r.files, deleted, "image.png"),
	   "nor where there is no job");
	ok(!files_exists(r.files, gone, "image.png"),
	   "nor where its time is over");
	ok(holds(good), "but where there is one");
}

/* Where the cut came while the disk was nearly full: no start, no janitor. */
static void no_room_is_needed(void)
{
	struct problem why = {0};
	const char *job = succeeded(NULL);
	struct files *usual;

	leave();
	lose(job, NO_NAME);
	usual = r.files;
	r.files = files_open(r.root, INT64_MAX, &why);
	ok(r.files != NULL && !files_have_room(r.files), "below min_free");
	rig_open(&r);
	ok(holds(job), "the file is written all the same");
	rig_close(&r);
	files_close(r.files);
	r.files = usual;
	rig_open(&r);
}

static void no_begin_without_them(void)
{
	struct problem why = {0};
	const char *job = succeeded(NULL), *folder, *aside;

	folder = arena_printf(&a, "%s/%.2s", r.root, job + 6);
	aside = arena_printf(&a, "%s/aside", r.folder);
	leave();
	rig_must(rename(folder, aside) == 0);
	ok(!rig_try_open(&r, &why) && why.detail[0] != '\0',
	   "where a file cannot be written the store does not open");
	rig_must(rename(aside, folder) == 0);
	lose(job, NO_NAME);
	broken = true;
	why = (struct problem){0};
	ok(!rig_try_open(&r, &why) && why.detail[0] != '\0',
	   "nor where the disk fails");
	broken = false;
	ok(copies() == 1, "and the copy stays");
	open_files();
	rig_open(&r);
	ok(holds(job) && copies() == 0, "until that is mended");
}

static void the_disk_is_asked(void)
{
	const char *job = succeeded(NULL);

	leave();
	unwritten = true;
	rig_open(&r);
	ok(!unwritten && holds(job),
	   "what is in memory alone is written again");
}

static void an_empty_file(void)
{
	struct files_unsynced later = {0};
	struct job mine = rig_running(&r);
	char sha[DIGEST_HEX_SIZE];

	give(mine.id, "image.png", "", 0, &later, sha);
	rig_must(store_succeed(
		r.store, mine.id, mine.prompt_id,
		arena_printf(&a,
			     "{\"image\":{\"files\":[{\"name\":\"image.png\","
			     "\"content_type\":\"image/png\","
			     "\"size_bytes\":0,\"sha256\":\"%s\"}],"
			     "\"many\":false}}",
			     sha),
		&later));
	leave();
	rig_open(&r);
	ok(files_exists(r.files, mine.id, "image.png") && copies() == 0,
	   "an empty file is there");
}

/* ---- while it runs ---- */

static void in_order(void)
{
	struct files_unsynced later = {0};
	struct job mine = rig_running(&r);
	char sha[DIGEST_HEX_SIZE];

	give(mine.id, "a.bin", "", 0, &later, sha);
	give(mine.id, "b.bin", "bytes", 5, &later, sha);
	ok(store_succeed(r.store, mine.id, mine.prompt_id, "{}", &later) &&
		   rig_number(&r, "SELECT count(*) FROM copies JOIN jobs"
				  " USING (seq) WHERE n = 1 AND"
				  " name = 'a.bin' AND bytes = x''"
				  " OR n = 2 AND name = 'b.bin' AND"
				  " bytes = CAST('bytes' AS BLOB)") == 2,
	   "a copy of each, the empty one, too");
	rig_reopen(&r);
	ok(copies() == 0, "closed in order it has none");
	succeeded(NULL);
	ok(rig_number(&r, "SELECT n FROM copies") == 1,
	   "their numbers begin anew");
	rig_reopen(&r);
}

enum { LARGE = (int)FILES_BYTES_MAX };

/* Jobs that end with as much as is copied. */
static void fill(int64_t bytes)
{
	static const char zeros[LARGE];

	for (; bytes > 0; bytes -= LARGE) {
		struct files_unsynced later = {0};
		struct job mine = rig_running(&r);
		char sha[DIGEST_HEX_SIZE];

		give(mine.id, "image.png", zeros, LARGE, &later, sha);
		rig_must(store_succeed(r.store, mine.id, mine.prompt_id, "{}",
				       &later));
	}
}

static void settled_when_there_are_many(void)
{
	unsigned before;

	rig_reopen(&r);
	store_settle(r.store); /* whatever the time says */
	fill(1 << 20);
	before = settled;
	store_settle(r.store);
	ok(settled == before && copies() == (1 << 20) / LARGE,
	   "a few are left alone");
	fill(3 << 20);
	store_settle(r.store);
	ok(settled == before + 1 && copies() == 0,
	   "many are deleted when their files are on the disk");
	store_settle(r.store);
	ok(settled == before + 1, "and then there is nothing to do");
}

/* The kernel tells once that it could not write something, and has forgotten
 * it by the next time. */
static void a_disk_that_failed_once(void)
{
	unsigned before;
	int most;

	rig_reopen(&r);
	fill(4 << 20);
	broken = true;
	store_settle(r.store);
	broken = false;
	store_settle(r.store);
	ok(copies() == (4 << 20) / LARGE, "no copy is deleted any more");
	before = file_syncs;
	fill(11 << 20);
	ok(file_syncs == before, "more come");
	fill(2 << 20);
	most = copies();
	ok(most <= (16 << 20) / LARGE && file_syncs > before,
	   "up to a ceiling; then the files are synced");
	rig_close(&r);
	ok(copies() == most, "they stay, also when it is closed in order");
	open_files();
	rig_open(&r);
	ok(copies() == 0, "until what is in them has been looked for");
}

static void an_old_journal(void)
{
	const char *path = arena_printf(&a, "%s/journal", r.root);
	struct store_options o = {.path = r.path, .blobs = r.blobs};
	struct problem why = {0};

	rig_must(close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)) == 0);
	o.files = files_open(r.root, 0, &why);
	rig_must(o.files != NULL && store_open(&o, &why) == NULL);
	files_close(o.files);
	ok(access(path, F_OK) == 0,
	   "what an older version has is left alone while that runs");
	rig_reopen(&r);
	ok(access(path, F_OK) != 0, "and then removed");
}

int main(void)
{
	rig_folder(&r);
	rig_open(&r);
	in_order();
	what_was_lost_is_there_again();
	rows_are_the_truth();
	no_room_is_needed();
	no_begin_without_them();
	the_disk_is_asked();
	an_empty_file();
	settled_when_there_are_many();
	a_disk_that_failed_once();
	an_old_journal();
	rig_close(&r);
	rig_finish(&r);
	arena_finish(&a);
	return tap_done();
}
