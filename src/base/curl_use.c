#include "base/curl_use.h"

#include <dirent.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* The system's folder of authorities is made for looking one up. */
static bool hashed;

/* "5ed36f99.0": openssl-rehash(1) */
static bool is_hash(const char *name)
{
	return strspn(name, "0123456789abcdef") == 8 && name[8] == '.';
}

static void look_at_authorities(void)
{
	CURL *easy = curl_easy_init();
	char *path = NULL;
	DIR *dir = NULL;
	const struct dirent *e;

	must(easy != NULL);
	if (curl_easy_getinfo(easy, CURLINFO_CAPATH, &path) == CURLE_OK &&
	    path != NULL)
		dir = opendir(path);
	while (dir != NULL && !hashed && (e = readdir(dir)) != NULL)
		hashed = is_hash(e->d_name);
	if (dir != NULL)
		closedir(dir);
	curl_easy_cleanup(easy);
}

static void init(void)
{
	must(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
	look_at_authorities();
}

static void init_once(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, init);
}

CURLM *curl_use_multi(void)
{
	CURLM *multi;

	init_once();
	multi = curl_multi_init();
	must(multi != NULL);
#if CURL_AT_LEAST_VERSION(8, 20, 0) /* where it has the resolvers */
	must(curl_multi_setopt(multi, CURLMOPT_QUICK_EXIT, 1L) == CURLM_OK);
#endif
	return multi;
}

/*
 * OpenSSL looks at SSL_CERT_FILE, and so do the sockets to ComfyUI; libcurl
 * alone would not. Its own way is to read a file of all authorities for each
 * handle that connects: 35 ms, in which nobody else on the thread gets on. From
 * the folder OpenSSL takes the one that is asked for.
 */
static void set_authorities(CURL *easy)
{
	const char *file = getenv("SSL_CERT_FILE");

	if (file != NULL)
		SET(easy, CURLOPT_CAINFO, file);
	else if (hashed)
		SET(easy, CURLOPT_CAINFO, NULL);
}

CURL *curl_use_easy(void)
{
	CURL *easy;

	init_once();
	easy = curl_easy_init();
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
	set_authorities(easy);
	return easy;
}
