#ifndef AUTH_PRINCIPAL_H
#define AUTH_PRINCIPAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/json.h"

/*
 * Who is calling, as a verified token says. Made by auth/, immutable, counted;
 * used on the loop thread only.
 */
struct principal {
	unsigned references;
	char *owner;   /* what jobs belong to: issuer, a newline, subject; for
			* a client_id without a subject "client" and one more
			* newline stand before it */
	char *subject; /* for the log */
	char *scopes;  /* separated by single spaces, one at each end too */
	int64_t expires_s;	 /* of the token, Unix time */
	struct json_doc *claims; /* the payload, for limits.by_claim */
};

void principal_keep(struct principal *p);
void principal_drop(struct principal *p); /* NULL is fine */
bool principal_has_scope(const struct principal *p, const char *scope);
/* A claim that is a string; NULL otherwise. Dots reach into objects where no
 * claim has the whole name. */
const char *principal_claim(const struct principal *p, const char *name);

#endif
