#ifndef CONFIG_H
#define CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/problem.h"

/*
 * The settings: one JSON file, each also by environment (COMFYGATE_ and the
 * name in capitals), which wins. One table in config.c holds them all; the
 * table in docs/configuration.md is compared with it by a test. Read once at
 * start, on the main thread; secrets come as names of files and are never
 * printed.
 */
struct config_backend {
	const char *name; /* "backend-1" where not given */
	const char *url;
	const char *pool;
	const char *header; /* a secret; or NULL */
	unsigned slots;
};

struct config {
	struct arena arena;

	const char *endpoints;
	const char *state;
	const char *socket;
	const char *public_url;

	const char *jwks_file;
	const char *jwks_url;
	const char *pem_file;
	const char *secret_file;
	const char *issuer;
	const char *audience;
	const char *realm;
	int64_t leeway;

	int64_t max_body_bytes;
	int64_t max_output_bytes;
	int64_t max_waiting;
	int64_t max_waiting_each;
	int64_t max_connections;
	int64_t max_wait;
	int64_t url_lifetime;
	int64_t min_free_bytes;
	int64_t keep_jobs;
	int64_t keep_files;	  /* 0: no limit */
	int64_t keep_files_bytes; /* 0: no limit */
	const char *media_helper;
	int64_t convert_timeout;

	int64_t slots;
	int64_t stall;
	int64_t poll;
	int64_t call_timeout;
	int64_t fetch_timeout;
	int64_t read_timeout;
	int64_t stop_timeout;

	const char *log_level;

	struct config_backend *backends;
	size_t backend_count;
};

/* path: NULL for no file. env: like environ. All mistakes are collected;
 * false when there is one. config_finish() in both cases. */
MUST_USE bool config_load(struct config *c, const char *path, char *const *env,
			  struct problem_list *errors);
void config_finish(struct config *c);

/* The effective settings as a JSON object, one a line; a header of a backend
 * is shown as "(secret)". */
void config_print(const struct config *c, struct buf *to);
/* Markdown rows "| name | environment | default | what it is |" for docs. */
void config_print_table(struct buf *to);

#endif
