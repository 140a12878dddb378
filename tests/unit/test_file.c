#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "remove_tree.h"
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
	ok(mkfifo(in_root("pipe"), 0600) == 0, "a pipe");
	s = file_read(in_root("pipe"), 9, &len, &why);
	ok(s == NULL && why.code == PROBLEM_INTERNAL,
	   "is not waited for, though nobody writes into it");
	s = file_read("/dev/zero", 9, &len, &why);
	ok(s == NULL && why.code == PROBLEM_INTERNAL, "nor a device");
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

int main(void)
{
	if (mkdtemp(root) == NULL)
		abort();
	test_read_write();
	test_dirs();
	remove_tree(root);
	arena_finish(&arena);
	return tap_done();
}
