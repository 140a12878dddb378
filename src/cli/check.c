#include <stdio.h>

#include "base/arena.h"
#include "cli/cli.h"
#include "cli/folder.h"
#include "input/resolve.h"
#include "manifest/catalogue.h"

static const char usage[] =
	"comfygate check [DIR]\n"
	"Checks all endpoints below DIR (endpoints), or the one in DIR.";

/*
 *	$ comfygate check
 *	endpoints/portrait/manifest.json: /inputs/steps/to: node "31" is not in
 *	workflow.json; nearest: "3" KSampler
 *	4 endpoints, 1 problem
 */
static size_t check_one(const char *folder, struct problem_list *errors,
			struct problem_list *notices)
{
	struct endpoint *e = manifest_load(folder, errors, notices);

	if (e != NULL)
		manifest_check_examples(e, input_check_example, errors);
	endpoint_drop(e);
	return 1;
}

static size_t check_all(const char *dir, struct problem_list *errors,
			struct problem_list *notices)
{
	struct catalogue *c =
		catalogue_load(dir, NULL, input_check_example, errors, notices);
	size_t count = c->count + c->broken_count;

	if (count == 0 && errors->count == 0)
		problem_list_add(errors, dir, "empty",
				 "holds no folder with an endpoint");
	catalogue_free(c);
	return count;
}

int cli_check(int argc, char **argv)
{
	const char *dir = argc > 1 ? argv[1] : "endpoints";
	struct problem_list errors, notices;
	struct arena arena = {0};
	size_t count, problems;

	if (cli_help(argc, argv, usage))
		return 0;
	if (argc > 2 || dir[0] == '-')
		return cli_usage(usage);
	problem_list_init(&errors, &arena);
	problem_list_init(&notices, &arena);
	count = folder_is_endpoint(dir) ? check_one(dir, &errors, &notices)
					: check_all(dir, &errors, &notices);
	folder_print_errors(&errors);
	folder_print_notices(&notices);
	problems = errors.count;
	printf("%zu endpoint%s, %zu%s problem%s\n", count,
	       count == 1 ? "" : "s", problems, errors.more ? "+" : "",
	       problems == 1 ? "" : "s");
	arena_finish(&arena);
	return problems == 0 ? 0 : 1;
}
