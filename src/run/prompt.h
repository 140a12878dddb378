#ifndef RUN_PROMPT_H
#define RUN_PROMPT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

/*
 * The graph of a job as a graph: what a node is, and what stands behind it.
 * Parsed only for jobs that need it (those that take long enough to show
 * progress, those whose graph was refused in part). One slot.
 *
 *	{"3":{"class_type":"KSampler","inputs":{"steps":20,"model":["4",0]}}}
 */
struct prompt;

/* NULL for a text that is no graph. */
struct prompt *prompt_create(const char *text);
void prompt_destroy(struct prompt *p);
size_t prompt_nodes(const struct prompt *p);
/* "" where there is no such node. */
const char *prompt_class(const struct prompt *p, const char *node);
/* True when `node` is `from` or something that `from` depends on. */
bool prompt_needs(const struct prompt *p, const char *from, const char *node);

#endif
