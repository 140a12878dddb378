#include <stdio.h>
#include <unistd.h>

#include "base/arena.h"
#include "cli/folder.h"

bool folder_is_endpoint(const char *path)
{
	struct arena scratch = {0};
	bool is = access(arena_printf(&scratch, "%s/manifest.json", path),
			 F_OK) == 0;

	arena_finish(&scratch);
	return is;
}

void folder_print_errors(const struct problem_list *errors)
{
	for (size_t i = 0; i < errors->count; i++)
		fprintf(stderr, "%s: %s\n", errors->items[i].where,
			errors->items[i].detail);
	if (errors->more)
		fprintf(stderr, "there are more problems than the %d shown\n",
			PROBLEM_LIST_MAX);
}

void folder_print_notices(const struct problem_list *notices)
{
	for (size_t i = 0; i < notices->count; i++)
		printf("notice: %s: %s\n", notices->items[i].where,
		       notices->items[i].detail);
}
