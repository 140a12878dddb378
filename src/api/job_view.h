#ifndef API_JOB_VIEW_H
#define API_JOB_VIEW_H

#include "api/api.h"
#include "api/link.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "jobs/job.h"
#include "jobs/outputs.h"

/*
 * A job as callers see it (docs/api.md, "The job object"): rendered from the
 * stored row, the queue and the board. Nothing private is in it. Loop thread.
 */
void job_view_write(struct api *a, struct link_base base, const struct job *job,
		    struct arena *arena, struct json_writer *w);

/* The failure of a job that failed: what its problem column holds. */
struct job_failure {
	enum problem_code code;
	const char *detail;
	const char *errors; /* JSON array text or NULL */
};

struct job_failure job_failure_read(const struct job *job, struct arena *arena);
/* The signed URL of one of its files, good until the file goes at most. */
const char *job_file_url(struct api *a, struct link_base base,
			 const struct job *job, const struct output_file *f,
			 struct arena *arena);
/* "/v1/jobs/<id>" */
const char *job_path(const struct job *job, struct arena *arena);

#endif
