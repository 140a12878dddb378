#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#include "unit/store_rig.h"

static struct rig r;

/* Where in an id its folder is named. */
#define BUCKET 6

static const struct {
	const char *name;
	bool good;
} names[] = {
	{"image.png", true},
	{"image-2_b.png", true},
	{"0.x", true},
	{"-.png", true},
	{"", false},
	{".", false},
	{"..", false},
	{".png", false},
	{"image", false},
	{"image.", false},
	{"image.p ng", false},
	{"image..png", false},
	{"image.tar.gz", false},
	{"Image.png", false},
	{"image.PNG", false},
	{"../image.png", false},
	{"/etc/passwd.x", false},
	{"a/b.png", false},
	{"a\\b.png", false},
	{"image.png\n", false},
	{"image.png\r\nX-Header: 1", false},
	{"\xc3\xa4.png", false},
	{"image.p-g", false},
	{"image.%2e", false},
	{".0190b3a2-0000-7000-8000-000000000000.tmp", false},
	{"a2345678901234567890123456789012345678901234567890"
	 "123456789012345678901234567890123456789012.png",
	 true}, /* 96 bytes */
	{"a2345678901234567890123456789012345678901234567890"
	 "1234567890123456789012345678901234567890123.png",
	 false},
};

static const char *const ids[] = {
	"",
	"..",
	"../../../../../../etc/passwd/../../../",
	"0190B3A2-0000-7000-8000-000000000000",
	"0190b3a2-0000-7000-8000-00000000000",
	"0190b3a2-0000-7000-8000-0000000000000",
	"0190b3a2-0000-7000-8000-0000000000/.",
	"0190b3a2-0000-7000-8000-0000000000..",
};

static void hostile_names(void)
{
	char id[ID_SIZE], out[FILES_PATH_MAX], want[FILES_PATH_MAX];
	struct problem why = {0};

	id_v7(id);
	for (size_t i = 0; i < COUNT(names); i++) {
		char sha[DIGEST_HEX_SIZE];
		int64_t size;
		struct file_sink *s = files_begin(r.files, id, 10, &why);
		bool path = files_path(id, names[i].name, out);

		ok(path == names[i].good, "path of \"%s\"", names[i].name);
		if (path) {
			snprintf(want, sizeof(want), "%.2s/%s-%s", id + BUCKET,
				 id, names[i].name);
			is_str(out, want, "it is one of the job");
		}
		ok(file_sink_commit(s, names[i].name, NULL, &size, sha, &why) ==
			   names[i].good,
		   "a file named so");
		ok(files_exists(r.files, id, names[i].name) == names[i].good,
		   "is there, or not");
	}
	ok(files_remove_job(r.files, id, &why), "removed");
	for (size_t i = 0; i < COUNT(ids); i++) {
		ok(!files_path(ids[i], "a.b", out) &&
			   !files_exists(r.files, ids[i], "a.b") &&
			   !files_remove_job(r.files, ids[i], &why) &&
			   !files_share_job(r.files, ids[i], id, &why) &&
			   files_begin(r.files, ids[i], 1, &why) == NULL,
		   "no job: \"%s\"", ids[i]);
	}
}

static unsigned entries(const char *job, bool *odd)
{
	char path[256];
	unsigned n = 0;
	DIR *d;
	struct dirent *e;

	snprintf(path, sizeof(path), "%s/%.2s", r.root, job + BUCKET);
	d = opendir(path);
	*odd = false;
	while (d != NULL && (e = readdir(d)) != NULL) {
		char unused[FILES_PATH_MAX];

		if (strncmp(e->d_name, job, ID_SIZE - 1) != 0)
			continue;
		n++;
		if (!files_path(job, e->d_name + ID_SIZE, unused))
			*odd = true;
	}
	if (d != NULL)
		closedir(d);
	return n;
}

static void whole_or_not_at_all(void)
{
	static const char abc[] = "ba7816bf8f01cfea414140de5dae2223"
				  "b00361a396177a9cb410ff61f20015ad";
	char id[ID_SIZE], sha[DIGEST_HEX_SIZE], path[256];
	struct problem why = {0};
	struct file_sink *s;
	struct stat st;
	int64_t size = -1;
	bool odd;
	int fd;

	id_v7(id);
	s = files_begin(r.files, id, 3, &why);
	ok(file_sink_write(s, "ab", 2) && file_sink_write(s, "", 0) &&
		   file_sink_write(s, "c", 1),
	   "up to the ceiling");
	ok(entries(id, &odd) == 0, "nothing is there before the commit");
	ok(file_sink_commit(s, "a.txt", NULL, &size, sha, &why) && size == 3,
	   "committed");
	is_str(sha, abc, "SHA-256");
	ok(entries(id, &odd) == 1 && !odd, "under its own name alone");
	snprintf(path, sizeof(path), "%s/%.2s/%s-a.txt", r.root, id + BUCKET,
		 id);
	ok(stat(path, &st) == 0 && (st.st_mode & 0777) == 0640 &&
		   st.st_size == 3,
	   "readable for the group, not for the world");

	s = files_begin(r.files, id, 3, &why);
	ok(file_sink_write(s, "abc", 3) && !file_sink_write(s, "d", 1),
	   "a byte past the ceiling is refused");
	ok(!file_sink_write(s, "", 0), "and all after it");
	ok(!file_sink_commit(s, "b.txt", NULL, &size, sha, &why) &&
		   why.code == PROBLEM_TOO_LARGE,
	   "so is its commit");
	ok(entries(id, &odd) == 1, "nothing is left of it");
	s = files_begin(r.files, id, 3, &why);
	ok(file_sink_write(s, "x", 1), "another one");
	file_sink_abort(s);
	file_sink_abort(NULL);
	ok(entries(id, &odd) == 1, "aborted: nothing is left");

	s = files_begin(r.files, id, 300, &why);
	for (int i = 0; i < 100; i++)
		rig_must(file_sink_write(s, "xy", 2));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ok(file_sink_commit(s, "a.txt", NULL, &size, sha, &why) && size == 200,
	   "a second file of the name takes its place");
	ok(fstat(fd, &st) == 0 && st.st_size == 3,
	   "and leaves the first one's bytes alone");
	close(fd);
	ok(files_remove_job(r.files, id, &why) && entries(id, &odd) == 0 &&
		   !files_exists(r.files, id, "a.txt"),
	   "the job's files are removed");
	ok(files_remove_job(r.files, id, &why), "twice is fine");
	s = files_begin(r.files, id, 3, &why);
	ok(s != NULL && file_sink_commit(s, "c.txt", NULL, &size, sha, &why) &&
		   size == 0,
	   "an empty file, in a folder made again");
}

enum way { IN_PIECES, AT_ONCE, BY_DESCRIPTOR, BY_HAND, WAY__COUNT };

static const char *const ways[] = {"in pieces", "at once", "to a descriptor",
				   "by other means"};

static void put(struct file_sink *s, enum way way, const unsigned char *bytes,
		size_t n)
{
	size_t part = way == AT_ONCE ? n : 1000;

	if (way == BY_DESCRIPTOR || way == BY_HAND)
		rig_must(file_sink_fd(s) >= 0);
	if (way == BY_HAND) {
		rig_must(pwrite(file_sink_fd(s), bytes, n, 0) == (ssize_t)n);
		file_sink_reread(s);
		return;
	}
	for (size_t at = 0; at < n; at += part)
		rig_must(file_sink_write(s, bytes + at,
					 n - at < part ? n - at : part));
}

static void one_way(enum way way, size_t n, const unsigned char *bytes)
{
	bool small =
		n <= FILES_MEMORY_MAX && (way == IN_PIECES || way == AT_ONCE);
	char id[ID_SIZE], sha[DIGEST_HEX_SIZE], want[DIGEST_HEX_SIZE];
	unsigned char digest[DIGEST_SIZE];
	struct problem why = {0};
	struct file_sink *s;
	int64_t size = -1;
	size_t held;
	bool odd;

	digest_sha256(bytes, n, digest);
	digest_hex(digest, want);
	id_v7(id);
	s = files_begin(r.files, id, (int64_t)n, &why);
	put(s, way, bytes, n);
	ok((file_sink_memory(s, &held) != NULL) == small &&
		   held == (small ? n : 0) &&
		   entries(id, &odd) == (small ? 0 : 1) && odd == !small,
	   "%zu bytes %s: %s", n, ways[way],
	   small ? "in memory" : "under a temporary name");
	ok(file_sink_commit(s, "a.bin", NULL, &size, sha, &why) &&
		   size == (int64_t)n && entries(id, &odd) == 1 && !odd,
	   "under its own name alone");
	is_str(sha, want, "SHA-256");
	s = files_begin(r.files, id, (int64_t)n, &why);
	put(s, way, bytes, n);
	file_sink_abort(s);
	s = files_begin(r.files, id, (int64_t)n - 1, &why);
	(void)file_sink_write(s, bytes, n);
	ok(!file_sink_commit(s, "b.bin", NULL, &size, sha, &why) &&
		   why.code == PROBLEM_TOO_LARGE && entries(id, &odd) == 1,
	   "aborted or too large: nothing is left");
}

static void small_and_large(void)
{
	static const size_t sizes[] = {1, FILES_MEMORY_MAX - 1,
				       FILES_MEMORY_MAX, FILES_MEMORY_MAX + 1,
				       3 * FILES_MEMORY_MAX};
	unsigned char *bytes = mem_alloc(3 * FILES_MEMORY_MAX);

	for (size_t i = 0; i < 3 * FILES_MEMORY_MAX; i++)
		bytes[i] = (unsigned char)(i * 31 >> 3);
	for (size_t i = 0; i < COUNT(sizes); i++)
		for (int way = 0; way < WAY__COUNT; way++)
			one_way((enum way)way, sizes[i], bytes);
	free(bytes);
}

static void shared(void)
{
	char from[ID_SIZE], to[ID_SIZE], none[ID_SIZE], a[256], b[256];
	struct problem why = {0};
	struct file_sink *s;
	struct stat st, other;
	bool odd;

	id_v7(from);
	id_v7(to);
	id_v7(none);
	rig_file(&r, from, "a.png");
	rig_file(&r, from, "b.png");
	s = files_begin(r.files, from, 10, &why);
	rig_must(file_sink_fd(s) >= 0);
	ok(files_share_job(r.files, from, to, &why), "shared");
	ok(entries(to, &odd) == 2 && !odd, "both files, no temporary one");
	ok(files_share_job(r.files, from, to, &why), "twice is fine");
	file_sink_abort(s);
	snprintf(a, sizeof(a), "%s/%.2s/%s-a.png", r.root, from + BUCKET, from);
	snprintf(b, sizeof(b), "%s/%.2s/%s-a.png", r.root, to + BUCKET, to);
	ok(stat(a, &st) == 0 && stat(b, &other) == 0 &&
		   st.st_ino == other.st_ino,
	   "by a link, not by a copy");
	ok(files_remove_job(r.files, from, &why) &&
		   files_exists(r.files, to, "a.png"),
	   "a link outlives the first job");
	ok(files_share_job(r.files, none, to, &why),
	   "a job without files gives none");
}

struct firsts {
	char id[ID_SIZE];
	char name[16];
};

static void *write_first(void *arg)
{
	struct firsts *f = arg;

	rig_file(&r, f->id, f->name);
	return NULL;
}

/* Two outputs of a job whose folder is not there yet. */
static void first_files_at_once(void)
{
	int good = 0;
	bool odd;

	for (int i = 0; i < 30; i++) {
		struct firsts f[4];
		pthread_t t[4];
		char id[ID_SIZE];

		id_v7(id);
		for (int k = 0; k < 4; k++) {
			memcpy(f[k].id, id, sizeof(id));
			snprintf(f[k].name, sizeof(f[k].name), "f%d.x", k);
			t[k] = box_thread("first", write_first, &f[k]);
		}
		for (int k = 0; k < 4; k++)
			pthread_join(t[k], NULL);
		good += entries(id, &odd) == 4 && !odd;
	}
	ok(good == 30, "first files of a job at once");
}

static unsigned seen;

static void see(void *ctx, const char *job)
{
	const char *want = ctx;

	seen += strcmp(job, want) == 0 ? 1 : 1000;
}

static void each_job(void)
{
	struct problem why = {0};
	char id[ID_SIZE], path[200], sha[DIGEST_HEX_SIZE];
	struct files *f;
	int64_t size;
	int fd;

	snprintf(path, sizeof(path), "%s/each/", r.folder);
	f = files_open(path, 0, &why);
	rig_must(f != NULL);
	id_v7(id);
	ok(file_sink_commit(files_begin(f, id, 1, &why), "one.x", NULL, &size,
			    sha, &why),
	   "a file");
	snprintf(path, sizeof(path), "%s/each/xx", r.folder);
	rig_must(mkdir(path, 0700) == 0);
	snprintf(path, sizeof(path), "%s/each/xx/lost+found", r.folder);
	rig_must(mkdir(path, 0700) == 0);
	snprintf(path, sizeof(path), "%s/each/README", r.folder);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	rig_must(fd >= 0);
	close(fd);
	files_each_job(f, see, id);
	ok(seen == 1, "each job that has a file, and nothing else");
	files_close(f);
	files_close(NULL);
}

static void no_room(void)
{
	struct problem why = {0};
	struct files *f = files_open(r.root, INT64_MAX, &why);
	char id[ID_SIZE];

	id_v7(id);
	ok(f != NULL && !files_have_room(f), "below min_free");
	ok(files_begin(f, id, 1, &why) == NULL &&
		   why.code == PROBLEM_INTERNAL && why.detail[0] != '\0',
	   "no file is begun");
	ok(files_have_room(r.files), "another limit, other room");
	files_close(f);
	ok(files_open("/proc/none/files", 0, &why) == NULL,
	   "a root that cannot be made");
}

int main(void)
{
	umask(0027); /* as the daemon sets it */
	rig_folder(&r);
	hostile_names();
	whole_or_not_at_all();
	shared();
	first_files_at_once();
	each_job();
	no_room();
	small_and_large();
	rig_finish(&r);
	return tap_done();
}
