#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"

static int64_t now_ms(clockid_t clock)
{
	struct timespec t;

	if (clock_gettime(clock, &t) != 0)
		abort();
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_wall_ms(void)
{
	return now_ms(CLOCK_REALTIME);
}

int64_t clock_monotonic_ms(void)
{
	return now_ms(CLOCK_MONOTONIC);
}

void clock_sleep_until_ms(int64_t monotonic_ms)
{
	struct timespec t = {.tv_sec = monotonic_ms / 1000,
			     .tv_nsec = monotonic_ms % 1000 * 1000000};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) ==
	       EINTR)
		;
}

/* So many digits of n, and what stands behind them. */
static char *put(char *at, int n, int digits, char after)
{
	for (int i = digits; i > 0; i--) {
		at[i - 1] = (char)('0' + n % 10);
		n /= 10;
	}
	at[digits] = after;
	return at + digits + 1;
}

void clock_rfc3339(int64_t wall_ms, char out[CLOCK_TEXT])
{
	/* Four digits of year and no more: what is outside is shown as the
	 * nearest time that can be written. */
	const int64_t last = INT64_C(253402300799999);
	struct tm tm;
	time_t s;

	if (wall_ms < 0)
		wall_ms = 0;
	if (wall_ms > last)
		wall_ms = last;
	s = (time_t)(wall_ms / 1000);
	gmtime_r(&s, &tm);
	out = put(out, tm.tm_year + 1900, 4, '-');
	out = put(out, tm.tm_mon + 1, 2, '-');
	out = put(out, tm.tm_mday, 2, 'T');
	out = put(out, tm.tm_hour, 2, ':');
	out = put(out, tm.tm_min, 2, ':');
	out = put(out, tm.tm_sec, 2, '.');
	out = put(out, (int)(wall_ms % 1000), 3, 'Z');
	*out = '\0';
}
