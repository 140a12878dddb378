#include <stdbool.h>
#include <string.h>

#include "base/id.h"
#include "http/request_id.h"

static bool only(const char *s, size_t n, const char *set)
{
	return strspn(s, set) >= n;
}

static bool valid(const char *text)
{
	static const char set[] = "abcdefghijklmnopqrstuvwxyz"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "0123456789._-";
	size_t n = strnlen(text, REQUEST_ID_SIZE);

	return n > 0 && n <= REQUEST_ID_MAX && only(text, n, set);
}

/* The 32 digits of
 * 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01; later versions may
 * go on after another '-'. */
static bool from_trace(const char *t, char out[33])
{
	static const char hex[] = "0123456789abcdef";
	size_t n = strnlen(t, 512);

	if (n < 55 || t[2] != '-' || t[35] != '-' || t[52] != '-')
		return false;
	if (!only(t, 2, hex) || !only(t + 3, 32, hex) ||
	    !only(t + 36, 16, hex) || !only(t + 53, 2, hex))
		return false;
	if (strncmp(t, "ff", 2) == 0 || only(t + 3, 32, "0") ||
	    only(t + 36, 16, "0"))
		return false;
	if (n > 55 && (strncmp(t, "00", 2) == 0 || t[55] != '-'))
		return false;
	memcpy(out, t + 3, 32);
	out[32] = '\0';
	return true;
}

void request_id_choose(const char *callers, const char *traceparent,
		       const char *nginx, char out[REQUEST_ID_SIZE])
{
	if (callers != NULL && valid(callers))
		memcpy(out, callers, strlen(callers) + 1);
	else if (traceparent != NULL && from_trace(traceparent, out))
		return;
	else if (nginx != NULL && valid(nginx))
		memcpy(out, nginx, strlen(nginx) + 1);
	else
		id_v7(out);
}
