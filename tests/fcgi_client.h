#ifndef TESTS_FCGI_CLIENT_H
#define TESTS_FCGI_CLIENT_H

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"

/*
 * The other end of FastCGI, small and plain, for tests: what nginx sends, and
 * what it reads, with nothing of src/http in it. Every wait ends after
 * FCGI_PATIENCE_MS, so a test fails and does not hang.
 */
#define FCGI_PATIENCE_MS 20000

struct fcgi_answer {
	struct buf text; /* all of STDOUT: headers, empty line, body */
	unsigned id;	 /* of the records; 0: they differed */
	bool ended;	 /* END_REQUEST came */
	bool closed;	 /* end of file, before or after that */
	bool broken;	 /* not FastCGI */
};

static inline int fcgi_connect(const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(at.sun_path))
		abort();
	memcpy(at.sun_path, path, strlen(path) + 1);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static inline void fcgi_record(struct buf *to, unsigned type, unsigned id,
			       const void *bytes, size_t n, unsigned padding)
{
	unsigned char head[8] = {1,
				 (unsigned char)type,
				 (unsigned char)(id >> 8),
				 (unsigned char)id,
				 (unsigned char)(n >> 8),
				 (unsigned char)n,
				 (unsigned char)padding,
				 0};

	buf_add(to, head, sizeof(head));
	buf_add(to, bytes, n);
	for (; padding > 0; padding--)
		buf_addc(to, 'p');
}

static inline void fcgi_begin(struct buf *to, unsigned id, bool keep)
{
	unsigned char body[8] = {0, 1, keep, 0, 0, 0, 0, 0};

	fcgi_record(to, 1, id, body, sizeof(body), 0);
}

static inline void fcgi_length(struct buf *to, size_t n)
{
	if (n > 127) {
		buf_addc(to, (char)(n >> 24 | 0x80));
		buf_addc(to, (char)(n >> 16));
		buf_addc(to, (char)(n >> 8));
	}
	buf_addc(to, (char)n);
}

static inline void fcgi_param(struct buf *to, const char *name,
			      const char *value)
{
	fcgi_length(to, strlen(name));
	fcgi_length(to, strlen(value));
	buf_adds(to, name);
	buf_adds(to, value);
}

/* BEGIN, the parameters in records of at most `cut` bytes, the body. */
static inline void fcgi_whole(struct buf *to, unsigned id, bool keep,
			      const struct buf *params, size_t cut,
			      const char *body, size_t n)
{
	fcgi_begin(to, id, keep);
	for (size_t at = 0; at < params->len; at += cut) {
		size_t part = params->len - at < cut ? params->len - at : cut;

		fcgi_record(to, 4, id, params->at + at, part,
			    (unsigned)(8 - part % 8) % 8);
	}
	fcgi_record(to, 4, id, "", 0, 0);
	for (size_t at = 0; at < n; at += 32768) {
		size_t part = n - at < 32768 ? n - at : 32768;

		fcgi_record(to, 5, id, body + at, part, 0);
	}
	fcgi_record(to, 5, id, "", 0, 0);
}

/* `more` holds names and values, ended by NULL; or is NULL. */
static inline void fcgi_request(struct buf *to, unsigned id, bool keep,
				const char *method, const char *uri,
				const char *const *more, const char *body,
				size_t n)
{
	struct buf params;

	buf_init(&params, 1 << 20);
	fcgi_param(&params, "REQUEST_METHOD", method);
	fcgi_param(&params, "REQUEST_URI", uri);
	for (; more != NULL && more[0] != NULL; more += 2)
		fcgi_param(&params, more[0], more[1]);
	fcgi_whole(to, id, keep, &params, 32768, body, n);
	buf_finish(&params);
}

static inline bool fcgi_send(int fd, const void *bytes, size_t n)
{
	const char *at = bytes;

	while (n > 0) {
		ssize_t sent = send(fd, at, n, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return false;
		at += sent;
		n -= (size_t)sent;
	}
	return true;
}

/* 1: all n bytes; 0: end of file or an error; -1: nothing came in time. */
static inline int fcgi_take(int fd, void *to, size_t n)
{
	char *at = to;

	while (n > 0) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ssize_t got;

		if (poll(&p, 1, FCGI_PATIENCE_MS) <= 0)
			return -1;
		got = recv(fd, at, n, 0);
		if (got <= 0)
			return 0;
		at += got;
		n -= (size_t)got;
	}
	return 1;
}

/* One record; false at the end of the connection. */
static inline bool fcgi_read_record(int fd, struct fcgi_answer *a)
{
	unsigned char head[8];
	char body[65536 + 256];
	unsigned id;
	size_t n;
	int got = fcgi_take(fd, head, sizeof(head));

	if (got != 1) {
		a->closed = got == 0;
		return false;
	}
	id = (unsigned)head[2] << 8 | head[3];
	n = ((size_t)head[4] << 8 | head[5]);
	if (a->id == ~0U)
		a->id = id;
	else if (a->id != id)
		a->id = 0;
	if (head[0] != 1 || (head[1] != 6 && head[1] != 3) ||
	    fcgi_take(fd, body, n + head[6]) != 1) {
		a->broken = true;
		return false;
	}
	if (head[1] == 6)
		buf_add(&a->text, body, n);
	a->ended = head[1] == 3;
	return true;
}

static inline void fcgi_answer_init(struct fcgi_answer *a)
{
	*a = (struct fcgi_answer){.id = ~0U};
	buf_init(&a->text, 1 << 26);
}

/* Until END_REQUEST or the end of the connection. */
static inline void fcgi_read(int fd, struct fcgi_answer *a)
{
	fcgi_answer_init(a);
	while (!a->ended && fcgi_read_record(fd, a))
		;
}

static inline void fcgi_answer_finish(struct fcgi_answer *a)
{
	buf_finish(&a->text);
}

static inline const char *fcgi_body(const struct fcgi_answer *a)
{
	const char *gap = strstr(buf_str(&a->text), "\r\n\r\n");

	return gap != NULL ? gap + 4 : "";
}

static inline size_t fcgi_body_len(const struct fcgi_answer *a)
{
	return a->text.len - (size_t)(fcgi_body(a) - buf_str(&a->text));
}

static inline int fcgi_status(const struct fcgi_answer *a)
{
	const char *text = buf_str(&a->text);

	if (strncmp(text, "Status: ", 8) != 0)
		return 0;
	return (int)strtol(text + 8, NULL, 10);
}

/* Nothing more comes: the other side closed the connection. */
static inline bool fcgi_closed(int fd)
{
	char c;

	return fcgi_take(fd, &c, 1) == 0;
}

#endif
