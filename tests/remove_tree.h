#ifndef REMOVE_TREE_H
#define REMOVE_TREE_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

/* Removes a test's own folder with all in it. Follows no symbolic link. */
static inline int remove_tree_entry(const char *path, const struct stat *st,
				    int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

static inline void remove_tree(const char *path)
{
	if (nftw(path, remove_tree_entry, 16, FTW_DEPTH | FTW_PHYS) != 0) {
		perror(path);
		abort();
	}
}

#endif
