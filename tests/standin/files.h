/*
 * Where pictures lie: input, output and temp below the folder of the stand-in,
 * or, with --fast, outputs in memory. Functions say when they take the lock.
 */
#ifndef STANDIN_FILES_H
#define STANDIN_FILES_H

#include "world.h"

/* the folder of "input", "output" or "temp"; NULL for any other type */
const char *files_dir(const struct world *w, const char *type);
/* the path "name [output]" means; type is used when it says nothing */
void files_annotated(const struct world *w, const char *name, const char *type,
		     struct str *path);
/*
 * Stores one output under prefix; gives its name and subfolder. False when the
 * prefix leads out of the folder. Worker only; takes the lock.
 */
MUST_USE bool files_save(struct world *w, const char *type, const char *prefix,
			 const char *ending, int width, int height,
			 const struct str *bytes, struct str *name,
			 struct str *subfolder);
/* Stores one under the very name. False when there is no such type or the disk
 * says no. Worker only; takes the lock. */
MUST_USE bool files_put(struct world *w, const char *type,
			const char *subfolder, const char *name,
			const struct str *bytes);
/* a file kept in memory; false when there is none. Lock held. */
bool files_memory(struct world *w, const char *type, const char *subfolder,
		  const char *name, struct str *out);
void files_forget(struct world *w);
const char *files_mime(const char *name);

#endif
