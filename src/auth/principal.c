#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "auth/principal.h"

#define CLAIM_NAME_MAX 255

void principal_keep(struct principal *p)
{
	p->references++;
}

void principal_drop(struct principal *p)
{
	if (p == NULL)
		return;
	assert(p->references > 0);
	if (--p->references > 0)
		return;
	json_free(p->claims);
	free(p->owner);
	free(p->subject);
	free(p->scopes);
	free(p);
}

bool principal_has_scope(const struct principal *p, const char *scope)
{
	size_t n = strlen(scope);

	if (n == 0 || strchr(scope, ' ') != NULL)
		return false;
	for (const char *at = p->scopes; (at = strstr(at, scope)) != NULL;
	     at++) {
		if (at > p->scopes && at[-1] == ' ' && at[n] == ' ')
			return true;
	}
	return false;
}

/* The object that name[0..n) is in v, else NULL. */
static const struct json *object_at(const struct json *v, const char *name,
				    size_t n)
{
	char part[CLAIM_NAME_MAX + 1];
	const struct json *found;

	memcpy(part, name, n);
	part[n] = '\0';
	found = json_get(v, part);
	return json_is(found, JSON_OBJECT) ? found : NULL;
}

const char *principal_claim(const struct principal *p, const char *name)
{
	const struct json *v = json_root(p->claims);
	const struct json *whole, *inner = NULL;
	const char *dot;

	if (strlen(name) > CLAIM_NAME_MAX)
		return NULL;
	/* Names may hold dots themselves (https://example.com/plan): of those
	 * that fit, the shortest leads on. */
	while ((whole = json_get(v, name)) == NULL) {
		for (dot = strchr(name, '.'); dot != NULL;
		     dot = strchr(dot + 1, '.')) {
			inner = object_at(v, name, (size_t)(dot - name));
			if (inner != NULL)
				break;
		}
		if (dot == NULL)
			return NULL;
		v = inner;
		name = dot + 1;
	}
	return json_string(whole);
}
