#ifndef API_ETAG_H
#define API_ETAG_H

#include <stdbool.h>

/*
 * If-None-Match (RFC 9110, 13.1.2): is this what the caller has already? Pure.
 *
 *	If-None-Match: "a1b2", W/"c3d4"
 *
 * Tags are compared weakly (8.8.3.2): W/ does not count. "*" is whatever there
 * is. NULL, or a header that is not well formed: no. etag has its quotes.
 */
bool etag_listed(const char *if_none_match, const char *etag);

#endif
