#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "comfy/history.h"
#include "comfy/queue.h"
#include "fuzz/fuzz.h"

/*
 * Any bytes as an answer of /history and of /queue. What is strict JSON is
 * found in as base/json finds it; what can be read says how the run ended.
 */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

#define DEPTH 500

static void same_part(struct skim part, const struct json_doc *doc,
		      const struct json *v, const char *text)
{
	struct json_span span;

	fuzz_must((part.at == NULL) == (v == NULL), "a part is missing");
	if (v == NULL)
		return;
	span = json_span(doc, v);
	fuzz_must(part.at == text + span.at && part.end >= part.at + span.len,
		  "a part stands elsewhere");
}

static void same_entry(const struct history_entry *e,
		       const struct json_doc *doc, const char *text)
{
	const struct json *entry = json_get(json_root(doc), "id");

	fuzz_must(e->there == (entry != NULL), "the entry is missing");
	same_part(e->status, doc, json_get(entry, "status"), text);
	same_part(e->outputs, doc, json_get(entry, "outputs"), text);
}

static void read_it(const struct history_entry *e)
{
	struct problem why = {0};
	struct arena a = {0};
	struct history h;

	if (!history_read(e, &a, &h, &why)) {
		fuzz_must(why.detail[0] != '\0', "refused without a reason");
		h.list_count = 0;
	}
	for (size_t i = 0; i < h.list_count; i++)
		fuzz_must(h.lists[i].node != NULL && h.lists[i].key != NULL &&
				  h.lists[i].value != NULL,
			  "a list lacks something");
	arena_finish(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	/* Exactly as long, so that the sanitizer sees any look past it. */
	char *text = mem_alloc(n);
	struct json_doc *doc;
	struct history_entry e;
	struct queue queue;
	bool found;

	if (n > 0)
		memcpy(text, bytes, n);
	if (queue_read(text, n, "id", &queue))
		fuzz_must((size_t)(queue.running + queue.pending) < n,
			  "more entries than brackets");
	found = history_find(text, n, "id", &e);
	if (found && e.there)
		read_it(&e);
	doc = json_parse(text, n, DEPTH, NULL);
	if (doc != NULL) {
		fuzz_must(found == json_is(json_root(doc), JSON_OBJECT),
			  "not found in an object");
		/* A key with an escape in it is another one there. */
		if (found && memchr(text, '\\', n) == NULL)
			same_entry(&e, doc, text);
	}
	json_free(doc);
	free(text);
	return 0;
}
