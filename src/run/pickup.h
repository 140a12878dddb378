#ifndef RUN_PICKUP_H
#define RUN_PICKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/fetch.h"
#include "base/id.h"
#include "base/problem.h"
#include "jobs/blobs.h"
#include "jobs/job_files.h"
#include "jobs/recipe.h"
#include "jobs/store.h"
#include "media/kind.h"

/*
 * One job in PHASE_FETCHING while run/fetcher.c has it: the URLs of its files,
 * each once, what came of them, and how it ends. Fetch thread.
 *
 * What is wrong is gathered over all files and told at once. What came from an
 * address that is not public is told of in one sentence only, be it that
 * nothing came, or that something came which is not what the input takes.
 */
enum download_state {
	DOWNLOAD_WAITS, /* for its turn, or for another try */
	DOWNLOAD_RUNS,
	DOWNLOAD_HERE, /* in the draft, and as its inputs want it */
	DOWNLOAD_FAILED,
};

struct download {
	struct pickup *pickup;
	const char *url;
	int64_t max_bytes;
	enum download_state state;
	unsigned tries;
	int64_t not_before; /* monotonic ms */
	int64_t until;	    /* likewise; 0 before the first try */
	struct blob_draft *draft;
	struct fetch_transfer *transfer;
	int64_t size; /* in the draft */
	const struct media_type *type;
};

struct pickup {
	struct pickup *next; /* of the fetcher */
	struct owner *owner; /* likewise */
	struct arena arena;
	char id[ID_SIZE];
	int64_t deadline_at; /* wall ms */
	struct job_file *files;
	size_t file_count;
	struct recipe recipe;
	struct download *downloads;
	size_t count, open; /* open: wait or run */
	struct problem_list errors;
};

/* A job as store_fetching() gives it; nothing of it is kept. No file may have
 * more bytes than `most`. NULL: its texts cannot be read. */
MUST_USE struct pickup *pickup_create(const struct job *job, int64_t most,
				      struct problem *why);
/* No transfer is left. */
void pickup_destroy(struct pickup *p);

/* The whole of it is in the draft: it is looked at, and kept or given up.
 * `inside`: it came from an address that is not public. */
void download_arrived(struct download *d, bool inside);
/* It will not come. */
void download_failed(struct download *d, const struct fetch_result *r);
/* Back to the line, for a try at `not_before` (monotonic ms). */
void download_again(struct download *d, int64_t not_before);

enum pickup_end {
	PICKUP_OVER,  /* stored, or it was not ours any more */
	PICKUP_AGAIN, /* the disk failed: all of it is to be fetched again */
};

/* When nothing is open any more. Waits for the store. */
enum pickup_end pickup_finish(struct pickup *p, struct store *store,
			      struct blobs *blobs);

#endif
