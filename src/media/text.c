#include <string.h>

#include "base/text.h"
#include "media/parts.h"

/*
 * Text: markup that a browser would run as a page (SVG, HTML, XML), or plain
 * words. Markup hides behind a byte order mark, blanks, comments, processing
 * instructions and a document type; UTF-16 is seen by leaving its zeros out.
 */
#define LOOK 4096

static size_t squeeze(const unsigned char *head, size_t n, char *out)
{
	size_t len = 0;
	bool wide = n >= 2 && (memcmp(head, "\xff\xfe", 2) == 0 ||
			       memcmp(head, "\xfe\xff", 2) == 0);
	size_t at = wide ? 2 : 0;

	if (n >= 3 && memcmp(head, "\xef\xbb\xbf", 3) == 0)
		at = 3;
	for (; at < n && len < LOOK; at++) {
		if (head[at] != 0)
			out[len++] = (char)head[at];
	}
	out[len] = '\0';
	return len;
}

static const char *skip_blank(const char *p)
{
	while (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n' ||
	       *p == '\f')
		p++;
	return p;
}

static bool begins(const char *p, const char *word)
{
	for (; *word != '\0'; p++, word++) {
		char c = *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p;

		if (c != *word)
			return false;
	}
	return true;
}

/* Past comments and the like; NULL where one does not end. */
static const char *skip_prolog(const char *p)
{
	static const char *const pairs[][2] = {
		{"<!--", "-->"}, {"<?", "?>"}, {"<!doctype", ">"}};
	bool again = true;

	while (again && p != NULL) {
		again = false;
		p = skip_blank(p);
		for (size_t i = 0; i < COUNT(pairs) && !again; i++) {
			if (!begins(p, pairs[i][0]))
				continue;
			again = true;
			p = strstr(p + strlen(pairs[i][0]), pairs[i][1]);
			if (p == NULL)
				return NULL;
			p += strlen(pairs[i][1]);
		}
	}
	return p;
}

static bool plain(const unsigned char *head, size_t n)
{
	size_t len = n < LOOK ? n : LOOK;

	for (size_t i = 0; i < len; i++) {
		if (head[i] == 127 ||
		    (head[i] < ' ' && head[i] != '\n' && head[i] != '\r' &&
		     head[i] != '\t' && head[i] != '\f'))
			return false;
	}
	/* A character may be cut at the end of what was looked at. */
	for (size_t cut = 0; cut < 4 && cut < len; cut++) {
		if (text_utf8((const char *)head, len - cut))
			return len > 0;
	}
	return false;
}

enum media_kind text_kind(const unsigned char *head, size_t n)
{
	char text[LOOK + 1];
	const char *p = text, *body;

	squeeze(head, n, text);
	p = skip_blank(p);
	if (*p == '<') {
		body = skip_prolog(p);
		if (body != NULL &&
		    (begins(body, "<svg") || strstr(body, ":svg") != NULL))
			return MEDIA_SVG;
		return MEDIA_HTML;
	}
	return plain(head, n) ? MEDIA_PLAIN : MEDIA_UNKNOWN;
}
