#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "cli/cli.h"
#include "cli/folder.h"
#include "config.h"
#include "input/resolve.h"
#include "manifest/catalogue.h"
#include "run/convert.h"

static const char usage[] =
	"comfygate check [DIR]\n"
	"Checks all endpoints below DIR (endpoints), or the one in DIR.";

/*
 *	$ comfygate check
 *	endpoints/portrait/manifest.json: /inputs/steps/to: node "31" is not in
 *	workflow.json; nearest: "3" KSampler
 *	4 endpoints, 1 problem
 */
static size_t check_one(const char *folder, const struct manifest_host *host,
			struct problem_list *errors,
			struct problem_list *notices)
{
	struct endpoint *e = manifest_load(folder, errors, notices);

	if (e != NULL)
		manifest_check(e, host, errors);
	endpoint_drop(e);
	return 1;
}

static size_t check_all(const char *dir, const struct manifest_host *host,
			struct problem_list *errors,
			struct problem_list *notices)
{
	struct catalogue *c = catalogue_load(dir, NULL, host, errors, notices);
	size_t count = c->count + c->broken_count;

	if (count == 0 && errors->count == 0)
		problem_list_add(errors, dir, "empty",
				 "holds no folder with an endpoint");
	catalogue_free(c);
	return count;
}

/* As `serve` finds it; of the settings nothing else is looked at, right or
 * wrong. */
static bool converts(struct arena *a)
{
	struct problem_list ignored;
	struct config c;
	bool found;

	problem_list_init(&ignored, a);
	(void)!config_load(&c, getenv("COMFYGATE_CONFIG"), environ, &ignored);
	found = convert_find(c.media_helper, a) != NULL;
	config_finish(&c);
	return found;
}

int cli_check(int argc, char **argv)
{
	const char *dir = argc > 1 ? argv[1] : "endpoints";
	struct manifest_host host = {.check = input_check_example};
	struct problem_list errors, notices;
	struct arena arena = {0};
	size_t count, problems;

	if (cli_help(argc, argv, usage))
		return 0;
	if (argc > 2 || dir[0] == '-')
		return cli_usage(usage);
	problem_list_init(&errors, &arena);
	problem_list_init(&notices, &arena);
	host.converts = converts(&arena);
	count = folder_is_endpoint(dir)
			? check_one(dir, &host, &errors, &notices)
			: check_all(dir, &host, &errors, &notices);
	folder_print_errors(&errors);
	folder_print_notices(&notices);
	problems = errors.count;
	printf("%zu endpoint%s, %zu%s problem%s\n", count,
	       count == 1 ? "" : "s", problems, errors.more ? "+" : "",
	       problems == 1 ? "" : "s");
	arena_finish(&arena);
	return problems == 0 ? 0 : 1;
}
