#ifndef UNIT_MEDIA_RIG_H
#define UNIT_MEDIA_RIG_H

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/problem.h"
#include "media/kind.h"
#include "media/strip.h"

/* Files in memory, and the samples of tests/cases/media. */
#define SAMPLES "tests/cases/media"

static inline int rig_file(const void *bytes, size_t n)
{
	int fd = memfd_create("media", MFD_CLOEXEC);

	if (fd < 0 || (n > 0 && pwrite(fd, bytes, n, 0) != (ssize_t)n))
		abort();
	return fd;
}

static inline unsigned char *rig_bytes(int fd, size_t *n)
{
	struct stat st;
	unsigned char *p;

	if (fstat(fd, &st) != 0)
		abort();
	*n = (size_t)st.st_size;
	p = mem_alloc(*n + 1);
	if (*n > 0 && pread(fd, p, *n, 0) != (ssize_t)*n)
		abort();
	return p;
}

static inline unsigned char *rig_sample(const char *name, size_t *n)
{
	char path[256];
	unsigned char *p;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", SAMPLES, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		perror(path);
		abort();
	}
	p = rig_bytes(fd, n);
	close(fd);
	return p;
}

/* In memory the same comes out, or the same refusal. */
static inline void rig_strip_memory(enum media_kind kind, int from, bool taken,
				    int to)
{
	struct problem why = {0};
	unsigned char *bytes, *clean;
	size_t n, len;
	struct buf b;

	bytes = rig_bytes(from, &n);
	clean = rig_bytes(to, &len);
	buf_init(&b, 2 * n + 4096);
	if (media_strip_memory(kind, bytes, n, &b, &why) != taken ||
	    (taken && (b.len != len || memcmp(buf_str(&b), clean, len) != 0)) ||
	    (!taken && why.code != PROBLEM_UNSUPPORTED_MEDIA_TYPE)) {
		fprintf(stderr, "in memory it is cleaned otherwise\n");
		abort();
	}
	buf_finish(&b);
	free(bytes);
	free(clean);
}

/* The clean file as a descriptor, or -1 and why. */
static inline int rig_strip(enum media_kind kind, int from, struct problem *why)
{
	int to = rig_file("", 0);
	bool taken = media_strip(kind, from, to, why);

	if (from >= 0)
		rig_strip_memory(kind, from, taken, to);
	if (taken)
		return to;
	close(to);
	return -1;
}

/* Of the whole file; in memory they are the same. */
static inline bool rig_facts(int fd, struct media_facts *f)
{
	struct media_facts m;
	unsigned char *bytes;
	bool good = media_file_facts(fd, f);
	size_t n;

	bytes = rig_bytes(fd, &n);
	media_memory_facts(bytes, n, &m);
	free(bytes);
	if (good && (m.kind != f->kind || m.width != f->width ||
		     m.height != f->height || m.frames != f->frames ||
		     m.duration_ms != f->duration_ms || m.alpha != f->alpha)) {
		fprintf(stderr, "in memory its facts are others\n");
		abort();
	}
	return good;
}

#endif
