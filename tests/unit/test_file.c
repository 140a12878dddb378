#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "tap.h"

static char root[] = "/tmp/test_file.XXXXXX";
static struct arena arena;

static const char *in_root(const char *name)
{
	return arena_printf(&arena, "%s/%s", root, name);
}

static void test_read_write(void)
{
	struct problem why = {0};
	struct stat st;
	size_t len = 9;
	char *s;

	ok(file_write(in_root("a"), "x\0yz", 4, 0640, &why), "written");
	s = file_read(in_root("a"), 4, &len, &why);
	ok(s != NULL && len == 4 && memcmp(s, "x\0yz", 5) == 0,
	   "read, and terminated");
	free(s);
	ok(stat(in_root("a"), &st) == 0 && (st.st_mode & 0777) == 0640,
	   "with its mode");
	s = file_read(in_root("a"), 3, &len, &why);
	ok(s == NULL && why.code == PROBLEM_TOO_LARGE, "past the ceiling");
	is_str(why.where, in_root("a"), "says which file");
	ok(file_write(in_root("a"), "", 0, 0600, &why), "replaced by nothing");
	s = file_read(in_root("a"), 0, &len, &why);
	ok(s != NULL && len == 0 && s[0] == '\0', "an empty file");
	free(s);
	s = file_read(in_root("missing"), 9, &len, &why);
	ok(s == NULL && why.code == PROBLEM_NOT_FOUND, "missing");
	s = file_read(root, 9, &len, &why);
	ok(s == NULL && why.code == PROBLEM_INTERNAL, "a folder is no file");
	ok(!file_write(in_root("none/a"), "x", 1, 0600, &why) &&
		   why.code == PROBLEM_NOT_FOUND,
	   "no folder to write into");
	ok(mkdir(in_root("taken"), 0700) == 0 &&
		   !file_write(in_root("taken"), "x", 1, 0600, &why),
	   "a folder stands in the way");
	s = mem_alloc(1000000);
	memset(s, 'q', 1000000);
	ok(file_write(in_root("big"), s, 1000000, 0600, &why), "a megabyte");
	free(s);
	s = file_read(in_root("big"), 1000000, &len, &why);
	ok(s != NULL && len == 1000000 && s[999999] == 'q', "and back");
	free(s);
	s = file_read("/proc/self/status", 1 << 20, &len, &why);
	ok(s != NULL && len > 0, "a file that has no size");
	free(s);
}

static void test_dirs(void)
{
	struct problem why = {0};
	struct stat st;

	ok(file_make_dirs(in_root("p/q//r/"), 0750, &why), "made");
	ok(stat(in_root("p/q/r"), &st) == 0 && S_ISDIR(st.st_mode), "is there");
	ok(file_make_dirs(in_root("p/q/r"), 0750, &why), "made again: fine");
	ok(file_write(in_root("p/file"), "x", 1, 0600, &why), "a file");
	ok(!file_make_dirs(in_root("p/file/x"), 0750, &why),
	   "a file in the way");
	ok(file_sync_dir(in_root("p"), &why), "synced");
	ok(!file_sync_dir(in_root("none"), &why) &&
		   why.code == PROBLEM_NOT_FOUND,
	   "no folder to sync");
	ok(file_free_bytes(root) > 0, "there is some space");
	ok(file_free_bytes(in_root("none")) == -1, "of nowhere: unknown");
}

static void test_remove(void)
{
	struct problem why = {0};
	struct stat st;

	ok(file_make_dirs(in_root("keep"), 0700, &why) &&
		   file_write(in_root("keep/f"), "x", 1, 0600, &why) &&
		   file_make_dirs(in_root("tree/a/b"), 0700, &why) &&
		   file_write(in_root("tree/a/f"), "x", 1, 0600, &why) &&
		   symlink("../../keep", in_root("tree/a/link")) == 0 &&
		   symlink("keep", in_root("top")) == 0,
	   "a tree with links out of it");
	ok(file_remove_tree(in_root("tree"), &why), "removed");
	ok(stat(in_root("tree"), &st) != 0, "gone");
	ok(file_remove_tree(in_root("top"), &why), "a link removed");
	ok(stat(in_root("keep/f"), &st) == 0, "what they led to is there");
	ok(file_remove_tree(in_root("tree"), &why), "missing is fine");
	ok(file_remove_tree(in_root("keep/f"), &why), "one file");
}

static const struct {
	const char *name;
	bool by_openat2, by_steps; /* opens */
} names[] = {
	{"plain", true, true},
	{"sub/file", true, true},
	{"inside", true, false}, /* a link to sub/file */
	{"to_sub/file", true, false},
	{"outside", false, false},
	{"to_up/secret", false, false},
	{"to_root/etc/passwd", false, false},
	{"../secret", false, false},
	{"sub/../plain", false, false},
	{"sub/../../secret", false, false},
	{"/etc/passwd", false, false},
	{"", false, false},
	{".", false, false},
	{"./plain", false, false},
	{"sub//file", false, false},
	{"sub/", false, false},
	{"plain/x", false, false},
	{"missing", false, false},
	{"sub/missing", false, false},
};

static int open_all(bool with_openat2)
{
	int dir = open(in_root("jail"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int bad = 0;

	for (size_t i = 0; i < COUNT(names); i++) {
		bool want =
			with_openat2 ? names[i].by_openat2 : names[i].by_steps;
		int fd = file_open_beneath(dir, names[i].name, O_RDONLY, 0);

		if ((fd >= 0) != want) {
			fprintf(stderr, "# '%s': %d\n", names[i].name, fd);
			bad++;
		}
		if (fd >= 0 && !(fcntl(fd, F_GETFD) & FD_CLOEXEC))
			bad++;
		if (fd >= 0)
			close(fd);
	}
	close(dir);
	return bad;
}

/* As on a kernel before 5.6. */
static void forbid_openat2(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {COUNT(code), code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		_exit(99);
}

static void test_beneath(void)
{
	struct problem why = {0};
	int dir, fd, status = -1;
	pid_t child;

	ok(file_make_dirs(in_root("jail/sub"), 0700, &why) &&
		   file_write(in_root("secret"), "x", 1, 0600, &why) &&
		   file_write(in_root("jail/plain"), "x", 1, 0600, &why) &&
		   file_write(in_root("jail/sub/file"), "x", 1, 0600, &why) &&
		   symlink("sub/file", in_root("jail/inside")) == 0 &&
		   symlink("sub", in_root("jail/to_sub")) == 0 &&
		   symlink("../secret", in_root("jail/outside")) == 0 &&
		   symlink("..", in_root("jail/to_up")) == 0 &&
		   symlink("/", in_root("jail/to_root")) == 0,
	   "a folder with ways out");
	ok(open_all(true) == 0, "opens what is beneath, nothing else");
	dir = open(in_root("jail"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd = file_open_beneath(dir, "sub/new", O_WRONLY | O_CREAT | O_EXCL,
			       0640);
	ok(fd >= 0 && write(fd, "x", 1) == 1, "makes a file");
	close(fd);
	fd = file_open_beneath(dir, "sub/new", O_WRONLY | O_CREAT | O_EXCL,
			       0640);
	ok(fd < 0 && errno == EEXIST, "but not twice");
	close(dir);

	fflush(stdout);
	child = fork();
	if (child == 0) {
		forbid_openat2();
		_exit(open_all(false));
	}
	ok(waitpid(child, &status, 0) == child && WIFEXITED(status) &&
		   WEXITSTATUS(status) == 0,
	   "without openat2: follows no link at all");
}

int main(void)
{
	struct problem why = {0};

	if (mkdtemp(root) == NULL)
		abort();
	test_read_write();
	test_dirs();
	test_remove();
	test_beneath();
	ok(file_remove_tree(root, &why), "all removed: %s", why.detail);
	arena_finish(&arena);
	return tap_done();
}
