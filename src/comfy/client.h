#ifndef COMFY_CLIENT_H
#define COMFY_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/id.h"
#include "base/web.h"
#include "comfy/history.h"

/*
 * ComfyUI's HTTP API, one call a function, no jobs in it. Blocking, each with
 * a deadline; a client belongs to one fiber or thread (a slot, health).
 * Both recorded versions are spoken (0.3.64 and 0.25.0); what a server can do
 * is asked once and remembered in its struct comfy_server.
 *
 * "recording s41" and the like in this folder mean what a real server was seen
 * to do on the wire; the replies in tests/standin/recordings are a selection.
 */

/* One backend, shared by its clients and its socket. Fixed but for what was
 * learned about it, which is atomic. */
struct comfy_server {
	const char *name; /* ours, for the log: "gpu-1" */
	const char *url;  /* base, without a trailing slash */
	/* Extra header for a proxy before it ("Authorization: …"), or NULL. */
	const char *header;
	int has_jobs_api; /* atomic: 1 yes, 0 no, -1 not asked yet */
};

struct comfy_client;
struct comfy_client *comfy_client_create(struct comfy_server *server);
void comfy_client_destroy(struct comfy_client *c);
/* Looked at while a call waits (about every 200 ms); true abandons it. */
void comfy_client_stop_when(struct comfy_client *c, bool (*stop)(void *ctx),
			    void *ctx);

enum comfy_outcome {
	COMFY_OK,
	COMFY_REJECTED,	   /* 400: the graph is wrong; retrying is no use */
	COMFY_UNREACHABLE, /* nothing was sent, or turned away at the door */
	COMFY_UNCERTAIN,   /* sent, no usable answer: it may have happened */
	COMFY_MISSING,	   /* 404 */
	COMFY_STOPPED,
	COMFY_LOCAL, /* our side: the sink (disk full), a file over max_bytes */
};

/* What was wrong with a graph, per node input (s08); texts in the arena. */
struct node_error {
	const char *node;
	const char *class_type;
	const char *type;    /* "value_not_in_list" */
	const char *input;   /* or NULL */
	const char *message; /* for the log: may name models */
};

struct comfy_submission {
	struct node_error *errors; /* also with COMFY_OK: outputs left out */
	size_t error_count;
	const char *detail; /* for the log */
};

/*
 * POST /prompt, sent once at most, never with `number` (s41). prompt is the
 * graph's text, posted as it is. client_id may be "" (then one nobody listens
 * on is sent). A 500, or an answer that does not come, is COMFY_UNCERTAIN: ask
 * comfy_where() before posting again. COMFY_OK with errors: outputs of those
 * nodes were left out (s08). An error of the whole graph has node "" unless
 * the answer names one.
 */
enum comfy_outcome comfy_submit(struct comfy_client *c, const char *prompt,
				size_t prompt_len,
				const char prompt_id[ID_SIZE],
				const char *client_id, int64_t timeout_ms,
				struct arena *a, struct comfy_submission *out);

/* Where a prompt is, by /api/jobs/{id} where that exists, else by /queue and
 * /history, asked in an order that cannot miss one that moves on meanwhile. */
enum comfy_place {
	PLACE_NOWHERE, /* never came, or lost by a restart */
	PLACE_PENDING,
	PLACE_RUNNING,
	PLACE_ENDED, /* history has it */
};

enum comfy_outcome comfy_where(struct comfy_client *c,
			       const char prompt_id[ID_SIZE],
			       int64_t timeout_ms, enum comfy_place *out);

/* GET /history/{id}. COMFY_MISSING while there is no entry (200 {}). When
 * comfy_where() says PLACE_ENDED and this stays COMFY_UNCERTAIN, the entry
 * cannot be printed (500, s36) or not be read: the outputs are lost. */
enum comfy_outcome comfy_history(struct comfy_client *c,
				 const char prompt_id[ID_SIZE],
				 int64_t timeout_ms, struct arena *a,
				 struct history *out);

/* Takes a pending prompt out of the queue, or interrupts it where it runs;
 * interrupting names the prompt, and happens only while that one runs, so
 * nobody else's run is hit (s14). COMFY_OK does not say that it has ended: a
 * node that blocks, or the last one, goes on. */
enum comfy_outcome comfy_cancel(struct comfy_client *c,
				const char prompt_id[ID_SIZE],
				int64_t timeout_ms);
/* POST /free: unloads models and empties the cache (s28). */
enum comfy_outcome comfy_free(struct comfy_client *c, int64_t timeout_ms);
/* Drops entries of ours, so that history does not grow: POST /history delete,
 * at most COMFY_FORGET_MAX in one call. */
#define COMFY_FORGET_MAX 64
enum comfy_outcome comfy_forget(struct comfy_client *c,
				const char (*prompt_ids)[ID_SIZE], size_t count,
				int64_t timeout_ms);

/* GET /view into a sink (base/web.h). content_type has 128 bytes; "" when the
 * server names none that is a plain type/subtype. COMFY_MISSING also when the
 * server refuses the name that it reported itself. */
enum comfy_outcome comfy_view(struct comfy_client *c,
			      const struct history_file *file,
			      int64_t max_bytes, int64_t timeout_ms,
			      bool (*sink)(void *, const void *, size_t),
			      void *sink_ctx, char *content_type);

struct comfy_status {
	char version[32]; /* "" unknown */
	int64_t pending;  /* others' prompts too */
	int64_t running;
	int64_t vram_free; /* bytes, -1 unknown */
	int64_t vram_total;
};

/* GET /queue and /system_stats: is it alive, and what is waiting there. */
enum comfy_outcome comfy_probe(struct comfy_client *c, int64_t timeout_ms,
			       struct comfy_status *out);
/* The last failure in words, for the log. */
const char *comfy_detail(const struct comfy_client *c);

#endif
