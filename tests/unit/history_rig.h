#ifndef UNIT_HISTORY_RIG_H
#define UNIT_HISTORY_RIG_H

#include <string.h>

#include "base/buf.h"
#include "comfy/history.h"

/* Reads one entry of a history, given by its text. */
static inline bool history_of(const char *entry, struct arena *a,
			      struct history *out, struct problem *why)
{
	struct history_entry found;
	struct buf b;
	bool good;

	buf_init(&b, strlen(entry) + 16);
	buf_addf(&b, "{\"id\": %s}", entry);
	good = history_find(buf_str(&b), b.len, "id", &found) && found.there &&
	       history_read(&found, a, out, why);
	buf_finish(&b);
	return good;
}

#endif
