#ifndef RUN_CONTENT_H
#define RUN_CONTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

/*
 * What an output file is, told by its bytes and never by what ComfyUI calls
 * it. Pure. Fed with the bytes as they come, so the size of a picture is found
 * without reading the file again; it keeps 64 bytes.
 */
#define CONTENT_HEAD 64

struct content {
	unsigned char head[CONTENT_HEAD];
	size_t head_len;
	int64_t total;
	/* The walk along a JPEG's segments, which may be cut anywhere. */
	int64_t skip;
	unsigned char part[9];
	unsigned part_len;
	bool walked;
	int64_t width, height;
};

struct content_type {
	const char *mime;
	const char *ext; /* without the dot */
};

/* c zeroed before the first piece. */
void content_feed(struct content *c, const void *bytes, size_t n);
/*
 * Never NULL. `filename` is what ComfyUI calls it and counts only where the
 * bytes tell nothing and `plain` is true (outputs of type file and model), and
 * then only for extensions that no browser runs. All else is
 * application/octet-stream and "bin": SVG and HTML, too.
 */
const struct content_type *content_type(const struct content *c, bool plain,
					const char *filename);
/* Of PNG, JPEG, WebP and GIF; false and zeroes for others. */
bool content_size(const struct content *c, int64_t *width, int64_t *height);

#endif
