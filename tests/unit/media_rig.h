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

/* The clean file as a descriptor, or -1 and why. */
static inline int rig_strip(enum media_kind kind, int from, struct problem *why)
{
	int to = rig_file("", 0);

	if (media_strip(kind, from, to, why))
		return to;
	close(to);
	return -1;
}

#endif
