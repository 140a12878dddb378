#include "jobs/files_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

void files_unsynced_drop(struct files_unsynced *u)
{
	while (u->count > 0)
		close(u->files[--u->count].fd);
	buf_finish(&u->bytes);
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
static void sync_folder(struct files *f, const struct files_unsynced *list,
			struct files_unsynced *u)
{
	for (; list != u; list = list->next)
		if (list->count > 0 && strcmp(list->folder, u->folder) == 0) {
			u->failed = u->failed || list->failed;
			return;
		}
	if (!files_sync_folder(f, u->folder))
		u->failed = true;
}

/*
 * All are handed to the disk first: it takes them at the same time, and their
 * places are known by then to the first sync, whose commit of the journal is
 * the only one. The others find nothing to do but wait for their bytes.
 */
void files_sync(struct files *f, struct files_unsynced *list)
{
	for (struct files_unsynced *u = list; u != NULL; u = u->next)
		for (unsigned i = 0; i < u->count; i++)
			(void)sync_file_range(u->files[i].fd, 0, 0,
					      SYNC_FILE_RANGE_WRITE);
	for (struct files_unsynced *u = list; u != NULL; u = u->next)
		for (unsigned i = 0; i < u->count; i++)
			if (fsync(u->files[i].fd) != 0)
				u->failed = true;
	for (struct files_unsynced *u = list; u != NULL; u = u->next)
		if (u->count > 0)
			sync_folder(f, list, u);
	for (struct files_unsynced *u = list; u != NULL; u = u->next)
		files_unsynced_drop(u);
}

bool files_sync_all(struct files *f)
{
	if (!f->sync_failed && syncfs(f->root_fd) != 0) {
		f->sync_failed = true;
		log_event(LOG_ERROR, "files.not_settled", "why",
			  strerror(errno), NULL);
	}
	return !f->sync_failed;
}
