#include <errno.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "run_rig.h"

/* A disk that takes an output and cannot make it durable. Stands in for the C
 * library's calls. */
static atomic_bool broken;
static atomic_uint syncs, on_slots; /* of files; by the thread of all slots */

static bool fails(int fd)
{
	char link[64], path[256], thread[16] = "";
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	if (strstr(path, "/files/") == NULL)
		return false;
	(void)pthread_getname_np(pthread_self(), thread, sizeof(thread));
	syncs++;
	on_slots += strcmp(thread, "slots") == 0;
	errno = EIO;
	return atomic_load(&broken);
}

int fsync(int fd)
{
	return fails(fd) ? -1 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fildes)
{
	return fails(fildes) ? -1 : (int)syscall(SYS_fdatasync, fildes);
}

#define IMAGES(width, height, count)                                           \
	"{\"1\":{\"class_type\":\"EmptyImage\",\"inputs\":{\"width\":" #width  \
	",\"height\":" #height ",\"batch_size\":" #count ",\"color\":77}},"    \
	"\"2\":{\"class_type\":\"SaveImage\",\"inputs\":{\"images\":[\"1\",0]" \
	","                                                                    \
	"\"filename_prefix\":\"many\"}}}"
static const char all_recipe[] =
	"{\"outputs\":[{\"name\":\"image\",\"type\":\"image\",\"node\":\"2\","
	"\"key\":null,\"many\":true,\"required\":true,\"temp\":false}],"
	"\"fields\":[]}";

/* More files than are left to the store, as rows and to be synced. */
static void many_files(struct rig *r)
{
	const struct order o = {.prompt = IMAGES(64, 48, 20),
				.recipe = all_recipe};
	struct result out;

	printf("# twenty files of one job\n");
	syncs = 0;
	run_one(r, &o, &out);
	ok(out.job.phase == PHASE_SUCCEEDED, "  succeeded");
	arena_finish(&out.arena);
	ok(syncs > 20 - FILES_ROWS_MAX, "  most of them are synced");
	ok(on_slots == 0, "  and no other slot waits for the disk");
}

int main(void)
{
	/* Too large together for the database. */
	const struct order large = {.prompt = IMAGES(2048, 2048, 4),
				    .recipe = all_recipe,
				    .attempts = 2};
	const struct order o = {.attempts = 2};
	struct result out;
	struct rig r;

	log_set_level(LOG_NONE);
	rig_start(&r, 1, 1);
	printf("# an output that cannot be synced\n");
	atomic_store(&broken, true);
	run_one(&r, &large, &out);
	/* Its files go after its end: rig_finish() looks for them. */
	ok(out.job.phase == PHASE_FAILED && out.job.problem != NULL &&
		   strstr(out.job.problem, "\"code\":\"internal\"") != NULL,
	   "  failed, as the outputs could not be stored");
	arena_finish(&out.arena);
	printf("# and the next one, on a disk that is well\n");
	atomic_store(&broken, false);
	run_one(&r, &o, &out);
	is_success(&r, &out, 1);
	many_files(&r);
	rig_finish(&r);
	return tap_done();
}
