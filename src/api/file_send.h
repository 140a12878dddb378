#ifndef API_FILE_SEND_H
#define API_FILE_SEND_H

#include "base/arena.h"
#include "http/exchange.h"

/*
 * Replies with an output file: nginx sends it, from the place that is named
 * here (X-Accel-Redirect). name is the file's, path of files_path(). Headers in
 * *r stay; Content-Type, Content-Disposition and nosniff are added. `download`:
 * a browser shall save it, whatever it is. Loop thread.
 */
void file_send(struct exchange *x, struct reply *r, const char *name,
	       const char *path, bool download, struct arena *arena);

#endif
