#include <stdlib.h>
#include <string.h>

#include "jobs/store_private.h"

/* Of blobs whose last pin went, how many are looked at after a transaction. */
#define LOOSE_MAX 64

/* Which blobs the database names, and what is done about those that it does
 * not name any more. */

bool names_add(struct store *s, int64_t seq, const struct job_file *files,
	       size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (files[i].sha256 != NULL &&
		    !db_add_job_file(s->db, seq, files[i].sha256))
			return false;
	return true;
}

bool names_drop(struct store *s, const struct db_row *row)
{
	return !row->names_blobs ||
	       db_drop_job_files(s->db, row->seq, names_dropped, s);
}

void names_dropped(void *ctx, const char *sha256)
{
	struct store *s = ctx;

	if (s->dropped_count == s->dropped_cap) {
		s->dropped_cap = s->dropped_cap != 0 ? s->dropped_cap * 2 : 64;
		s->dropped = mem_resize(s->dropped,
					s->dropped_cap * sizeof(*s->dropped));
	}
	memcpy(s->dropped[s->dropped_count++], sha256, DIGEST_HEX_SIZE);
}

static void look_at(struct store *s, const char *sha256)
{
	if (db_blob_named(s->db, sha256) == DB_NONE)
		blobs_remove_unpinned(s->o.blobs, sha256);
}

/*
 * Nobody else adds names, and whoever is about to have one added holds a pin
 * until that is committed: so what has neither name nor pin stays without. A
 * blob that is pinned now is looked at when its last pin goes.
 */
void names_settle(struct store *s)
{
	char loose[LOOSE_MAX][DIGEST_HEX_SIZE];
	size_t n;

	if (s->o.blobs == NULL)
		return;
	for (size_t i = 0; i < s->dropped_count; i++)
		look_at(s, s->dropped[i]);
	s->dropped_count = 0;
	n = blobs_take_loose(s->o.blobs, loose, LOOSE_MAX);
	for (size_t i = 0; i < n; i++)
		look_at(s, loose[i]);
}
