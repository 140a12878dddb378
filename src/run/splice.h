#ifndef RUN_SPLICE_H
#define RUN_SPLICE_H

#include <stddef.h>

#include "base/arena.h"
#include "base/attr.h"

/*
 * Names of files into the text of a graph: it is stored with nothing where one
 * goes, as the name is that of the server which will run it. Pure.
 *
 *	{"1":{"inputs":{"image":}}} and "a.png" at 23
 *	{"1":{"inputs":{"image":"a.png"}}}
 */
struct splice {
	size_t at; /* bytes into the text as it is stored */
	const char *name;
};

/* Puts each name in as a JSON string; the list is sorted by place. The text is
 * in the arena; NULL: a place lies outside of it. */
MUST_USE const char *splice_names(const char *text, struct splice *list,
				  size_t count, struct arena *a);

#endif
