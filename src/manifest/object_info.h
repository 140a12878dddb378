#ifndef MANIFEST_OBJECT_INFO_H
#define MANIFEST_OBJECT_INFO_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "manifest/reader.h"

/*
 * Inside of manifest/: what the node classes of a graph take and give, by a
 * saved copy of ComfyUI's GET /object_info (recording s26), object_info.json in
 * the endpoint's folder or beside it. Only graphs whose nodes may be left out
 * need it. Lives in the reader's scratch arena.
 *
 *	{"LoraLoader": {"input": {"required": {"model": ["MODEL", {…}], …},
 *	                          "optional": {…}},
 *	                "output": ["MODEL", "CLIP"]}}
 */
struct socket {
	const char *name;
	const char *type; /* "MODEL"; "COMBO" for a list of choices */
	bool optional;
};

struct node_class {
	const char *name;
	struct socket *inputs; /* in the class's own order */
	size_t input_count;
	const char **outputs; /* their types */
	size_t output_count;
};

/* NULL where that class is not told; the first call reads the file. A file
 * that cannot be read is told once; one that is missing is not. */
const struct node_class *object_info_class(struct reader *r, const char *name);
/* How to get what is missing, as the end of a sentence. */
const char *object_info_help(struct reader *r);

#endif
