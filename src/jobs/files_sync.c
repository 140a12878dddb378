#include "jobs/files_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static void close_all(struct files_given *g)
{
	while (g->open_count > 0)
		close(g->open[--g->open_count]);
}

void files_given_drop(struct files_given *g)
{
	close_all(g);
	g->row_count = 0;
	buf_finish(&g->bytes);
}

bool files_sync_folder(const struct files *f, const char *folder)
{
	int fd = openat(f->root_fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool good = fd >= 0 && fsync(fd) == 0;

	if (fd >= 0)
		close(fd);
	return good;
}

/* The folder of one of the list, unless an earlier one has had it synced. */
static void sync_folder(struct files *f, const struct files_given *list,
			struct files_given *g)
{
	for (; list != g; list = list->next)
		if (list->open_count > 0 &&
		    strcmp(list->folder, g->folder) == 0) {
			g->failed = g->failed || list->failed;
			return;
		}
	if (!files_sync_folder(f, g->folder))
		g->failed = true;
}

/*
 * All are handed to the disk first: it takes them at the same time, and their
 * places are known by then to the first sync, whose commit of the journal is
 * the only one. The others find nothing to do but wait for their bytes.
 */
void files_sync(struct files *f, struct files_given *list)
{
	for (struct files_given *g = list; g != NULL; g = g->next)
		for (unsigned i = 0; i < g->open_count; i++)
			(void)sync_file_range(g->open[i], 0, 0,
					      SYNC_FILE_RANGE_WRITE);
	for (struct files_given *g = list; g != NULL; g = g->next)
		for (unsigned i = 0; i < g->open_count; i++)
			if (fsync(g->open[i]) != 0)
				g->failed = true;
	for (struct files_given *g = list; g != NULL; g = g->next)
		if (g->open_count > 0)
			sync_folder(f, list, g);
	for (struct files_given *g = list; g != NULL; g = g->next)
		close_all(g);
}
