#ifndef CLI_FOLDER_H
#define CLI_FOLDER_H

#include <stdbool.h>

#include "base/problem.h"

/* What check and lock share. */

/* True where path is the folder of one endpoint: it holds manifest.json. */
bool folder_is_endpoint(const char *path);
/* "FILE: POINTER: what", one a line, on stderr. */
void folder_print_errors(const struct problem_list *errors);
/* "notice: FILE: POINTER: what" on stdout. */
void folder_print_notices(const struct problem_list *notices);

#endif
