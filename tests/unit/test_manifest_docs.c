#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"
#include "input/resolve.h"
#include "manifest/load.h"
#include "manifest_rig.h"
#include "tap.h"

/*
 * Every manifest in docs/manifest.md loads with the workflow that stands before
 * it:
 *
 *	<!-- manifest: small -->
 *
 *	```json
 *	{ … }
 *	```
 */
#define FENCE "```json\n"

/* The next block, cut out of *text; NULL when there is none left. */
static char *take_block(const char **text)
{
	const char *at = strstr(*text, FENCE), *end;

	end = at ? strstr(at, "\n```") : NULL;
	if (end == NULL)
		return NULL;
	*text = end;
	at += strlen(FENCE);
	return mem_strndup(at, (size_t)(end - at));
}

static void check_block(const struct place_of_test *p, const char *manifest,
			int number)
{
	struct problem_list errors, notices;
	struct arena arena = {0};
	struct endpoint *e;

	problem_list_init(&errors, &arena);
	problem_list_init(&notices, &arena);
	rig_file(p, "manifest.json", manifest);
	e = manifest_load(p->dir, &errors, &notices);
	if (e != NULL)
		manifest_check_examples(e, input_check_example, &errors);
	ok(e != NULL && errors.count == 0, "manifest %d", number);
	for (size_t i = 0; i < errors.count; i++)
		fprintf(stderr, "# %s: %s\n", errors.items[i].where,
			errors.items[i].detail);
	endpoint_drop(e);
	arena_finish(&arena);
}

int main(void)
{
	struct place_of_test p;
	struct problem why;
	size_t len;
	char *page = file_read("docs/manifest.md", 1 << 20, &len, &why);
	const char *at = page ? page : "", *mark;
	int count = 0, workflows = 0;

	rig_open(&p);
	while ((mark = strstr(at, "<!-- ")) != NULL) {
		bool manifest = text_starts(mark, "<!-- manifest: ");
		char *block;

		at = mark + 1;
		if (!manifest && !text_starts(mark, "<!-- workflow -->"))
			continue;
		block = take_block(&at);
		ok(block != NULL, "a block");
		if (block == NULL)
			break;
		if (manifest)
			check_block(&p, block, ++count);
		else
			rig_file(&p, "workflow.json", block);
		workflows += !manifest;
		free(block);
	}
	ok(count == 5 && workflows == 2, "five manifests, two workflows");
	free(page);
	rig_close(&p);
	return tap_done();
}
