#ifndef UNIT_FORM_EVENTS_H
#define UNIT_FORM_EVENTS_H

#include <stdint.h>

#include "base/buf.h"
#include "http/multipart.h"

/* What a form says, as text: "[name|filename|type]data;" for each part. One
 * event that is told to fail does. */
struct form_events {
	struct buf text;
	int fail_at; /* the event of this number says false; 0: none does */
	int count;
};

static inline bool form_next(struct form_events *e)
{
	return ++e->count != e->fail_at;
}

static inline bool form_begin(void *ctx, const struct multipart_part *p)
{
	struct form_events *e = ctx;

	buf_addf(&e->text, "[%s|%s|%s]", p->name,
		 p->filename != NULL ? p->filename : "-",
		 p->content_type != NULL ? p->content_type : "-");
	return form_next(e);
}

static inline bool form_data(void *ctx, const void *bytes, size_t n)
{
	struct form_events *e = ctx;

	buf_add(&e->text, bytes, n);
	return form_next(e);
}

static inline bool form_end(void *ctx)
{
	struct form_events *e = ctx;

	buf_addc(&e->text, ';');
	return form_next(e);
}

static const struct multipart_events form_events = {form_begin, form_data,
						    form_end};

/* In two pieces, cut at `cut`. */
static inline bool form_read_cut(const char *type, const char *bytes, size_t n,
				 size_t cut, struct form_events *e,
				 struct problem *why)
{
	struct multipart *m = multipart_create(type, &form_events, e, why);
	bool good = m != NULL && multipart_feed(m, bytes, cut, why) &&
		    multipart_feed(m, bytes + cut, n - cut, why) &&
		    multipart_finish(m, why);

	multipart_destroy(m);
	return good;
}

/* Feeds all of it in pieces of `piece` bytes (0: of changing sizes, by seed).
 * True where it is a whole form. */
static inline bool form_read(const char *type, const void *bytes, size_t n,
			     size_t piece, uint32_t seed, struct form_events *e,
			     struct problem *why)
{
	struct multipart *m = multipart_create(type, &form_events, e, why);
	const char *at = bytes;
	bool good = m != NULL;

	while (good && n > 0) {
		size_t part = piece;

		if (piece == 0) {
			seed = seed * 1664525 + 1013904223;
			part = 1 + seed / 65536 % 40;
		}
		if (part > n)
			part = n;
		good = multipart_feed(m, at, part, why);
		at += part;
		n -= part;
	}
	good = good && multipart_finish(m, why);
	multipart_destroy(m);
	return good;
}

#endif
