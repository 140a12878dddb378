#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/folder.h"
#include "input/resolve.h"
#include "manifest/contract.h"
#include "manifest/load.h"

#define CONTRACT_MAX ((size_t)16 << 20)

static const char usage[] =
	"comfygate lock [--breaking] NAME|DIR...\n"
	"Writes contract.json: what the endpoint promises its callers from now "
	"on.\n"
	"NAME is a folder below endpoints/. Changes that break callers are "
	"refused\n"
	"without --breaking.";

/* One folder on its way. */
struct lock {
	const struct endpoint *e;
	const char *file;
	struct arena *arena;
	struct problem_list errors, notices;
	bool breaking;
};

/* The text of the contract so far; NULL where there is none. */
static char *read_old(struct lock *l)
{
	struct problem why;
	size_t len;
	char *text = file_read(l->file, CONTRACT_MAX, &len, &why);

	if (text == NULL && why.code != PROBLEM_NOT_FOUND)
		problem_list_add(&l->errors, l->file, "file", "%s", why.detail);
	return text;
}

static void compare(struct lock *l, const char *old)
{
	struct problem why;
	struct json_doc *doc =
		json_parse(old, strlen(old), JSON_DEPTH_DEFAULT, &why);
	const char *where =
		arena_printf(l->arena, "%s/manifest.json", l->e->folder);

	if (doc == NULL)
		problem_list_add(&l->errors, l->file, "json", "%s", why.detail);
	else
		contract_compare(l->e, json_root(doc), where, &l->errors,
				 &l->notices);
	json_free(doc);
}

static bool write_new(struct lock *l, const char *old)
{
	struct problem why;
	struct buf text;
	bool good = true;

	buf_init(&text, CONTRACT_MAX);
	contract_lock_text(l->e, &text);
	if (old != NULL && strcmp(old, buf_str(&text)) == 0) {
		printf("%s: is up to date\n", l->file);
	} else if (file_write(l->file, text.at, text.len, 0644, &why)) {
		printf("%s: written\n", l->file);
	} else {
		fprintf(stderr, "%s: %s\n", why.where, why.detail);
		good = false;
	}
	buf_finish(&text);
	return good;
}

/* A contract is promised for what is served, so the folder must be right. */
static bool lock_endpoint(struct lock *l)
{
	char *old;
	bool good;

	manifest_check_examples(l->e, input_check_example, &l->errors);
	if (l->errors.count > 0) {
		folder_print_errors(&l->errors);
		return false;
	}
	old = read_old(l);
	if (old != NULL && !l->breaking)
		compare(l, old);
	folder_print_errors(&l->errors);
	good = l->errors.count == 0 && write_new(l, old);
	free(old);
	return good;
}

static bool lock_folder(const char *folder, bool breaking)
{
	struct arena arena = {0};
	struct lock l = {.arena = &arena, .breaking = breaking};
	struct endpoint *e;
	bool good = false;

	problem_list_init(&l.errors, &arena);
	problem_list_init(&l.notices, &arena);
	e = manifest_load_unlocked(folder, &l.errors);
	if (e == NULL) {
		folder_print_errors(&l.errors);
	} else {
		l.e = e;
		l.file = arena_printf(&arena, "%s/contract.json", e->folder);
		good = lock_endpoint(&l);
	}
	endpoint_drop(e);
	arena_finish(&arena);
	return good;
}

/* "portrait" is endpoints/portrait unless it is a folder itself. */
static bool lock_named(const char *name, bool breaking)
{
	struct arena arena = {0};
	const char *folder = name;
	bool good = false;

	if (!folder_is_endpoint(name) && strchr(name, '/') == NULL)
		folder = arena_printf(&arena, "endpoints/%s", name);
	if (folder_is_endpoint(folder))
		good = lock_folder(folder, breaking);
	else
		fprintf(stderr, "%s: holds no manifest.json\n", folder);
	arena_finish(&arena);
	return good;
}

int cli_lock(int argc, char **argv)
{
	bool breaking = argc > 1 && strcmp(argv[1], "--breaking") == 0;
	int status = 0;

	if (cli_help(argc, argv, usage))
		return 0;
	if (argc < 2 + breaking)
		return cli_usage(usage);
	for (int i = 1 + breaking; i < argc; i++)
		if (argv[i][0] == '-')
			return cli_usage(usage);
	for (int i = 1 + breaking; i < argc; i++)
		if (!lock_named(argv[i], breaking))
			status = 1;
	return status;
}
