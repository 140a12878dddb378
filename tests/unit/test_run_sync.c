#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "run_rig.h"

/* A disk that takes an output, and the journal with its bytes, and can make
 * neither durable. Stands in for the C library's calls. */
static atomic_bool broken;

static bool fails(int fd)
{
	char link[64], path[256];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	errno = EIO;
	return atomic_load(&broken) && strstr(path, "/files/") != NULL;
}

int fsync(int fd)
{
	return fails(fd) ? -1 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fildes)
{
	return fails(fildes) ? -1 : (int)syscall(SYS_fdatasync, fildes);
}

int main(void)
{
	struct order o = {.attempts = 2};
	struct result out;
	struct rig r;

	log_set_level(LOG_NONE);
	rig_start(&r, 1, 1);
	printf("# an output that cannot be synced\n");
	atomic_store(&broken, true);
	run_one(&r, &o, &out);
	/* Its files go after its end: rig_finish() looks for them. */
	ok(out.job.phase == PHASE_FAILED && out.job.problem != NULL &&
		   strstr(out.job.problem, "\"code\":\"internal\"") != NULL,
	   "  failed, as the outputs could not be stored");
	arena_finish(&out.arena);
	printf("# and the next one, on a disk that is well\n");
	atomic_store(&broken, false);
	run_one(&r, &o, &out);
	is_success(&r, &out, 1);
	rig_finish(&r);
	return tap_done();
}
