#ifndef COMFY_BASE_URL_H
#define COMFY_BASE_URL_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/problem.h"

/*
 * The parts of a backend's base URL that the socket needs. Pure.
 *
 *	https://gpu.example:8443/comfy -> tls, "gpu.example", 8443, "/comfy"
 */
struct base_url {
	bool tls;
	int port;
	char host[254];	  /* without the brackets of an IPv6 literal */
	char header[112]; /* as the Host header says it */
	char prefix[256]; /* "" or "/comfy" */
};

/* No user name, query or fragment; a trailing slash is taken off. */
MUST_USE bool base_url_read(const char *url, struct base_url *out,
			    struct problem *why);

#endif
