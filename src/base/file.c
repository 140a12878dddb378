#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/file.h"

static bool failed(struct problem *why, const char *path, const char *what)
{
	char reason[128];
	int e = errno;

	return problem_set(
		why, e == ENOENT ? PROBLEM_NOT_FOUND : PROBLEM_INTERNAL, path,
		"%s: %s", what, strerror_r(e, reason, sizeof(reason)));
}

/* Reads until the end, but one byte past max at most. */
static bool read_all(int fd, struct buf *to)
{
	char piece[65536];

	for (;;) {
		ssize_t n = read(fd, piece, sizeof(piece));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0;
		buf_add(to, piece, (size_t)n);
		if (buf_over(to))
			return true;
	}
}

/* A pipe has no end while nobody writes into it: opening one without
 * O_NONBLOCK, or reading it, might wait for ever. */
static int open_plain(const char *path, struct problem *why)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0) {
		failed(why, path, "cannot be opened");
		return -1;
	}
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	problem_set(why, PROBLEM_INTERNAL, path, "is no plain file");
	close(fd);
	return -1;
}

char *file_read(const char *path, size_t max, size_t *len, struct problem *why)
{
	struct buf bytes;
	char *all = NULL;
	int fd = open_plain(path, why);

	if (fd < 0)
		return NULL;
	buf_init(&bytes, max ? max : 1);
	if (!read_all(fd, &bytes)) {
		failed(why, path, "cannot be read");
	} else if (buf_over(&bytes) || bytes.len > max) {
		problem_set(why, PROBLEM_TOO_LARGE, path,
			    "is larger than %zu bytes", max);
	} else {
		*len = bytes.len;
		all = buf_take(&bytes);
	}
	buf_finish(&bytes);
	close(fd);
	return all;
}

/* One write or pwrite, told in errno where it gave nothing. */
static bool moved_on(ssize_t done, const char **at, size_t *left)
{
	if (done <= 0) {
		if (done == 0)
			errno = ENOSPC;
		return errno == EINTR;
	}
	*at += done;
	*left -= (size_t)done;
	return true;
}

bool file_write_all(int fd, const void *bytes, size_t n)
{
	const char *at = bytes;

	while (n > 0)
		if (!moved_on(write(fd, at, n), &at, &n))
			return false;
	return true;
}

bool file_write_at(int fd, const void *bytes, size_t n, int64_t offset)
{
	const char *at = bytes;

	while (n > 0)
		if (!moved_on(pwrite(fd, at, n,
				     offset + (at - (const char *)bytes)),
			      &at, &n))
			return false;
	return true;
}

/* The folder that holds path: "." for a bare name. The caller frees. */
static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return mem_strdup(".");
	return mem_strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

static bool sync_folder_of(const char *path, struct problem *why)
{
	char *folder = folder_of(path);
	bool good = file_sync_dir(folder, why);

	free(folder);
	return good;
}

bool file_write(const char *path, const void *bytes, size_t len, mode_t mode,
		struct problem *why)
{
	static const char tail[] = ".XXXXXX";
	size_t n = strlen(path);
	char *temp = mem_alloc(n + sizeof(tail));
	bool good = false;
	int fd;

	memcpy(temp, path, n);
	memcpy(temp + n, tail, sizeof(tail));
	fd = mkostemp(temp, O_CLOEXEC);
	if (fd < 0) {
		failed(why, path, "cannot be created");
		goto out;
	}
	good = file_write_all(fd, bytes, len) && fchmod(fd, mode) == 0 &&
	       fsync(fd) == 0;
	if (!good)
		failed(why, path, "cannot be written");
	if (close(fd) != 0 && good)
		good = failed(why, path, "cannot be written");
	if (good && rename(temp, path) != 0)
		good = failed(why, path, "cannot be put in place");
	if (!good)
		unlink(temp);
	else
		good = sync_folder_of(path, why);
out:
	free(temp);
	return good;
}

bool file_sync_dir(const char *path, struct problem *why)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool good;

	if (fd < 0)
		return failed(why, path, "cannot be opened");
	good = fsync(fd) == 0 || failed(why, path, "cannot be synced");
	close(fd);
	return good;
}

/* One folder; fine when there is one already. */
static bool make_dir(const char *path, mode_t mode)
{
	struct stat st;

	if (mkdir(path, mode) == 0)
		return true;
	if (errno != EEXIST)
		return false;
	if (stat(path, &st) != 0)
		return false;
	errno = ENOTDIR;
	return S_ISDIR(st.st_mode);
}

bool file_make_dirs(const char *path, mode_t mode, struct problem *why)
{
	char *part = mem_strdup(path);
	bool good = true;

	for (char *s = part + 1; *part != '\0' && good; s++) {
		char c = *s;

		if (c != '/' && c != '\0')
			continue;
		*s = '\0';
		good = make_dir(part, mode) ||
		       failed(why, part, "cannot be made");
		*s = c;
		if (c == '\0')
			break;
	}
	free(part);
	return good;
}

/* "/state/files/" is the same as without its slashes. */
static bool sync_parent(const char *path, struct problem *why)
{
	char *bare = mem_strdup(path);
	size_t n = strlen(bare);
	bool good;

	while (n > 1 && bare[n - 1] == '/')
		bare[--n] = '\0';
	good = sync_folder_of(bare, why);
	free(bare);
	return good;
}

bool file_make_buckets(const char *root, mode_t mode, struct problem *why)
{
	size_t n = strlen(root) + sizeof("/00");
	char *path = mem_alloc(n);
	bool good = file_make_dirs(root, mode, why) && sync_parent(root, why);

	if (good && access(root, W_OK | X_OK) != 0)
		good = failed(why, root, "cannot be written to");
	for (unsigned i = 0; good && i < FILE_BUCKETS; i++) {
		snprintf(path, n, "%s/%02x", root, i);
		good = make_dir(path, mode) ||
		       failed(why, path, "cannot be made");
	}
	free(path);
	return good && file_sync_dir(root, why);
}

int64_t file_free_bytes(const char *path)
{
	struct statvfs fs;

	if (statvfs(path, &fs) != 0)
		return -1;
	return (int64_t)(fs.f_bavail * fs.f_frsize);
}
