#ifndef JOBS_OUTPUTS_H
#define JOBS_OUTPUTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"

/*
 * What a run gave, as it is stored with the job:
 *
 *	{"image":{"files":[{"name":"image.png","content_type":"image/png",
 *	                    "size_bytes":183201,"sha256":"…",
 *	                    "width":1024,"height":1024,
 *	                    "blurhash":"…","thumbnail":{"name":…}}],
 *	          "many":false},
 *	 "caption":{"value":"a cat"}, "extra":{"value":null}}
 *
 * run/ writes it, api/ reads it and adds the URLs.
 */
struct output_file {
	const char *name; /* of jobs/files.h: ours, [a-z0-9_-]+.ext */
	const char *content_type;
	int64_t size_bytes;
	const char *sha256;
	int64_t width, height; /* 0: unknown */
	int64_t duration_ms;   /* 0: unknown, or none */
	const char *blurhash;  /* NULL: none */
	/* A small file of the same picture; NULL: none. It has none itself. */
	struct output_file *thumbnail;
};

struct output_value {
	const char *name;
	/* One of the two: */
	const char *value; /* JSON text; "null" when the run did not give it */
	struct output_file *files;
	size_t file_count;
	bool many; /* the caller gets a list */
};

void outputs_write(const struct output_value *v, size_t count, struct buf *to);
MUST_USE bool outputs_read(const char *text, struct arena *a,
			   struct output_value **out, size_t *count);
/* What all their files take, thumbnails too. */
int64_t outputs_bytes(const struct output_value *v, size_t count);

#endif
