#ifndef API_ACCEPT_H
#define API_ACCEPT_H

#include <stdbool.h>

/*
 * The Accept header (RFC 9110, 12.5.1): how much a caller wants a type. Pure.
 *
 *	Accept: image/webp, image/png;q=0.8, application/json;q=0.5
 */

/* What a range without a weight is worth, and all where there is no header. */
#define ACCEPT_MOST 1000

/*
 * Thousandths, 0 to ACCEPT_MOST; 0: not at all. The range that says most about
 * the type holds (the type itself, then its class, then any). `header` NULL, or
 * one without a single well-formed range: everything is taken. `type` is
 * lower case and has no parameters, so a range with some fits none of ours;
 * but for "charset", which many send along with JSON.
 */
unsigned accept_quality(const char *header, const char *type);

#endif
