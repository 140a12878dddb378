#include <errno.h>
#include <fcgiapp.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "http/fastcgi.h"
#include "http/records.h"

/* What a pipe must hold: the parameters, and around them the heads of four
 * records and the content of BEGIN_REQUEST. */
#define PIPE_LEAST (FRAMES_PARAMS_MAX + 5 * 8)

static bool open_pipe(struct fastcgi *f)
{
	int ends[2];

	if (f->in >= 0)
		return true;
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return false;
	f->in = ends[0];
	f->out = ends[1];
	/* Smaller than usual for a user who has very many. */
	if (fcntl(f->out, F_GETPIPE_SZ) >= PIPE_LEAST ||
	    fcntl(f->out, F_SETPIPE_SZ, PIPE_LEAST) >= PIPE_LEAST)
		return true;
	fastcgi_close(f);
	return false;
}

bool fastcgi_open(struct fastcgi *f, struct problem *why)
{
	static const int taken[] = {SIGTERM, SIGUSR1, SIGPIPE};
	struct sigaction before[COUNT(taken)];
	int failed;

	f->in = f->out = -1;
	for (size_t i = 0; i < COUNT(taken); i++)
		sigaction(taken[i], NULL, &before[i]);
	failed = FCGX_Init();
	for (size_t i = 0; i < COUNT(taken); i++)
		sigaction(taken[i], &before[i], NULL);
	if (failed)
		return problem_set(why, PROBLEM_INTERNAL, "",
				   "libfcgi does not start: error %d", failed);
	if (!open_pipe(f))
		return problem_set(why, PROBLEM_INTERNAL, "", "pipe: %s",
				   strerror(errno));
	return true;
}

void fastcgi_close(struct fastcgi *f)
{
	if (f->in >= 0)
		close(f->in);
	if (f->out >= 0)
		close(f->out);
	f->in = f->out = -1;
}

static bool length(const unsigned char **at, const unsigned char *end,
		   size_t *out)
{
	const unsigned char *p = *at;

	if (p == end)
		return false;
	if (*p < 0x80) {
		*out = *p;
		*at = p + 1;
		return true;
	}
	if (end - p < 4)
		return false;
	*out = (size_t)(p[0] & 0x7f) << 24 | (size_t)p[1] << 16 |
	       (size_t)p[2] << 8 | p[3];
	*at = p + 4;
	return true;
}

/*
 * libfcgi 2.4.2 as Debian 12 ships it adds two lengths of nearly 2^31 as ints
 * and asks malloc for the sum (the rest of CVE-2025-23016, mended in 2.4.7).
 * So lengths that do not fit the bytes there are never reach it; nor does a
 * NUL, which would cut a value short.
 */
static bool lengths_fit(const struct frames *whole)
{
	const unsigned char *at = (const unsigned char *)whole->params;
	const unsigned char *end;
	size_t name, value;

	if (whole->params_len == 0)
		return true;
	end = at + whole->params_len;
	while (at < end) {
		if (!length(&at, end, &name) || !length(&at, end, &value))
			return false;
		if (name + value > (size_t)(end - at))
			return false;
		if (memchr(at, '\0', name + value) != NULL)
			return false;
		at += name + value;
	}
	return true;
}

/* BEGIN_REQUEST, all parameters, their end, no body. */
static bool put_request(struct fastcgi *f, const struct frames *whole)
{
	unsigned char begin[24], end[16];
	struct iovec iov[3] = {
		{.iov_base = begin, .iov_len = sizeof(begin)},
		{.iov_base = whole->params, .iov_len = whole->params_len},
		{.iov_base = end, .iov_len = sizeof(end)},
	};
	size_t total = sizeof(begin) + whole->params_len + sizeof(end);

	record_head(begin, RECORD_BEGIN, whole->id, 8);
	memcpy(begin + 8, whole->begin, 8);
	record_head(begin + 16, RECORD_PARAMS, whole->id, whole->params_len);
	record_head(end, RECORD_PARAMS, whole->id, 0);
	record_head(end + 8, RECORD_STDIN, whole->id, 0);
	if (whole->params_len == 0) {
		/* An empty PARAMS record is their end already. */
		iov[1] = (struct iovec){.iov_base = end + 8, .iov_len = 8};
		iov[2] = (struct iovec){.iov_base = end, .iov_len = 0};
		total = sizeof(begin) + 8;
	}
	return open_pipe(f) && writev(f->out, iov, 3) == (ssize_t)total;
}

static void copy_params(const FCGX_Request *r, struct arena *arena,
			struct fastcgi_request *out)
{
	size_t n = 0;

	while (r->envp[n] != NULL)
		n++;
	out->params = arena_array(arena, n, sizeof(*out->params));
	out->count = 0;
	for (size_t i = 0; i < n; i++) {
		char *name = arena_strdup(arena, r->envp[i]);
		char *equals = strchr(name, '=');

		if (equals == NULL)
			continue;
		*equals = '\0';
		out->params[out->count++] = (struct fastcgi_param){
			.name = name,
			.value = equals + 1,
		};
	}
}

/* False: something may be left in the pipe. */
static bool parse(struct fastcgi *f, struct arena *arena,
		  struct fastcgi_request *out)
{
	FCGX_Request r;
	char rest;
	bool right;

	FCGX_InitRequest(&r, -1, 0);
	r.ipcFd = f->in;
	/* Or FCGX_Accept_r() begins by closing the descriptor; and detached,
	 * so that closing it on an error does not linger. */
	r.keepConnection = 1;
	FCGX_Detach(&r);
	if (FCGX_Accept_r(&r) < 0) {
		f->in = -1; /* it has closed it */
		return false;
	}
	right = FCGX_GetStr(&rest, 1, r.in) == 0 && FCGX_GetError(r.in) == 0;
	out->keep_conn = r.keepConnection != 0;
	if (right)
		copy_params(&r, arena, out);
	FCGX_Free(&r, 0);
	return right;
}

bool fastcgi_parse(struct fastcgi *f, const struct frames *whole,
		   struct arena *arena, struct fastcgi_request *out)
{
	if (!lengths_fit(whole))
		return false;
	if (put_request(f, whole) && parse(f, arena, out))
		return true;
	fastcgi_close(f); /* the next one gets a pipe of its own */
	return false;
}
