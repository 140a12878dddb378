#ifndef UNIT_CORPUS_H
#define UNIT_CORPUS_H

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/file.h"
#include "tap.h"

/* A fuzzer's corpus, each file once, without libFuzzer: a test includes the
 * fuzzer and this. A mistake aborts, and the name was said before. */
static inline void corpus_run(const char *folder,
			      int (*one)(const uint8_t *, size_t))
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	size_t files = 0;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		char path[512];
		struct stat st;
		char *bytes;
		size_t n;

		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
			continue;
		bytes = file_read(path, (size_t)1 << 20, &n, NULL);
		if (bytes == NULL)
			continue;
		fprintf(stderr, "# %s\n", path);
		one((const uint8_t *)bytes, n);
		free(bytes);
		files++;
	}
	if (dir != NULL)
		closedir(dir);
	ok(files > 0, "%zu files of %s", files, folder);
}

#endif
