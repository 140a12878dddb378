#ifndef TESTS_UNIT_RAW_H
#define TESTS_UNIT_RAW_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * A server that says whatever a test wants, byte by byte: one thread, one
 * connection at a time, each handed to serve() with the request that came
 * (head and body) and closed behind it. It listens on a free loopback port.
 */
#define RAW_REQUEST_MAX ((size_t)1 << 20)

struct raw {
	/* n is the number of the connection, from 0. */
	void (*serve)(struct raw *r, int fd, unsigned n, const char *request);
	void *ctx;
	int port;
	int listener;
	int stop[2]; /* a pipe */
	pthread_t thread;
};

static inline bool raw_write(int fd, const void *bytes, size_t n)
{
	const char *at = bytes;

	while (n > 0) {
		ssize_t sent = send(fd, at, n, MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		at += sent;
		n -= (size_t)sent;
	}
	return true;
}

static inline bool raw_say(int fd, const char *text)
{
	return raw_write(fd, text, strlen(text));
}

/* An answer with a body and its length. */
static inline void raw_answer(int fd, const char *status, const char *type,
			      const char *body)
{
	char head[512];

	snprintf(head, sizeof(head),
		 "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
		 "Connection: close\r\n\r\n",
		 status, type, strlen(body));
	if (raw_say(fd, head))
		(void)raw_say(fd, body);
}

/* Until the peer closes; for servers that leave the end to it. */
static inline void raw_drain(int fd)
{
	char bytes[4096];

	while (recv(fd, bytes, sizeof(bytes), 0) > 0)
		;
}

static inline size_t raw_content_length(const char *head)
{
	const char *at = strcasestr(head, "\r\ncontent-length:");

	return at == NULL ? 0 : strtoul(at + 17, NULL, 10);
}

static inline bool raw_read_request(int fd, char *to)
{
	size_t len = 0;
	const char *end;

	for (;;) {
		ssize_t n = recv(fd, to + len, RAW_REQUEST_MAX - 1 - len, 0);

		if (n <= 0)
			return false;
		len += (size_t)n;
		to[len] = '\0';
		end = strstr(to, "\r\n\r\n");
		if (end != NULL &&
		    len - (size_t)(end + 4 - to) >= raw_content_length(to))
			return true;
	}
}

static void *raw_run(void *arg)
{
	struct raw *r = arg;
	char *request = malloc(RAW_REQUEST_MAX);

	for (unsigned n = 0;; n++) {
		struct pollfd fds[2] = {{r->listener, POLLIN, 0},
					{r->stop[0], POLLIN, 0}};
		int fd;

		if (poll(fds, 2, -1) < 0 || fds[1].revents != 0)
			break;
		fd = accept(r->listener, NULL, NULL);
		if (fd < 0)
			continue;
		if (raw_read_request(fd, request))
			r->serve(r, fd, n, request);
		close(fd);
	}
	free(request);
	return NULL;
}

static inline int raw_listen(int *port)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 ||
	    listen(fd, 64) != 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &len) != 0) {
		perror("raw_listen");
		exit(1);
	}
	*port = ntohs(at.sin_port);
	return fd;
}

static inline void
raw_start(struct raw *r,
	  void (*serve)(struct raw *, int, unsigned, const char *), void *ctx)
{
	r->serve = serve;
	r->ctx = ctx;
	r->listener = raw_listen(&r->port);
	if (pipe(r->stop) != 0 ||
	    pthread_create(&r->thread, NULL, raw_run, r) != 0) {
		perror("raw_start");
		exit(1);
	}
}

/* The connection being served must end by itself: stop the client first. */
static inline void raw_stop(struct raw *r)
{
	(void)!write(r->stop[1], "x", 1);
	pthread_join(r->thread, NULL);
	close(r->listener);
	close(r->stop[0]);
	close(r->stop[1]);
}

#endif
