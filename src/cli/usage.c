#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

int cli_usage(const char *text)
{
	fprintf(stderr, "%s\n", text);
	return 2;
}

bool cli_help(int argc, char **argv, const char *text)
{
	if (argc < 2 || strcmp(argv[1], "--help") != 0)
		return false;
	puts(text);
	return true;
}
