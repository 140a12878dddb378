#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "http/loop.h"

/* The listening socket, and how many descriptors there may be. */

/* At 128 two thirds of a burst of 10,000 are refused. */
#define BACKLOG 4096

/* Descriptors for all that is not a connection of ours. */
#define SPARE_FILES 256

/* Somebody else's file at that path is never removed, nor the socket of a
 * server that still answers. */
static bool clear_path(const struct sockaddr_un *at, struct problem *why)
{
	struct stat st;
	bool alive;
	int fd;

	if (lstat(at->sun_path, &st) < 0)
		return true; /* bind() tells what else is wrong */
	if (!S_ISSOCK(st.st_mode))
		return problem_set(why, PROBLEM_INTERNAL, at->sun_path,
				   "exists and is not a socket");
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return problem_set(why, PROBLEM_INTERNAL, at->sun_path,
				   "socket: %s", strerror(errno));
	alive = connect(fd, (const struct sockaddr *)at, sizeof(*at)) == 0 ||
		errno == EAGAIN;
	close(fd);
	if (alive)
		return problem_set(why, PROBLEM_INTERNAL, at->sun_path,
				   "another server listens there");
	unlink(at->sun_path);
	return true;
}

static bool make_folder(const char *path, struct problem *why)
{
	const char *slash = strrchr(path, '/');
	char *folder;
	bool made;

	if (slash == NULL || slash == path)
		return true;
	folder = mem_strndup(path, (size_t)(slash - path));
	made = file_make_dirs(folder, 0750, why);
	free(folder);
	return made;
}

static bool listen_own(struct server *s, const char *path, struct problem *why)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	size_t n = strlen(path);
	int fd;

	if (n >= sizeof(at.sun_path))
		return problem_set(why, PROBLEM_INTERNAL, path,
				   "a socket's path has at most %zu characters",
				   sizeof(at.sun_path) - 1);
	memcpy(at.sun_path, path, n + 1);
	if (!make_folder(path, why) || !clear_path(&at, why))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* chmod() before listen(): nobody can connect in between. */
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	    chmod(path, 0660) < 0 || listen(fd, BACKLOG) < 0) {
		problem_set(why, PROBLEM_INTERNAL, path, "cannot listen: %s",
			    strerror(errno));
		if (fd >= 0)
			close(fd);
		return false;
	}
	s->listener = fd;
	s->socket_path = mem_strdup(path);
	return true;
}

static bool listen_inherited(struct server *s, int fd, struct problem *why)
{
	int listening = 0, flags = fcntl(fd, F_GETFL);
	socklen_t n = sizeof(listening);

	if (flags < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &n) < 0 ||
	    !listening)
		return problem_set(why, PROBLEM_INTERNAL, "",
				   "descriptor %d is not a listening socket",
				   fd);
	fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	s->listener = fd;
	return true;
}

bool listen_open(struct server *s, struct problem *why)
{
	if (s->options.inherited_fd >= 0)
		return listen_inherited(s, s->options.inherited_fd, why);
	return listen_own(s, s->options.socket_path, why);
}

/* An inherited socket is only let go, never shut down: the next instance
 * accepts what waits in it. */
void listen_close(struct server *s)
{
	if (s->socket_path != NULL)
		unlink(s->socket_path);
	free(s->socket_path);
	s->socket_path = NULL;
	if (s->listener >= 0)
		close(s->listener);
	s->listener = -1;
}

/* As many descriptors as we are allowed; where that is not enough for
 * max_connections, fewer connections, so that accept4() never fails for it. */
void listen_limits(struct server *s)
{
	struct rlimit r;
	size_t most;

	if (getrlimit(RLIMIT_NOFILE, &r) < 0)
		return;
	if (r.rlim_cur < r.rlim_max) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
		getrlimit(RLIMIT_NOFILE, &r);
	}
	most = r.rlim_cur > 2 * SPARE_FILES ? r.rlim_cur - SPARE_FILES
					    : SPARE_FILES;
	if (s->options.max_connections <= most)
		return;
	log_event(LOG_WARN, "http.limits", "max_connections",
		  log_num((long long)s->options.max_connections), "lowered_to",
		  log_num((long long)most), "why", "RLIMIT_NOFILE", NULL);
	s->options.max_connections = most;
}
