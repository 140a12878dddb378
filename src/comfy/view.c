#include "comfy/client_private.h"

#include <string.h>

#include "base/clock.h"
#include "base/text.h"

/* Tells a sink that gave up (our disk) from a call that was stopped. */
struct pipe {
	bool (*sink)(void *, const void *, size_t);
	void *ctx;
	bool failed;
};

static bool pass_on(void *ctx, const void *bytes, size_t n)
{
	struct pipe *p = ctx;

	if (!p->failed && !p->sink(p->ctx, bytes, n))
		p->failed = true;
	return !p->failed;
}

/* Names are what some node said: data, in a query, wherever they point. */
void view_query(struct buf *to, const struct history_file *file)
{
	buf_adds(to, "/view?filename=");
	text_percent_encode(to, file->filename);
	buf_adds(to, "&subfolder=");
	text_percent_encode(to, file->subfolder);
	buf_adds(to, "&type=");
	text_percent_encode(to, file->type);
}

static bool type_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("!#$&^_.+-", c) != NULL);
}

/* "" for what is no plain type/subtype: it will be a header of ours. */
static void take_type(const char *said, char out[128])
{
	size_t slashes = 0;

	out[0] = '\0';
	for (const char *p = said; *p != '\0'; p++) {
		if (*p == '/')
			slashes++;
		else if (!type_character(*p))
			return;
	}
	if (slashes == 1)
		text_copy(out, 128, said);
}

static enum comfy_outcome by_status(int status)
{
	switch (status) {
	case 200:
		return COMFY_OK;
	case 400: /* a name that climbs, a folder that does: the server does */
	case 403: /* not give out what it has reported (s25) */
	case 404:
		return COMFY_MISSING;
	default:
		return COMFY_UNCERTAIN;
	}
}

enum comfy_outcome comfy_view(struct comfy_client *c,
			      const struct history_file *file,
			      int64_t max_bytes, int64_t timeout_ms,
			      bool (*sink)(void *, const void *, size_t),
			      void *sink_ctx, char *content_type)
{
	struct pipe pipe = {sink, sink_ctx, false};
	struct comfy_request q = {
		.method = "GET",
		.until_ms = clock_monotonic_ms() + timeout_ms,
		.max_bytes = (size_t)max_bytes,
		.sink = pass_on,
		.sink_ctx = &pipe,
	};
	struct web_answer answer;
	struct buf path;
	enum comfy_outcome o;

	content_type[0] = '\0';
	buf_init(&path, VIEW_QUERY_MAX);
	view_query(&path, file);
	if (buf_over(&path)) {
		buf_finish(&path);
		comfy_note(c, "GET /view: the name is too long");
		return COMFY_MISSING;
	}
	q.path = buf_str(&path);
	o = comfy_do(c, &q, &answer);
	if (o == COMFY_OK) {
		o = by_status(answer.status);
		take_type(answer.content_type, content_type);
	} else if (pipe.failed) {
		comfy_note(c, "GET /view: could not be stored");
		o = COMFY_LOCAL;
	} else if (c->too_large) {
		o = COMFY_LOCAL;
	}
	web_answer_finish(&answer);
	buf_finish(&path);
	return o;
}
