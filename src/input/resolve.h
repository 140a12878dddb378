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
#include "manifest/endpoint.h"

/*
 * A caller's inputs -> the prompt for ComfyUI. Pure: the random seeds come in
 * as a function. Loop thread (and `comfygate check`).
 */
struct resolved {
	/* What the job tells back: {"prompt":"…","steps":25,"seed":7}, every
	 * input that has a value, in the manifest's order, numbers in the form
	 * they were given. In the arena. */
	const char *inputs;
	/* True when a seed was drawn, so no later request is identical. */
	bool random;
};

typedef uint64_t input_random_fn(void *ctx);

/*
 * Validates `body` (must be an object) against plan->inputs and, where nothing
 * is wrong, appends the prompt to `prompt` (which has its ceiling) and fills
 * *out. All problems are collected at once: pointers "/steps", "/images/2",
 * rules "required" "type" "minimum" "maximum" "multipleOf" "enum" "minLength"
 * "maxLength" "pattern" "minItems" "maxItems" "unknown" (with the nearest name
 * that exists). Values are named in details only where they are short and
 * printable. random gives 64 random bits; seeds drawn are below 2^53 and
 * within the input's maximum.
 */
MUST_USE bool input_resolve(const struct endpoint *e, const struct plan *plan,
			    const struct json *body, input_random_fn *random,
			    void *random_ctx, struct arena *arena,
			    struct buf *prompt, struct resolved *out,
			    struct problem_list *errors);

/* A manifest_check_fn (manifest/load.h) for examples: against every plan. */
void input_check_example(const struct endpoint *e, const char *inputs,
			 struct arena *arena, struct problem_list *errors);

#endif
