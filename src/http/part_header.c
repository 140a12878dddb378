#include "http/part_header.h"

#include <string.h>

#include "base/text.h"

static bool token_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* RFC 2046, 5.1.1: what a boundary may hold; a blank not at its end. */
static bool boundary_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("'()+_,-./:=? ", c) != NULL);
}

static const char *skip_blanks(const char *at)
{
	return at + strspn(at, " \t");
}

/* A value, bare or in quotes, at *at, which moves behind it. Browsers write a
 * quote as %22 and leave a backslash as it is; others write \" and \\ (RFC
 * 9110, 5.6.4). False past the room, or where a quote is missing. */
static bool read_value(const char **at, const char *end, char *out, size_t size)
{
	bool quoted = *at < end && **at == '"';
	size_t n = 0;

	if (quoted)
		(*at)++;
	while (*at < end) {
		char c = **at;

		if (quoted ? c == '"' : !token_char(c) && c != '/' && c != '=')
			break;
		(*at)++;
		if (quoted && c == '\\' && *at < end &&
		    (**at == '"' || **at == '\\'))
			c = *(*at)++;
		if (n + 1 >= size)
			return false;
		out[n++] = c;
	}
	out[n] = '\0';
	if (!quoted)
		return n > 0;
	return *at < end && *(*at)++ == '"';
}

/* One of the parameters "; name=value" at *at. False at their end, and where
 * they are not well formed (*good says which). */
static bool next_param(const char **at, const char *end, char name[32],
		       char *value, size_t size, bool *good)
{
	size_t n = 0;

	*good = true;
	*at = skip_blanks(*at);
	if (*at >= end)
		return false;
	*good = false;
	if (**at != ';')
		return false;
	*at = skip_blanks(*at + 1);
	if (*at >= end) { /* a ';' at the very end is passed over */
		*good = true;
		return false;
	}
	while (*at < end && token_char(**at) && n < 31)
		name[n++] = *(*at)++;
	name[n] = '\0';
	if (n == 0 || *at >= end || **at != '=')
		return false;
	(*at)++;
	*good = read_value(at, end, value, size);
	return *good;
}

/* "Type/Subtype" up to a ';' or the end, in lower case; "" where it is none. */
static const char *read_type(const char *at, const char *end, char *out,
			     size_t size)
{
	size_t n = 0, slashes = 0;

	while (at < end && (token_char(*at) || *at == '/') && n + 1 < size) {
		char c = *at++;

		slashes += c == '/';
		out[n++] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
	}
	if (slashes != 1 || (at < end && strchr("; \t", *at) == NULL))
		n = 0;
	out[n] = '\0';
	return at;
}

bool part_boundary(const char *content_type, char *out, size_t size)
{
	const char *at = content_type, *end;
	char type[32], name[32], value[256];
	bool found = false, good;

	if (content_type == NULL)
		return false;
	end = at + strlen(at);
	at = read_type(skip_blanks(at), end, type, sizeof(type));
	if (strcmp(type, "multipart/form-data") != 0)
		return false;
	while (next_param(&at, end, name, value, sizeof(value), &good)) {
		if (!text_same_nocase(name, "boundary"))
			continue;
		if (found || value[0] == '\0' || strlen(value) >= size)
			return false;
		found = true;
		memcpy(out, value, strlen(value) + 1);
	}
	if (!good || !found || out[strlen(out) - 1] == ' ')
		return false;
	for (const char *c = out; *c != '\0'; c++)
		if (!boundary_char(*c))
			return false;
	return true;
}

static const char *read_disposition(const char *at, const char *end,
				    struct part_header *out)
{
	char kind[32], name[32], value[MULTIPART_FILENAME_MAX + 1];
	size_t n = 0;
	bool good, named = false;

	while (at < end && token_char(*at) && n + 1 < sizeof(kind))
		kind[n++] = *at++;
	kind[n] = '\0';
	if (!text_same_nocase(kind, "form-data"))
		return "a part is no form-data";
	while (next_param(&at, end, name, value, sizeof(value), &good)) {
		if (text_same_nocase(name, "name")) {
			if (out->name[0] != '\0')
				return "a part has two names";
			if (strlen(value) > MULTIPART_NAME_MAX)
				return "the name of a part is too long";
			memcpy(out->name, value, strlen(value) + 1);
		} else if (text_same_nocase(name, "filename")) {
			if (named)
				return "a part has two file names";
			named = out->has_filename = true;
			memcpy(out->filename, value, strlen(value) + 1);
		} else if (text_same_nocase(name, "filename*")) {
			/* RFC 7578, 4.2 forbids it; it says that it is a file
			 * all the same. */
			out->has_filename = true;
		}
	}
	return good ? NULL : "a Content-Disposition is not well formed";
}

static const char *read_encoding(const char *at, const char *end)
{
	static const char *const plain[] = {"7bit", "8bit", "binary"};

	for (size_t i = 0; i < COUNT(plain); i++) {
		size_t n = strlen(plain[i]);

		if ((size_t)(end - at) == n &&
		    strncasecmp(at, plain[i], n) == 0)
			return NULL;
	}
	return "a part has a Content-Transfer-Encoding";
}

/* One field, without its line end. */
static const char *read_field(const char *at, const char *end,
			      struct part_header *out, bool *disposition)
{
	const char *colon = memchr(at, ':', (size_t)(end - at));
	size_t n = colon != NULL ? (size_t)(colon - at) : 0;
	const char *value;

	for (size_t i = 0; i < n; i++)
		if (!token_char(at[i]))
			n = 0;
	if (n == 0)
		return "a header field of a part has no name";
	value = skip_blanks(colon + 1);
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	if (n == 19 && strncasecmp(at, "Content-Disposition", n) == 0) {
		if (*disposition)
			return "a part has two Content-Dispositions";
		*disposition = true;
		return read_disposition(value, end, out);
	}
	if (n == 12 && strncasecmp(at, "Content-Type", n) == 0)
		(void)read_type(value, end, out->content_type,
				sizeof(out->content_type));
	if (n == 25 && strncasecmp(at, "Content-Transfer-Encoding", n) == 0)
		return read_encoding(value, end);
	return NULL;
}

/* RFC 9110, 5.5: CR and LF end lines and stand nowhere else. */
static bool fields_printable(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '\r' && i + 1 < len && text[i + 1] == '\n')
			i++;
		else if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

const char *part_header_read(const char *text, size_t len,
			     struct part_header *out)
{
	const char *at = text, *end = text + len;
	bool disposition = false;

	*out = (struct part_header){0};
	if (!fields_printable(text, len))
		return "a header field of a part holds a control character";
	while (at < end) {
		const char *line_end = strstr(at, "\r\n");
		const char *wrong;

		if (line_end == NULL)
			return "a header line of a part does not end";
		if (line_end == at)
			break;
		wrong = read_field(at, line_end, out, &disposition);
		if (wrong != NULL)
			return wrong;
		at = line_end + 2;
	}
	if (out->name[0] == '\0')
		return "a part has no name";
	if (!text_utf8(out->name, strlen(out->name)) ||
	    !text_utf8(out->filename, strlen(out->filename)))
		return "a name is no UTF-8";
	return NULL;
}
