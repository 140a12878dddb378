#include "base/clock.h"
#include "jobs/store_private.h"

/*
 * Small output files are written without a sync, and their bytes go into the
 * database with their job's end: one sync makes all that end together durable.
 * The kernel brings the files to the disk when it likes; the janitor has that
 * done for all at once, now and then, and deletes the copies. What a power cut
 * takes of a file before that is written again at the next start
 * (jobs/recover.h).
 */
#define COPIES_MAX   ((int64_t)16 << 20) /* bytes; beyond: files are synced */
#define ROW_BYTES    128		 /* at most, beside the file's */
#define SETTLE_BYTES ((int64_t)4 << 20)	 /* so many are deleted at once … */
#define SETTLE_MS    60000		 /* … and fewer after that time */
#define DROP_MAX     256		 /* in one transaction */

static int64_t weight(const struct files_unsynced *u)
{
	return (int64_t)u->bytes.len + (int64_t)u->count * ROW_BYTES;
}

void copies_plan(struct store *s, struct op *ops)
{
	int64_t room = COPIES_MAX - atomic_load(&s->copied_bytes);
	struct files_unsynced *list = NULL;

	for (struct op *op = ops; op != NULL; op = op->next) {
		struct files_unsynced *u = op->files;

		if (u == NULL || u->count == 0)
			continue;
		if (!buf_over(&u->bytes) && weight(u) <= room) {
			room -= weight(u);
		} else {
			u->next = list;
			list = u;
		}
	}
	files_sync(s->o.files, list);
}

bool copies_add(struct store *s, int64_t seq, const struct files_unsynced *u)
{
	const char *at = u != NULL ? buf_str(&u->bytes) : NULL;

	for (unsigned i = 0; u != NULL && i < u->count; i++) {
		if (!db_add_copy(s->db, atomic_fetch_add(&s->copied, 1) + 1,
				 seq, u->files[i].name, at, u->files[i].size))
			return false;
		at += u->files[i].size;
	}
	return true;
}

void copies_done(struct store *s, struct files_unsynced *u)
{
	if (u == NULL)
		return;
	atomic_fetch_add(&s->copied_bytes, weight(u));
	files_unsynced_drop(u);
}

/* ---- the janitor's side ---- */

struct dropping {
	struct work work;
	int64_t until;
};

static bool apply(struct store *s, struct op *op)
{
	return db_drop_copies(s->db, ((struct dropping *)op)->until);
}

/* In several transactions, so that none holds up the others for long. */
static bool drop(struct store *s, int64_t until)
{
	while (s->settled < until) {
		struct dropping d = {.until = s->settled + DROP_MAX};

		if (d.until > until)
			d.until = until;
		if (!work_carry_out(s, &d.work, apply))
			return false;
		s->settled = d.until;
	}
	return true;
}

void copies_settle(struct store *s)
{
	/* In this order: what is counted has its number. What has a number has
	 * been written to its file. */
	int64_t bytes = atomic_load(&s->copied_bytes);
	int64_t until = atomic_load(&s->copied);

	s->settled_at = clock_monotonic_ms();
	if (until > s->settled && files_sync_all(s->o.files) && drop(s, until))
		atomic_fetch_sub(&s->copied_bytes, bytes);
}

void store_settle(struct store *s)
{
	int64_t now = clock_monotonic_ms();

	if (atomic_load(&s->copied_bytes) >= SETTLE_BYTES ||
	    now - s->settled_at >= SETTLE_MS)
		copies_settle(s);
}
