#ifndef API_API_H
#define API_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/access.h"
#include "base/attr.h"
#include "http/server.h"
#include "jobs/blobs.h"
#include "jobs/board.h"
#include "jobs/files.h"
#include "jobs/store.h"
#include "manifest/catalogue.h"

/*
 * The HTTP API: from a request to an answer. One route table (routes.c), one
 * file per resource. All of it runs on the loop thread but for intakes
 * and what waits for the disk, on body threads (intake.h, insertion.h); the few
 * functions that other threads call say so, and only hand a message to the
 * loop.
 */
struct api;

/* What the answering half may know of the running half. Any thread, cheap,
 * never blocking; given by whoever wires the house. */
struct api_fleet {
	size_t (*total)(void *ctx);
	size_t (*up)(void *ctx);
	bool (*serves)(void *ctx, const char *pool); /* has a backend at all */
	void *ctx;
};

struct api_options {
	struct store *store;
	struct files *files;
	struct blobs *blobs;
	struct board *board;
	struct access *access;
	/* Unknown kid: true when keys are being fetched (auth/keys.h). */
	bool (*ask_keys)(void *ctx);
	void *ask_keys_ctx;
	struct api_fleet fleet;
	const char *public_url; /* "" : from the request's scheme and Host */
	const unsigned char *sign_key; /* for URLs; borrowed by api_create() */
	size_t sign_key_len;
	int64_t url_lifetime_ms;
	int64_t max_wait_ms;
	int64_t keep_files_ms;	 /* files live no longer; 0: no limit */
	size_t max_waiting_each; /* of one owner's jobs */
	size_t max_prompt_bytes;
	size_t max_text_bytes;		/* of a body, its files left out */
	size_t max_inline_bytes;	/* JSON where files are inputs */
	int64_t max_upload_bytes;	/* one body with files */
	int64_t max_uploads_each_bytes; /* of one owner, together */
	int64_t upload_lifetime_ms;
	bool url_http; /* http:// URLs of files, too */
};

/* Takes over the catalogue. The server is given later, as it needs api_handle
 * first; both before server_start(). */
MUST_USE struct api *api_create(const struct api_options *o,
				struct catalogue *catalogue,
				struct problem *why);
void api_attach(struct api *a, struct server *server);
/* After server_stop(): the jobs are not read any more. */
void api_close_reader(struct api *a);
void api_destroy(struct api *a); /* after server_finish() */

/* The server's two handlers: of a request's head, and of a whole request. */
struct body_sink *api_head(void *api, struct exchange *x);
void api_handle(void *api, struct exchange *x);

/* Any thread. A store_listener's; takes over `ended`. */
void api_job_changed(struct api *a, const char *id, enum phase phase,
		     struct store_ended *ended);
void api_progress_changed(struct api *a, const char *id);
void api_keys_renewed(struct api *a);
/* Takes over the catalogue; requests in work keep their endpoint. */
void api_publish(struct api *a, struct catalogue *catalogue);
/* The catalogue in use, for the next catalogue_load(); the main thread alone
 * calls this and api_publish(), so it stays until the next publish. */
const struct catalogue *api_catalogue(struct api *a);
/* No new jobs from now on: 503 shutting-down. */
void api_drain(struct api *a);
/* Parked callers get what there is: 202 and the job as it stands. */
void api_release(struct api *a);

#endif
