#ifndef JOBS_JOB_FILES_H
#define JOBS_JOB_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"

/*
 * The input files of a job, as they are stored with it (struct job.files):
 *
 *	[{"field":"/photo","sha256":"9f86…","url":null,"extension":"png",
 *	  "content_type":"image/png","size_bytes":183201,"at":[120],"of":null},
 *	 {"field":"/refs/1","sha256":null,"url":"https://…","extension":null,
 *	  "content_type":null,"size_bytes":0,"at":[388,412],"of":null}]
 *
 * The second one is still to be fetched. api/ writes it, run/ completes it and
 * puts the names into the prompt, the store counts what it names. Pure.
 */
struct job_file {
	const char *field;	  /* JSON Pointer into the caller's inputs */
	const char *sha256;	  /* of jobs/blobs.h; NULL: to be fetched */
	const char *url;	  /* NULL: it did not come by URL */
	const char *extension;	  /* "png"; NULL before the fetch */
	const char *content_type; /* likewise */
	int64_t size_bytes;	  /* 0 before the fetch */
	/* Where in the prompt the name goes, as a JSON string: byte offsets
	 * into the text as it is stored, each past the one before. */
	const size_t *at;
	size_t at_count;
	/* A mask: the field of the picture whose alpha channel it becomes. */
	const char *of;
};

void job_files_write(const struct job_file *f, size_t count, struct buf *to);
/* Everything lives in the arena. NULL is a text, too: no files. False for a
 * text that job_files_write() did not write. */
MUST_USE bool job_files_read(const char *text, struct arena *a,
			     struct job_file **out, size_t *count);

#endif
