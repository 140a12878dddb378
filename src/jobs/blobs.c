#include "jobs/blobs.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/box.h"
#include "base/file.h"
#include "base/id.h"
#include "base/log.h"
#include "base/tally.h"
#include "base/text.h"

#define DIR_MODE  0700
#define FILE_MODE 0600
#define NAME_SIZE 80 /* "ab/<sha256>", "draft-<uuid>-<number>" */
#define DRAFT	  "draft-"
/* As often the disk is set to work while a large one is on its way. */
#define FLUSH_EVERY ((int64_t)4 << 20)

struct blobs {
	char *root;
	int dir; /* root, open: names below are relative to it */
	struct files *room;
	/* Drafts of this process begin with it: all others are left over. */
	char tag[sizeof(DRAFT) + ID_SIZE];
	atomic_ulong drafts; /* begun so far, to number them */

	struct box box; /* guards what follows */
	struct tally pins;
	char (*loose)[DIGEST_HEX_SIZE];
	size_t loose_count, loose_cap;
};

struct blob_draft {
	struct blobs *blobs;
	char name[NAME_SIZE];
	int fd;
	int error; /* errno of the first failure to write */
	bool too_large;
	int64_t size, max;
	int64_t flushed;       /* bytes that the disk was told to write */
	struct digest *digest; /* NULL: sha256 is known */
	char sha256[DIGEST_HEX_SIZE];
};

static bool failed(struct problem *why, const char *name, int error)
{
	return problem_set(why, PROBLEM_INTERNAL, name, "%s", strerror(error));
}

/* ---- opening and closing ---- */

struct blobs *blobs_open(const char *root, struct files *room,
			 struct problem *why)
{
	char id[ID_SIZE];
	struct blobs *b;
	int dir;

	if (!file_make_buckets(root, DIR_MODE, why))
		return NULL;
	dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0) {
		failed(why, root, errno);
		return NULL;
	}
	b = mem_alloc(sizeof(*b));
	b->root = mem_strdup(root);
	b->dir = dir;
	b->room = room;
	id_v4(id);
	snprintf(b->tag, sizeof(b->tag), DRAFT "%s-", id);
	atomic_init(&b->drafts, 0);
	box_init(&b->box);
	tally_init(&b->pins);
	return b;
}

void blobs_close(struct blobs *b)
{
	if (b == NULL)
		return;
	close(b->dir);
	tally_finish(&b->pins);
	box_finish(&b->box);
	free(b->loose);
	free(b->root);
	free(b);
}

/* "ab/ab12…" */
static void path_of(const char *sha256, char out[NAME_SIZE])
{
	assert(digest_hex_valid(sha256));
	snprintf(out, NAME_SIZE, "%.2s/%s", sha256, sha256);
}

static bool is_there(const struct blobs *b, const char *sha256, int64_t *size)
{
	char path[NAME_SIZE];
	struct stat st;

	path_of(sha256, path);
	if (fstatat(b->dir, path, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    !S_ISREG(st.st_mode))
		return false;
	*size = st.st_size;
	return true;
}

/* ---- pins ---- */

static void pin(struct blobs *b, const char *sha256)
{
	box_lock(&b->box);
	tally_add(&b->pins, sha256, 1);
	box_unlock(&b->box);
}

/* Box locked. */
static void add_loose(struct blobs *b, const char *sha256)
{
	if (b->loose_count == b->loose_cap) {
		b->loose_cap = b->loose_cap != 0 ? b->loose_cap * 2 : 64;
		b->loose =
			mem_resize(b->loose, b->loose_cap * sizeof(*b->loose));
	}
	memcpy(b->loose[b->loose_count++], sha256, DIGEST_HEX_SIZE);
}

void blobs_unpin(struct blobs *b, const char *sha256)
{
	box_lock(&b->box);
	assert(tally_get(&b->pins, sha256) > 0);
	tally_add(&b->pins, sha256, -1);
	if (tally_get(&b->pins, sha256) == 0)
		add_loose(b, sha256);
	box_unlock(&b->box);
}

/* Pinned first and looked for then: what is there now stays. */
bool blobs_pin(struct blobs *b, const char *sha256)
{
	int64_t size;

	if (!digest_hex_valid(sha256))
		return false;
	pin(b, sha256);
	if (is_there(b, sha256, &size))
		return true;
	blobs_unpin(b, sha256);
	return false;
}

size_t blobs_take_loose(struct blobs *b, char (*names)[DIGEST_HEX_SIZE],
			size_t max)
{
	size_t n;

	box_lock(&b->box);
	n = b->loose_count < max ? b->loose_count : max;
	b->loose_count -= n;
	if (n > 0)
		memcpy(names, b->loose[b->loose_count], n * sizeof(*names));
	box_unlock(&b->box);
	return n;
}

/* ---- writing one ---- */

struct blob_draft *blob_begin(struct blobs *b, int64_t max_bytes,
			      struct problem *why)
{
	struct blob_draft *d;

	if (!files_have_room(b->room)) {
		problem_set(why, PROBLEM_INTERNAL, b->root,
			    "the disk is as good as full");
		return NULL;
	}
	d = mem_alloc(sizeof(*d));
	snprintf(d->name, sizeof(d->name), "%s%lu", b->tag,
		 atomic_fetch_add(&b->drafts, 1));
	d->fd = openat(b->dir, d->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
		       FILE_MODE);
	if (d->fd < 0) {
		failed(why, b->root, errno);
		free(d);
		return NULL;
	}
	d->blobs = b;
	d->max = max_bytes;
	d->digest = digest_create();
	return d;
}

/* Not waited for: the fsync of the commit is, which then finds little left, and
 * tells what goes wrong here. */
static void begin_flush(struct blob_draft *d)
{
	int64_t whole = d->size / FLUSH_EVERY * FLUSH_EVERY;

	if (whole == d->flushed)
		return;
	(void)sync_file_range(d->fd, d->flushed, whole - d->flushed,
			      SYNC_FILE_RANGE_WRITE);
	d->flushed = whole;
}

bool blob_write(void *draft, const void *bytes, size_t n)
{
	struct blob_draft *d = draft;
	const unsigned char *p = bytes;

	assert(d->digest != NULL);
	if (d->error != 0 || d->too_large)
		return false;
	if ((int64_t)n > d->max - d->size) {
		d->too_large = true;
		return false;
	}
	digest_add(d->digest, p, n);
	while (n > 0) {
		ssize_t done = pwrite(d->fd, p, n, d->size);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0) {
			d->error = done < 0 ? errno : ENOSPC;
			return false;
		}
		d->size += done;
		p += done;
		n -= (size_t)done;
	}
	begin_flush(d);
	return true;
}

bool blob_too_large(const struct blob_draft *d)
{
	return d->too_large;
}

int blob_fd(const struct blob_draft *d)
{
	return d->fd;
}

void blob_digest(struct blob_draft *d, char sha256[DIGEST_HEX_SIZE],
		 int64_t *size)
{
	unsigned char digest[DIGEST_SIZE];

	if (d->digest != NULL) {
		digest_end(d->digest, digest);
		digest_hex(digest, d->sha256);
		d->digest = NULL;
	}
	memcpy(sha256, d->sha256, DIGEST_HEX_SIZE);
	*size = d->size;
}

static bool sync_bucket(const struct blobs *b, const char *sha256,
			struct problem *why)
{
	const char bucket[] = {sha256[0], sha256[1], '\0'};
	int fd = openat(b->dir, bucket, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool good;

	if (fd < 0)
		return failed(why, sha256, errno);
	good = fsync(fd) == 0 || failed(why, sha256, errno);
	close(fd);
	return good;
}

/*
 * Pinned by now, so what is there stays there. Two who commit the same bytes at
 * once both rename: the name then is of one of two files that are the same. The
 * folder is synced also for what was found, as whoever put it there may not
 * have come so far.
 */
static bool settle(struct blob_draft *d, struct problem *why)
{
	const struct blobs *b = d->blobs;
	char path[NAME_SIZE];
	int64_t size;

	if (!is_there(b, d->sha256, &size) || size != d->size) {
		path_of(d->sha256, path);
		if (fsync(d->fd) != 0 ||
		    renameat(b->dir, d->name, b->dir, path) != 0)
			return failed(why, b->root, errno);
		d->name[0] = '\0'; /* nothing is left to remove */
	}
	return sync_bucket(b, d->sha256, why);
}

bool blob_commit(struct blob_draft *d, char sha256[DIGEST_HEX_SIZE],
		 int64_t *size, struct problem *why)
{
	struct blobs *b = d->blobs;
	bool done = false;

	blob_digest(d, sha256, size);
	if (d->too_large) {
		problem_set(why, PROBLEM_TOO_LARGE, "",
			    "larger than %lld bytes", (long long)d->max);
	} else if (d->error != 0) {
		failed(why, b->root, d->error);
	} else {
		pin(b, sha256);
		done = settle(d, why);
		if (!done)
			blobs_unpin(b, sha256);
	}
	blob_abort(d);
	return done;
}

void blob_abort(struct blob_draft *d)
{
	unsigned char unused[DIGEST_SIZE];

	if (d == NULL)
		return;
	if (d->name[0] != '\0')
		unlinkat(d->blobs->dir, d->name, 0);
	if (d->digest != NULL)
		digest_end(d->digest, unused);
	close(d->fd);
	free(d);
}

/* ---- reading one, removing one ---- */

int blobs_file(struct blobs *b, const char *sha256)
{
	char path[NAME_SIZE];

	if (!digest_hex_valid(sha256))
		return -1;
	path_of(sha256, path);
	return openat(b->dir, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
}

/* Held open while its name goes: its blocks, which may be many, are given back
 * when it is closed, and by then the lock is not held. */
bool blobs_remove_unpinned(struct blobs *b, const char *sha256)
{
	char path[NAME_SIZE];
	int fd, error = 0;
	bool pinned;

	if (!digest_hex_valid(sha256))
		return true; /* somebody edited the database */
	path_of(sha256, path);
	fd = openat(b->dir, path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	box_lock(&b->box);
	pinned = tally_get(&b->pins, sha256) > 0;
	if (!pinned && unlinkat(b->dir, path, 0) != 0)
		error = errno;
	box_unlock(&b->box);
	if (fd >= 0)
		close(fd);
	if (error == ENOENT)
		error = 0;
	if (error != 0)
		log_event(LOG_WARN, "blob.left", "sha256", sha256, "why",
			  strerror(error), NULL);
	return !pinned && error == 0;
}

/* ---- walking over them ---- */

/* fn for each entry of a folder below the root; "." is the root. */
static void each_entry(const struct blobs *b, const char *folder,
		       void (*fn)(void *ctx, const char *name), void *ctx)
{
	int fd = openat(b->dir, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(dir)) != NULL)
		fn(ctx, entry->d_name);
	closedir(dir);
}

struct walk {
	void (*fn)(void *ctx, const char *sha256);
	void *ctx;
};

static void if_blob(void *ctx, const char *name)
{
	const struct walk *w = ctx;

	if (digest_hex_valid(name))
		w->fn(w->ctx, name);
}

void blobs_each(struct blobs *b, void (*fn)(void *ctx, const char *sha256),
		void *ctx)
{
	struct walk w = {fn, ctx};

	for (unsigned i = 0; i < FILE_BUCKETS; i++) {
		char bucket[8];

		snprintf(bucket, sizeof(bucket), "%02x", i);
		each_entry(b, bucket, if_blob, &w);
	}
}

struct sweep {
	struct blobs *blobs;
	size_t count;
};

static void if_left_over(void *ctx, const char *name)
{
	struct sweep *s = ctx;

	if (text_starts(name, DRAFT) && !text_starts(name, s->blobs->tag) &&
	    unlinkat(s->blobs->dir, name, 0) == 0)
		s->count++;
}

size_t blobs_sweep_drafts(struct blobs *b)
{
	struct sweep s = {.blobs = b};

	each_entry(b, ".", if_left_over, &s);
	return s.count;
}
