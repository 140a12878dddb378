#ifndef HELPER_CAGE_H
#define HELPER_CAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"

/*
 * What a process that decodes a picture may still do: compute, take memory and
 * threads within bounds, read and write the descriptors that it has. No file
 * is opened, no socket made, no program started, no other process touched. It
 * dies with its parent and leaves no core. For good; called by the child that
 * does one conversion, before it looks at the first byte.
 *
 * parent: its process id. cpu_s: seconds of processor time. max_bytes: of each
 * file written. False: it is not caged, and must not go on.
 */
MUST_USE bool cage_enter(pid_t parent, int64_t cpu_s, int64_t max_bytes);

#endif
