#ifndef BASE_ID_H
#define BASE_ID_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

/*
 * Identifiers, always as canonical lower-case UUID text. Any thread.
 * Jobs get UUIDv7 (RFC 9562, 5.7): they sort by time of birth, strictly so
 * within one process. Prompts and clientIds get UUIDv4: they tell nothing.
 */
#define ID_SIZE 37 /* 36 characters and the NUL */

void id_v7(char out[ID_SIZE]);
void id_v4(char out[ID_SIZE]);
/* Exactly 36 characters, canonical lower case. */
MUST_USE bool id_valid(const char *text);

#endif
