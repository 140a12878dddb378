#include "base/web_message.h"

#include <string.h>

#include "base/num.h"
#include "base/text.h"

#define LINE_MOST    4096 /* of what stands between chunks */
#define TRAILER_MOST 16384
#define CHUNK_DIGITS 15 /* hexadecimal: what fits well into 64 bits */

/* A part of the bytes that were read. */
struct span {
	const char *at;
	size_t n;
};

/* ---- the head ---- */

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct span trimmed(struct span s)
{
	while (s.n > 0 && blank(s.at[0])) {
		s.at++;
		s.n--;
	}
	while (s.n > 0 && blank(s.at[s.n - 1]))
		s.n--;
	return s;
}

static char lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* `word` is in lower case. */
static bool same(struct span s, const char *word)
{
	size_t n = strlen(word);

	if (s.n != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (lower(s.at[i]) != word[i])
			return false;
	return true;
}

/* The next of a list with commas; false at its end. */
static bool next_item(struct span *list, struct span *item)
{
	const char *comma;

	if (list->n == 0)
		return false;
	comma = memchr(list->at, ',', list->n);
	item->at = list->at;
	item->n = comma != NULL ? (size_t)(comma - list->at) : list->n;
	list->at += item->n + (comma != NULL);
	list->n -= item->n + (comma != NULL);
	*item = trimmed(*item);
	return true;
}

/* The line at *at without its end; false where that has not come. A server may
 * leave out the CR (RFC 9112, 2.2). */
static bool next_line(const char **at, const char *end, struct span *line)
{
	const char *lf = memchr(*at, '\n', (size_t)(end - *at));

	if (lf == NULL)
		return false;
	line->at = *at;
	line->n = (size_t)(lf - *at);
	if (line->n > 0 && line->at[line->n - 1] == '\r')
		line->n--;
	*at = lf + 1;
	return true;
}

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "HTTP/1.1 200 OK"; the words may be missing, the space before them too. */
static bool take_status(struct span line, struct web_head *out)
{
	const char *s = line.at;

	if (line.n < 12 || memcmp(s, "HTTP/1.", 7) != 0 || !digit(s[7]) ||
	    s[8] != ' ' || s[9] < '1' || s[9] > '9' || !digit(s[10]) ||
	    !digit(s[11]) || (line.n > 12 && s[12] != ' ') ||
	    memchr(s, '\0', line.n) != NULL)
		return false;
	out->status = (s[9] - '0') * 100 + (s[10] - '0') * 10 + (s[11] - '0');
	out->last = s[7] == '0'; /* 1.0 keeps a connection only when asked */
	return true;
}

/* "image/PNG; x=y" -> "image/png" */
static void take_content_type(struct span value, struct web_head *out)
{
	size_t n = 0;

	while (n < value.n && value.at[n] != ';' && !blank(value.at[n]))
		n++;
	if (n >= sizeof(out->content_type))
		n = 0;
	for (size_t i = 0; i < n; i++)
		out->content_type[i] = lower(value.at[i]);
	out->content_type[n] = '\0';
}

static bool take_digits(struct span s, uint64_t max, uint64_t *to)
{
	char text[24];

	if (s.n == 0 || s.n >= sizeof(text))
		return false;
	memcpy(text, s.at, s.n);
	text[s.n] = '\0';
	return num_u64(text, max, to);
}

/* "public, Max-Age=60" -> 60 */
static void take_max_age(struct span value, struct web_head *out)
{
	struct span item, name;
	uint64_t seconds;

	while (next_item(&value, &item)) {
		name = item;
		name.n = item.n < 8 ? item.n : 8;
		item.at += name.n;
		item.n -= name.n;
		if (same(name, "max-age=") &&
		    take_digits(item, UINT32_MAX, &seconds))
			out->max_age_s = (int64_t)seconds;
	}
}

static bool take_length(struct span value, struct web_head *out)
{
	uint64_t length;

	if (!take_digits(value, INT64_MAX, &length))
		return false;
	if (out->length >= 0 && (uint64_t)out->length != length)
		return false;
	out->length = (int64_t)length;
	return true;
}

static void take_connection(struct span value, struct web_head *out)
{
	struct span item;

	while (next_item(&value, &item))
		if (same(item, "close"))
			out->last = true;
}

static bool take_field(struct span line, struct web_head *out)
{
	const char *colon = memchr(line.at, ':', line.n);
	struct span name = line, value;

	if (colon == NULL || colon == line.at || blank(line.at[0]) ||
	    memchr(line.at, '\0', line.n) != NULL || blank(colon[-1]))
		return false;
	name.n = (size_t)(colon - line.at);
	value.at = colon + 1;
	value.n = line.n - name.n - 1;
	value = trimmed(value);
	if (same(name, "content-length"))
		return take_length(value, out);
	if (same(name, "transfer-encoding")) {
		if (out->chunked || !same(value, "chunked"))
			return false;
		out->chunked = true;
	} else if (same(name, "content-type")) {
		take_content_type(value, out);
	} else if (same(name, "cache-control")) {
		take_max_age(value, out);
	} else if (same(name, "connection")) {
		take_connection(value, out);
	}
	return true;
}

/* Whether the empty line has come. */
static bool whole(const char *bytes, size_t n)
{
	const char *at = bytes, *end = bytes + n;
	struct span line;

	while (next_line(&at, end, &line))
		if (line.n == 0)
			return true;
	return false;
}

ssize_t web_head_read(const char *bytes, size_t n, struct web_head *out)
{
	const char *at = bytes, *end = bytes + n;
	struct span line;

	*out = (struct web_head){.length = -1, .max_age_s = -1};
	/* What is no HTTP is told at once, though no line of it ever ends. */
	if (memcmp(bytes, "HTTP/1.", n < 7 ? n : 7) != 0)
		return -1;
	if (!whole(bytes, n))
		return 0;
	if (!next_line(&at, end, &line) || !take_status(line, out))
		return -1;
	while (next_line(&at, end, &line) && line.n > 0)
		if (!take_field(line, out))
			return -1;
	return out->chunked && out->length >= 0 ? -1 : at - bytes;
}

/* ---- the body ---- */

void web_body_begin(struct web_body *b, const struct web_head *head, bool bare)
{
	*b = (struct web_body){.state = WEB_BODY_TO_CLOSE};
	if (bare || head->status < 200 || head->status == 204 ||
	    head->status == 304) {
		b->state = WEB_BODY_DONE;
	} else if (head->chunked) {
		b->state = WEB_BODY_SIZE;
	} else if (head->length >= 0) {
		b->left = (uint64_t)head->length;
		b->state = b->left > 0 ? WEB_BODY_LENGTH : WEB_BODY_DONE;
	}
}

/* "1a;name=value" and its end; what follows the digits is not looked at. */
static void size_line(struct web_body *b, char c)
{
	int value = text_hex_digit(c);

	if (b->line == LINE_MOST) {
		b->state = WEB_BODY_BAD;
		return;
	}
	b->line++;
	if (c == '\n' && b->digits > 0) {
		b->state = b->left > 0 ? WEB_BODY_CHUNK : WEB_BODY_TRAILER;
		b->digits = 0;
		b->line = 0;
	} else if (value >= 0 && b->line == b->digits + 1) {
		b->left = b->left << 4 | (unsigned)value;
		if (++b->digits > CHUNK_DIGITS)
			b->state = WEB_BODY_BAD;
	} else if (b->digits == 0 || (b->line == b->digits + 1 && c != '\r' &&
				      c != ';' && !blank(c))) {
		b->state = WEB_BODY_BAD;
	}
}

static void chunk_end(struct web_body *b, char c)
{
	if (c == '\n')
		b->state = WEB_BODY_SIZE;
	else if (c != '\r' || b->line > 0)
		b->state = WEB_BODY_BAD;
	b->line = c == '\r';
}

/* Lines until an empty one; `digits` counts the bytes of the line. */
static void trailer(struct web_body *b, char c)
{
	if (++b->line > TRAILER_MOST)
		b->state = WEB_BODY_BAD;
	else if (c == '\n' && b->digits == 0)
		b->state = WEB_BODY_DONE;
	else if (c == '\n')
		b->digits = 0;
	else if (c != '\r')
		b->digits++;
}

/* As much of the n bytes as is left. */
static size_t run_of(struct web_body *b, size_t n, enum web_body_state then)
{
	if (n > b->left)
		n = (size_t)b->left;
	b->left -= n;
	if (b->left == 0)
		b->state = then;
	return n;
}

size_t web_body_take(struct web_body *b, const char *bytes, size_t n,
		     const char **piece, size_t *piece_len)
{
	size_t at = 0;

	*piece_len = 0;
	while (at < n && *piece_len == 0) {
		*piece = bytes + at;
		switch (b->state) {
		case WEB_BODY_LENGTH:
			*piece_len = run_of(b, n - at, WEB_BODY_DONE);
			break;
		case WEB_BODY_CHUNK:
			*piece_len = run_of(b, n - at, WEB_BODY_CHUNK_END);
			break;
		case WEB_BODY_TO_CLOSE:
			*piece_len = n - at;
			break;
		case WEB_BODY_SIZE:
			size_line(b, bytes[at++]);
			break;
		case WEB_BODY_CHUNK_END:
			chunk_end(b, bytes[at++]);
			break;
		case WEB_BODY_TRAILER:
			trailer(b, bytes[at++]);
			break;
		case WEB_BODY_DONE:
		case WEB_BODY_BAD:
			return at;
		}
	}
	return at + *piece_len;
}
