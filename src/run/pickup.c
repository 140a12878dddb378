#include "run/pickup.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "base/url.h"
#include "media/rule.h"

#define TEXT_MAX (1024 * 1024)

static const char inside_words[] =
	"could not be fetched: its server must be a public one with a valid "
	"certificate, and answer with a fitting file in time";

/* By the first word that says why; the same for the log. */
static const struct {
	const char *name;
	const char *words; /* for the caller */
} outcomes[] = {
	[FETCH_WHOLE] = {"whole", ""},
	[FETCH_UNREACHED] = {"unreached", inside_words},
	[FETCH_STATUS] = {"status", "could not be fetched: its server did not "
				    "answer with 200"},
	[FETCH_REDIRECTED] = {"redirected",
			      "could not be fetched: it leads on too often, "
			      "or to no URL that is taken"},
	[FETCH_CODED] = {"coded", "could not be fetched: its server sends it "
				  "compressed"},
	[FETCH_TOO_LARGE] = {"too-large", "is too large"},
	[FETCH_TIMED_OUT] = {"timed-out", "could not be fetched in time"},
	[FETCH_BROKEN] = {"broken", "could not be fetched: its server ended "
				    "the connection too early"},
	[FETCH_STOPPED] = {"stopped", "could not be stored"},
};
static_assert(COUNT(outcomes) == FETCH__COUNT, "words for every outcome");

/* ---- what the inputs take ---- */

static bool rule_for(const struct pickup *p, const char *field,
		     struct media_rule *out)
{
	const struct file_rule *r = recipe_file(&p->recipe, field);

	if (r == NULL)
		return false;
	*out = (struct media_rule){
		.mimes = r->mimes,
		.mime_count = r->mime_count,
		.max_bytes = r->max_bytes,
		.min_width = r->min_width,
		.max_width = r->max_width,
		.min_height = r->min_height,
		.max_height = r->max_height,
		.max_pixels = r->max_pixels,
		.needs_alpha = r->needs_alpha,
	};
	return media_want_named(r->type, &out->want);
}

/* ---- making one ---- */

static struct download *download_of(struct pickup *p, const char *url)
{
	for (size_t i = 0; i < p->count; i++)
		if (strcmp(p->downloads[i].url, url) == 0)
			return &p->downloads[i];
	p->downloads[p->count] = (struct download){.pickup = p, .url = url};
	return &p->downloads[p->count++];
}

static bool missing(const struct job_file *f)
{
	return f->sha256 == NULL && f->url != NULL;
}

static bool read_job(struct pickup *p, const struct job *job,
		     struct problem *why)
{
	if (!job_files_read(job->files, &p->arena, &p->files, &p->file_count))
		return problem_set(why, PROBLEM_INTERNAL, "", "bad files");
	return recipe_read(job->recipe, &p->arena, &p->recipe, why);
}

/* A URL that several inputs name may have what the one that takes most takes;
 * each is asked again when it is there. */
static bool add(struct pickup *p, const struct job_file *f, int64_t most)
{
	struct media_rule rule;
	struct download *d;

	if (!rule_for(p, f->field, &rule))
		return false;
	if (rule.max_bytes > 0 && rule.max_bytes < most)
		most = rule.max_bytes;
	d = download_of(p, f->url);
	if (d->max_bytes < most)
		d->max_bytes = most;
	return true;
}

struct pickup *pickup_create(const struct job *job, int64_t most,
			     struct problem *why)
{
	struct pickup *p = mem_alloc(sizeof(*p));

	memcpy(p->id, job->id, sizeof(p->id));
	p->deadline_at = job->deadline_at;
	problem_list_init(&p->errors, &p->arena);
	if (!read_job(p, job, why)) {
		pickup_destroy(p);
		return NULL;
	}
	p->downloads =
		arena_array(&p->arena, p->file_count, sizeof(p->downloads[0]));
	for (size_t i = 0; i < p->file_count; i++) {
		if (!missing(&p->files[i]) || add(p, &p->files[i], most))
			continue;
		problem_set(why, PROBLEM_INTERNAL, "", "a file without a rule");
		pickup_destroy(p);
		return NULL;
	}
	p->open = p->count;
	return p;
}

void pickup_destroy(struct pickup *p)
{
	for (size_t i = 0; i < p->count; i++)
		blob_abort(p->downloads[i].draft);
	arena_finish(&p->arena);
	free(p);
}

/* ---- one file ---- */

void download_again(struct download *d, int64_t not_before)
{
	blob_abort(d->draft);
	d->draft = NULL;
	d->size = 0;
	d->state = DOWNLOAD_WAITS;
	d->not_before = not_before;
}

static void close_download(struct download *d, enum download_state state)
{
	d->state = state;
	d->pickup->open--;
	if (state == DOWNLOAD_FAILED) {
		blob_abort(d->draft);
		d->draft = NULL;
	}
}

static bool wants(const struct job_file *f, const struct download *d)
{
	return missing(f) && strcmp(f->url, d->url) == 0;
}

/* The same for each field that names the URL. */
static void tell(struct download *d, const char *code, const char *words)
{
	struct pickup *p = d->pickup;

	for (size_t i = 0; i < p->file_count; i++)
		if (wants(&p->files[i], d))
			problem_list_add(&p->errors, p->files[i].field, code,
					 "%s", words);
}

/* What is logged is our own words and libcurl's, which name the host; never
 * the URL. */
static void log_failure(const struct download *d, const char *what,
			const char *detail)
{
	log_event(LOG_INFO, "fetch.failed", "job", d->pickup->id, "what", what,
		  "why", detail, "tries", log_num(d->tries), NULL);
}

void download_failed(struct download *d, const struct fetch_result *r)
{
	const char *words = outcomes[r->outcome].words;

	log_failure(d, outcomes[r->outcome].name, r->detail);
	if (r->outcome == FETCH_TOO_LARGE)
		words = arena_printf(&d->pickup->arena,
				     "must be at most %" PRId64 " bytes",
				     d->max_bytes);
	else if (r->outcome == FETCH_STATUS)
		words = arena_printf(&d->pickup->arena, "%s but with %d", words,
				     r->status);
	tell(d, r->outcome == FETCH_TOO_LARGE ? "maxBytes" : "fetch", words);
	close_download(d, DOWNLOAD_FAILED);
}

/* By the name that the URL ends with, where the bytes tell little. */
static const struct media_type *type_of(struct download *d,
					enum media_kind kind)
{
	struct url u;
	const char *name = NULL;

	if (url_split(d->url, &d->pickup->arena, &u))
		name = strrchr(u.path, '/') + 1;
	return media_type_named(kind, name);
}

static bool check(struct download *d, const struct media_facts *facts,
		  struct problem_list *errors)
{
	struct pickup *p = d->pickup;
	bool good = true;

	for (size_t i = 0; i < p->file_count; i++) {
		const struct job_file *f = &p->files[i];
		struct media_rule rule;

		if (wants(f, d))
			good = rule_for(p, f->field, &rule) &&
			       media_rule_check(&rule, facts, d->size, f->field,
						errors) &&
			       good;
	}
	return good;
}

void download_arrived(struct download *d, bool inside)
{
	struct pickup *p = d->pickup;
	struct problem_list errors;
	struct media_facts facts;

	problem_list_init(&errors, &p->arena);
	if (!media_file_facts(blob_fd(d->draft), &facts))
		facts = (struct media_facts){.kind = MEDIA_UNKNOWN};
	if (check(d, &facts, &errors)) {
		d->type = type_of(d, facts.kind);
		close_download(d, DOWNLOAD_HERE);
		return;
	}
	log_failure(d, "unfit", errors.items[0].detail);
	for (size_t i = 0; i < errors.count && !inside; i++)
		problem_list_add(&p->errors, errors.items[i].where,
				 errors.items[i].rule, "%s",
				 errors.items[i].detail);
	if (inside)
		tell(d, "fetch", inside_words);
	close_download(d, DOWNLOAD_FAILED);
}

/* ---- the end ---- */

/* In the order of the inputs, not in that in which they were found. */
static void put_errors(struct json_writer *w, const struct pickup *p)
{
	const struct problem_list *l = &p->errors;

	json_put_key(w, "errors");
	json_open(w, '[');
	for (size_t k = 0; k < p->file_count * l->count; k++) {
		const struct problem_item *it = &l->items[k % l->count];

		if (strcmp(it->where, p->files[k / l->count].field) != 0)
			continue;
		json_open(w, '{');
		json_member_string(w, "pointer", it->where);
		json_member_string(w, "code", it->rule);
		json_member_string(w, "detail", it->detail);
		json_close(w, '}');
	}
	json_close(w, ']');
}

static void fail(struct pickup *p, struct store *store)
{
	struct json_writer w;
	struct buf b;

	buf_init(&b, TEXT_MAX);
	json_writer_init(&w, &b);
	json_open(&w, '{');
	json_member_string(&w, "code", problem_name(PROBLEM_INVALID_INPUT));
	json_member_string(&w, "detail",
			   "some inputs are not as the endpoint wants them");
	put_errors(&w, p);
	json_close(&w, '}');
	if (store_end(store, p->id, "", PHASE_FAILED,
		      buf_over(&b) ? "{\"code\":\"invalid-input\"}"
				   : buf_str(&b)))
		log_event(LOG_INFO, "job.failed", "job", p->id, "why", "inputs",
			  NULL);
	buf_finish(&b);
}

static void fill(struct pickup *p, const struct download *d, const char *sha256)
{
	for (size_t i = 0; i < p->file_count; i++) {
		struct job_file *f = &p->files[i];

		if (!wants(f, d))
			continue;
		f->sha256 = sha256;
		f->size_bytes = d->size;
		f->content_type = d->type->mime;
		f->extension = d->type->extension;
	}
}

/* The blobs are pinned until the store has their names. */
static void store_files(struct pickup *p, struct store *store)
{
	struct buf b;
	bool moved;

	buf_init(&b, TEXT_MAX);
	job_files_write(p->files, p->file_count, &b);
	moved = !buf_over(&b) && store_fetched(store, p->id, buf_str(&b));
	buf_finish(&b);
	log_event(LOG_INFO, "job.fetched", "job", p->id, "files",
		  log_num((long long)p->count), "queued", moved ? "yes" : "no",
		  NULL);
}

static bool facts_of(struct blobs *blobs, const struct job_file *f,
		     struct media_facts *out)
{
	int fd = blobs_file(blobs, f->sha256);
	bool good = fd >= 0 && media_file_facts(fd, out);

	if (fd >= 0)
		close(fd);
	return good;
}

/* A mask has the size of its picture: where one of them came only now, nobody
 * could see that before. Not told is what the size is, as either may come from
 * inside. */
static void check_masks(struct pickup *p, struct blobs *blobs)
{
	for (size_t i = 0; i < p->file_count * p->file_count; i++) {
		const struct job_file *mask = &p->files[i / p->file_count];
		const struct job_file *picture = &p->files[i % p->file_count];
		struct media_facts m, of;

		if (mask->of != NULL && strcmp(mask->of, picture->field) == 0 &&
		    facts_of(blobs, mask, &m) &&
		    facts_of(blobs, picture, &of) &&
		    (m.width != of.width || m.height != of.height))
			problem_list_add(&p->errors, mask->field, "of",
					 "must have the size of \"%s\"",
					 picture->field + 1);
	}
}

static void begin_again(struct pickup *p)
{
	p->open = p->count;
	for (size_t i = 0; i < p->count; i++) {
		download_again(&p->downloads[i], 0);
		p->downloads[i].tries = 0;
		p->downloads[i].until = 0;
	}
}

enum pickup_end pickup_finish(struct pickup *p, struct store *store,
			      struct blobs *blobs)
{
	char(*names)[DIGEST_HEX_SIZE] =
		arena_array(&p->arena, p->count, sizeof(names[0]));
	struct problem why = {0};
	bool good = true;
	size_t n = 0;

	if (p->errors.count > 0) {
		fail(p, store);
		return PICKUP_OVER;
	}
	while (good && n < p->count) {
		struct download *d = &p->downloads[n];

		good = blob_commit(d->draft, names[n], &d->size, &why);
		d->draft = NULL;
		n += good;
	}
	for (size_t i = 0; good && i < n; i++)
		fill(p, &p->downloads[i], names[i]);
	if (good)
		check_masks(p, blobs);
	if (good && p->errors.count > 0)
		fail(p, store);
	else if (good)
		store_files(p, store);
	for (size_t i = 0; i < n; i++)
		blobs_unpin(blobs, names[i]);
	if (good)
		return PICKUP_OVER;
	log_event(LOG_ERROR, "fetch.not_stored", "job", p->id, "why",
		  why.detail, NULL);
	begin_again(p);
	return PICKUP_AGAIN;
}
