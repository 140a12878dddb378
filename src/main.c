#include <stdio.h>
#include <string.h>

#include "base/attr.h"
#include "cli/cli.h"

static const struct {
	const char *name;
	cli_command *run;
	const char *help;
} commands[] = {
	{"serve", cli_serve, "run the daemon"},
	{"check", cli_check, "check the folders of published workflows"},
	{"lock", cli_lock, "lock an endpoint's public contract"},
	{"object-info", cli_object_info,
	 "save what the nodes of a workflow take and give"},
	{"token", cli_token, "make a token for development"},
};

static int usage(FILE *to)
{
	fputs("usage: comfygate COMMAND [OPTIONS]\n\n", to);
	for (size_t i = 0; i < COUNT(commands); i++)
		fprintf(to, "  %-11s %s\n", commands[i].name, commands[i].help);
	fputs("\ncomfygate COMMAND --help tells more\n", to);
	return to == stdout ? 0 : 2;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	if (strcmp(name, "--help") == 0 || strcmp(name, "help") == 0)
		return usage(stdout);
	if (strcmp(name, "--version") == 0) {
		puts("comfygate " COMFYGATE_VERSION);
		return 0;
	}
	for (size_t i = 0; i < COUNT(commands); i++)
		if (strcmp(name, commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	return usage(stderr);
}
