#ifndef COMFY_CLIENT_PRIVATE_H
#define COMFY_CLIENT_PRIVATE_H

#include "base/json.h"
#include "comfy/client.h"

/* Shared by the files of the client; nobody else includes it. */

/* The largest answers seen were 8 MB (s44); a queue holds every graph in it. */
#define REPLY_MAX ((size_t)64 << 20)
/* Graphs of other people are in the queue and nest as they like. */
#define REPLY_DEPTH 500

struct comfy_client {
	struct comfy_server *server;
	struct web *web;
	bool (*stop)(void *ctx);
	void *stop_ctx;
	bool too_large; /* why the last call failed */
	char detail[512];
};

struct comfy_request {
	const char *method;
	const char *path; /* below the base URL; with the query */
	const char *body; /* JSON; NULL none */
	size_t body_len;
	/* In place of body: see base/web.h. */
	const struct web_piece *pieces;
	size_t piece_count;
	const char *content_type; /* of the pieces */
	int64_t until_ms;	  /* CLOCK_MONOTONIC */
	size_t max_bytes;
	bool once;
	bool (*sink)(void *ctx, const void *bytes, size_t n);
	void *sink_ctx;
};

/* COMFY_OK when an answer came, whatever its status. The caller calls
 * web_answer_finish() in any case. */
enum comfy_outcome comfy_do(struct comfy_client *c,
			    const struct comfy_request *q,
			    struct web_answer *answer);
/* One GET or one small POST: COMFY_OK for 2xx, COMFY_MISSING for 404. */
enum comfy_outcome comfy_get(struct comfy_client *c, const char *path,
			     int64_t until_ms, struct web_answer *answer);
enum comfy_outcome comfy_post(struct comfy_client *c, const char *path,
			      const char *body, int64_t until_ms);
/* At the door, by that status of a POST: by a proxy, or it is no ComfyUI. */
bool comfy_turned_away(int status);
/* What comfy_detail() will say. */
void comfy_note(struct comfy_client *c, const char *fmt, ...) PRINTF(2, 3);
/* The answer's body as JSON, or NULL with a note. */
MUST_USE struct json_doc *comfy_json(struct comfy_client *c, const char *path,
				     const struct web_answer *answer);

/* The path and query of GET or HEAD /view, into a buf of that size at most, so
 * that a base URL fits before it. */
#define VIEW_QUERY_MAX 3500
void view_query(struct buf *to, const struct history_file *file);

/* What the answer of POST /prompt says about the graph, by whatever dialect;
 * false when it is no such answer. */
bool submit_read_errors(const struct json *root, struct arena *a,
			struct comfy_submission *out);

#endif
