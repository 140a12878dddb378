#ifndef HTTP_PART_HEADER_H
#define HTTP_PART_HEADER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "http/multipart.h"

/*
 * The header fields of one part of a form, and the boundary of them all. Pure.
 *
 *	Content-Disposition: form-data; name="photo"; filename="a \"b\".jpg"
 */
struct part_header {
	char name[MULTIPART_NAME_MAX + 1];
	char filename[MULTIPART_FILENAME_MAX + 1];
	bool has_filename;
	char content_type[128]; /* lower case; "" when there is none */
};

/* text is NUL terminated and ends with its empty line. NULL, or what is wrong
 * with it: a static text. */
MUST_USE const char *part_header_read(const char *text, size_t len,
				      struct part_header *out);
/* From "multipart/form-data; boundary=…"; out has room for size - 1
 * characters. */
MUST_USE bool part_boundary(const char *content_type, char *out, size_t size);

#endif
