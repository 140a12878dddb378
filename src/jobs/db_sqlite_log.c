#include "jobs/db_sqlite_log.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "base/arena.h"

/* 31 pages of 4 KiB with their headers; of a larger transaction several. */
#define GATHER_MAX 131072

/* SQLite's own file access, which does all the work. */
static sqlite3_vfs *system_vfs;

/* SQLite allocates it, with room for the file of the system behind it. */
struct log_file {
	sqlite3_file base;
	sqlite3_file *real;
	unsigned char *gathered;
	int count;
	sqlite3_int64 at; /* where in the file gathered[0] goes */
};

static int write_out(struct log_file *f)
{
	int count = f->count;

	f->count = 0;
	return count == 0 ? SQLITE_OK
			  : f->real->pMethods->xWrite(f->real, f->gathered,
						      count, f->at);
}

static int log_close(sqlite3_file *file)
{
	struct log_file *f = (struct log_file *)file;
	int rc = write_out(f);
	int closed = f->real->pMethods->xClose(f->real);

	free(f->gathered);
	return rc != SQLITE_OK ? rc : closed;
}

static int log_read(sqlite3_file *file, void *to, int n, sqlite3_int64 at)
{
	struct log_file *f = (struct log_file *)file;
	int rc = write_out(f);

	return rc != SQLITE_OK ? rc
			       : f->real->pMethods->xRead(f->real, to, n, at);
}

static int log_write(sqlite3_file *file, const void *from, int n,
		     sqlite3_int64 at)
{
	struct log_file *f = (struct log_file *)file;
	int rc = SQLITE_OK;

	if (at != f->at + f->count || n > GATHER_MAX - f->count)
		rc = write_out(f);
	if (rc != SQLITE_OK)
		return rc;
	if (n > GATHER_MAX)
		return f->real->pMethods->xWrite(f->real, from, n, at);
	if (f->count == 0)
		f->at = at;
	memcpy(f->gathered + f->count, from, (size_t)n);
	f->count += n;
	return SQLITE_OK;
}

static int log_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	struct log_file *f = (struct log_file *)file;
	int rc = write_out(f);

	return rc != SQLITE_OK ? rc
			       : f->real->pMethods->xTruncate(f->real, size);
}

static int log_sync(sqlite3_file *file, int flags)
{
	struct log_file *f = (struct log_file *)file;
	int rc = write_out(f);

	return rc != SQLITE_OK ? rc : f->real->pMethods->xSync(f->real, flags);
}

static int log_size(sqlite3_file *file, sqlite3_int64 *size)
{
	struct log_file *f = (struct log_file *)file;
	int rc = write_out(f);

	return rc != SQLITE_OK ? rc
			       : f->real->pMethods->xFileSize(f->real, size);
}

static int log_control(sqlite3_file *file, int op, void *arg)
{
	sqlite3_file *real = ((struct log_file *)file)->real;

	return real->pMethods->xFileControl(real, op, arg);
}

static int log_sector_size(sqlite3_file *file)
{
	sqlite3_file *real = ((struct log_file *)file)->real;

	return real->pMethods->xSectorSize(real);
}

static int log_device(sqlite3_file *file)
{
	sqlite3_file *real = ((struct log_file *)file)->real;

	return real->pMethods->xDeviceCharacteristics(real);
}

/* Without locks: SQLite locks the database file alone. */
static const sqlite3_io_methods log_methods = {
	.iVersion = 1,
	.xClose = log_close,
	.xRead = log_read,
	.xWrite = log_write,
	.xTruncate = log_truncate,
	.xSync = log_sync,
	.xFileSize = log_size,
	.xFileControl = log_control,
	.xSectorSize = log_sector_size,
	.xDeviceCharacteristics = log_device,
};

static int log_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file,
		    int flags, int *out_flags)
{
	struct log_file *f = (struct log_file *)file;
	int rc;

	(void)vfs;
	if ((flags & SQLITE_OPEN_WAL) == 0)
		return system_vfs->xOpen(system_vfs, name, file, flags,
					 out_flags);
	*f = (struct log_file){.real = (sqlite3_file *)(f + 1)};
	rc = system_vfs->xOpen(system_vfs, name, f->real, flags, out_flags);
	if (rc != SQLITE_OK)
		return rc;
	f->gathered = mem_alloc(GATHER_MAX);
	f->base.pMethods = &log_methods;
	return SQLITE_OK;
}

static sqlite3_vfs gathering;

static void set_up(void)
{
	system_vfs = sqlite3_vfs_find(NULL);
	if (system_vfs == NULL)
		return;
	gathering = *system_vfs;
	gathering.zName = "comfygate";
	gathering.pNext = NULL;
	gathering.szOsFile += (int)sizeof(struct log_file);
	gathering.xOpen = log_open;
	if (sqlite3_vfs_register(&gathering, 0) != SQLITE_OK)
		system_vfs = NULL;
}

const char *db_log_vfs(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, set_up);
	return system_vfs != NULL ? gathering.zName : NULL;
}
