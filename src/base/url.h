#ifndef BASE_URL_H
#define BASE_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"

/*
 * http and https URLs of callers, taken apart strictly (RFC 3986), so that no
 * two readers find another host in one. Pure; any thread.
 *
 *	https://Files.Example.com:8443/a/b.png?v=1#top
 *	-> tls, "files.example.com", 8443, "/a/b.png", "v=1"
 */
#define URL_MAX 4096 /* bytes */

struct url {
	bool tls;	   /* https */
	const char *host;  /* lower case; an IPv6 literal without brackets */
	bool literal_v6;   /* host is one */
	unsigned port;	   /* the scheme's own where none is given */
	const char *path;  /* begins with '/' */
	const char *query; /* NULL: none; without the '?' */
};

/*
 * False for another scheme, a user name, a host that is neither a name (RFC
 * 1123; no dot at the end, international names as xn--) nor an address in its
 * one usual form ("0x7f.1" is none), a port that is none, and any character
 * but printable ASCII without space " < > \ and stray %. A fragment is dropped.
 * Texts live in the arena.
 */
MUST_USE bool url_split(const char *text, struct arena *a, struct url *out);
/* A host of n bytes as url_split() takes it, in lower case: a name, or an IPv4
 * address with four decimal numbers. NULL for all else, also in brackets. */
MUST_USE const char *url_host(const char *text, size_t n, struct arena *a);
/* As text that url_split() takes to be the same; the scheme's own port is left
 * out. */
void url_print(const struct url *u, struct buf *to);

#endif
