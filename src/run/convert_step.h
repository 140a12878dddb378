#ifndef RUN_CONVERT_STEP_H
#define RUN_CONVERT_STEP_H

#include "jobs/outputs.h"
#include "media/kind.h"
#include "run/failure.h"
#include "run/slot.h"

/*
 * Pictures on their way from ComfyUI to a caller: another format, a thumbnail,
 * a placeholder, as the manifest asks. Called while an output is collected, on
 * the slot's fiber.
 */

/* What came of it besides the file itself. Zeroed is not enough: init it. */
struct converted {
	int thumbnail; /* an open file that is to be stored; -1: none */
	enum media_kind thumbnail_kind;
	const char *blurhash; /* or NULL */
};

#define CONVERTED_INIT                                                         \
	{                                                                      \
		.thumbnail = -1                                                \
	}

/* The helper is started while ComfyUI is at work, where a job will need it. */
void convert_prepare(struct slot *s);

/*
 * The file in `sink` is whole; clean it is, too, unless the output keeps its
 * metadata. It becomes the converted one, clean again, and `facts` those of it.
 * A file that is no picture which the helper reads gets neither thumbnail nor
 * placeholder; with a format it is FAILURE_UNCONVERTED, as is all that the
 * helper refuses or dies of.
 */
MUST_USE enum failure convert_output(struct slot *s, const struct want *w,
				     struct file_sink *sink,
				     struct media_facts *facts,
				     struct converted *c);
/* Stores what came of it and tells it in `out`, whose name is set. */
MUST_USE enum failure convert_store(struct slot *s, struct converted *c,
				    struct output_file *out);
void converted_finish(struct converted *c);

#endif
