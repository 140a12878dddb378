#ifndef HTTP_MULTIPART_H
#define HTTP_MULTIPART_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/problem.h"

/*
 * multipart/form-data (RFC 7578; RFC 2046, 5.1.1) as a stream. It is fed
 * whatever has arrived, in pieces of any size, and says what it finds as it
 * finds it; it holds one part's header fields at most, never a part. Pure;
 * one thread.
 *
 *	--boundary
 *	Content-Disposition: form-data; name="photo"; filename="me.jpg"
 *	Content-Type: image/jpeg
 *
 *	...
 *	--boundary--
 *
 * Lines end with CR LF. What stands before the first and behind the last
 * boundary is passed over.
 */
#define MULTIPART_PARTS_MAX    1024
#define MULTIPART_HEADERS_MAX  8192 /* bytes of one part's header fields */
#define MULTIPART_NAME_MAX     256
#define MULTIPART_FILENAME_MAX 1024

/* Good until the call that is given it returns. */
struct multipart_part {
	const char *name; /* valid UTF-8 without control characters; not "" */
	/* Likewise, but may be ""; NULL: it is no file. As it was sent, a
	 * browser's %22 for a quote as well: not to be trusted. filename* (RFC
	 * 7578, 4.2 forbids it) only says that it is one. */
	const char *filename;
	/* Lower case, without parameters: "image/jpeg"; or NULL. */
	const char *content_type;
};

/* False from any of them ends it: multipart_feed() returns false. */
struct multipart_events {
	bool (*begin)(void *ctx, const struct multipart_part *p);
	bool (*data)(void *ctx, const void *bytes, size_t n);
	bool (*end)(void *ctx);
};

struct multipart;

/* From the Content-Type of the request. NULL, and why, where that is no
 * multipart/form-data with a boundary. events is borrowed for good. */
MUST_USE struct multipart *
multipart_create(const char *content_type,
		 const struct multipart_events *events, void *ctx,
		 struct problem *why);
void multipart_destroy(struct multipart *m); /* NULL is fine */
/* False, and why->code MALFORMED_REQUEST (TOO_LARGE past a ceiling), where it
 * is not well formed; why is left alone where an event said false. */
MUST_USE bool multipart_feed(struct multipart *m, const void *bytes, size_t n,
			     struct problem *why);
/* All has been fed: was the closing boundary among it? */
MUST_USE bool multipart_finish(struct multipart *m, struct problem *why);

#endif
