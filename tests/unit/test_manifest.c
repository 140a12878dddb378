#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/file.h"
#include "input/resolve.h"
#include "manifest/load.h"
#include "manifest/reader.h"
#include "tap.h"

/*
 * The loader against a corpus: tests/cases/manifest/NAME holds a folder as an
 * author might write it, and `expect` the very messages:
 *
 *	schema: refuse          the JSON Schema must refuse it as well
 *	CASE/manifest.json: /inputs/steps/to: node "31" is not in …
 *	notice: CASE/manifest.json: …
 *	ok                      for a folder without errors
 *
 *	test_manifest --print FOLDER   what a folder gives, in that form
 *	test_manifest --keys           the keys that the loader knows
 *	test_manifest --contract FOLDER  what callers are told of an endpoint
 */
#define CASES "tests/cases/manifest"

/* The line with the folder's own name as CASE. */
static void add_line(struct buf *to, const char *folder, const char *line)
{
	const char *at;

	while ((at = strstr(line, folder)) != NULL) {
		buf_add(to, line, (size_t)(at - line));
		buf_adds(to, "CASE");
		line = at + strlen(folder);
	}
	buf_adds(to, line);
	buf_addc(to, '\n');
}

static void add_list(struct buf *to, const char *folder, const char *prefix,
		     const struct problem_list *l)
{
	for (size_t i = 0; i < l->count; i++) {
		char line[2048];

		/* said of nearly every case */
		if (strcmp(l->items[i].rule, "unlocked") == 0 &&
		    strstr(l->items[i].detail, "nothing is promised") != NULL)
			continue;
		(void)snprintf(line, sizeof(line), "%s%s: %s", prefix,
			       l->items[i].where, l->items[i].detail);
		add_line(to, folder, line);
	}
}

static void load(const char *folder, struct buf *to)
{
	struct problem_list errors, notices;
	struct arena arena = {0};
	struct endpoint *e;

	problem_list_init(&errors, &arena);
	problem_list_init(&notices, &arena);
	e = manifest_load(folder, &errors, &notices);
	if ((e == NULL) != (errors.count > 0))
		buf_adds(to, "errors and result do not agree\n");
	if (e != NULL)
		manifest_check_examples(e, input_check_example, &errors);
	add_list(to, folder, "", &errors);
	if (errors.count == 0)
		buf_adds(to, "ok\n");
	add_list(to, folder, "notice: ", &notices);
	endpoint_drop(e);
	arena_finish(&arena);
}

static void check_case(const char *name)
{
	struct arena arena = {0};
	const char *folder = arena_printf(&arena, "%s/%s", CASES, name);
	struct problem why;
	struct buf got;
	size_t len;
	char *expect = file_read(arena_printf(&arena, "%s/expect", folder),
				 1 << 20, &len, &why);
	const char *want = expect ? expect : "no file `expect`";

	if (strncmp(want, "schema: ", 8) == 0)
		want = strchr(want, '\n') + 1;
	buf_init(&got, 1 << 20);
	load(folder, &got);
	is_str(buf_str(&got), want, name);
	buf_finish(&got);
	free(expect);
	arena_finish(&arena);
}

static int visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void check_cases(void)
{
	struct dirent **entries;
	int count = scandir(CASES, &entries, visible, alphasort);

	ok(count > 50, "there are cases");
	for (int i = 0; i < count; i++) {
		check_case(entries[i]->d_name);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

/* The folders that are shipped have no errors and no notices. */
static void check_shipped(void)
{
	static const char *const names[] = {"portrait", "color-card",
					    "variations", "prompt-writer"};

	for (size_t i = 0; i < COUNT(names); i++) {
		char folder[64];
		struct buf got;

		(void)snprintf(folder, sizeof(folder), "endpoints/%s",
			       names[i]);
		buf_init(&got, 1 << 20);
		load(folder, &got);
		is_str(buf_str(&got), "ok\n", folder);
		buf_finish(&got);
	}
}

static void check_unlocked(void)
{
	struct problem_list errors, notices;
	struct arena arena = {0};
	struct endpoint *e;

	problem_list_init(&errors, &arena);
	problem_list_init(&notices, &arena);
	e = manifest_load(CASES "/ok-minimal", &errors, &notices);
	ok(e != NULL && notices.count == 1, "one notice without a contract");
	is_str(notices.count ? notices.items[0].detail : "",
	       "is not there, so nothing is promised to callers yet; "
	       "`comfygate lock " CASES "/ok-minimal` writes it",
	       "that it is not locked");
	endpoint_drop(e);
	arena_finish(&arena);
}

static void check_references(void)
{
	struct problem_list errors, notices;
	struct arena arena = {0};
	struct endpoint *e;

	problem_list_init(&errors, &arena);
	problem_list_init(&notices, &arena);
	e = manifest_load("endpoints/portrait/", &errors, &notices);
	ok(e != NULL && endpoint_keep(e) == e, "kept");
	endpoint_drop(e);
	is_str(e->folder, "endpoints/portrait", "alive, without the slash");
	is_str(e->recipe,
	       "{\"outputs\":[{\"name\":\"image\",\"type\":\"image\","
	       "\"node\":\"9\",\"key\":\"images\",\"many\":false,"
	       "\"required\":true,\"temp\":false,\"metadata\":"
	       "false}],\"fields\":["
	       "{\"node\":\"6\",\"input\":\"text\",\"field\":\"/prompt\"},"
	       "{\"node\":\"7\",\"input\":\"text\",\"field\":\"/avoid\"},"
	       "{\"node\":\"4\",\"input\":\"ckpt_name\","
	       "\"field\":\"/style\"},"
	       "{\"node\":\"3\",\"input\":\"cfg\",\"field\":\"/style\"},"
	       "{\"node\":\"3\",\"input\":\"steps\",\"field\":\"/steps\"},"
	       "{\"node\":\"5\",\"input\":\"width\",\"field\":\"/width\"},"
	       "{\"node\":\"5\",\"input\":\"height\",\"field\":\"/height\"},"
	       "{\"node\":\"3\",\"input\":\"denoise\","
	       "\"field\":\"/strength\"},"
	       "{\"node\":\"3\",\"input\":\"seed\",\"field\":\"/seed\"}]}",
	       "the recipe names outputs and fields");
	ok(e->plan_count == 2 && e->plans[0].claim == NULL, "two plans");
	is_str(e->plans[1].value, "pro", "one for a claim's value");
	is_str(e->plans[1].inputs[3].maximum_text, "100", "its own bound");
	is_str(e->plans[0].inputs[3].maximum_text, "60", "others keep theirs");
	ok(e->plans[1].limits.concurrency == 8 &&
		   e->plans[1].limits.rate_count == 60,
	   "its own limits, and those it does not name");
	endpoint_drop(e);
	arena_finish(&arena);
}

/* Whether a mask needs an alpha channel is seen in the graph. */
static void check_mask(const char *folder, size_t input, bool wanted)
{
	struct problem_list errors, notices;
	struct arena arena = {0};
	struct endpoint *e;

	problem_list_init(&errors, &arena);
	problem_list_init(&notices, &arena);
	e = manifest_load(folder, &errors, &notices);
	ok(e != NULL && e->inputs[input].type == INPUT_MASK &&
		   e->inputs[input].rule.needs_alpha == wanted,
	   "%s: %s %s an alpha channel", folder,
	   e ? e->inputs[input].name : "?", wanted ? "needs" : "needs not");
	endpoint_drop(e);
	arena_finish(&arena);
}

static int print_keys(void)
{
	struct buf to;

	buf_init(&to, 1 << 20);
	manifest_print_keys(&to);
	fputs(buf_str(&to), stdout);
	buf_finish(&to);
	return 0;
}

static int print_folder(const char *folder)
{
	struct buf to;

	buf_init(&to, 1 << 20);
	load(folder, &to);
	fputs(buf_str(&to), stdout);
	buf_finish(&to);
	return 0;
}

static int print_contract(const char *folder)
{
	struct problem_list errors, notices;
	struct arena arena = {0};
	struct endpoint *e;
	int status = 1;

	problem_list_init(&errors, &arena);
	problem_list_init(&notices, &arena);
	e = manifest_load(folder, &errors, &notices);
	if (e != NULL)
		status = puts(e->contract) < 0;
	endpoint_drop(e);
	arena_finish(&arena);
	return status;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--keys") == 0)
		return print_keys();
	if (argc == 3 && strcmp(argv[1], "--print") == 0)
		return print_folder(argv[2]);
	if (argc == 3 && strcmp(argv[1], "--contract") == 0)
		return print_contract(argv[2]);
	check_cases();
	check_shipped();
	check_unlocked();
	check_references();
	check_mask(CASES "/ok-files", 1, true);
	check_mask(CASES "/ok-files", 2, true);
	check_mask(CASES "/ok-mask-channel-open", 0, false);
	return tap_done();
}
