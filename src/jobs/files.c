#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "jobs/files_private.h"

#define DIR_MODE  0750
#define FILE_MODE 0640		      /* nginx reads them, by its group */
#define REREAD	  ((size_t)64 * 1024) /* on the stack: it has 512 KiB */
#define ROOM_MS	  1000 /* how long an answer about free space holds */

#define FILES_DIR_MAX 3800 /* a folder's path; with a name PATH_MOST */
#define PATH_MOST     4096

/* "0193a1f2-…": the time, in milliseconds, by hexadecimal digits; these two
 * change every 65 seconds. */
#define BUCKET_AT  6
#define BUCKET_LEN 2

struct file_sink {
	struct files *files;
	char job[ID_SIZE];
	char folder[BUCKET_LEN + 1];
	char path[FILES_PATH_MAX]; /* below the root; "": there is none yet */
	struct buf memory;	   /* all of it, while there is none */
	int fd;
	int error; /* errno of the first failure; EFBIG: past the ceiling */
	int64_t size, max;
	struct digest *digest;		   /* of what is in the file */
	unsigned char sha256[DIGEST_SIZE]; /* in the end */
};

struct files *files_open(const char *root, int64_t min_free_bytes,
			 struct problem *why)
{
	struct files *f;
	int fd;

	if (!file_make_buckets(root, DIR_MODE, why))
		return NULL;
	fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		problem_set(why, PROBLEM_INTERNAL, root, "%s", strerror(errno));
		return NULL;
	}
	f = mem_alloc(sizeof(*f));
	f->root = mem_strdup(root);
	f->root_fd = fd;
	f->min_free = min_free_bytes;
	atomic_init(&f->asked_at, INT64_MIN / 2);
	atomic_init(&f->room, true);
	return f;
}

void files_close(struct files *f)
{
	if (f == NULL)
		return;
	close(f->root_fd);
	free(f->root);
	free(f);
}

bool files_have_room(struct files *f)
{
	int64_t now = clock_monotonic_ms();
	int64_t free_bytes;

	if (now - atomic_load(&f->asked_at) >= ROOM_MS) {
		free_bytes = file_free_bytes(f->root);
		atomic_store(&f->room,
			     free_bytes < 0 || free_bytes >= f->min_free);
		atomic_store(&f->asked_at, now);
	}
	return atomic_load(&f->room);
}

/* The bucket's folder; false for an id that is not of our making. */
static bool bucket_dir(const struct files *f, const char *job,
		       char out[FILES_DIR_MAX])
{
	int n;

	if (!id_valid(job))
		return false;
	n = snprintf(out, FILES_DIR_MAX, "%s/%.*s", f->root, BUCKET_LEN,
		     job + BUCKET_AT);
	return n > 0 && n < FILES_DIR_MAX;
}

static bool name_valid(const char *name)
{
	const char *dot = strrchr(name, '.');

	if (dot == NULL || dot == name || dot[1] == '\0' ||
	    strlen(name) > FILES_NAME_MAX)
		return false;
	for (const char *p = name; *p != '\0'; p++)
		if (!(*p >= 'a' && *p <= 'z') && !(*p >= '0' && *p <= '9') &&
		    p != dot && (p > dot || (*p != '_' && *p != '-')))
			return false;
	return true;
}

bool files_path(const char *job, const char *name, char out[FILES_PATH_MAX])
{
	if (!id_valid(job) || !name_valid(name))
		return false;
	return snprintf(out, FILES_PATH_MAX, "%.*s/%s-%s", BUCKET_LEN,
			job + BUCKET_AT, job, name) < FILES_PATH_MAX;
}

int files_scratch(struct files *f, struct problem *why)
{
	char path[FILES_DIR_MAX];
	int fd = open(f->root, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	/* Some file systems have no unnamed files. */
	if (fd < 0 && snprintf(path, sizeof(path), "%s/.scratch-XXXXXX",
			       f->root) < FILES_DIR_MAX) {
		fd = mkostemp(path, O_CLOEXEC);
		if (fd >= 0)
			unlink(path);
	}
	if (fd < 0)
		problem_set(why, PROBLEM_INTERNAL, f->root, "%s",
			    strerror(errno));
	return fd;
}

struct file_sink *files_begin(struct files *f, const char *job,
			      int64_t max_bytes, struct problem *why)
{
	struct file_sink *s;

	if (!id_valid(job)) {
		problem_set(why, PROBLEM_INTERNAL, job, "this is no job id");
		return NULL;
	}
	if (!files_have_room(f)) {
		problem_set(why, PROBLEM_INTERNAL, f->root,
			    "the disk is as good as full");
		return NULL;
	}
	s = mem_alloc(sizeof(*s));
	s->files = f;
	memcpy(s->folder, job + BUCKET_AT, BUCKET_LEN);
	s->max = max_bytes;
	s->fd = -1;
	buf_init(&s->memory, FILES_MEMORY_MAX);
	memcpy(s->job, job, sizeof(s->job));
	return s;
}

/* Into the file, and into its digest. */
static void write_file(struct file_sink *s, const void *bytes, size_t n)
{
	digest_add(s->digest, bytes, n);
	if (!file_write_all(s->fd, bytes, n))
		s->error = errno;
}

/* Under a temporary name, with what is in memory. */
static void make_file(struct file_sink *s)
{
	char unique[ID_SIZE];

	id_v4(unique);
	(void)snprintf(s->path, sizeof(s->path), "%s/%s-.%s.tmp", s->folder,
		       s->job, unique);
	s->fd = openat(s->files->root_fd, s->path,
		       O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
	if (s->fd < 0) {
		s->error = errno;
		s->path[0] = '\0';
		return;
	}
	s->digest = digest_create();
	write_file(s, s->memory.at, s->memory.len);
	buf_finish(&s->memory);
}

bool file_sink_write(void *sink, const void *bytes, size_t n)
{
	struct file_sink *s = sink;

	if (s->error == 0 && (int64_t)n > s->max - s->size)
		s->error = EFBIG;
	if (s->error == 0 && s->fd < 0 && n > FILES_MEMORY_MAX - s->memory.len)
		make_file(s);
	if (s->error != 0)
		return false;
	if (s->fd < 0)
		buf_add(&s->memory, bytes, n);
	else
		write_file(s, bytes, n);
	s->size += (int64_t)n;
	return s->error == 0;
}

const void *file_sink_memory(const struct file_sink *s, size_t *n)
{
	*n = s->memory.len;
	return s->fd < 0 ? buf_str(&s->memory) : NULL;
}

int file_sink_fd(struct file_sink *s)
{
	if (s->fd < 0 && s->error == 0)
		make_file(s);
	return s->fd;
}

static void digest_drop(struct file_sink *s)
{
	unsigned char unused[DIGEST_SIZE];

	if (s->digest != NULL)
		digest_end(s->digest, unused);
	s->digest = NULL;
}

void file_sink_reread(struct file_sink *s)
{
	unsigned char piece[REREAD];

	if (file_sink_fd(s) < 0)
		return;
	digest_drop(s);
	s->digest = digest_create();
	s->size = 0;
	while (s->error == 0) {
		ssize_t n = pread(s->fd, piece, REREAD, s->size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			break;
		if (n < 0) {
			s->error = errno;
		} else if (n > s->max - s->size) {
			s->error = EFBIG;
		} else {
			digest_add(s->digest, piece, (size_t)n);
			s->size += n;
		}
	}
}

static void sink_free(struct file_sink *s)
{
	if (s->fd >= 0)
		close(s->fd);
	digest_drop(s);
	buf_finish(&s->memory);
	free(s);
}

void file_sink_abort(struct file_sink *s)
{
	if (s == NULL)
		return;
	if (s->path[0] != '\0')
		unlinkat(s->files->root_fd, s->path, 0);
	sink_free(s);
}

/*
 * What is in memory, under its name at once. A file that is there already came
 * of an earlier attempt: it goes first, as whoever may have it open or linked
 * must not find other bytes in it.
 */
static bool write_memory(struct file_sink *s, const char *to)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
	int root = s->files->root_fd;

	s->fd = openat(root, to, flags, FILE_MODE);
	if (s->fd < 0 && errno == EEXIST && unlinkat(root, to, 0) == 0)
		s->fd = openat(root, to, flags, FILE_MODE);
	if (s->fd < 0)
		return false;
	memcpy(s->path, to, sizeof(s->path)); /* removed if this fails */
	return file_write_all(s->fd, s->memory.at, s->memory.len);
}

static bool rename_written(struct file_sink *s, const char *to)
{
	int root = s->files->root_fd;

	if (renameat(root, s->path, root, to) != 0)
		return false;
	memcpy(s->path, to, sizeof(s->path));
	return true;
}

static bool give_name(struct file_sink *s, const char *to, struct problem *why)
{
	if (s->fd < 0 ? write_memory(s, to) : rename_written(s, to))
		return true;
	return problem_set(why, PROBLEM_INTERNAL, to, "%s", strerror(errno));
}

/*
 * Named first and synced then: one sync makes bytes and name durable together,
 * where the other order needs two. Nobody looks at the name before the job's
 * end is stored.
 */
static bool sync_now(struct file_sink *s, struct problem *why)
{
	return (fsync(s->fd) == 0 && files_sync_folder(s->files, s->folder)) ||
	       problem_set(why, PROBLEM_INTERNAL, s->path, "%s",
			   strerror(errno));
}

/* It is small, and there is room for it beside what is there. */
static bool fits_row(const struct file_sink *s, const struct files_given *given)
{
	return given != NULL && s->fd < 0 &&
	       given->row_count < FILES_ROWS_MAX &&
	       s->memory.len <= FILES_ROWS_BYTES - given->bytes.len;
}

bool file_sink_syncs(const struct file_sink *s, const struct files_given *given)
{
	return !fits_row(s, given) &&
	       (given == NULL || s->size > FILES_OPEN_BYTES ||
		given->open_count == FILES_OPEN_MAX);
}

static void keep_as_row(const struct file_sink *s, const char *name,
			struct files_given *given)
{
	if (given->row_count == 0)
		buf_init(&given->bytes, FILES_ROWS_BYTES);
	buf_add(&given->bytes, s->memory.at, s->memory.len);
	given->rows[given->row_count].size = s->memory.len;
	memcpy(given->rows[given->row_count++].name, name, strlen(name) + 1);
}

/* Gives the descriptor away, or syncs it now. */
static bool make_durable(struct file_sink *s, struct files_given *given,
			 struct problem *why)
{
	if (file_sink_syncs(s, given))
		return sync_now(s, why);
	memcpy(given->folder, s->folder, sizeof(given->folder));
	given->open[given->open_count++] = s->fd;
	s->fd = -1;
	return true;
}

static bool settle(struct file_sink *s, const char *name,
		   struct files_given *given, struct problem *why)
{
	char to[FILES_PATH_MAX];

	if (!files_path(s->job, name, to))
		return problem_set(why, PROBLEM_INTERNAL, name,
				   "this is no name of ours");
	if (s->error == EFBIG)
		return problem_set(why, PROBLEM_TOO_LARGE, s->path,
				   "larger than %lld bytes", (long long)s->max);
	if (s->error != 0)
		return problem_set(why, PROBLEM_INTERNAL, s->path, "%s",
				   strerror(s->error));
	if (s->digest == NULL)
		digest_sha256(buf_str(&s->memory), s->memory.len, s->sha256);
	else
		digest_end(s->digest, s->sha256);
	s->digest = NULL;
	if (fits_row(s, given)) {
		keep_as_row(s, name, given);
		return true;
	}
	return give_name(s, to, why) && make_durable(s, given, why);
}

bool file_sink_commit(struct file_sink *s, const char *name,
		      struct files_given *given, int64_t *size,
		      char sha256[DIGEST_HEX_SIZE], struct problem *why)
{
	if (!settle(s, name, given, why)) {
		file_sink_abort(s);
		return false;
	}
	*size = s->size;
	digest_hex(s->sha256, sha256);
	sink_free(s);
	return true;
}

bool files_exists(struct files *f, const char *job, const char *name)
{
	char path[FILES_PATH_MAX];
	struct stat st;

	return files_path(job, name, path) &&
	       fstatat(f->root_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st.st_mode);
}

/* Is it a file of that job, also one that was never finished? */
static bool belongs(const char *entry, const char *job)
{
	return strncmp(entry, job, ID_SIZE - 1) == 0 &&
	       entry[ID_SIZE - 1] == '-';
}

bool files_remove_job(struct files *f, const char *job, struct problem *why)
{
	char path[FILES_DIR_MAX];
	struct dirent *entry;
	bool done = true;
	DIR *dir;

	if (!bucket_dir(f, job, path))
		return problem_set(why, PROBLEM_INTERNAL, job,
				   "this is no job id");
	dir = opendir(path);
	if (dir == NULL)
		return errno == ENOENT ||
		       problem_set(why, PROBLEM_INTERNAL, path, "%s",
				   strerror(errno));
	while ((entry = readdir(dir)) != NULL)
		if (belongs(entry->d_name, job) &&
		    unlinkat(dirfd(dir), entry->d_name, 0) != 0 &&
		    errno != ENOENT)
			done = problem_set(why, PROBLEM_INTERNAL, entry->d_name,
					   "%s", strerror(errno));
	closedir(dir);
	return done;
}

/* entry is "<from>-<name>"; it gets the other job's id before the name. */
static bool share_one(int from, int to, const char *entry, const char *job,
		      struct problem *why)
{
	const char *name = entry + ID_SIZE;
	char target[ID_SIZE + FILES_NAME_MAX + 1];

	if (!name_valid(name))
		return true; /* not finished */
	snprintf(target, sizeof(target), "%s-%s", job, name);
	if (linkat(from, entry, to, target, 0) == 0 || errno == EEXIST)
		return true;
	return problem_set(why, PROBLEM_INTERNAL, entry, "%s", strerror(errno));
}

bool files_share_job(struct files *f, const char *from, const char *to,
		     struct problem *why)
{
	char source[FILES_DIR_MAX], target[FILES_DIR_MAX];
	struct dirent *entry;
	bool done = true, any = false;
	DIR *dir;
	int fd;

	if (!bucket_dir(f, from, source) || !bucket_dir(f, to, target))
		return problem_set(why, PROBLEM_INTERNAL, from,
				   "this is no job id");
	dir = opendir(source);
	if (dir == NULL)
		return errno == ENOENT || /* it gave no files */
		       problem_set(why, PROBLEM_INTERNAL, source, "%s",
				   strerror(errno));
	fd = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	done = fd >= 0 || problem_set(why, PROBLEM_INTERNAL, target, "%s",
				      strerror(errno));
	while (done && (entry = readdir(dir)) != NULL)
		if (belongs(entry->d_name, from)) {
			any = true;
			done = share_one(dirfd(dir), fd, entry->d_name, to,
					 why);
		}
	closedir(dir);
	if (fd >= 0)
		close(fd);
	return done && (!any || file_sync_dir(target, why));
}

static void each_below(const char *path, void (*fn)(void *ctx, const char *job),
		       void *ctx)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	char job[ID_SIZE];

	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL) {
		snprintf(job, sizeof(job), "%.*s", ID_SIZE - 1, entry->d_name);
		if (id_valid(job) && belongs(entry->d_name, job))
			fn(ctx, job);
	}
	closedir(dir);
}

void files_each_job(struct files *f, void (*fn)(void *ctx, const char *job),
		    void *ctx)
{
	DIR *root = opendir(f->root);
	struct dirent *entry;
	char path[PATH_MOST];

	if (root == NULL)
		return;
	while ((entry = readdir(root)) != NULL) {
		if (strlen(entry->d_name) != 2 || entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", f->root, entry->d_name);
		each_below(path, fn, ctx);
	}
	closedir(root);
}
