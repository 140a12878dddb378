#ifndef API_INTAKE_H
#define API_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/problem.h"
#include "http/exchange.h"
#include "input/files.h"
#include "jobs/blobs.h"
#include "manifest/endpoint.h"

/*
 * A request body that brings files: a form (multipart/form-data), JSON whose
 * file inputs may be data: URIs, or one file and nothing else. It is the sink
 * of such a body: on a body thread, while the bytes come, each file is written
 * into a draft, hashed, and at its end looked at; nothing of it is ever whole
 * in memory but JSON, which has a ceiling. Then the loop thread has it, reads
 * what came, and gives it back to a body thread to store the drafts.
 *
 * Everything belongs to whoever has the intake at the moment; it is given from
 * hand to hand, never shared.
 */
struct intake;

enum intake_kind {
	INTAKE_FILE, /* the body is the file */
	INTAKE_FORM,
	INTAKE_JSON,
};

struct intake_options {
	enum intake_kind kind;
	const char *content_type;
	struct blobs *blobs;
	/* Whose inputs the files are; NULL for an upload. A reference is kept
	 * until the intake goes. */
	struct endpoint *endpoint;
	const struct plan *plan;
	size_t max_text;   /* all that is no file: of JSON, of text parts */
	int64_t max_bytes; /* the whole body */
};

struct body_sink *intake_create(const struct intake_options *o);
/* The sink of an exchange, as what it is; NULL gives NULL. */
struct intake *intake_of(struct body_sink *s);
void intake_destroy(struct intake *in); /* NULL is fine; drafts are dropped */

/* Why the body as a whole is of no use; NULL: it is fine. */
const struct problem *intake_problem(const struct intake *in);
/* The inputs as a JSON object, what came as files left out of it or standing
 * there as text that is not to be looked at. NULL for INTAKE_FILE. Borrowed. */
const struct json *intake_json(const struct intake *in);
/* Nobody reads that any more; the files stay. As it may be large, it does not
 * wait for the disk with them. */
void intake_drop_json(struct intake *in);
/* The files, by the pointers of their inputs; INTAKE_FILE and the forms of
 * uploads have one at most. */
const struct given_file *intake_files(const struct intake *in, size_t *count);
/* SHA-256 hex of what was said, the same for two forms that differ in nothing
 * but their boundary. */
const char *intake_hash(const struct intake *in);

/* Body thread. Stores all files; each is pinned from then on until
 * intake_unpin(). False: our disk did not take them. */
MUST_USE bool intake_commit(struct intake *in, struct problem *why);
/* Any thread. */
void intake_unpin(struct intake *in);

#endif
