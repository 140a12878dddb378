#ifndef INPUT_RESOLVE_H
#define INPUT_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/problem.h"
#include "input/files.h"
#include "manifest/endpoint.h"

/* A file of the request, as its job carries it (jobs/job_files.h). */
struct resolved_file {
	const char *field;  /* JSON Pointer into the inputs: "/photo" */
	const char *sha256; /* NULL: to be fetched */
	const char *url;    /* NULL: did not come by URL */
	/* of a file that is here: "png", "image/png" */
	const char *extension;
	const char *content_type;
	int64_t size_bytes;
	/* Where its name goes, as a JSON string: byte offsets into the prompt,
	 * ascending. The prompt has nothing there: "image":, */
	const size_t *at;
	size_t at_count;
	const char *of; /* mask: field of the picture whose alpha channel it
			 * becomes; else NULL */
};

/*
 * A caller's inputs -> the prompt for ComfyUI. Pure: the random seeds come in
 * as a function. Loop thread (and `comfygate check`).
 */
struct resolved {
	/* What the job tells back: {"prompt":"…","steps":25,"seed":7}, every
	 * input that has a value, in the manifest's order, numbers in the form
	 * they were given. In the arena. */
	const char *inputs;
	/* True when a seed was drawn, or a URL may give another file the next
	 * time: no later request is known to be identical. */
	bool random;
	/* The files that were given, in the manifest's order; in the arena. */
	const struct resolved_file *files;
	size_t file_count;
	bool unfetched; /* some are still to be fetched */
};

typedef uint64_t input_random_fn(void *ctx);

/*
 * Validates `body` (must be an object) against plan->inputs and, where nothing
 * is wrong, appends the prompt to `prompt` (which has its ceiling) and fills
 * *out. All problems are collected at once: pointers "/steps", "/images/2",
 * rules "required" "type" "minimum" "maximum" "multipleOf" "enum" "minLength"
 * "maxLength" "pattern" "minItems" "maxItems" "unknown" (with the nearest name
 * that exists), and those of files: see media/rule.h, and "format" (no form
 * that a file may have), "url", "upload" (not there, or not the caller's), "of"
 * (a mask whose picture is not given, or is of another size). A file that came
 * for an input that takes none is an error, too. In the job's inputs a file is
 * {"sha256":…,"content_type":…,"size_bytes":…,"width":…,"height":…}, or
 * {"url":…} without its query. Values are named in details only where they are
 * short and printable. files: what came beside the JSON and where uploads are;
 * NULL for neither. random gives 64 random bits; seeds drawn are below 2^53 and
 * within the input's maximum.
 */
MUST_USE bool input_resolve(const struct endpoint *e, const struct plan *plan,
			    const struct json *body,
			    const struct input_files *files,
			    input_random_fn *random, void *random_ctx,
			    struct arena *arena, struct buf *prompt,
			    struct resolved *out, struct problem_list *errors);

/* A manifest_check_fn (manifest/load.h) for examples: against every plan. */
void input_check_example(const struct endpoint *e, const char *inputs,
			 struct arena *arena, struct problem_list *errors);

#endif
