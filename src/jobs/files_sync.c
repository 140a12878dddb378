#include "jobs/files_private.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

void files_unsynced_drop(struct files_unsynced *u)
{
	while (u->count > 0)
		close(u->fds[--u->count]);
	buf_finish(&u->records);
}

/* The folder of one of the list, unless an earlier one has had it synced. */
static void sync_folder(struct files *f, const struct files_unsynced *list,
			struct files_unsynced *u)
{
	struct problem why = {0};
	char path[FILES_DIR_MAX];

	for (; list != u; list = list->next)
		if (list->count > 0 && strcmp(list->folder, u->folder) == 0) {
			u->failed = u->failed || list->failed;
			return;
		}
	snprintf(path, sizeof(path), "%s/%s", f->root, u->folder);
	if (!file_sync_dir(path, &why))
		u->failed = true;
}

static bool in_records(const struct files_unsynced *u)
{
	return u->count > 0 && !buf_over(&u->records);
}

/* Those that the journal takes; they are done then. */
static void sync_journal(struct files *f, struct files_unsynced *list)
{
	struct buf all;
	bool done;

	buf_init(&all, JOURNAL_HALF);
	for (struct files_unsynced *u = list; u != NULL; u = u->next)
		if (in_records(u))
			buf_add(&all, u->records.at, u->records.len);
	done = all.len > 0 && !buf_over(&all) &&
	       journal_add(f->journal, all.at, all.len);
	buf_finish(&all);
	for (struct files_unsynced *u = list; u != NULL; u = u->next)
		if (done && in_records(u))
			files_unsynced_drop(u);
}

/*
 * All are handed to the disk first: it takes them at the same time, and their
 * places are known by then to the first sync, whose commit of the journal is
 * the only one. The others find nothing to do but wait for their bytes.
 */
static void sync_files(struct files *f, struct files_unsynced *list)
{
	for (struct files_unsynced *u = list; u != NULL; u = u->next)
		for (unsigned i = 0; i < u->count; i++)
			(void)sync_file_range(u->fds[i], 0, 0,
					      SYNC_FILE_RANGE_WRITE);
	for (struct files_unsynced *u = list; u != NULL; u = u->next)
		for (unsigned i = 0; i < u->count; i++)
			if (fsync(u->fds[i]) != 0)
				u->failed = true;
	for (struct files_unsynced *u = list; u != NULL; u = u->next)
		if (u->count > 0)
			sync_folder(f, list, u);
	for (struct files_unsynced *u = list; u != NULL; u = u->next)
		files_unsynced_drop(u);
}

void files_sync(struct files *f, struct files_unsynced *list)
{
	sync_journal(f, list);
	sync_files(f, list);
}
