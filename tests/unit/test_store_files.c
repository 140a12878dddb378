#include <errno.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "unit/store_rig.h"

/*
 * A kill does not show what a sync is for, so the calls themselves are looked
 * at: these stand in for those of the C library, in SQLite, too.
 */
enum { SYNCS_MAX = 64 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
	ino_t what;
	mode_t mode;
} syncs[SYNCS_MAX];
static size_t sync_count;
static _Atomic ino_t broken; /* a sync of this one fails */

static bool note_sync(int fd)
{
	struct stat st;
	bool good;

	rig_must(fstat(fd, &st) == 0);
	pthread_mutex_lock(&lock);
	if (sync_count < SYNCS_MAX) {
		syncs[sync_count].what = st.st_ino;
		syncs[sync_count++].mode = st.st_mode;
	}
	good = broken == 0 || st.st_ino != broken;
	pthread_mutex_unlock(&lock);
	if (!good)
		errno = EIO;
	return good;
}

int fsync(int fd)
{
	return note_sync(fd) ? (int)syscall(SYS_fsync, fd) : -1;
}

int fdatasync(int fildes)
{
	return note_sync(fildes) ? (int)syscall(SYS_fdatasync, fildes) : -1;
}

static struct rig r;

static ino_t inode(const char *path)
{
	struct stat st;

	rig_must(stat(path, &st) == 0);
	return st.st_ino;
}

static void forget_syncs(void)
{
	pthread_mutex_lock(&lock);
	sync_count = 0;
	pthread_mutex_unlock(&lock);
}

/* The place of its first sync from a place on; SYNCS_MAX: there was none. */
static size_t synced_from(size_t at, ino_t what)
{
	pthread_mutex_lock(&lock);
	while (at < sync_count && syncs[at].what != what)
		at++;
	at = at < sync_count ? at : SYNCS_MAX;
	pthread_mutex_unlock(&lock);
	return at;
}

static size_t synced(ino_t what)
{
	return synced_from(0, what);
}

static size_t count_syncs(mode_t type)
{
	size_t n = 0;

	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < sync_count; i++)
		n += (syncs[i].mode & S_IFMT) == type;
	pthread_mutex_unlock(&lock);
	return n;
}

static ino_t inode_of(const char *job, const char *name)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/%.2s/%s-%s", r.root, job + 6, job,
		 name);
	return inode(path);
}

static ino_t folder_of(const char *job)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/%.2s", r.root, job + 6);
	return inode(path);
}

static ino_t write_ahead_log(void)
{
	char path[300];

	snprintf(path, sizeof(path), "%s-wal", r.path);
	return inode(path);
}

static bool give(const char *job, const char *name, size_t n,
		 struct files_given *given)
{
	static const char bytes[4096];
	struct problem why = {0};
	struct file_sink *s = files_begin(r.files, job, INT64_MAX, &why);
	char sha[DIGEST_HEX_SIZE];
	int64_t size;

	rig_must(s != NULL);
	for (size_t done = 0; done < n;) {
		size_t part =
			n - done < sizeof(bytes) ? n - done : sizeof(bytes);

		rig_must(file_sink_write(s, bytes, part));
		done += part;
	}
	return file_sink_commit(s, name, given, &size, sha, &why) &&
	       size == (int64_t)n;
}

/* So small that it is no file, and too large for that. */
enum { TINY = 5000, SMALL = 40000 };

static void tiny_ones_with_their_end(void)
{
	struct files_given given = {0};
	struct job mine = rig_running(&r);
	ino_t wal = write_ahead_log();

	forget_syncs();
	ok(give(mine.id, "a.bin", 0, &given) &&
		   give(mine.id, "b.bin", TINY, &given),
	   "two tiny files");
	ok(store_succeed(r.store, &mine, "{}", 0, &given) &&
		   rig_phase(&r, mine.id) == PHASE_SUCCEEDED,
	   "the job ends");
	ok(synced(folder_of(mine.id)) == SYNCS_MAX && synced(wal) < SYNCS_MAX &&
		   count_syncs(S_IFREG) == 1,
	   "by one sync, that of the database");
	ok(given.row_count == 0 && !given.failed, "nothing is left to do");
}

static void files_before_their_end(void)
{
	struct files_given given = {0};
	struct job mine = rig_running(&r);
	ino_t a, b, folder = folder_of(mine.id), wal = write_ahead_log();

	forget_syncs();
	ok(give(mine.id, "a.bin", SMALL, &given) &&
		   give(mine.id, "b.bin", SMALL, &given),
	   "two small files");
	a = inode_of(mine.id, "a.bin");
	b = inode_of(mine.id, "b.bin");
	ok(synced(a) == SYNCS_MAX && given.open_count == 2, "not synced yet");
	ok(store_succeed(r.store, &mine, "{}", 0, &given) &&
		   rig_phase(&r, mine.id) == PHASE_SUCCEEDED,
	   "the job ends");
	ok(synced(a) < synced(folder) && synced(b) < synced(folder),
	   "the files are synced, their folder after them");
	/* Before, perhaps, for what was only noted of the job. */
	ok(synced_from(synced(folder), wal) < SYNCS_MAX,
	   "the end after all of it");
	ok(given.open_count == 0 && !given.failed, "nothing is left to do");
}

static void large_files_at_once(void)
{
	struct files_given given = {0};
	struct job mine = rig_running(&r);
	ino_t folder = folder_of(mine.id);
	char name[16];

	forget_syncs();
	ok(give(mine.id, "large.bin", FILES_OPEN_BYTES + 1, &given) &&
		   given.open_count == 0,
	   "a large file waits for nobody");
	ok(synced(inode_of(mine.id, "large.bin")) < synced(folder) &&
		   synced(folder) < SYNCS_MAX,
	   "it is durable by its commit");
	for (unsigned i = 0; i < FILES_OPEN_MAX; i++) {
		snprintf(name, sizeof(name), "f%u.bin", i);
		rig_must(give(mine.id, name, SMALL, &given));
	}
	ok(given.open_count == FILES_OPEN_MAX &&
		   give(mine.id, "x.bin", SMALL, &given),
	   "one more than may be put off");
	ok(synced(inode_of(mine.id, "x.bin")) < SYNCS_MAX &&
		   synced(inode_of(mine.id, "f0.bin")) == SYNCS_MAX,
	   "is synced at once, the others are not");
	files_given_drop(&given);
	ok(given.open_count == 0, "let go");
	rig_must(rig_end(&r, &mine, PHASE_CANCELED));
}

static void one_folder_once(void)
{
	struct files_given u[3] = {0};
	char ids[3][ID_SIZE];
	struct files_given *list = NULL;

	for (unsigned i = 0; i < 3; i++) {
		snprintf(ids[i], ID_SIZE, "0190b%da2-0000-7000-8000-%012u",
			 i == 2, i);
		rig_must(give(ids[i], "a.bin", SMALL, &u[i]));
		u[i].next = list;
		list = &u[i];
	}
	/* the folder is named by the two before the dash: all in a2 */
	forget_syncs();
	files_sync(r.files, list);
	ok(count_syncs(S_IFREG) == 3 && count_syncs(S_IFDIR) == 1,
	   "each file, and the folder that they share once");
	for (unsigned i = 0; i < 3; i++) {
		snprintf(ids[i], ID_SIZE, "0190b0a%u-0000-7000-8000-%012u",
			 i / 2, i);
		rig_must(give(ids[i], "b.bin", SMALL, &u[i]));
	}
	forget_syncs();
	files_sync(r.files, list);
	ok(count_syncs(S_IFREG) == 3 && count_syncs(S_IFDIR) == 2,
	   "two folders");
	files_sync(r.files, NULL);
}

static void a_sync_that_fails(void)
{
	struct files_given given = {0}, fine = {0};
	struct job mine = rig_running(&r), other;

	rig_must(give(mine.id, "a.bin", SMALL, &given));
	broken = inode_of(mine.id, "a.bin");
	ok(!store_succeed(r.store, &mine, "{}", 0, &given) && given.failed &&
		   given.open_count == 0,
	   "a file that cannot be synced: no end");
	ok(rig_phase(&r, mine.id) != PHASE_SUCCEEDED, "nor in the database");
	broken = folder_of(mine.id);
	given.failed = false;
	rig_must(give(mine.id, "b.bin", SMALL, &given));
	ok(!store_succeed(r.store, &mine, "{}", 0, &given) && given.failed,
	   "nor where the folder cannot");
	broken = 0;
	other = rig_running(&r);
	rig_must(give(other.id, "a.bin", 1, &fine));
	ok(store_succeed(r.store, &other, "{}", 0, &fine), "another job ends");
	ok(rig_end(&r, &mine, PHASE_FAILED), "and this one as failed");
}

int main(void)
{
	umask(0027);
	rig_folder(&r);
	rig_open(&r);
	tiny_ones_with_their_end();
	files_before_their_end();
	large_files_at_once();
	one_folder_once();
	a_sync_that_fails();
	rig_close(&r);
	rig_finish(&r);
	return tap_done();
}
