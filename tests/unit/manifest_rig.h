#ifndef TESTS_MANIFEST_RIG_H
#define TESTS_MANIFEST_RIG_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/problem.h"
#include "remove_tree.h"

/* A folder of its own for a test, and files in it. */
struct place_of_test {
	char dir[64];
};

static inline void rig_open(struct place_of_test *p)
{
	(void)snprintf(p->dir, sizeof(p->dir), "/tmp/comfygate-test-XXXXXX");
	if (mkdtemp(p->dir) == NULL)
		abort();
}

static inline void rig_close(struct place_of_test *p)
{
	remove_tree(p->dir);
}

/* Not durable, so that thousands take no time. */
static inline void rig_bytes(const struct place_of_test *p, const char *name,
			     const void *bytes, size_t n)
{
	char path[256];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", p->dir, name);
	f = fopen(path, "wb");
	if (f == NULL || (n > 0 && fwrite(bytes, n, 1, f) != 1) ||
	    fclose(f) != 0)
		abort();
}

static inline void rig_file(const struct place_of_test *p, const char *name,
			    const char *text)
{
	rig_bytes(p, name, text, strlen(text));
}

static inline void rig_dir(const struct place_of_test *p, const char *name)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", p->dir, name);
	if (mkdir(path, 0700) != 0)
		abort();
}

#endif
