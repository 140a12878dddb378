#include "jobs/recover.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "jobs/journal.h"
#include "jobs/outputs.h"

struct recovery {
	struct files *files;
	struct store_reader *reader;
	struct problem *why;
	long long written;
};

static bool promised(struct recovery *r, const struct journal_record *record)
{
	char sha[DIGEST_HEX_SIZE];
	struct job j = {0};
	struct arena a = {0};
	bool found;

	digest_hex(record->sha256, sha);
	found = store_read(r->reader, record->job, NULL, &a, &j) &&
		j.phase == PHASE_SUCCEEDED && !j.files_gone &&
		outputs_names(j.outputs, record->name, sha);
	arena_finish(&a);
	return found;
}

static bool write_again(struct recovery *r, const struct journal_record *record)
{
	if (!files_restore(r->files, record->job, record->name, record->bytes,
			   record->n, r->why))
		return false;
	r->written++;
	return true;
}

static bool recover(void *ctx, const struct journal_record *record)
{
	struct recovery *r = ctx;

	return !promised(r, record) ||
	       files_holds(r->files, record->job, record->name, record->bytes,
			   record->n) ||
	       write_again(r, record);
}

bool recover_files(struct files *f, struct store *s, struct problem *why)
{
	struct journal *journal = files_journal(f);
	struct recovery r = {.files = f, .why = why};
	bool good;

	r.reader = store_reader_open(s, why);
	if (r.reader == NULL)
		return false;
	good = journal_each(journal, recover, &r, why);
	store_reader_close(r.reader);
	if (r.written > 0)
		log_event(LOG_WARN, "files.recovered", "count",
			  log_num(r.written), NULL);
	if (!good)
		return false;
	if (journal_empty(journal)) {
		journal_fill(journal);
		return true;
	}
	return problem_set(why, PROBLEM_INTERNAL, "files/journal", "%s",
			   strerror(errno));
}
