#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* Of the helper alone; its other files need libvips. */
#include "helper/cage.c" // NOLINT(bugprone-suspicious-include)
#include "tap.h"

#define FILE_MOST 4096

/* What a child in the cage tries, and whether it worked. */

static bool opens(void)
{
	return open("/dev/null", O_RDONLY) >= 0 ||
	       open("/tmp/comfygate-cage", O_WRONLY | O_CREAT, 0600) >= 0;
}

static bool connects(void)
{
	int pair[2];

	return socket(AF_INET, SOCK_STREAM, 0) >= 0 ||
	       socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0;
}

static bool forks(void)
{
	char *const none[] = {NULL};
	pid_t pid;

	return fork() >= 0 ||
	       posix_spawn(&pid, "/bin/true", NULL, NULL, none, none) == 0;
}

static bool executes(void)
{
	char *const none[] = {NULL};

	execve("/bin/true", none, none);
	return false;
}

static bool kills(void)
{
	return kill(getppid(), 0) == 0 || kill(getpid(), 0) == 0;
}

static bool executes_memory(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ||
	       mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0 ||
	       mmap(NULL, 4096, PROT_READ | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
}

static bool frees_itself(void)
{
	struct rlimit l = {RLIM_INFINITY, RLIM_INFINITY};

	return setrlimit(RLIMIT_AS, &l) == 0 ||
	       prctl(PR_SET_DUMPABLE, 1) == 0 ||
	       prctl(PR_SET_PDEATHSIG, 0) == 0;
}

static bool takes_all_memory(void)
{
	return mmap(NULL, (size_t)4 << 30, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
		    0) != MAP_FAILED;
}

static bool signals_by_file(void)
{
	return fcntl(STDOUT_FILENO, F_SETOWN, getpid()) == 0;
}

static void *nothing(void *arg)
{
	return arg;
}

static bool starts_threads(void)
{
	pthread_t t;

	return pthread_create(&t, NULL, nothing, NULL) == 0 &&
	       pthread_join(t, NULL) == 0;
}

static bool takes_memory(void)
{
	void *p = malloc(64 << 20);
	bool good = p != NULL;

	free(p);
	return good;
}

/* Descriptor 3 is a file. */
static bool writes(void)
{
	return pwrite(3, "a", 1, 0) == 1;
}

static bool writes_too_much(void)
{
	return pwrite(3, "a", 1, FILE_MOST) == 1;
}

static const struct {
	const char *name;
	bool (*act)(void);
	bool allowed;
} acts[] = {
	{"open a file", opens, false},
	{"make a socket", connects, false},
	{"start a process", forks, false},
	{"start a program", executes, false},
	{"signal others", kills, false},
	{"execute what was written", executes_memory, false},
	{"change its bounds", frees_itself, false},
	{"take all memory", takes_all_memory, false},
	{"have others signaled", signals_by_file, false},
	{"write past the ceiling", writes_too_much, false},
	{"start a thread", starts_threads, true},
	{"take memory", takes_memory, true},
	{"write its file", writes, true},
};

/* 0: it worked, 1: it did not, 2: no cage. */
static int in_cage(bool (*act)(void), int file)
{
	pid_t parent = getpid(), pid;
	int status = 0;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		signal(SIGXFSZ, SIG_IGN);
		dup2(file, 3);
		if (!cage_enter(parent, 10, FILE_MOST))
			_exit(2);
		_exit(act() ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 3;
}

static bool orphan(void)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0)
		_exit(cage_enter(1, 10, FILE_MOST) ? 0 : 1);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

int main(void)
{
	int file = memfd_create("cage", MFD_CLOEXEC);

	for (size_t i = 0; i < COUNT(acts); i++)
		ok(in_cage(acts[i].act, file) == (acts[i].allowed ? 0 : 1),
		   "%s %s", acts[i].allowed ? "may" : "may not", acts[i].name);
	ok(orphan(), "no cage where its parent is gone");
	close(file);
	return tap_done();
}
