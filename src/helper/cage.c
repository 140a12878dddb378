#include "helper/cage.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "base/num.h"

/* What one conversion may take besides what the program has: a picture of 128
 * megapixels whole, and an encoder's copy of it. */
#define MEMORY	    ((rlim_t)2 << 30)
#define DESCRIPTORS 32

/* Others are to be named here first: nobody is let in without a filter. */
#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCH AUDIT_ARCH_RISCV64
#endif

#define DATA(field) offsetof(struct seccomp_data, field)
/* The low half of an argument; all that is looked at are small numbers. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ARGUMENT(n) (DATA(args) + 8 * (n))
#else
#define ARGUMENT(n) (DATA(args) + 8 * (n) + 4)
#endif

#define LOAD(what)  BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (what))
#define ANSWER(how) BPF_STMT(BPF_RET | BPF_K, (how))
#define FAIL(error) ANSWER(SECCOMP_RET_ERRNO | (error))
#define ALLOWED	    ANSWER(SECCOMP_RET_ALLOW)
#define SKIP_UNLESS(value, n)                                                  \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, (n))
#define SKIP_IF(value, n) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (n), 0)
#define SKIP_WITHOUT(bits, n)                                                  \
	BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (bits), 0, (n))
#define SKIP_WITH(bits, n) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (bits), (n), 0)

#define ALLOW(name) SKIP_UNLESS(__NR_##name, 1), ALLOWED

/* Memory that is written and then executed is an attacker's, not ours. */
#define ALLOW_NOT_EXECUTABLE(name)                                             \
	SKIP_UNLESS(__NR_##name, 4), LOAD(ARGUMENT(2)),                        \
		SKIP_WITHOUT(PROT_EXEC, 1), FAIL(EPERM), ALLOWED

/* A list of what is allowed: all else fails, as if it were forbidden by the
 * system, so that a library that can do without goes on. */
static const struct sock_filter filter[] = {
	LOAD(DATA(arch)),
	SKIP_IF(ARCH, 1),
	ANSWER(SECCOMP_RET_KILL_PROCESS),
	LOAD(DATA(nr)),
	/* The descriptors that it was given. */
	ALLOW(read),
	ALLOW(write),
	ALLOW(readv),
	ALLOW(writev),
	ALLOW(pread64),
	ALLOW(pwrite64),
	ALLOW(lseek),
	ALLOW(fstat),
#ifdef __NR_newfstatat
	ALLOW(newfstatat),
#endif
	ALLOW(dup),
	ALLOW(close),
	/* Memory. */
	ALLOW(brk),
	ALLOW(munmap),
	ALLOW(mremap),
	ALLOW(madvise),
	/* Threads. */
	ALLOW(futex),
	ALLOW(set_robust_list),
#ifdef __NR_rseq
	ALLOW(rseq),
#endif
	ALLOW(sched_yield),
	ALLOW(sched_getaffinity),
	ALLOW(gettid),
	ALLOW(getpid),
	ALLOW(sigaltstack),
	ALLOW(rt_sigprocmask),
	ALLOW(rt_sigaction),
	ALLOW(rt_sigreturn),
	ALLOW(exit),
	ALLOW(exit_group),
	/* Clocks and chance. */
	ALLOW(clock_gettime),
	ALLOW(clock_getres),
	ALLOW(clock_nanosleep),
	ALLOW(nanosleep),
	ALLOW(gettimeofday),
	ALLOW(getrandom),
	/* With conditions on their arguments; each leaves the number loaded
	 * where it does not answer. */
	ALLOW_NOT_EXECUTABLE(mmap),
	ALLOW_NOT_EXECUTABLE(mprotect),
	SKIP_UNLESS(__NR_clone, 4),
	LOAD(ARGUMENT(0)),
	SKIP_WITH(CLONE_THREAD, 1),
	FAIL(EPERM),
	ALLOWED,
	/* Its flags are in memory, where no filter looks; without it clone is
	 * used. */
	SKIP_UNLESS(__NR_clone3, 1),
	FAIL(ENOSYS),
	SKIP_UNLESS(__NR_prctl, 3),
	LOAD(ARGUMENT(0)),
	SKIP_UNLESS(PR_SET_NAME, 1), /* of a thread */
	ALLOWED,
	FAIL(EPERM),
};

static bool bound(__rlimit_resource_t what, rlim_t most)
{
	struct rlimit l = {most, most};

	return setrlimit(what, &l) == 0;
}

/* Bytes of address space in use: a sanitizer alone takes terabytes. The first
 * number of "37312 7814 5106 …" is in pages. */
static bool address_space(rlim_t *out)
{
	uint64_t pages = 0;
	size_t n;
	char *text = file_read("/proc/self/statm", 4096, &n, NULL);
	bool good = text != NULL;

	if (good) {
		text[strcspn(text, " ")] = '\0';
		good = num_u64(text, UINT32_MAX * (uint64_t)1024, &pages);
	}
	free(text);
	*out = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
	return good;
}

bool cage_enter(pid_t parent, int64_t cpu_s, int64_t max_bytes)
{
	struct sock_fprog program = {
		.len = COUNT(filter),
		.filter = (struct sock_filter *)filter,
	};
	rlim_t used;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
		return false;
	return address_space(&used) && bound(RLIMIT_AS, used + MEMORY) &&
	       bound(RLIMIT_CPU, (rlim_t)cpu_s) &&
	       bound(RLIMIT_FSIZE, (rlim_t)max_bytes) &&
	       bound(RLIMIT_NOFILE, DESCRIPTORS) && bound(RLIMIT_CORE, 0) &&
	       prctl(PR_SET_DUMPABLE, 0) == 0 &&
	       prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}
