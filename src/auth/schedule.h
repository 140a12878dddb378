#ifndef AUTH_SCHEDULE_H
#define AUTH_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

/*
 * When the JWKS is fetched: at once, when its time is over, and when a token
 * names a key that is not in it, this at most once a minute. Plain data and
 * pure functions; all times are monotonic milliseconds. keys.c locks it.
 */
struct schedule {
	int64_t next_ms;  /* fetch then */
	int64_t asked_ms; /* the last asking that counted */
	bool asked;	  /* asked_ms counts */
	bool under_way;	  /* wanted or being fetched: an end will be told */
};

void schedule_init(struct schedule *s, int64_t now_ms);
/* A token with an unknown kid came. True: a fetch will end after this. */
MUST_USE bool schedule_ask(struct schedule *s, int64_t now_ms);
/* True: fetch now. Then schedule_ended() must follow. */
MUST_USE bool schedule_due(struct schedule *s, int64_t now_ms);
/* max_age_s: of the answer's Cache-Control, -1 for none. */
void schedule_ended(struct schedule *s, int64_t now_ms, bool good,
		    int64_t max_age_s);

#endif
