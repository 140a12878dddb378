#include "jobs/store_private.h"

/*
 * What a job has given is durable when its end is: small files become rows in
 * the same transaction, larger ones are synced before it begins, those of all
 * jobs that end in it together.
 */
_Static_assert(FILES_ROWS_MAX == DB_SMALL_MAX, "each small file has its row");

void given_sync(struct store *s, struct op *ops)
{
	struct files_given *list = NULL;

	for (struct op *op = ops; op != NULL; op = op->next)
		if (op->files != NULL && op->files->open_count > 0) {
			op->files->next = list;
			list = op->files;
		}
	files_sync(s->o.files, list);
}

bool given_add(struct store *s, int64_t seq, const struct files_given *g)
{
	const char *at = g != NULL ? buf_str(&g->bytes) : NULL;

	for (unsigned i = 0; g != NULL && i < g->row_count; i++) {
		if (!db_add_small(s->db, seq, i, g->rows[i].name, at,
				  g->rows[i].size))
			return false;
		at += g->rows[i].size;
	}
	return true;
}
