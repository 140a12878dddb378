#ifndef BASE_DATA_URI_H
#define BASE_DATA_URI_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/problem.h"

/*
 * data: URIs (RFC 2397), decoded strictly. Pure; any thread.
 *
 *	data:image/png;base64,iVBORw0KGgo=
 *	data:text/plain;charset=utf-8,a%20b
 *
 * The media type is read over: what a file is, its bytes say.
 */
MUST_USE bool data_uri_is(const char *text); /* begins so, in any case */

/*
 * Gives the bytes to the sink in pieces of a few KiB, as they are decoded; none
 * of them is kept. False when the sink returned false (why is untouched), or
 * with why (INVALID_INPUT; detail only) when the text is no such URI: base64
 * (RFC 4648, 4) has no other characters in it, no line breaks, no spare bits,
 * and is padded right or not at all; otherwise %XX stands for what is not
 * printable ASCII. Some pieces may have gone to the sink by then.
 */
MUST_USE bool data_uri_decode(const char *text, size_t n,
			      bool (*sink)(void *ctx, const void *bytes,
					   size_t n),
			      void *ctx, struct problem *why);

#endif
