#include "api/accept.h"

#include <string.h>
#include <strings.h>

/* A piece of the header: not terminated. */
struct piece {
	const char *at;
	size_t len;
};

/* Cuts *rest at the next `end` outside quotes; false behind the last. */
static bool cut(struct piece *rest, char end, struct piece *out)
{
	bool quoted = false;
	size_t n = 0;

	if (rest->at == NULL)
		return false;
	for (; n < rest->len && (quoted || rest->at[n] != end); n++) {
		if (quoted && rest->at[n] == '\\' && n + 1 < rest->len)
			n++;
		else if (rest->at[n] == '"')
			quoted = !quoted;
	}
	*out = (struct piece){rest->at, n};
	while (out->len > 0 && strchr(" \t", out->at[0]) != NULL) {
		out->at++;
		out->len--;
	}
	while (out->len > 0 && strchr(" \t", out->at[out->len - 1]) != NULL)
		out->len--;
	if (n == rest->len)
		*rest = (struct piece){NULL, 0};
	else
		*rest = (struct piece){rest->at + n + 1, rest->len - n - 1};
	return true;
}

static bool starts(struct piece p, const char *word)
{
	size_t n = strlen(word);

	return p.len >= n && strncasecmp(p.at, word, n) == 0;
}

static bool same(struct piece p, const char *word)
{
	return p.len == strlen(word) && starts(p, word);
}

/* "1", "0.85"; also ".2", which old Java sends. */
static bool read_weight(struct piece p, unsigned *out)
{
	unsigned digit = 100, n = 0;
	size_t i = 0;

	if (i < p.len && (p.at[i] == '0' || p.at[i] == '1'))
		n = p.at[i++] == '1' ? ACCEPT_MOST : 0;
	else if (p.len < 2 || p.at[0] != '.')
		return false;
	if (i < p.len && p.at[i++] != '.')
		return false;
	for (; i < p.len; i++, digit /= 10) {
		if (p.at[i] < '0' || p.at[i] > '9' || digit == 0)
			return false;
		n += (unsigned)(p.at[i] - '0') * digit;
	}
	*out = n;
	return n <= ACCEPT_MOST;
}

/* 1 for any type, 2 for its class, 3 for the type itself; 0: another one. */
static unsigned fit(struct piece range, const char *type)
{
	const char *slash = strchr(type, '/');
	size_t class = slash != NULL ? (size_t)(slash - type) + 1 : 0;

	if (same(range, "*/*") || same(range, "*"))
		return 1;
	if (same(range, type))
		return 3;
	return class > 0 && range.len == class + 1 && range.at[class] == '*' &&
			       strncasecmp(range.at, type, class) == 0
		       ? 2
		       : 0;
}

static bool well_formed(struct piece range)
{
	const char *slash = memchr(range.at, '/', range.len);

	if (same(range, "*"))
		return true;
	for (size_t i = 0; i < range.len; i++)
		if (range.at[i] <= ' ' ||
		    strchr("\"(),:;<=>?@[\\]{}", range.at[i]) != NULL)
			return false;
	return slash != NULL && slash != range.at &&
	       slash != range.at + range.len - 1;
}

/* One "range;parameters;q=0.5". False: it is not well formed. */
static bool read_element(struct piece element, const char *type, unsigned *fits,
			 unsigned *weight)
{
	struct piece range, p;

	*weight = ACCEPT_MOST;
	if (!cut(&element, ';', &range) || !well_formed(range))
		return false;
	*fits = fit(range, type);
	while (cut(&element, ';', &p)) {
		if (starts(p, "q="))
			return read_weight((struct piece){p.at + 2, p.len - 2},
					   weight);
		if (p.len > 0 && !starts(p, "charset="))
			*fits = 0;
	}
	return true;
}

unsigned accept_quality(const char *header, const char *type)
{
	struct piece rest = {header, header != NULL ? strlen(header) : 0};
	unsigned quality = 0, best = 0, fits, weight;
	bool said = false;
	struct piece element;

	while (cut(&rest, ',', &element)) {
		if (!read_element(element, type, &fits, &weight))
			continue;
		said = true;
		if (fits > best ||
		    (fits > 0 && fits == best && weight > quality)) {
			best = fits;
			quality = weight;
		}
	}
	return said ? quality : ACCEPT_MOST;
}
