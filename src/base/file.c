#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/file.h"

#define TREE_DEPTH 64 /* folders that file_remove_tree() goes down */

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

char *file_read(const char *path, size_t max, size_t *len, struct problem *why)
{
	struct buf bytes;
	char *all = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		failed(why, path, "cannot be opened");
		return NULL;
	}
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

static bool write_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		bytes += n;
		len -= (size_t)n;
	}
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
	good = write_all(fd, bytes, len) && fchmod(fd, mode) == 0 &&
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

static bool remove_at(int dir, const char *name, unsigned depth);

/* All in the folder; takes fd over. */
static bool empty_folder(int fd, unsigned depth)
{
	DIR *d = fdopendir(fd);
	struct dirent *e;
	bool good = true;

	if (d == NULL) {
		close(fd);
		return false;
	}
	while (good && (e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			good = remove_at(dirfd(d), e->d_name, depth);
	closedir(d);
	return good;
}

static bool remove_at(int dir, const char *name, unsigned depth)
{
	int fd;

	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return true;
	if (errno != EISDIR && errno != EPERM)
		return false;
	if (depth == 0) {
		errno = ELOOP;
		return false;
	}
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT;
	if (!empty_folder(fd, depth - 1))
		return false;
	return unlinkat(dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT;
}

bool file_remove_tree(const char *path, struct problem *why)
{
	return remove_at(AT_FDCWD, path, TREE_DEPTH) ||
	       failed(why, path, "cannot be removed");
}

/* Has an empty, "." or ".." component, or begins with a slash. */
static bool leads_astray(const char *name)
{
	for (;;) {
		size_t n = strcspn(name, "/");

		if (n == 0 || (n == 1 && name[0] == '.') ||
		    (n == 2 && name[0] == '.' && name[1] == '.'))
			return true;
		name += n;
		if (*name == '\0')
			return false;
		name++;
	}
}

/* Without openat2: component by component, following no link at all. */
static int open_by_steps(int dirfd, const char *name, int flags, mode_t mode)
{
	char part[256];
	int at = dirfd, next, saved;

	for (;;) {
		size_t n = strcspn(name, "/");
		bool last = name[n] == '\0';

		if (n >= sizeof(part)) {
			errno = ENAMETOOLONG;
			next = -1;
		} else {
			memcpy(part, name, n);
			part[n] = '\0';
			next = openat(at, part,
				      last ? flags | O_NOFOLLOW
					   : O_PATH | O_DIRECTORY | O_NOFOLLOW |
						      O_CLOEXEC,
				      mode);
		}
		saved = errno;
		if (at != dirfd)
			close(at);
		errno = saved;
		if (next < 0 || last)
			return next;
		at = next;
		name += n + 1;
	}
}

int file_open_beneath(int dirfd, const char *name, int flags, mode_t mode)
{
	struct open_how how = {0};
	long fd;

	if (leads_astray(name)) {
		errno = EXDEV;
		return -1;
	}
	flags |= O_CLOEXEC;
	mode = flags & O_CREAT ? mode & 07777 : 0;
	how.flags = (unsigned)flags;
	how.mode = mode;
	how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
	do {
		/* EAGAIN: somebody renames folders meanwhile. */
		fd = syscall(SYS_openat2, dirfd, name, &how, sizeof(how));
	} while (fd < 0 && (errno == EAGAIN || errno == EINTR));
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		return open_by_steps(dirfd, name, flags, mode);
	return (int)fd;
}

int64_t file_free_bytes(const char *path)
{
	struct statvfs fs;

	if (statvfs(path, &fs) != 0)
		return -1;
	return (int64_t)(fs.f_bavail * fs.f_frsize);
}
