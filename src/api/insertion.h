#ifndef API_INSERTION_H
#define API_INSERTION_H

#include "api/intake.h"
#include "api/private.h"
#include "jobs/job.h"

/*
 * A request to run an endpoint on its way into the store, from before its
 * inputs are checked, as uploads that it names are pinned then. The loop makes
 * it and fills it in; once it is accepted and where it brings files, a body
 * thread stores them first; the store thread says what became of the job; the
 * loop answers. It goes from hand to hand and is never shared.
 */
struct insertion {
	struct api *api;
	uint64_t ticket;
	struct endpoint *endpoint; /* kept: texts of the job are its own */
	struct job job;
	/* Of a request with files: what the job's texts live in, as the
	 * exchange may be gone before the files are stored. */
	struct arena arena;
	struct intake *intake; /* NULL: no file came with the request */
	/* Uploads that it names: pinned, so that they stay until the job does
	 * name them. */
	const char **pins;
	size_t pin_count;
	enum store_outcome outcome;
	char id[ID_SIZE]; /* of the job, or of the first one with the key */
	struct waiter *waiter; /* made beforehand, parked after the commit */
	int64_t wait_ms;
};

struct insertion *insertion_create(struct call *c, struct endpoint *e);
/* Drops what it still has; unpins. */
void insertion_free(struct insertion *i);
/* An upload of the caller (struct input_files: upload), pinned. */
bool insertion_upload(void *insertion, const char *id, struct arena *a,
		      struct given_file *out);
/* The exchange is kept. Hands the job to the store, its files first; answers
 * when that is done. */
void insertion_start(struct insertion *i);

#endif
