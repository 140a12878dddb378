#ifndef COMFY_HISTORY_H
#define COMFY_HISTORY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/problem.h"
#include "comfy/skim.h"

/*
 * One entry of /history: the truth about a run that ended. Pure reading of
 * hostile JSON: names in it are data and never paths.
 *
 *	{"35798812-…": {"prompt": [62, "35798812-…", {graph}, {extra}, ["9"]],
 *	 "outputs": {"9": {"images": [{"filename": …}]}}, "status": {…}, …}}
 *
 * The graph is most of it and not read (comfy/skim.h).
 */
struct history_entry {
	bool there;
	struct skim status; /* their texts; at NULL: not there */
	struct skim outputs;
};

/* The answer of GET /history/{id}. False when the text has not that form. The
 * entry points into it. */
MUST_USE bool history_find(const char *text, size_t len, const char *prompt_id,
			   struct history_entry *out);

enum history_ending {
	HISTORY_SUCCESS,
	HISTORY_ERROR,	       /* a node raised */
	HISTORY_OUT_OF_MEMORY, /* … for lack of GPU memory (s13) */
	HISTORY_INTERRUPTED,   /* told apart by its messages only (s14) */
};

struct history_file {
	const char *filename;
	const char *subfolder;
	const char *type; /* "output", "temp", "input" */
};

/* One list of one node: files (images, gifs, audio, …), or values (text). */
struct history_list {
	const char *node;
	const char *key; /* "images" */
	struct history_file *files;
	size_t file_count;
	const char *value; /* the whole list as JSON, always set */
};

struct history {
	enum history_ending ending;
	struct history_list *lists; /* in the order of the entry */
	size_t list_count;
	/* Of an error ("" where it does not say); NULL otherwise, and all NULL
	 * for an error with no message of it. For the log. */
	const char *error_node;
	const char *error_class;
	const char *error_type;	   /* "torch.OutOfMemoryError" */
	const char *error_message; /* without the newline it ends in */
	const char *error_traceback;
};

/* Of an entry that is there. Everything is copied to the arena. */
MUST_USE bool history_read(const struct history_entry *entry, struct arena *a,
			   struct history *out, struct problem *why);

#endif
