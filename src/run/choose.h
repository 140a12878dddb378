#ifndef RUN_CHOOSE_H
#define RUN_CHOOSE_H

#include <stddef.h>

#include "base/arena.h"
#include "base/attr.h"
#include "comfy/history.h"
#include "jobs/recipe.h"
#include "media/kind.h"

/*
 * Which of the files that a run names are those of an output. Pure; what the
 * bytes turn out to be decides in the end (media/serve.h).
 */

/* Is it a list that the output is about? */
MUST_USE bool choose_list(const struct want *w, const struct history_list *l);
/* What its files are to be; MEDIA_OTHER: anything. */
enum media_class choose_class(const struct want *w);
/*
 * The files to look at, in the order of the entry: of those that count
 * (previews only with `temp`, inputs never), the ones whose name does not say
 * that they are something else; all where each name does. *out is in the arena.
 */
size_t choose_files(const struct want *w, const struct history *h,
		    struct arena *a, const struct history_file ***out);

#endif
