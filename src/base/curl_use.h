#ifndef BASE_CURL_USE_H
#define BASE_CURL_USE_H

#include <curl/curl.h>

#include "base/must.h"

/*
 * What the two users of libcurl share, and nobody else: base/wire_dial.c, which
 * connects to servers of the operator (base/wire.c sends and receives), and
 * base/fetch.c, which follows URLs of callers.
 */

/* Fails for want of memory, or with a libcurl unlike the one built with. */
#define SET(easy, option, value)                                               \
	must(curl_easy_setopt(easy, option, value) == CURLE_OK)

CURLM *curl_use_multi(void);
/* No proxy from the environment, no redirects, http and https only, HTTP/1.1,
 * no signals; a name that is being looked up is not waited for at the end.
 * SSL_CERT_FILE names other authorities. */
CURL *curl_use_easy(void);

#endif
