#ifndef RUN_PREPARE_H
#define RUN_PREPARE_H

#include <stdbool.h>

#include "jobs/job_files.h"
#include "run/failure.h"
#include "run/slot.h"

/*
 * The input files of a job before its prompt is posted: each has to be in the
 * input folder of the ComfyUI that this slot works for, and its name in the
 * prompt. On the slot's fiber; every step may be done twice.
 *
 * Files are called by their content, so what is there need not be sent again,
 * whoever sent it, and a server that lost its files shows it by a HEAD:
 *
 *	comfygate/<sha256>.<extension>
 *	comfygate/<sha256 of a picture>-<sha256 of its mask>.png
 */
struct input_file {
	struct job_file of_job;
	/* A picture whose alpha channel is another file of this job: that one,
	 * and what the server makes of the two is called so. Else NULL. */
	const struct input_file *mask;
	const char *name;     /* its own */
	const char *composed; /* with its mask; NULL */
	/* Where it is there, as said by the server that took it; before that,
	 * as it would be. */
	const char *subfolder;
	const char *there;
	bool anew; /* write over what is said to be there */
};

/* Reads the job's files and makes s->text of its prompt, with the names that
 * they will have. False: the job cannot be read. */
MUST_USE bool prepare_names(struct slot *s);
/* Uploads what is not there, and makes s->text anew where the server called a
 * file otherwise. NONE: the prompt can be posted. */
enum failure prepare_files(struct slot *s);

/* An error of the graph at this input of a node: was it a file of the job?
 * Then that file is not trusted to be there any more. */
bool prepare_blame_input(struct slot *s, const char *node, const char *input);
/* A run that raised: UNREAD, with s->problem, if it was at a node that was
 * given a file or a file is not there any more; else RAISED. */
enum failure prepare_blame_run(struct slot *s);

#endif
