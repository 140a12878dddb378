#include "jobs/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/log.h"

/*
 * A record:
 *	"cgo1" <size, 4, low byte first> <job, 36> <name, 96, filled with 0>
 *	<SHA-256 of the bytes, 32> <SHA-256 of all before, 32> <bytes>
 */
#define MARK	  "cgo1"
#define SIZE_AT	  4
#define JOB_AT	  8
#define NAME_AT	  (JOB_AT + ID_SIZE - 1)
#define NAME_LEN  (JOURNAL_NAME_SIZE - 1)
#define SHA_AT	  (NAME_AT + NAME_LEN)
#define CHECK_AT  (SHA_AT + DIGEST_SIZE)
#define HEAD_SIZE (CHECK_AT + DIGEST_SIZE)

#define FILL_PIECE ((size_t)1024 * 1024)

enum { NONE = -1 };

struct journal {
	int fd;
	unsigned half;	 /* in use */
	size_t at;	 /* in that half */
	bool used;	 /* since it was opened */
	bool failed;	 /* a sync did, which is told once: nothing is freed */
	atomic_int full; /* the other half, until it is free; NONE: it is */
};

struct journal *journal_open(const char *path, struct problem *why)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct journal *j;

	if (fd < 0) {
		problem_set(why, PROBLEM_INTERNAL, path, "%s", strerror(errno));
		return NULL;
	}
	j = mem_alloc(sizeof(*j));
	j->fd = fd;
	atomic_init(&j->full, NONE);
	return j;
}

bool journal_empty(struct journal *j)
{
	if (syncfs(j->fd) != 0 || ftruncate(j->fd, 0) != 0)
		return false;
	j->half = 0;
	j->at = 0;
	atomic_store(&j->full, NONE);
	return true;
}

void journal_fill(struct journal *j)
{
	unsigned char *zeros = mem_alloc(FILL_PIECE);
	bool good = true;

	for (size_t at = 0; good && at < 2 * JOURNAL_HALF; at += FILL_PIECE)
		good = file_write_at(j->fd, zeros, FILL_PIECE, (int64_t)at);
	free(zeros);
	if (good && fdatasync(j->fd) == 0)
		return;
	log_event(LOG_WARN, "journal.not_filled", "why", strerror(errno), NULL);
	(void)!ftruncate(j->fd, 0);
}

void journal_close(struct journal *j)
{
	if (j == NULL)
		return;
	if (j->used && !j->failed)
		(void)journal_empty(j);
	close(j->fd);
	free(j);
}

void journal_put(const struct journal_record *r, struct buf *to)
{
	unsigned char head[HEAD_SIZE] = MARK;

	for (unsigned i = 0; i < 4; i++)
		head[SIZE_AT + i] = (unsigned char)(r->n >> 8 * i);
	memcpy(head + JOB_AT, r->job, ID_SIZE - 1);
	memcpy(head + NAME_AT, r->name, strnlen(r->name, NAME_LEN));
	memcpy(head + SHA_AT, r->sha256, DIGEST_SIZE);
	digest_sha256(head, CHECK_AT, head + CHECK_AT);
	buf_add(to, head, HEAD_SIZE);
	buf_add(to, r->bytes, r->n);
}

static bool name_get(const unsigned char *at, char name[JOURNAL_NAME_SIZE])
{
	memcpy(name, at, NAME_LEN);
	name[NAME_LEN] = '\0';
	for (size_t i = strlen(name); i < NAME_LEN; i++)
		if (name[i] != '\0')
			return false;
	return true;
}

size_t journal_get(const unsigned char *bytes, size_t n,
		   struct journal_record *out, char name[JOURNAL_NAME_SIZE])
{
	unsigned char sha[DIGEST_SIZE];
	size_t size = 0;

	if (n < HEAD_SIZE || memcmp(bytes, MARK, SIZE_AT) != 0)
		return 0;
	for (unsigned i = 4; i-- > 0;)
		size = size << 8 | bytes[SIZE_AT + i];
	if (size > n - HEAD_SIZE)
		return 0;
	digest_sha256(bytes, CHECK_AT, sha);
	if (memcmp(sha, bytes + CHECK_AT, DIGEST_SIZE) != 0)
		return 0;
	digest_sha256(bytes + HEAD_SIZE, size, sha);
	if (memcmp(sha, bytes + SHA_AT, DIGEST_SIZE) != 0 ||
	    !name_get(bytes + NAME_AT, name))
		return 0;
	memcpy(out->job, bytes + JOB_AT, ID_SIZE - 1);
	out->job[ID_SIZE - 1] = '\0';
	out->name = name;
	memcpy(out->sha256, sha, DIGEST_SIZE);
	out->bytes = bytes + HEAD_SIZE;
	out->n = size;
	return HEAD_SIZE + size;
}

/* Begins the other half; false while that is not free. */
static bool turn(struct journal *j)
{
	int none = NONE;

	if (!atomic_compare_exchange_strong(&j->full, &none, (int)j->half))
		return false;
	j->half ^= 1;
	j->at = 0;
	return true;
}

bool journal_add(struct journal *j, const void *records, size_t n)
{
	int64_t to;

	if (n > JOURNAL_HALF || (n > JOURNAL_HALF - j->at && !turn(j)))
		return false;
	to = (int64_t)(j->half * JOURNAL_HALF + j->at);
	j->used = true;
	if (!file_write_at(j->fd, records, n, to) || fdatasync(j->fd) != 0) {
		log_event(LOG_ERROR, "journal.not_written", "why",
			  strerror(errno), NULL);
		return false;
	}
	j->at += n;
	return true;
}

void journal_settle(struct journal *j)
{
	if (j->failed || atomic_load(&j->full) == NONE)
		return;
	if (syncfs(j->fd) == 0) {
		atomic_store(&j->full, NONE);
		return;
	}
	j->failed = true;
	log_event(LOG_ERROR, "journal.not_settled", "why", strerror(errno),
		  NULL);
}

/* As much of a half as there is; -1: it cannot be read. */
static ssize_t read_half(struct journal *j, unsigned half, unsigned char *to)
{
	size_t got = 0;

	while (got < JOURNAL_HALF) {
		ssize_t n = pread(j->fd, to + got, JOURNAL_HALF - got,
				  (off_t)(half * JOURNAL_HALF + got));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

/* Up to the first that is none. */
static bool each_in(const unsigned char *bytes, size_t n, journal_fn *fn,
		    void *ctx)
{
	char name[JOURNAL_NAME_SIZE];
	struct journal_record r;
	size_t size;

	while ((size = journal_get(bytes, n, &r, name)) > 0) {
		if (!fn(ctx, &r))
			return false;
		bytes += size;
		n -= size;
	}
	return true;
}

bool journal_each(struct journal *j, journal_fn *fn, void *ctx,
		  struct problem *why)
{
	unsigned char *bytes = mem_alloc(JOURNAL_HALF);
	bool good = true;

	for (unsigned half = 0; good && half < 2; half++) {
		ssize_t n = read_half(j, half, bytes);

		good = n >= 0 ? each_in(bytes, (size_t)n, fn, ctx)
			      : problem_set(why, PROBLEM_INTERNAL, "journal",
					    "%s", strerror(errno));
	}
	free(bytes);
	return good;
}
