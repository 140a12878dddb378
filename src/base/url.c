#include "base/url.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

#include "base/num.h"
#include "base/text.h"

#define NAME_MAX_BYTES	253 /* RFC 1123, 2.1 and RFC 1035, 2.3.4 */
#define LABEL_MAX_BYTES 63
#define DIGITS		"0123456789"
#define LETTERS		"abcdefghijklmnopqrstuvwxyz"

static char *lower(struct arena *a, const char *s, size_t n)
{
	char *out = arena_strndup(a, s, n);

	for (char *p = out; *p != '\0'; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	return out;
}

/* Each part between dots; the underscore is no letter of host names, but stands
 * in some that are served. */
static bool labels_fit(const char *host)
{
	for (;;) {
		size_t n = strspn(host, LETTERS DIGITS "-_");

		if (n == 0 || n > LABEL_MAX_BYTES || host[0] == '-' ||
		    host[n - 1] == '-')
			return false;
		if (host[n] == '\0')
			return true;
		if (host[n] != '.')
			return false;
		host += n + 1;
	}
}

/* Resolvers take "127.1", "0177.0.0.1", "0x7f000001" and "2130706433" for
 * addresses. No top-level domain begins with a digit (RFC 3696, 2). */
static bool looks_numeric(const char *host)
{
	const char *dot = strrchr(host, '.');
	char first = dot != NULL ? dot[1] : host[0];

	return first >= '0' && first <= '9';
}

const char *url_host(const char *text, size_t n, struct arena *a)
{
	struct in_addr v4;
	char *host;

	if (n == 0 || n > NAME_MAX_BYTES || memchr(text, '\0', n) != NULL)
		return NULL;
	host = lower(a, text, n);
	if (!labels_fit(host) ||
	    (looks_numeric(host) && inet_pton(AF_INET, host, &v4) != 1))
		return NULL;
	return host;
}

/* In its canonical form (RFC 5952); no zone. */
static const char *host_v6(const char *text, size_t n, struct arena *a)
{
	char given[INET6_ADDRSTRLEN] = "", *out;
	struct in6_addr v6;

	if (n >= sizeof(given))
		return NULL;
	memcpy(given, text, n);
	if (inet_pton(AF_INET6, given, &v6) != 1)
		return NULL;
	out = arena_alloc(a, INET6_ADDRSTRLEN);
	return inet_ntop(AF_INET6, &v6, out, INET6_ADDRSTRLEN);
}

/* "example.com:8443", "[::1]" */
static bool take_authority(const char *text, size_t n, struct arena *a,
			   struct url *out)
{
	const char *end = text + n;
	char digits[6] = "";
	const char *after;
	uint64_t port;

	if (n > 0 && text[0] == '[') {
		after = memchr(text, ']', n);
		if (after == NULL)
			return false;
		out->literal_v6 = true;
		out->host = host_v6(text + 1, (size_t)(after - text - 1), a);
		after++;
	} else {
		after = memchr(text, ':', n);
		after = after != NULL ? after : end;
		out->host = url_host(text, (size_t)(after - text), a);
	}
	if (out->host == NULL)
		return false;
	out->port = out->tls ? 443 : 80;
	if (after == end)
		return true;
	n = (size_t)(end - after) - 1;
	if (*after != ':' || n == 0 || n >= sizeof(digits))
		return false;
	memcpy(digits, after + 1, n);
	if (!num_u64(digits, 65535, &port) || port == 0)
		return false;
	out->port = (unsigned)port;
	return true;
}

static bool characters_fit(const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s <= ' ' || *s > '~' || strchr("\"<>\\", *s) != NULL)
			return false;
		if (*s == '%' &&
		    (text_hex_digit(s[1]) < 0 || text_hex_digit(s[2]) < 0))
			return false;
	}
	return true;
}

bool url_split(const char *text, struct arena *a, struct url *out)
{
	const char *rest = strchr(text, ':');
	size_t scheme = rest != NULL ? (size_t)(rest - text) : 0;
	const char *name;
	size_t n;

	*out = (struct url){0};
	if (scheme < 4 || scheme > 5 || !text_starts(rest, "://") ||
	    strnlen(text, URL_MAX + 1) > URL_MAX || !characters_fit(text))
		return false;
	name = lower(a, text, scheme);
	out->tls = strcmp(name, "https") == 0;
	if (!out->tls && strcmp(name, "http") != 0)
		return false;
	rest += 3;
	n = strcspn(rest, "/?#");
	if (!take_authority(rest, n, a, out))
		return false;
	rest += n;
	n = strcspn(rest, "?#");
	out->path = n > 0 ? arena_strndup(a, rest, n) : "/";
	rest += n;
	if (*rest == '?') {
		n = strcspn(++rest, "#");
		out->query = arena_strndup(a, rest, n);
	}
	return true;
}

void url_print(const struct url *u, struct buf *to)
{
	buf_adds(to, u->tls ? "https://" : "http://");
	buf_addf(to, u->literal_v6 ? "[%s]" : "%s", u->host);
	if (u->port != (u->tls ? 443u : 80u))
		buf_addf(to, ":%u", u->port);
	buf_adds(to, u->path);
	if (u->query != NULL)
		buf_addf(to, "?%s", u->query);
}
