#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Any thread. Wall time is for what is written down, monotonic for waiting. */
int64_t clock_wall_ms(void);	  /* since 1970, UTC */
int64_t clock_monotonic_ms(void); /* CLOCK_MONOTONIC */
/* For a few milliseconds: nothing ends it sooner, and the whole thread sleeps.
 * A time that is past is fine. */
void clock_sleep_until_ms(int64_t monotonic_ms);

/* RFC 3339 in UTC with milliseconds: 2026-11-23T06:37:54.123Z */
#define CLOCK_TEXT 25
void clock_rfc3339(int64_t wall_ms, char out[CLOCK_TEXT]);

#endif
