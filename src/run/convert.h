#ifndef RUN_CONVERT_H
#define RUN_CONVERT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "media/convert.h"

/*
 * The daemon's side of comfygate-media (media/convert.h): starts it when it is
 * first needed, and again when it has died, at most once a second; asks for
 * conversions. Any fiber or thread, several at once: the helper works on as
 * many as there are processors, the others wait for their turn. The lock inside
 * is held while the helper is started (about a millisecond), never while one
 * works.
 */
struct convert;

/* Where the helper is: `named` where that is not empty, else beside this
 * program, or in ../libexec of its folder. NULL: there is none that can be
 * run. */
const char *convert_find(const char *named, struct arena *a);

/* path: of the helper; NULL: there is none, and nothing can be converted. */
struct convert *convert_create(const char *path, int64_t timeout_ms);
/* After the last user; the helper ends. NULL is fine. */
void convert_destroy(struct convert *c);

/* Starts the helper ahead of need; never waits for it. */
void convert_warm(struct convert *c);

enum convert_outcome {
	CONVERT_DONE,
	CONVERT_BAD,	 /* the picture is broken, or too large */
	CONVERT_DIED,	 /* the decoder crashed, or took too much memory */
	CONVERT_LATE,	 /* it took longer than it may */
	CONVERT_STOPPED, /* told so by `stop` */
	CONVERT_ABSENT,	 /* there is no helper, or it cannot be started */
	CONVERT__COUNT
};

const char *convert_outcome_name(enum convert_outcome o); /* "late" */

/*
 * request: without version and timeout_ms. in: open for reading; its offset is
 * of no account. out, small: files to write, empty; -1 where the request wants
 * none. When it returns nobody else holds them, unless it was STOPPED. stop is
 * asked again and again. The answer's texts are well formed; what was written
 * is to be looked at.
 */
struct convert_task {
	struct convert_request request;
	int in, out, small;
	bool (*stop)(void *ctx);
	void *ctx;
};

MUST_USE enum convert_outcome convert_run(struct convert *c,
					  const struct convert_task *t,
					  struct convert_answer *answer);

#endif
