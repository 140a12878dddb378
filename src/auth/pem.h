#ifndef AUTH_PEM_H
#define AUTH_PEM_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/key.h"
#include "base/attr.h"
#include "base/problem.h"

/*
 * Public keys and certificates in PEM text (RFC 7468), one after another. Of a
 * certificate only the key counts: its dates and its issuer are not looked at.
 * Pure. Private keys are refused: they do not belong on this machine.
 */

/* Fills keys[0..*count), the caller drops them; nothing where it is false. */
MUST_USE bool pem_read(const char *text, size_t len, struct key **keys,
		       size_t max, size_t *count, struct problem *why);

#endif
