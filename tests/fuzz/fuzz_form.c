#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "fuzz/fuzz.h"
#include "input/form.h"

/*
 * Any parts of a form, one a line: "name=text", or "name" for a file. What is
 * taken is an object that has each input at most once, and what is refused has
 * its reason; a form of that object alone gives the same object.
 */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static const struct input items = {.name = "refs", .type = INPUT_IMAGE};
static const struct input inputs[] = {
	{.name = "t", .type = INPUT_STRING},
	{.name = "n", .type = INPUT_NUMBER},
	{.name = "b", .type = INPUT_BOOLEAN},
	{.name = "f", .type = INPUT_IMAGE},
	{.name = "refs", .type = INPUT_ARRAY, .items = &items},
};
static const struct plan plan = {.inputs = inputs};
static const struct endpoint endpoint = {.inputs = inputs,
					 .input_count = COUNT(inputs),
					 .plans = &plan,
					 .plan_count = 1};

static size_t read_pairs(char *text, size_t n, struct form_pair *pairs,
			 size_t most)
{
	char *end = text + n;
	size_t count = 0;

	while (text < end && count < most) {
		char *line = memchr(text, '\n', (size_t)(end - text));
		char *equals;

		line = line != NULL ? line : end;
		*line = '\0';
		equals = memchr(text, '=', (size_t)(line - text));
		pairs[count] = (struct form_pair){.name = text,
						  .is_file = equals == NULL};
		if (equals != NULL) {
			*equals = '\0';
			pairs[count].text = equals + 1;
			pairs[count].len = (size_t)(line - equals - 1);
		}
		count++;
		text = line + 1;
	}
	return count;
}

static void print(const struct json_doc *doc, struct buf *to)
{
	struct json_writer w;

	json_writer_init(&w, to);
	json_put_value(&w, json_root(doc));
}

static void same_again(const struct json_doc *doc)
{
	struct form_pair whole = {.name = "inputs"};
	struct json_doc *again;
	struct buf one, two;

	buf_init(&one, 1 << 24);
	buf_init(&two, 1 << 24);
	print(doc, &one);
	whole.text = buf_str(&one);
	whole.len = one.len;
	again = form_json(&endpoint, &plan, &whole, 1, NULL);
	/* An array of a form has its nesting beside that of the JSON in it. */
	if (again != NULL) {
		print(again, &two);
		fuzz_must(strcmp(buf_str(&one), buf_str(&two)) == 0,
			  "another object");
	}
	json_free(again);
	buf_finish(&one);
	buf_finish(&two);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct problem why = {0};
	struct form_pair pairs[64];
	char *text = mem_alloc(n + 1);
	struct json_doc *doc;
	size_t count;

	if (n > 0)
		memcpy(text, bytes, n);
	count = read_pairs(text, n, pairs, COUNT(pairs));
	doc = form_json(&endpoint, &plan, pairs, count, &why);
	if (doc == NULL) {
		fuzz_must(why.code == PROBLEM_MALFORMED_REQUEST &&
				  why.detail[0] != '\0',
			  "refused without a reason");
	} else {
		fuzz_must(json_is(json_root(doc), JSON_OBJECT), "no object");
		same_again(doc);
	}
	json_free(doc);
	free(text);
	return 0;
}
