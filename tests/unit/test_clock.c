#include "base/attr.h"
#include "base/clock.h"
#include "tap.h"

static const struct {
	int64_t ms;
	const char *want;
} cases[] = {
	{0, "1970-01-01T00:00:00.000Z"},
	{999, "1970-01-01T00:00:00.999Z"},
	{INT64_C(951782400000), "2000-02-29T00:00:00.000Z"},
	{INT64_C(1735689599123), "2024-12-31T23:59:59.123Z"},
	{INT64_C(253402300799999), "9999-12-31T23:59:59.999Z"},
	{INT64_MAX, "9999-12-31T23:59:59.999Z"},
	{-1, "1970-01-01T00:00:00.000Z"},
};

int main(void)
{
	char text[CLOCK_TEXT];
	int64_t a, b;

	for (size_t i = 0; i < COUNT(cases); i++) {
		clock_rfc3339(cases[i].ms, text);
		is_str(text, cases[i].want, cases[i].want);
	}
	a = clock_monotonic_ms();
	b = clock_monotonic_ms();
	ok(b >= a, "monotonic");
	clock_sleep_until_ms(b + 2);
	a = clock_monotonic_ms();
	ok(a >= b + 2, "slept until then");
	clock_sleep_until_ms(0);
	ok(true, "a time that is past: not at all");
	ok(clock_wall_ms() > INT64_C(1600000000000), "it is after 2020");
	return tap_done();
}
