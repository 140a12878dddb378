#ifndef COMFY_SKIM_H
#define COMFY_SKIM_H

#include <stdbool.h>

#include "base/attr.h"

/*
 * Finding one's way through the answers of /queue and /history, which hold
 * whole graphs, of everybody: large, of no use here, and what others put into
 * them (depth, odd escapes, NaN) must not blind us. So only where a value ends
 * is looked at; brackets are counted, not matched by kind. What is of use is
 * then read by base/json. Pure.
 *
 * A text that ends early is refused by each of these, and never read past its
 * end.
 */
struct skim {
	const char *at;
	const char *end;
};

/* Spaces, and then that character; past it where it was taken. */
bool skim_next_is(struct skim *s, char c);
MUST_USE bool skim_take(struct skim *s, char c);
/* Past a string: *inside gets the raw text between its quotes (ids and keys
 * hold no escapes). */
MUST_USE bool skim_string(struct skim *s, struct skim *inside);
/* Past one value of any kind: *value gets its text. */
MUST_USE bool skim_value(struct skim *s, struct skim *value);
/* Past an object: member() is called at the value of each and goes past it. */
MUST_USE bool skim_object(struct skim *s,
			  bool (*member)(struct skim *s, struct skim key,
					 void *ctx),
			  void *ctx);

bool skim_is(struct skim text, const char *word);

#endif
