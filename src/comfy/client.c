#include "comfy/client_private.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define URL_MAX 4096

struct comfy_client *comfy_client_create(struct comfy_server *server)
{
	struct comfy_client *c = mem_alloc(sizeof(*c));

	c->server = server;
	c->web = web_create();
	return c;
}

void comfy_client_destroy(struct comfy_client *c)
{
	if (c == NULL)
		return;
	web_destroy(c->web);
	free(c);
}

void comfy_client_stop_when(struct comfy_client *c, bool (*stop)(void *ctx),
			    void *ctx)
{
	c->stop = stop;
	c->stop_ctx = ctx;
}

const char *comfy_detail(const struct comfy_client *c)
{
	return c->detail;
}

bool comfy_turned_away(int status)
{
	switch (status) {
	case 401:
	case 403:
	case 404:
	case 405:
	case 429:
		return true;
	default:
		return status >= 300 && status <= 399;
	}
}

void comfy_note(struct comfy_client *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(c->detail, sizeof(c->detail), fmt, ap);
	va_end(ap);
}

static enum comfy_outcome outcome_of(enum web_outcome w)
{
	switch (w) {
	case WEB_ANSWERED:
		return COMFY_OK;
	case WEB_REFUSED:
		return COMFY_UNREACHABLE;
	case WEB_STOPPED:
		return COMFY_STOPPED;
	case WEB_UNREAD:
		return COMFY_LOCAL;
	case WEB_BROKEN:
	case WEB_TIMED_OUT:
	case WEB_TOO_LARGE:
		break;
	}
	return COMFY_UNCERTAIN;
}

enum comfy_outcome comfy_do(struct comfy_client *c,
			    const struct comfy_request *q,
			    struct web_answer *answer)
{
	struct buf url;
	const char *headers[] = {c->server->header, NULL};
	struct web_call call = {
		.method = q->method,
		.content_type =
			q->body != NULL ? "application/json" : q->content_type,
		.body = q->body,
		.body_len = q->body_len,
		.pieces = q->pieces,
		.piece_count = q->piece_count,
		.headers = headers,
		.timeout_ms = q->until_ms - clock_monotonic_ms(),
		.max_bytes = q->max_bytes,
		.once = q->once,
		.sink = q->sink,
		.sink_ctx = q->sink_ctx,
		.stop = c->stop,
		.stop_ctx = c->stop_ctx,
	};
	enum web_outcome w;

	if (call.timeout_ms < 1)
		call.timeout_ms = 1;
	buf_init(&url, URL_MAX);
	buf_adds(&url, c->server->url);
	buf_adds(&url, q->path);
	if (buf_over(&url)) {
		/* Only a file name can be that long, and it came from the
		 * server, which has no such file. */
		buf_finish(&url);
		memset(answer, 0, sizeof(*answer));
		c->too_large = false;
		comfy_note(c, "%s: the address is too long", q->method);
		return COMFY_MISSING;
	}
	call.url = buf_str(&url);
	w = web_do(c->web, &call, answer);
	c->too_large = w == WEB_TOO_LARGE;
	if (w != WEB_ANSWERED)
		comfy_note(c, "%s %s: %s", q->method, q->path, answer->detail);
	else if (answer->status < 200 || answer->status > 299)
		comfy_note(c, "%s %s: status %d", q->method, q->path,
			   answer->status);
	else
		c->detail[0] = '\0';
	buf_finish(&url);
	return outcome_of(w);
}

static enum comfy_outcome by_status(int status)
{
	if (status >= 200 && status <= 299)
		return COMFY_OK;
	return status == 404 ? COMFY_MISSING : COMFY_UNCERTAIN;
}

enum comfy_outcome comfy_get(struct comfy_client *c, const char *path,
			     int64_t until_ms, struct web_answer *answer)
{
	const struct comfy_request q = {
		.method = "GET",
		.path = path,
		.until_ms = until_ms,
		.max_bytes = REPLY_MAX,
	};
	enum comfy_outcome o = comfy_do(c, &q, answer);

	return o == COMFY_OK ? by_status(answer->status) : o;
}

enum comfy_outcome comfy_post(struct comfy_client *c, const char *path,
			      const char *body, int64_t until_ms)
{
	const struct comfy_request q = {
		.method = "POST",
		.path = path,
		.body = body,
		.body_len = strlen(body),
		.until_ms = until_ms,
		.max_bytes = 1 << 20,
	};
	struct web_answer answer;
	enum comfy_outcome o = comfy_do(c, &q, &answer);

	if (o == COMFY_OK)
		o = by_status(answer.status);
	web_answer_finish(&answer);
	return o;
}

struct json_doc *comfy_json(struct comfy_client *c, const char *path,
			    const struct web_answer *answer)
{
	struct problem why = {0};
	struct json_doc *doc = json_parse_python(
		buf_str(&answer->body), answer->body.len, REPLY_DEPTH, &why);

	if (doc == NULL)
		comfy_note(c, "%s: the answer is no JSON: %s", path,
			   why.detail);
	return doc;
}

enum comfy_outcome comfy_history(struct comfy_client *c,
				 const char prompt_id[ID_SIZE],
				 int64_t timeout_ms, struct arena *a,
				 struct history *out)
{
	struct web_answer answer;
	struct problem why = {0};
	struct history_entry entry;
	const char *path = arena_join(a, "/history/", prompt_id, NULL);
	enum comfy_outcome o;

	memset(out, 0, sizeof(*out));
	o = comfy_get(c, path, clock_monotonic_ms() + timeout_ms, &answer);
	if (o != COMFY_OK)
		goto out;
	if (!history_find(buf_str(&answer.body), answer.body.len, prompt_id,
			  &entry)) {
		comfy_note(c, "%s: the answer is no history", path);
		o = COMFY_UNCERTAIN;
	} else if (!entry.there) {
		comfy_note(c, "%s: no entry", path);
		o = COMFY_MISSING;
	} else if (!history_read(&entry, a, out, &why)) {
		comfy_note(c, "%s: %s", path, why.detail);
		o = COMFY_UNCERTAIN;
	}
out:
	web_answer_finish(&answer);
	return o;
}

enum comfy_outcome comfy_free(struct comfy_client *c, int64_t timeout_ms)
{
	/* Unloading alone leaves the cache as it is (s28). */
	return comfy_post(c, "/free",
			  "{\"unload_models\":true,\"free_memory\":true}",
			  clock_monotonic_ms() + timeout_ms);
}

enum comfy_outcome comfy_forget(struct comfy_client *c,
				const char (*prompt_ids)[ID_SIZE], size_t count,
				int64_t timeout_ms)
{
	enum comfy_outcome o;
	struct buf b;

	buf_init(&b, 32 + COMFY_FORGET_MAX * (ID_SIZE + 3));
	buf_adds(&b, "{\"delete\":[");
	for (size_t i = 0; i < count; i++)
		buf_addf(&b, "%s\"%s\"", i > 0 ? "," : "", prompt_ids[i]);
	buf_adds(&b, "]}");
	assert(!buf_over(&b));
	o = comfy_post(c, "/history", buf_str(&b),
		       clock_monotonic_ms() + timeout_ms);
	buf_finish(&b);
	return o;
}
