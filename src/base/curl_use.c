#include "base/curl_use.h"

#include <pthread.h>
#include <stdlib.h>

static void global_init(void)
{
	must(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

CURLM *curl_use_multi(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	CURLM *multi;

	pthread_once(&once, global_init);
	multi = curl_multi_init();
	must(multi != NULL);
#if CURL_AT_LEAST_VERSION(8, 20, 0) /* where it has the resolvers */
	must(curl_multi_setopt(multi, CURLMOPT_QUICK_EXIT, 1L) == CURLM_OK);
#endif
	return multi;
}

CURL *curl_use_easy(void)
{
	CURL *easy = curl_easy_init();
	const char *authorities = getenv("SSL_CERT_FILE");

	must(easy != NULL);
	SET(easy, CURLOPT_NOSIGNAL, 1L);
	SET(easy, CURLOPT_PROXY, "");
	SET(easy, CURLOPT_NOPROXY, "*");
	SET(easy, CURLOPT_FOLLOWLOCATION, 0L);
	SET(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	SET(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	/* A name server that is silent would else hold up the whole thread, and
	 * all who wait on it: the resolver's own is left behind, and goes by
	 * itself. */
	SET(easy, CURLOPT_QUICK_EXIT, 1L);
	/* OpenSSL looks there, and so do the sockets to ComfyUI; libcurl alone
	 * would not. */
	if (authorities != NULL)
		SET(easy, CURLOPT_CAINFO, authorities);
	return easy;
}
