#ifndef INPUT_FILES_H
#define INPUT_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "media/kind.h"

/*
 * The files of a request, for input_resolve(): api/ reads bodies and uploads
 * and says what it has; here it is decided whether the endpoint takes it. Plain
 * data; all texts are borrowed for the time of the call, or in its arena.
 *
 * In JSON a file is a string: an https URL, `upload:ID`, or a data: URI, which
 * api/ has turned into a given file of that place. In a form it is a part.
 */
struct given_file {
	const char *pointer; /* its place in the inputs: "/photo", "/refs/2" */
	/* A file that is here: hex of its bytes, and what they are. */
	const char *sha256;
	int64_t size_bytes;
	struct media_facts facts; /* of the whole file, media_file_facts() */
	bool cut; /* it was not kept whole: too large when it came */
	/* What it was called, or NULL: tells more where the bytes tell little.
	 */
	const char *filename;
	/* Or one that is to be fetched. Nobody gives one: it is made of a
	 * string of the inputs. */
	const char *url;
	/* Or none: a code and what is wrong, "is no valid data: URI". */
	const char *bad_code, *bad_detail;
};

/* False: the caller has no such upload. `id` is a well-formed one (base/id.h);
 * the pointer need not be filled in. */
typedef bool input_upload_fn(void *ctx, const char *id, struct arena *a,
			     struct given_file *out);

struct input_files {
	const struct given_file *given; /* what came with the body */
	size_t count;
	input_upload_fn *upload; /* NULL: there are no uploads */
	void *ctx;
	bool http; /* http:// is taken, too */
};

#endif
