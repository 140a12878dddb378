#ifndef BASE_CURL_USE_H
#define BASE_CURL_USE_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdlib.h>

/*
 * What the two users of libcurl share, and nobody else: base/web.c, which talks
 * to servers of the operator, and base/fetch.c, which follows URLs of callers.
 */
static inline void must(bool ok)
{
	if (!ok)
		abort(); /* out of memory, or a libcurl unlike the one built */
}

#define SET(easy, option, value)                                               \
	must(curl_easy_setopt(easy, option, value) == CURLE_OK)

CURLM *curl_use_multi(void);
/* No proxy from the environment, no redirects, http and https only, HTTP/1.1,
 * no signals. */
CURL *curl_use_easy(void);

#endif
