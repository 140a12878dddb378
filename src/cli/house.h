#ifndef CLI_HOUSE_H
#define CLI_HOUSE_H

#include <stdbool.h>
#include <stdint.h>

#include "api/api.h"
#include "auth/keys.h"
#include "base/attr.h"
#include "base/problem.h"
#include "config.h"
#include "run/convert.h"
#include "run/pool.h"

/*
 * The whole daemon, made in order and taken down in reverse: the one place
 * where both halves are wired. Main thread.
 */
struct house {
	const struct config *config;
	unsigned char sign_key[32];
	struct access *access;
	struct keys *keys;
	struct files *files;
	struct blobs *blobs;
	struct board *board;
	struct store *store;
	struct convert *convert;
	bool converts; /* the helper is there */
	/* Looked at by the store's and the keys' threads while main is still
	 * building. */
	struct api *_Atomic api;
	struct server *_Atomic server;
	struct pool *_Atomic pool;
};

/* Zeroed before; house_close() in both cases. */
MUST_USE bool house_open(struct house *h, const struct config *c,
			 struct problem *why);
/* Endpoints and keys again; what is broken keeps its old version. */
void house_reload(struct house *h);
/* No new work, what runs gets `ms` to end, then everything closes. */
void house_close(struct house *h, int64_t ms);

#endif
