#include "http/multipart.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "http/part_header.h"

#define BOUNDARY_MAX 70 /* RFC 2046, 5.1.1 */

enum stage {
	STAGE_PREAMBLE,
	STAGE_BOUNDARY, /* right behind one */
	STAGE_PADDING,	/* blanks behind it, up to its CR LF */
	STAGE_CLOSING,	/* one '-' of the closing "--" has come */
	STAGE_HEADERS,
	STAGE_DATA,
	STAGE_EPILOGUE,
	STAGE_BROKEN,
};

struct multipart {
	const struct multipart_events *events;
	void *ctx;
	enum stage stage;
	size_t parts;
	/* CR LF "--" boundary. CR stands nowhere in it but at its beginning, so
	 * a match that fails can only begin anew at the byte that failed. */
	char delimiter[4 + BOUNDARY_MAX + 1];
	size_t delimiter_len;
	size_t matched; /* bytes of it that have come and are held back */
	bool cr;	/* of a line's end, behind a boundary */
	size_t header_len;
	char header[MULTIPART_HEADERS_MAX + 1];
};

struct multipart *multipart_create(const char *content_type,
				   const struct multipart_events *events,
				   void *ctx, struct problem *why)
{
	char boundary[BOUNDARY_MAX + 1];
	struct multipart *m;

	if (!part_boundary(content_type, boundary, sizeof(boundary))) {
		problem_set(why, PROBLEM_MALFORMED_REQUEST, "",
			    "the Content-Type must be multipart/form-data "
			    "with a boundary");
		return NULL;
	}
	m = mem_alloc(sizeof(*m));
	m->events = events;
	m->ctx = ctx;
	memcpy(m->delimiter, "\r\n--", 4);
	memcpy(m->delimiter + 4, boundary, strlen(boundary));
	m->delimiter_len = 4 + strlen(boundary);
	/* The first boundary may stand at the very beginning. */
	m->matched = 2;
	return m;
}

void multipart_destroy(struct multipart *m)
{
	free(m);
}

static bool bad(struct multipart *m, struct problem *why,
		enum problem_code code, const char *what)
{
	m->stage = STAGE_BROKEN;
	return problem_set(why, code, "", "the form is not well formed: %s",
			   what);
}

/* ---- data: up to the next boundary ---- */

static bool emit(struct multipart *m, const char *bytes, size_t n)
{
	if (m->stage != STAGE_DATA || n == 0)
		return true;
	if (m->events->data(m->ctx, bytes, n))
		return true;
	m->stage = STAGE_BROKEN;
	return false;
}

static bool found_boundary(struct multipart *m)
{
	bool data = m->stage == STAGE_DATA;

	m->matched = 0;
	m->stage = STAGE_BOUNDARY;
	if (!data || m->events->end(m->ctx))
		return true;
	m->stage = STAGE_BROKEN;
	return false;
}

/* Goes on with a boundary whose beginning came with the piece before. Gives
 * how many bytes it took; what was held and turned out to be data is let go. */
static size_t resume_match(struct multipart *m, const char *at, size_t n,
			   bool *good)
{
	size_t used = 0;

	while (used < n && m->matched < m->delimiter_len &&
	       at[used] == m->delimiter[m->matched]) {
		m->matched++;
		used++;
	}
	*good = true;
	if (m->matched == m->delimiter_len) {
		*good = found_boundary(m);
	} else if (used < n) {
		size_t held = m->matched;

		m->matched = 0;
		*good = emit(m, m->delimiter, held);
	}
	return used;
}

static size_t shared(const char *a, const char *b, size_t n)
{
	size_t i = 0;

	while (i < n && a[i] == b[i])
		i++;
	return i;
}

/* Gives how many bytes it took: all, or those up to the end of a boundary. */
static size_t scan(struct multipart *m, const char *at, size_t n, bool *good)
{
	const char *from = at, *end = at + n, *cr;

	while ((cr = memchr(from, '\r', (size_t)(end - from))) != NULL) {
		size_t left = (size_t)(end - cr);
		size_t most = left < m->delimiter_len ? left : m->delimiter_len;
		size_t same = shared(cr, m->delimiter, most);

		if (same == m->delimiter_len) {
			*good = emit(m, at, (size_t)(cr - at)) &&
				found_boundary(m);
			return (size_t)(cr - at) + same;
		}
		if (same == left) { /* its rest may come with the next piece */
			m->matched = same;
			end = cr;
			break;
		}
		from = cr + 1;
	}
	*good = emit(m, at, (size_t)(end - at));
	return n;
}

static size_t take_data(struct multipart *m, const char *at, size_t n,
			bool *good)
{
	if (m->matched > 0)
		return resume_match(m, at, n, good);
	return scan(m, at, n, good);
}

/* ---- between ---- */

static bool begin_headers(struct multipart *m, struct problem *why)
{
	if (++m->parts > MULTIPART_PARTS_MAX)
		return bad(m, why, PROBLEM_TOO_LARGE, "it has too many parts");
	m->stage = STAGE_HEADERS;
	m->header_len = 0;
	return true;
}

/* What follows a boundary: "--" after the last one, else blanks and CR LF. */
static bool take_boundary_end(struct multipart *m, char c, struct problem *why)
{
	if (m->stage == STAGE_BOUNDARY && c == '-') {
		m->stage = STAGE_CLOSING;
		return true;
	}
	if (m->stage == STAGE_CLOSING && c == '-') {
		m->stage = STAGE_EPILOGUE;
		return true;
	}
	if (m->stage == STAGE_CLOSING)
		return bad(m, why, PROBLEM_MALFORMED_REQUEST,
			   "a boundary is followed by something else");
	m->stage = STAGE_PADDING;
	if (m->cr) {
		m->cr = false;
		if (c == '\n')
			return begin_headers(m, why);
	} else if (c == ' ' || c == '\t') {
		return true;
	} else if (c == '\r') {
		m->cr = true;
		return true;
	}
	return bad(m, why, PROBLEM_MALFORMED_REQUEST,
		   "a boundary is followed by something else");
}

static bool ends_headers(const struct multipart *m)
{
	size_t n = m->header_len;

	return (n == 2 && memcmp(m->header, "\r\n", 2) == 0) ||
	       (n >= 4 && memcmp(m->header + n - 4, "\r\n\r\n", 4) == 0);
}

static bool begin_part(struct multipart *m, struct problem *why)
{
	struct part_header h;
	struct multipart_part p = {0};
	const char *wrong;

	m->header[m->header_len] = '\0';
	wrong = part_header_read(m->header, m->header_len, &h);
	if (wrong != NULL)
		return bad(m, why, PROBLEM_MALFORMED_REQUEST, wrong);
	p.name = h.name;
	p.filename = h.has_filename ? h.filename : NULL;
	p.content_type = h.content_type[0] != '\0' ? h.content_type : NULL;
	m->stage = STAGE_DATA;
	if (m->events->begin(m->ctx, &p))
		return true;
	m->stage = STAGE_BROKEN;
	return false;
}

static bool take_header(struct multipart *m, char c, struct problem *why)
{
	if (m->header_len == MULTIPART_HEADERS_MAX)
		return bad(m, why, PROBLEM_TOO_LARGE,
			   "the header fields of a part are too long");
	m->header[m->header_len++] = c;
	if (c == '\n' && ends_headers(m))
		return begin_part(m, why);
	return true;
}

bool multipart_feed(struct multipart *m, const void *bytes, size_t n,
		    struct problem *why)
{
	const char *at = bytes, *end = at + n;

	while (at < end) {
		bool good = true;

		switch (m->stage) {
		case STAGE_PREAMBLE:
		case STAGE_DATA:
			at += take_data(m, at, (size_t)(end - at), &good);
			break;
		case STAGE_BOUNDARY:
		case STAGE_PADDING:
		case STAGE_CLOSING:
			good = take_boundary_end(m, *at++, why);
			break;
		case STAGE_HEADERS:
			good = take_header(m, *at++, why);
			break;
		case STAGE_EPILOGUE:
			return true;
		case STAGE_BROKEN:
			return false;
		}
		if (!good)
			return false;
	}
	return true;
}

bool multipart_finish(struct multipart *m, struct problem *why)
{
	if (m->stage == STAGE_EPILOGUE)
		return true;
	if (m->stage == STAGE_BROKEN)
		return false;
	return bad(m, why, PROBLEM_MALFORMED_REQUEST,
		   "it ends before its closing boundary");
}
