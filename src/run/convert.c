#include "run/convert.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/box.h"
#include "base/clock.h"
#include "base/fiber.h"
#include "base/log.h"
#include "media/blurhash.h"
#include "media/kind.h"

#define PROGRAM "comfygate-media"
/* How often `stop` is asked. */
#define LOOK_MS 100
/* A helper that cannot live is started so often. */
#define RESTART_MS 1000
/* For the helper to kill what is over time. */
#define GRACE_MS 2000
/* One that dies before it has begun is asked so often. */
#define TRIES 2

struct convert {
	char *path; /* NULL: none */
	int64_t timeout_ms;
	struct box box;
	/* Under the lock: */
	pid_t pid; /* 0: not running */
	int socket;
	int64_t next_start; /* monotonic ms */
};

static const char *const names[CONVERT__COUNT] = {
	[CONVERT_DONE] = "done",       [CONVERT_BAD] = "refused",
	[CONVERT_DIED] = "crashed",    [CONVERT_LATE] = "late",
	[CONVERT_STOPPED] = "stopped", [CONVERT_ABSENT] = "no helper",
};

const char *convert_outcome_name(enum convert_outcome o)
{
	assert(o < CONVERT__COUNT);
	return names[o];
}

/* ---- where it is ---- */

static bool runnable(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	       access(path, X_OK) == 0;
}

const char *convert_find(const char *named, struct arena *a)
{
	static const char *const places[] = {"", "/../libexec"};
	char self[4096];
	const char *path, *slash;
	ssize_t n;

	if (named != NULL && *named != '\0')
		return runnable(named) ? arena_strdup(a, named) : NULL;
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n <= 0)
		return NULL;
	self[n] = '\0';
	slash = strrchr(self, '/');
	for (size_t i = 0; slash != NULL && i < COUNT(places); i++) {
		path = arena_printf(a, "%.*s%s/" PROGRAM, (int)(slash - self),
				    self, places[i]);
		if (runnable(path))
			return path;
	}
	return NULL;
}

struct convert *convert_create(const char *path, int64_t timeout_ms)
{
	struct convert *c = mem_alloc(sizeof(*c));

	c->path = path != NULL ? mem_strdup(path) : NULL;
	c->timeout_ms = timeout_ms;
	c->socket = -1;
	box_init(&c->box);
	return c;
}

/* ---- the helper's life; the lock is held ---- */

/* Its socket is closed, so it ends, or has; what it works on is given up. */
static void bury(struct convert *c)
{
	int status = 0;

	if (c->pid == 0)
		return;
	close(c->socket);
	c->socket = -1;
	kill(c->pid, SIGKILL);
	while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
		continue;
	c->pid = 0;
}

void convert_destroy(struct convert *c)
{
	if (c == NULL)
		return;
	bury(c);
	box_finish(&c->box);
	free(c->path);
	free(c);
}

/* No signal blocked, none ignored: what the daemon does with them is not for
 * others. A group of its own, so that Ctrl-C is the daemon's. */
static int set_attributes(posix_spawnattr_t *attr)
{
	sigset_t none, usual;

	sigemptyset(&none);
	sigemptyset(&usual);
	sigaddset(&usual, SIGPIPE);
	return posix_spawnattr_setsigmask(attr, &none) ||
	       posix_spawnattr_setsigdefault(attr, &usual) ||
	       posix_spawnattr_setpgroup(attr, 0) ||
	       posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK |
						      POSIX_SPAWN_SETSIGDEF |
						      POSIX_SPAWN_SETPGROUP);
}

/* Its socket and stderr, where it says why it cannot start; nothing else. */
static int set_files(posix_spawn_file_actions_t *files, int socket)
{
	return posix_spawn_file_actions_adddup2(files, socket,
						CONVERT_SOCKET) ||
	       posix_spawn_file_actions_addopen(files, 0, "/dev/null", O_RDONLY,
						0) ||
	       posix_spawn_file_actions_addopen(files, 1, "/dev/null", O_WRONLY,
						0) ||
	       posix_spawn_file_actions_addclosefrom_np(files,
							CONVERT_SOCKET + 1);
}

static int spawn(struct convert *c, int socket)
{
	char *const argv[] = {(char[]){PROGRAM}, NULL};
	/* Vectors are made at run time by some versions: no memory may be
	 * executed there. */
	char *const env[] = {
		(char[]){"VIPS_WARNING=0"}, (char[]){"VIPS_CONCURRENCY=1"},
		(char[]){"VIPS_NOVECTOR=1"}, (char[]){"LC_ALL=C"}, NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	int rc = posix_spawn_file_actions_init(&files);

	if (rc != 0)
		return rc;
	rc = posix_spawnattr_init(&attr);
	if (rc == 0) {
		rc = set_attributes(&attr) || set_files(&files, socket)
			     ? ENOMEM
			     : posix_spawn(&c->pid, c->path, &files, &attr,
					   argv, env);
		posix_spawnattr_destroy(&attr);
	}
	posix_spawn_file_actions_destroy(&files);
	return rc;
}

/* Runs already, or is started; false where it is too early for another try, or
 * where it cannot be. */
static bool start(struct convert *c)
{
	int64_t now = clock_monotonic_ms();
	int pair[2], rc;

	if (c->pid != 0)
		return true;
	if (now < c->next_start)
		return false;
	c->next_start = now + RESTART_MS;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return false;
	rc = spawn(c, pair[1]);
	close(pair[1]);
	if (rc == 0) {
		c->socket = pair[0];
		log_event(LOG_INFO, "convert.started", "pid", log_num(c->pid),
			  NULL);
		return true;
	}
	c->pid = 0;
	close(pair[0]);
	log_event(LOG_ERROR, "convert.not_started", "program", c->path, "why",
		  strerror(rc), NULL);
	return false;
}

void convert_warm(struct convert *c)
{
	if (c == NULL || c->path == NULL)
		return;
	box_lock(&c->box);
	(void)start(c);
	box_unlock(&c->box);
}

/* ---- asking ---- */

enum sent { SENT, SENT_NOT_YET, SENT_NEVER };

/* The lock is held: nothing here waits. */
static enum sent send_to(struct convert *c, const struct convert_task *t,
			 int answer)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(CONVERT_FILES * sizeof(int))];
	} control = {0};
	const int all[CONVERT_FILES] = {answer, t->in, t->out, t->small};
	struct convert_request r = t->request;
	struct iovec piece = {&r, sizeof(r)};
	struct msghdr m = {.msg_iov = &piece, .msg_iovlen = 1};
	struct cmsghdr *head = &control.header;
	int files[CONVERT_FILES] = {0};
	size_t n = 0;

	for (size_t i = 0; i < COUNT(all); i++)
		if (all[i] >= 0)
			files[n++] = all[i];
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(head), files, n * sizeof(int));
	m.msg_control = control.bytes;
	m.msg_controllen = CMSG_SPACE(n * sizeof(int));
	r.version = CONVERT_VERSION;
	r.timeout_ms = (uint32_t)c->timeout_ms;
	if (sendmsg(c->socket, &m, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return SENT;
	return errno == EAGAIN || errno == EINTR || errno == ETOOMANYREFS
		       ? SENT_NOT_YET
		       : SENT_NEVER;
}

/* To a helper that runs. */
static enum sent offer(struct convert *c, const struct convert_task *t,
		       int answer)
{
	enum sent sent = SENT_NOT_YET;

	box_lock(&c->box);
	/* One that died since is found out by sending, and started anew. */
	for (int i = 0; i < 2 && start(c); i++) {
		sent = send_to(c, t, answer);
		if (sent != SENT_NEVER)
			break;
		log_event(LOG_ERROR, "convert.died", "pid", log_num(c->pid),
			  NULL);
		bury(c);
		sent = SENT_NOT_YET;
	}
	box_unlock(&c->box);
	return sent;
}

static bool stopped(const struct convert_task *t)
{
	return t->stop != NULL && t->stop(t->ctx);
}

/* Until the helper has it. */
static enum convert_outcome submit(struct convert *c,
				   const struct convert_task *t, int answer)
{
	int64_t until = clock_monotonic_ms() + c->timeout_ms + RESTART_MS;

	while (offer(c, t, answer) != SENT) {
		if (stopped(t))
			return CONVERT_STOPPED;
		if (clock_monotonic_ms() >= until)
			return CONVERT_ABSENT;
		fiber_pause(clock_monotonic_ms() + LOOK_MS);
	}
	return CONVERT_DONE;
}

/* The next message; false at the end of it all, or where stop or until come
 * first (*o says which). */
static bool next_message(int from, const struct convert_task *t, int64_t until,
			 struct convert_answer *a, enum convert_outcome *o)
{
	for (;;) {
		ssize_t n;

		*o = CONVERT_DIED;
		if (fiber_readable(from, clock_monotonic_ms() + LOOK_MS)) {
			n = recv(from, a, sizeof(*a), MSG_DONTWAIT);
			if (n >= 0 || (errno != EINTR && errno != EAGAIN))
				return n == (ssize_t)sizeof(*a) &&
				       a->version == CONVERT_VERSION;
		}
		*o = CONVERT_STOPPED;
		if (stopped(t))
			return false;
		*o = CONVERT_LATE;
		if (clock_monotonic_ms() >= until)
			return false;
	}
}

/* The end of the child: its descriptors are closed. */
static bool wait_end(int from, const struct convert_task *t, int64_t until)
{
	struct convert_answer more;
	enum convert_outcome o;

	return !next_message(from, t, until, &more, &o) && o == CONVERT_DIED;
}

static bool well_formed(const struct convert_task *t,
			const struct convert_answer *a)
{
	if (memchr(a->why, '\0', sizeof(a->why)) == NULL)
		return false;
	if (a->state != CONVERT_READY)
		return a->state == CONVERT_REFUSED;
	return !t->request.blurhash ||
	       blurhash_valid(a->blurhash, sizeof(a->blurhash));
}

/* begun: it got its turn. */
static enum convert_outcome receive(const struct convert *c,
				    const struct convert_task *t, int from,
				    struct convert_answer *a, bool *begun)
{
	enum convert_outcome o;
	int64_t until;

	/* The turn may take as long as those before need; a helper that dies
	 * closes this socket. */
	*begun = next_message(from, t, INT64_MAX, a, &o) &&
		 a->state == CONVERT_BEGUN;
	if (!*begun)
		return o;
	until = clock_monotonic_ms() + c->timeout_ms + GRACE_MS;
	if (!next_message(from, t, until, a, &o)) {
		/* Killed by the helper, or by itself? */
		if (o == CONVERT_DIED &&
		    clock_monotonic_ms() >= until - GRACE_MS - LOOK_MS)
			o = CONVERT_LATE;
		return o;
	}
	if (!well_formed(t, a) || !wait_end(from, t, until))
		return CONVERT_DIED;
	return a->state == CONVERT_READY ? CONVERT_DONE : CONVERT_BAD;
}

static enum convert_outcome try_once(struct convert *c,
				     const struct convert_task *t,
				     struct convert_answer *a, bool *begun)
{
	enum convert_outcome o;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return CONVERT_ABSENT;
	o = submit(c, t, pair[1]);
	close(pair[1]);
	if (o == CONVERT_DONE)
		o = receive(c, t, pair[0], a, begun);
	close(pair[0]);
	return o;
}

enum convert_outcome convert_run(struct convert *c,
				 const struct convert_task *t,
				 struct convert_answer *answer)
{
	enum convert_outcome o = CONVERT_ABSENT;
	bool begun = false;

	*answer = (struct convert_answer){0};
	if (c == NULL || c->path == NULL)
		return CONVERT_ABSENT;
	/* A helper that died with a request that it had not looked at did not
	 * die of it. */
	for (int i = 0; i < TRIES && !begun; i++) {
		o = try_once(c, t, answer, &begun);
		if (o == CONVERT_STOPPED)
			return o;
	}
	return begun ? o : CONVERT_ABSENT;
}
