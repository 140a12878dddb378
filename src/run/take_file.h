#ifndef RUN_TAKE_FILE_H
#define RUN_TAKE_FILE_H

#include "jobs/files.h"
#include "jobs/outputs.h"
#include "run/failure.h"
#include "run/slot.h"

/*
 * One output file of a run: fetched from ComfyUI, looked at, cleaned, converted
 * and put under the job. On the slot's fiber; may be done twice.
 *
 * index: which file of its output, from 0. *out is filled, its texts in the
 * slot's arena; the file is durable with the job's end. WRONG_KIND: it is not
 * what the output promises, and *out has only what it is.
 */
enum failure take_file(struct slot *s, const struct want *w,
		       const struct history_file *from, size_t index,
		       struct output_file *out);
/* file_sink_commit() for a file of the slot's job. */
MUST_USE bool take_commit(struct slot *s, struct file_sink *sink,
			  const char *name, int64_t *size,
			  char sha256[DIGEST_HEX_SIZE], struct problem *why);

#endif
