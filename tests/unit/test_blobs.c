#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "unit/store_rig.h"

static const char abc[] = "ba7816bf8f01cfea414140de5dae2223"
			  "b00361a396177a9cb410ff61f20015ad";
static const char empty[] = "e3b0c44298fc1c149afbf4c8996fb924"
			    "27ae41e4649b934ca495991b7852b855";

static struct rig r;
static struct blobs *b;

static struct blob_draft *draft(int64_t max)
{
	struct problem why = {0};
	struct blob_draft *d = blob_begin(b, max, &why);

	rig_must(d != NULL);
	return d;
}

static bool path_stat(const char *sha256, struct stat *st)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%.2s/%s", r.inputs, sha256, sha256);
	return lstat(path, st) == 0;
}

static void count_one(void *ctx, const char *sha256)
{
	(void)sha256;
	++*(int *)ctx;
}

static int blobs_there(void)
{
	int n = 0;

	blobs_each(b, count_one, &n);
	return n;
}

/* Entries of the root that are no buckets: drafts. */
static int drafts_there(void)
{
	DIR *root = opendir(r.inputs);
	struct dirent *entry;
	int n = 0;

	rig_must(root != NULL);
	while ((entry = readdir(root)) != NULL)
		n += strlen(entry->d_name) > 2;
	closedir(root);
	return n;
}

static int loose(void)
{
	char names[8][DIGEST_HEX_SIZE];

	return (int)blobs_take_loose(b, names, COUNT(names));
}

static void whole_or_not_at_all(void)
{
	char sha[DIGEST_HEX_SIZE], early[DIGEST_HEX_SIZE], back[4] = "";
	struct problem why = {0};
	struct blob_draft *d = draft(3);
	struct stat st, again;
	int64_t size = -1, first = -1;
	int fd;

	ok(blob_write(d, "ab", 2) && blob_write(d, "", 0) &&
		   blob_write(d, "c", 1),
	   "up to the ceiling");
	ok(pread(blob_fd(d), back, 3, 0) == 3 && strcmp(back, "abc") == 0,
	   "what was written can be looked at");
	ok(!path_stat(abc, &st) && blobs_there() == 0 && drafts_there() == 1,
	   "not there before the commit");
	blob_digest(d, early, &first);
	is_str(early, abc, "its name is known before");
	ok(first == 3 && !path_stat(abc, &st), "and it is not there by that");
	ok(blob_commit(d, sha, &size, &why) && size == 3, "committed");
	is_str(sha, abc, "under its SHA-256");
	ok(path_stat(abc, &st) && st.st_size == 3 && S_ISREG(st.st_mode) &&
		   (st.st_mode & 0777) == 0600,
	   "a file, for nobody else");
	ok(drafts_there() == 0 && blobs_there() == 1, "and nothing else");
	fd = blobs_file(b, abc);
	ok(fd >= 0 && read(fd, back, 4) == 3 && strcmp(back, "abc") == 0 &&
		   write(fd, "x", 1) < 0,
	   "it is opened for reading");
	close(fd);

	d = draft(100);
	ok(blob_write(d, "abc", 3) && blob_commit(d, sha, &size, &why) &&
		   path_stat(abc, &again) && again.st_ino == st.st_ino &&
		   drafts_there() == 0,
	   "the same content again: the first file stays");
	blobs_unpin(b, abc);
	blobs_unpin(b, abc);

	d = draft(0);
	ok(blob_write(d, "", 0) && !blob_write(d, "x", 1) && blob_too_large(d),
	   "a ceiling of 0");
	blob_abort(d);
	d = draft(0);
	ok(blob_commit(d, sha, &size, &why) && size == 0, "an empty one");
	is_str(sha, empty, "has its name, too");
	blobs_unpin(b, empty);
	ok(loose() == 2, "two names were let go of");
}

/* Past the size from which on the disk is set to work early, in odd pieces. */
static void large(void)
{
	enum { SIZE = 9 * 1000 * 1000 + 1, PIECE = 100003 };
	unsigned char *bytes = mem_alloc(SIZE), *back = mem_alloc(SIZE);
	char sha[DIGEST_HEX_SIZE], hex[DIGEST_HEX_SIZE];
	unsigned char sum[DIGEST_SIZE];
	struct problem why = {0};
	struct blob_draft *d = draft(SIZE);
	bool good = true;
	int64_t size = 0;
	int fd;

	digest_random(bytes, SIZE);
	for (size_t at = 0; at < SIZE; at += PIECE)
		good = good &&
		       blob_write(d, bytes + at,
				  SIZE - at < PIECE ? SIZE - at : PIECE);
	ok(good && blob_commit(d, sha, &size, &why) && size == SIZE,
	   "a large one");
	digest_sha256(bytes, SIZE, sum);
	digest_hex(sum, hex);
	is_str(sha, hex, "its name");
	fd = blobs_file(b, sha);
	ok(fd >= 0 && pread(fd, back, SIZE, 0) == SIZE &&
		   memcmp(bytes, back, SIZE) == 0,
	   "its bytes");
	close(fd);
	blobs_unpin(b, sha);
	ok(blobs_remove_unpinned(b, sha) && loose() == 1, "removed again");
	free(bytes);
	free(back);
}

static void not_taken(void)
{
	char sha[DIGEST_HEX_SIZE];
	struct problem why = {0};
	struct blob_draft *d = draft(3);
	int before = blobs_there();
	int64_t size;

	ok(blob_write(d, "abc", 3) && !blob_write(d, "d", 1) &&
		   blob_too_large(d) && !blob_write(d, "", 0),
	   "a byte past the ceiling is refused, and all after it");
	ok(!blob_commit(d, sha, &size, &why) && why.code == PROBLEM_TOO_LARGE,
	   "so is its commit");
	d = draft(3);
	ok(blob_write(d, "x", 1) && !blob_too_large(d), "another one");
	blob_abort(d);
	d = draft(3);
	blob_digest(d, sha, &size);
	blob_abort(d);
	blob_abort(NULL);
	ok(drafts_there() == 0 && blobs_there() == before && loose() == 0,
	   "nothing is left of any");
}

/* What stands under a name in another size is no such blob. */
static void damaged(void)
{
	char path[256], sha[DIGEST_HEX_SIZE];
	struct problem why = {0};
	struct blob_draft *d = draft(100);
	struct stat st;
	int64_t size;

	snprintf(path, sizeof(path), "%s/ba/%s", r.inputs, abc);
	rig_must(truncate(path, 1) == 0);
	ok(blob_write(d, "abc", 3) && blob_commit(d, sha, &size, &why) &&
		   path_stat(abc, &st) && st.st_size == 3,
	   "a damaged file is replaced");
	blobs_unpin(b, abc);
	rig_must(unlink(path) == 0 && symlink("/etc/passwd", path) == 0);
	ok(blobs_file(b, abc) < 0 && !blobs_pin(b, abc),
	   "a symbolic link is none");
	d = draft(100);
	ok(blob_write(d, "abc", 3) && blob_commit(d, sha, &size, &why) &&
		   path_stat(abc, &st) && S_ISREG(st.st_mode),
	   "and is replaced");
	blobs_unpin(b, abc);
	rig_must(unlink(path) == 0 && mkdir(path, 0700) == 0);
	d = draft(100);
	ok(blob_write(d, "abc", 3) && !blob_commit(d, sha, &size, &why) &&
		   why.code == PROBLEM_INTERNAL && drafts_there() == 0,
	   "where the name cannot be had, it fails");
	rig_must(rmdir(path) == 0);
	rig_blob(&r, "abc", sha);
	blobs_unpin(b, abc);
	while (loose() > 0)
		;
}

static const char *const no_names[] = {
	"",
	"abc",
	"../../../../../../../../../../../../../../../../../../../etc/pass",
	"BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD",
	"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a",
	"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad0",
	"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a/",
	/* Fine, but not there: */
	"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ae",
};

static void pins(void)
{
	struct stat st;

	ok(blobs_pin(b, abc) && blobs_pin(b, abc), "pinned twice");
	ok(!blobs_remove_unpinned(b, abc) && path_stat(abc, &st),
	   "a pinned one stays");
	blobs_unpin(b, abc);
	ok(!blobs_remove_unpinned(b, abc) && loose() == 0, "while one is left");
	blobs_unpin(b, abc);
	ok(loose() == 1, "the last one to go is told");
	ok(loose() == 0, "once");
	ok(blobs_remove_unpinned(b, abc) && !path_stat(abc, &st),
	   "then it goes");
	ok(blobs_remove_unpinned(b, abc), "once more is fine");
	for (size_t i = 0; i < COUNT(no_names); i++)
		ok(!blobs_pin(b, no_names[i]) &&
			   blobs_file(b, no_names[i]) < 0 &&
			   blobs_remove_unpinned(b, no_names[i]),
		   "not there: \"%s\"", no_names[i]);
	ok(!blobs_pin(b, NULL) && blobs_file(b, NULL) < 0, "nor NULL");
	while (loose() > 0)
		;
}

static void touch(const char *below)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", r.inputs, below);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	rig_must(fd >= 0);
	close(fd);
}

static void left_over(void)
{
	struct problem why = {0};
	struct blobs *before = blobs_open(r.inputs, r.files, &why);
	struct blob_draft *old = blob_begin(before, 100, &why), *d = draft(100);
	char sha[DIGEST_HEX_SIZE];
	int there = blobs_there();
	int64_t size;

	touch("README");
	touch("ab/README");
	ok(old != NULL && drafts_there() == 3, "drafts of two processes");
	ok(blobs_sweep_drafts(b) == 1 && drafts_there() == 2 &&
		   blobs_sweep_drafts(b) == 0,
	   "that of the other one goes, nothing else");
	ok(blobs_there() == there, "what is no blob is none");
	ok(blob_write(d, "abc", 3) && blob_commit(d, sha, &size, &why),
	   "our own can be committed");
	blobs_unpin(b, sha);
	ok(loose() == 1, "and is let go of");
	blob_abort(old);
	blobs_close(before);
	blobs_close(NULL);
}

static void no_room(void)
{
	struct problem why = {0};
	struct files *full = files_open(r.root, INT64_MAX, &why);
	struct blobs *none = blobs_open(r.inputs, full, &why);
	char sha[DIGEST_HEX_SIZE], big[4096] = "";
	struct rlimit l, small;
	struct blob_draft *d;
	int64_t size;

	ok(blob_begin(none, 1, &why) == NULL && why.code == PROBLEM_INTERNAL &&
		   why.detail[0] != '\0',
	   "below min_free none is begun");
	blobs_close(none);
	files_close(full);
	ok(blobs_open("/proc/none/blobs", r.files, &why) == NULL,
	   "a root that cannot be made");

	signal(SIGXFSZ, SIG_IGN);
	rig_must(getrlimit(RLIMIT_FSIZE, &l) == 0);
	small = l;
	small.rlim_cur = 6000;
	d = draft(100000);
	rig_must(setrlimit(RLIMIT_FSIZE, &small) == 0);
	ok(blob_write(d, big, sizeof(big)) &&
		   !blob_write(d, big, sizeof(big)) && !blob_write(d, "", 0) &&
		   !blob_too_large(d),
	   "the disk is full: not its ceiling");
	rig_must(setrlimit(RLIMIT_FSIZE, &l) == 0);
	why = (struct problem){0};
	ok(!blob_commit(d, sha, &size, &why) && why.code == PROBLEM_INTERNAL &&
		   drafts_there() == 1,
	   "and its commit fails");
}

/* ---- all at once ---- */

enum { ROUNDS = 300, CONTENTS = 3, WRITERS = 4 };

static atomic_int wrong;
static atomic_bool done;

/* What is pinned is there, and whole. */
static void look(const char *sha256, const char *text)
{
	char back[32] = "";
	int fd = blobs_file(b, sha256);

	if (fd < 0 || read(fd, back, sizeof(back) - 1) < 0 ||
	    strcmp(back, text) != 0)
		atomic_fetch_add(&wrong, 1);
	if (fd >= 0)
		close(fd);
}

static void *writer(void *arg)
{
	unsigned seed = *(unsigned *)arg;
	char sha[DIGEST_HEX_SIZE], text[32];

	for (unsigned i = 0; i < ROUNDS; i++) {
		snprintf(text, sizeof(text), "content %u",
			 (i * seed) % CONTENTS);
		rig_blob(&r, text, sha);
		look(sha, text);
		if (blobs_pin(b, sha))
			blobs_unpin(b, sha);
		else
			atomic_fetch_add(&wrong, 1);
		look(sha, text);
		blobs_unpin(b, sha);
		if (blobs_pin(b, sha)) {
			look(sha, text);
			blobs_unpin(b, sha);
		}
	}
	return NULL;
}

/* The store thread, as it were: nothing is ever named. */
static void *remover(void *arg)
{
	char names[16][DIGEST_HEX_SIZE];

	(void)arg;
	while (!atomic_load(&done)) {
		size_t n = blobs_take_loose(b, names, COUNT(names));

		for (size_t i = 0; i < n; i++)
			blobs_remove_unpinned(b, names[i]);
	}
	return NULL;
}

static void at_once(void)
{
	unsigned seeds[WRITERS] = {1, 2, 5, 7};
	char names[16][DIGEST_HEX_SIZE];
	pthread_t t[WRITERS], away;
	int there = blobs_there();
	size_t n;

	rig_must(loose() == 0);
	away = box_thread("remover", remover, NULL);
	for (int i = 0; i < WRITERS; i++)
		t[i] = box_thread("writer", writer, &seeds[i]);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(t[i], NULL);
	atomic_store(&done, true);
	pthread_join(away, NULL);
	while ((n = blobs_take_loose(b, names, COUNT(names))) > 0)
		for (size_t i = 0; i < n; i++)
			blobs_remove_unpinned(b, names[i]);
	ok(atomic_load(&wrong) == 0, "what is pinned is there and whole");
	ok(blobs_there() == there && drafts_there() == 1,
	   "what is not, is gone at last");
}

int main(void)
{
	umask(0027);
	rig_folder(&r);
	rig_open(&r);
	/* The store's own look at blobs is not part of this. */
	b = r.blobs;
	store_reader_close(r.reader);
	store_close(r.store);
	r.store = NULL;
	whole_or_not_at_all();
	large();
	not_taken();
	damaged();
	pins();
	left_over();
	no_room();
	at_once();
	blobs_close(b);
	rig_finish(&r);
	return tap_done();
}
