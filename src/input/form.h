#ifndef INPUT_FORM_H
#define INPUT_FORM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/json.h"
#include "base/problem.h"
#include "manifest/endpoint.h"

/*
 * The parts of a form (multipart/form-data) -> the inputs as a JSON object. A
 * form knows only texts and files, so what a text stands for is the endpoint's
 * word:
 *
 *	string, choice            the text
 *	integer, number, seed     the number as written; where it is none, the
 *	                          text, which is refused later as in JSON
 *	boolean                   true or 1 or on, false or 0 or off; likewise
 *	image, mask, …            https URL, data: URI, upload:ID
 *	array                     a part for each element, or one part that
 *	                          holds a JSON array
 *
 * A part named `inputs`, of an endpoint without an input of that name, holds a
 * JSON object, and the other parts add to it. Pure; any thread.
 */
#define FORM_PAIRS_MAX 4096
#define FORM_DEPTH     16 /* of JSON in it */

/* One part, in the order of the form. */
struct form_pair {
	const char *name;
	const char *text; /* not for files; anything, and a NUL at its end */
	size_t len;	  /* that one not counted */
	bool is_file;
};

/*
 * A part that is a file is left out; in an array null stands in its place, so
 * the third part `refs` is "/refs/2" whatever the others are. Parts that the
 * endpoint does not know are in the object as strings, for input_resolve() to
 * refuse. NULL, and why (MALFORMED_REQUEST), where an input is there twice, a
 * text is not UTF-8 or holds a NUL, `inputs` is no JSON object, or there are
 * more than FORM_PAIRS_MAX parts. The caller frees the document.
 */
MUST_USE struct json_doc *form_json(const struct endpoint *e,
				    const struct plan *plan,
				    const struct form_pair *pairs, size_t count,
				    struct problem *why);

#endif
