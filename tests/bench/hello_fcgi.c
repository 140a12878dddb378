#include <errno.h>
#include <fcgiapp.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/*
 * The floor that comfygate is measured against: a libfcgi program that says
 * hello, behind the same nginx and over the same kind of edge (its own
 * accept4() and epoll, kept connections), but with nothing else in it. It is
 * for nginx alone and trusts what it reads.
 *
 *	hello_fcgi SOCKET      until SIGTERM; prints "ready" when it listens
 *
 * Each answer carries the caller's X-Request-Id in its body, so that a client
 * can tell whether it got its own.
 */
#define BODY_MAX 65536

static volatile sig_atomic_t stop;

static void on_term(int signo)
{
	(void)signo;
	stop = 1;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int listen_on(const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (strlen(path) >= sizeof(at.sun_path)) {
		errno = ENAMETOOLONG;
		die(path);
	}
	memcpy(at.sun_path, path, strlen(path) + 1);
	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	    chmod(path, 0660) < 0 || listen(fd, 4096) < 0)
		die(path);
	return fd;
}

static void accept_all(int epoll, int listener)
{
	struct timeval patience = {.tv_sec = 5};
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};

		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
			   sizeof(patience));
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) < 0)
			die("epoll_ctl");
	}
}

static void answer(FCGX_Request *r)
{
	const char *id = FCGX_GetParam("HTTP_X_REQUEST_ID", r->envp);
	char body[512], head[512];
	int n, h;

	n = snprintf(body, sizeof(body),
		     "{\"hello\": \"world\", \"id\": \"%.128s\"}",
		     id ? id : "");
	h = snprintf(head, sizeof(head),
		     "Status: 200 OK\r\nContent-Type: application/json\r\n"
		     "X-Request-Id: %.128s\r\nContent-Length: %d\r\n\r\n",
		     id ? id : "none", n);
	FCGX_PutStr(head, h, r->out);
	FCGX_PutStr(body, n, r->out);
}

/* One request from a connection that is readable; closes it when it is over. */
static void serve(int fd)
{
	static char body[BODY_MAX];
	FCGX_Request r;

	FCGX_InitRequest(&r, -1, 0);
	r.ipcFd = fd;
	r.keepConnection = 1;
	FCGX_Detach(&r);
	if (FCGX_Accept_r(&r) < 0)
		return; /* it has closed it */
	while (FCGX_GetStr(body, sizeof(body), r.in) > 0)
		;
	answer(&r);
	FCGX_Finish_r(&r);
}

int main(int argc, char **argv)
{
	struct sigaction sa = {.sa_handler = on_term};
	struct epoll_event e = {.events = EPOLLIN};
	int listener, epoll;

	if (argc != 2) {
		fprintf(stderr, "usage: hello_fcgi SOCKET\n");
		return 2;
	}
	FCGX_Init();
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	listener = listen_on(argv[1]);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	e.data.fd = listener;
	if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e) < 0)
		die("epoll");
	printf("ready\n");
	fflush(stdout);
	while (!stop) {
		struct epoll_event events[256];
		int n = epoll_wait(epoll, events, 256, -1);

		for (int i = 0; i < n; i++) {
			if (events[i].data.fd == listener)
				accept_all(epoll, listener);
			else
				serve(events[i].data.fd);
		}
	}
	unlink(argv[1]);
	return 0;
}
