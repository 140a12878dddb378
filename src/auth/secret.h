#ifndef AUTH_SECRET_H
#define AUTH_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/problem.h"

/*
 * Files that hold a secret for HS256 and its kin. Such a file counts only when
 * nobody but its owner can read or write it. At start and in commands; any
 * thread.
 */

/* What a development key begins with: it is good on loopback only. */
#define SECRET_DEVELOPMENT "comfygate-development-key:"

/* The file's bytes without one final newline, NUL terminated; the caller calls
 * secret_free(). */
MUST_USE char *secret_read(const char *path, size_t *len, struct problem *why);
void secret_free(char *secret, size_t len); /* wipes it; NULL is fine */
bool secret_is_development(const char *secret, size_t len);

/* False when others may read or write the file; `why` names the chmod. */
MUST_USE bool secret_is_private(const char *path, struct problem *why);

/* Makes the file with a fresh development key, and its folder, where it does
 * not exist. Of two processes at once one wins and both see its key. */
MUST_USE bool secret_ensure_development(const char *path, struct problem *why);

#endif
