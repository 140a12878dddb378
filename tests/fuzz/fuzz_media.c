#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "media/kind.h"
#include "media/strip.h"

/*
 * Facts and cleaning of any bytes. What is taken as clean must stay as it is
 * when it is cleaned again, and its facts are those of before; in memory it is
 * the same as in a file.
 */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

static int file_of(const uint8_t *bytes, size_t n)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	must(fd >= 0 && (n == 0 || pwrite(fd, bytes, n, 0) == (ssize_t)n),
	     "memfd");
	return fd;
}

static bool same_bytes(int a, int b)
{
	struct stat x, y;
	unsigned char *p, *q;
	bool same;
	size_t n;

	must(fstat(a, &x) == 0 && fstat(b, &y) == 0, "stat");
	if (x.st_size != y.st_size)
		return false;
	n = (size_t)x.st_size;
	p = mem_alloc(n + 1);
	q = mem_alloc(n + 1);
	must(pread(a, p, n, 0) == (ssize_t)n && pread(b, q, n, 0) == (ssize_t)n,
	     "read");
	same = memcmp(p, q, n) == 0;
	free(p);
	free(q);
	return same;
}

/* clean: the file's own, -1 where it was refused. */
static void same_in_memory(const uint8_t *bytes, size_t n,
			   const struct media_facts *file, int clean)
{
	struct media_facts f;
	struct buf b;
	int fd;

	media_memory_facts(bytes, n, &f);
	must(f.kind == file->kind, "another kind in memory");
	must(f.width == file->width && f.height == file->height,
	     "another size in memory");
	must(f.width <= INT32_MAX && f.height <= INT32_MAX && f.width >= 0 &&
		     f.height >= 0 && f.duration_ms >= 0,
	     "facts out of bounds");
	buf_init(&b, 2 * n + 4096);
	must(media_strip_memory(f.kind, bytes, n, &b, NULL) == (clean >= 0),
	     "taken in one way only");
	fd = file_of((const uint8_t *)buf_str(&b), b.len);
	must(clean < 0 || same_bytes(fd, clean), "another clean file");
	close(fd);
	buf_finish(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	int from = file_of(bytes, n), clean = file_of(bytes, 0),
	    again = file_of(bytes, 0);
	struct media_facts before, after;
	struct problem why = {0};
	bool taken;

	must(media_file_facts(from, &before), "no facts");
	taken = media_strip(before.kind, from, clean, &why);
	same_in_memory(bytes, n, &before, taken ? clean : -1);
	if (taken) {
		must(media_file_facts(clean, &after), "no facts of clean");
		must(after.kind == before.kind, "another kind when clean");
		must(after.width == before.width &&
			     after.height == before.height,
		     "another size when clean");
		must(media_strip(before.kind, clean, again, &why),
		     "clean is refused");
		must(same_bytes(clean, again), "cleaned twice is not once");
	} else {
		must(why.code != PROBLEM_NONE, "refused without a reason");
	}
	close(from);
	close(clean);
	close(again);
	return 0;
}
