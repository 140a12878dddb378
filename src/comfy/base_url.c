#include "comfy/base_url.h"

#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "base/text.h"

static bool refuse(struct problem *why, const char *what)
{
	return problem_set(why, PROBLEM_INVALID_INPUT, "", "%s", what);
}

static bool host_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' ||
	       c == ':';
}

static bool take_host(const char **at, struct base_url *out)
{
	const char *start = *at, *end;
	size_t n;

	if (*start == '[') {
		end = strchr(++start, ']');
		if (end == NULL)
			return false;
		*at = end + 1;
	} else {
		end = start + strcspn(start, ":/");
		*at = end;
	}
	n = (size_t)(end - start);
	if (n == 0 || n >= sizeof(out->host))
		return false;
	memcpy(out->host, start, n);
	out->host[n] = '\0';
	for (size_t i = 0; i < n; i++)
		if (!host_character(out->host[i]))
			return false;
	return true;
}

static bool take_port(const char **at, struct base_url *out)
{
	char digits[8] = "";
	uint64_t port;
	size_t n;

	out->port = out->tls ? 443 : 80;
	if (**at != ':')
		return true;
	n = strcspn(++*at, "/");
	if (n == 0 || n >= sizeof(digits))
		return false;
	memcpy(digits, *at, n);
	*at += n;
	if (!num_u64(digits, 65535, &port) || port == 0)
		return false;
	out->port = (int)port;
	return true;
}

static bool take_prefix(const char *at, struct base_url *out)
{
	size_t n = strlen(at);

	while (n > 0 && at[n - 1] == '/')
		n--;
	if (n >= sizeof(out->prefix) || (n > 0 && at[0] != '/'))
		return false;
	for (size_t i = 0; i < n; i++)
		if (at[i] <= ' ' || at[i] > '~' || strchr("?#\"<>\\", at[i]))
			return false;
	memcpy(out->prefix, at, n);
	return true;
}

/* The default port is left out, as browsers do it. */
static bool host_header(struct base_url *out)
{
	bool v6 = strchr(out->host, ':') != NULL;
	bool usual = out->port == (out->tls ? 443 : 80);
	char port[8] = "";
	int n;

	if (!usual)
		(void)snprintf(port, sizeof(port), ":%u",
			       (unsigned)out->port & 0xffff);
	n = snprintf(out->header, sizeof(out->header), "%s%s%s%s",
		     v6 ? "[" : "", out->host, v6 ? "]" : "", port);
	return n > 0 && (size_t)n < sizeof(out->header);
}

bool base_url_read(const char *url, struct base_url *out, struct problem *why)
{
	const char *at = url;

	memset(out, 0, sizeof(*out));
	if (text_starts(url, "https://"))
		out->tls = true;
	else if (!text_starts(url, "http://"))
		return refuse(why, "a backend's URL begins with http:// or "
				   "https://");
	at = strstr(url, "//") + 2;
	if (!take_host(&at, out))
		return refuse(why, "a backend's URL needs a plain host name");
	if (!take_port(&at, out))
		return refuse(why, "a backend's URL has a bad port");
	if (!take_prefix(at, out))
		return refuse(why, "a backend's URL has a bad path");
	if (!host_header(out))
		return refuse(why, "a backend's host name is too long");
	return true;
}
