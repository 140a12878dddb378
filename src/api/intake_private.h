#ifndef API_INTAKE_PRIVATE_H
#define API_INTAKE_PRIVATE_H

#include "api/intake.h"
#include "base/buf.h"
#include "http/multipart.h"
#include "input/form.h"

/* Shared by intake.c (the sink and what came), intake_form.c and
 * intake_json.c (how the two kinds of bodies are read). */

/* Files in one request; each holds a descriptor while it is on its way. */
#define INTAKE_FILES_MAX 64

struct intake {
	struct body_sink sink; /* first: the sink is the intake */
	struct intake_options o;
	struct arena arena;
	struct problem why; /* code: the body is of no use */
	int64_t total;	    /* bytes that came */
	struct digest *digest;
	char hash[DIGEST_HEX_SIZE];

	struct given_file files[INTAKE_FILES_MAX];
	struct blob_draft *drafts[INTAKE_FILES_MAX];
	bool pinned[INTAKE_FILES_MAX];
	size_t file_count;

	/* Of the file on its way: */
	struct blob_draft *draft; /* NULL: past its ceiling, or not wanted */
	int64_t file_size;	  /* bytes that came, kept or not */
	int64_t file_max;

	struct multipart *form;
	struct form_pair pairs[MULTIPART_PARTS_MAX];
	size_t pair_count;
	struct buf text;   /* the JSON, or the text part on its way */
	size_t text_total; /* of all text parts; of JSON, its files left out */
	bool in_file;	   /* the part on its way is one */
	bool nameless;	   /* … whose name is empty */
	const char *part_name;

	struct json_doc *doc;
};

/* Ends the body with a problem; false. The first one stays. */
bool intake_fail(struct intake *in, enum problem_code code, const char *detail);

/* A file begins at `pointer` (in the arena), goes on, ends. False: the body
 * is of no use any more. What is larger than its input takes is counted, not
 * kept. */
MUST_USE bool intake_file_begin(struct intake *in, const char *pointer,
				const struct input *input);
MUST_USE bool intake_file_data(struct intake *in, const void *bytes, size_t n);
MUST_USE bool intake_file_end(struct intake *in);
/* It was none after all: as if it had not come. */
void intake_file_drop(struct intake *in);
/* It cannot be a file: what is told at its pointer. */
void intake_file_bad(struct intake *in, const char *code, const char *detail);

/* The input of that name in the plan; NULL: there is none. */
const struct input *intake_input(const struct intake *in, const char *name);

/* intake_form.c */
MUST_USE bool intake_form_open(struct intake *in);
MUST_USE bool intake_form_feed(struct intake *in, const void *bytes, size_t n);
void intake_form_close(struct intake *in);

/* intake_json.c: the data: URIs in in->doc become files. */
void intake_take_uris(struct intake *in);
/* What is in in->text becomes in->doc, and its data: URIs files. */
void intake_json_read(struct intake *in);

#endif
