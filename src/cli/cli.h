#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>

/*
 * The commands of the program, one file each: they read their arguments, do
 * their work on the main thread and return the exit status (0 done, 1 it did
 * not work and said why on stderr, 2 wrong usage).
 */
typedef int cli_command(int argc, char **argv); /* argv[0]: the command */

cli_command cli_serve;
cli_command cli_check;
cli_command cli_lock;
cli_command cli_object_info;
cli_command cli_token;

#define COMFYGATE_VERSION "0.1.0"

/* The text on stderr; returns 2. */
int cli_usage(const char *text);
/* True when the first argument asks for help: the text is on stdout then. */
bool cli_help(int argc, char **argv, const char *text);

#endif
