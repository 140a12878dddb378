/*
 * comfygate-media: decodes, converts and shrinks pictures for the daemon
 * (media/convert.h has the words between them), so that a mistake in a library
 * that reads pictures is one failed conversion. One thread: it starts libvips
 * once, and then forks a child for each conversion, as many at once as there
 * are processors. A child is caged (cage.h) before it looks at a byte, and
 * killed when its time is over. It ends when the daemon has closed its socket.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "helper/cage.h"
#include "helper/picture.h"
#include "media/kind.h"

#define CHILDREN_MAX 16

/* There is one thread here, but libvips has some in each child, and its locks
 * are not seen: it was not built with the sanitizer. */
#ifdef __SANITIZE_THREAD__
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
	return "report_bugs=0";
}
#endif

struct child {
	pid_t pid;  /* 0: none */
	int answer; /* closed at the other end: nobody waits any more */
	int64_t until;
	bool killed; /* and not yet dead */
};

struct helper {
	int children_ended; /* a signalfd */
	size_t most;
	size_t running;
	struct child children[CHILDREN_MAX];
};

/* A request with its descriptors; -1 where it has none. */
struct task {
	struct convert_request request;
	int answer, in, out, small;
};

/* ---- the child ---- */

static bool say(int to, const struct convert_answer *a)
{
	return write(to, a, sizeof(*a)) == (ssize_t)sizeof(*a);
}

static int work(const struct task *t, pid_t parent)
{
	struct convert_answer a = {.version = CONVERT_VERSION};
	const struct convert_request *r = &t->request;
	struct problem why = {0};

	if (!cage_enter(parent, r->timeout_ms / 1000 + 1, r->max_bytes))
		return EXIT_FAILURE;
	a.state = picture_convert(r, t->in, t->out, t->small, a.blurhash, &why)
			  ? CONVERT_READY
			  : CONVERT_REFUSED;
	(void)snprintf(a.why, sizeof(a.why), "%.200s", why.detail);
	return say(t->answer, &a) ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- the parent ---- */

static void close_one(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* What a child has no use for. */
static void close_others(const struct helper *h)
{
	close(CONVERT_SOCKET);
	close(h->children_ended);
	for (size_t i = 0; i < h->most; i++)
		if (h->children[i].pid != 0)
			close(h->children[i].answer);
}

static struct child *free_place(struct helper *h)
{
	for (size_t i = 0; i < h->most; i++)
		if (h->children[i].pid == 0)
			return &h->children[i];
	return NULL;
}

/* Keeps the answer's descriptor when it returns true. What dies from here on
 * died of its work, or for lack of time. */
static bool start(struct helper *h, const struct task *t)
{
	const struct convert_answer begun = {.version = CONVERT_VERSION,
					     .state = CONVERT_BEGUN};
	struct child *c = free_place(h);
	pid_t self = getpid(), pid;

	if (c == NULL || !say(t->answer, &begun))
		return false;
	pid = fork();
	if (pid == 0) {
		close_others(h);
		_exit(work(t, self));
	}
	if (pid < 0)
		return false;
	*c = (struct child){
		.pid = pid,
		.answer = t->answer,
		.until = clock_monotonic_ms() + t->request.timeout_ms,
	};
	h->running++;
	return true;
}

static void bury(struct helper *h)
{
	struct signalfd_siginfo ignored;
	pid_t pid;

	(void)!read(h->children_ended, &ignored, sizeof(ignored));
	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) {
		for (size_t i = 0; i < h->most; i++) {
			if (h->children[i].pid != pid)
				continue;
			/* Closed when the child has let go of all: the daemon
			 * waits for it. */
			close(h->children[i].answer);
			h->children[i].pid = 0;
			h->running--;
		}
	}
}

/* What tells when nobody waits any more; -1 where it matters no more. */
static int waits_for(const struct child *c)
{
	return c->pid != 0 && !c->killed ? c->answer : -1;
}

static bool awaited(const struct child *c)
{
	struct pollfd fd = {.fd = c->answer};

	return poll(&fd, 1, 0) == 0;
}

/* Kills who is over time, or works for nobody. Returns the milliseconds until
 * the next one is over time, or -1. */
static int watch(struct helper *h)
{
	int64_t now = clock_monotonic_ms(), next = -1;

	for (size_t i = 0; i < h->most; i++) {
		struct child *c = &h->children[i];

		if (c->pid == 0 || c->killed)
			continue;
		if (c->until <= now || !awaited(c)) {
			kill(c->pid, SIGKILL);
			c->killed = true;
		} else if (next < 0 || c->until - now < next) {
			next = c->until - now;
		}
	}
	return (int)next;
}

static size_t take_files(struct msghdr *m, int files[CONVERT_FILES])
{
	struct cmsghdr *c = CMSG_FIRSTHDR(m);
	size_t n;

	if (c == NULL || c->cmsg_level != SOL_SOCKET ||
	    c->cmsg_type != SCM_RIGHTS || (m->msg_flags & MSG_CTRUNC))
		return 0;
	n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	memcpy(files, CMSG_DATA(c), n * sizeof(int));
	return n;
}

/* Whether the descriptors are those that the request needs. */
static bool sort_files(struct task *t, const int *files, size_t n)
{
	const struct convert_request *r = &t->request;
	size_t used = 0;

	t->answer = used < n ? files[used++] : -1;
	t->in = used < n ? files[used++] : -1;
	if (r->format != MEDIA_UNKNOWN)
		t->out = used < n ? files[used++] : -1;
	if (r->thumbnail > 0)
		t->small = used < n ? files[used++] : -1;
	return used == n && t->in >= 0 && r->version == CONVERT_VERSION &&
	       (r->format == MEDIA_UNKNOWN || t->out >= 0) &&
	       (r->thumbnail == 0 || t->small >= 0);
}

/* False: the daemon is gone. */
static bool serve_one(struct helper *h)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(CONVERT_FILES * sizeof(int))];
	} control;
	struct task t = {.answer = -1, .in = -1, .out = -1, .small = -1};
	struct iovec piece = {&t.request, sizeof(t.request)};
	struct msghdr m = {.msg_iov = &piece,
			   .msg_iovlen = 1,
			   .msg_control = control.bytes,
			   .msg_controllen = sizeof(control.bytes)};
	int files[CONVERT_FILES];
	ssize_t n = recvmsg(CONVERT_SOCKET, &m, MSG_CMSG_CLOEXEC);

	if (n < 0)
		return errno == EINTR || errno == EAGAIN;
	if (n == 0)
		return false;
	if (!sort_files(&t, files, take_files(&m, files)) ||
	    n != (ssize_t)sizeof(t.request) || !start(h, &t))
		close_one(t.answer);
	close_one(t.in);
	close_one(t.out);
	close_one(t.small);
	return true;
}

/* A hang-up is told also where nothing is asked for. */
static void serve(struct helper *h)
{
	for (;;) {
		struct pollfd fds[2 + CHILDREN_MAX] = {
			{.fd = CONVERT_SOCKET,
			 .events = h->running < h->most ? POLLIN : 0},
			{.fd = h->children_ended, .events = POLLIN},
		};
		int next = watch(h);

		for (size_t i = 0; i < h->most; i++)
			fds[2 + i].fd = waits_for(&h->children[i]);
		if (poll(fds, 2 + h->most, next) < 0 && errno != EINTR)
			return;
		if (fds[1].revents != 0)
			bury(h);
		if (fds[0].revents & POLLIN) {
			if (!serve_one(h))
				return;
		} else if (fds[0].revents != 0) {
			return;
		}
	}
}

/* Only the daemon says when it is over: signals to a whole group or service
 * reach this process, too, and the daemon lets its jobs end first. */
static bool take_signals(struct helper *h)
{
	sigset_t ended;

	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* writing says so, too */
	sigemptyset(&ended);
	sigaddset(&ended, SIGCHLD);
	if (sigprocmask(SIG_SETMASK, &ended, NULL) != 0)
		return false;
	h->children_ended = signalfd(-1, &ended, SFD_CLOEXEC | SFD_NONBLOCK);
	return h->children_ended >= 0;
}

static size_t processors(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > CHILDREN_MAX ? CHILDREN_MAX : (size_t)n;
}

static bool is_socket(int fd)
{
	int type;
	socklen_t n = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0 &&
	       type == SOCK_SEQPACKET;
}

int main(void)
{
	struct helper h = {.most = processors()};
	struct problem why = {0};

	if (!is_socket(CONVERT_SOCKET)) {
		fputs("comfygate-media is started by comfygate serve\n",
		      stderr);
		return 2;
	}
	prctl(PR_SET_DUMPABLE, 0);
	if (chdir("/") != 0 || !take_signals(&h) || !picture_open(&why)) {
		fprintf(stderr, "comfygate-media: %s\n", why.detail);
		return EXIT_FAILURE;
	}
	serve(&h);
	return EXIT_SUCCESS;
}
