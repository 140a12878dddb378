#include "base/num.h"
#include "tap.h"

static const struct {
	const char *text, *want; /* NULL: no integer */
} integers[] = {
	{"0", "0"},
	{"-0", "0"},
	{"25", "25"},
	{"-3", "-3"},
	{"1e3", "1000"},
	{"25.0", "25"},
	{"2.5e1", "25"},
	{"25.000e0", "25"},
	{"1E+2", "100"},
	{"100e-2", "1"},
	{"0.0", "0"},
	{"0e999999999999999999999", "0"},
	{"-0.0e-5", "0"},
	{"0.25e2", "25"},
	{"0.001e3", "1"},
	{"9007199254740993", "9007199254740993"},
	{"9223372036854775807", "9223372036854775807"},
	{"9223372036854775808", "9223372036854775808"},
	{"18446744073709551615", "18446744073709551615"},
	{"18446744073709551615.0", "18446744073709551615"},
	{"1844674407370955161.5e1", "18446744073709551615"},
	{"-9223372036854775808", "-9223372036854775808"},
	{"1e19", "10000000000000000000"},
	{"18446744073709551616", NULL},
	{"-9223372036854775809", NULL},
	{"1e20", NULL},
	{"1e400", NULL},
	{"1e99999999999999999999", NULL},
	{"1e-99999999999999999999", NULL},
	{"2.5", NULL},
	{"1e-1", NULL},
	{"-0.5", NULL},
	{"", NULL},
	{"-", NULL},
	{"+1", NULL},
	{"01", NULL},
	{"-01", NULL},
	{"1.", NULL},
	{".5", NULL},
	{"1e", NULL},
	{"1e+", NULL},
	{" 1", NULL},
	{"1 ", NULL},
	{"0x10", NULL},
	{"1_000", NULL},
	{"NaN", NULL},
	{"Infinity", NULL},
	{"--1", NULL},
	{"1,5", NULL},
	{"1e1.5", NULL},
	{"1000000000000000000000000000000000000000000000000000000000000000"
	 "00000000000000000000e-83",
	 "1"},
	{"0.000000000000000000000000000000000000000000000000000000000000000"
	 "0000000000000001e79",
	 "1"},
	{"1.111111111111111111111111111111111111111111111111111111111111111"
	 "11111e68",
	 NULL},
};

static void test_integers(void)
{
	for (size_t i = 0; i < COUNT(integers); i++) {
		struct integer n;
		char text[NUM_INTEGER_TEXT] = "(none)";

		if (num_integer(integers[i].text, &n))
			num_integer_print(n, text);
		is_str(text, integers[i].want ? integers[i].want : "(none)",
		       integers[i].text);
	}
}

static struct integer integer_of(const char *text)
{
	struct integer n = {0};

	ok(num_integer(text, &n), "%s is an integer", text);
	return n;
}

static void test_order(void)
{
	static const char *const rising[] = {
		"-9223372036854775808",
		"-9223372036854775807",
		"-2",
		"-1",
		"0",
		"1",
		"9007199254740992",
		"9007199254740993",
		"9223372036854775808",
		"18446744073709551614",
		"18446744073709551615",
	};

	for (size_t i = 0; i < COUNT(rising); i++)
		for (size_t j = 0; j < COUNT(rising); j++) {
			struct integer a = integer_of(rising[i]);
			struct integer b = integer_of(rising[j]);

			ok(num_compare(a, b) == (i > j) - (i < j), "%s ? %s",
			   rising[i], rising[j]);
		}
}

static void test_integer_rest(void)
{
	static const struct {
		const char *value, *of;
		bool want;
	} multiples[] = {
		{"64", "8", true},
		{"65", "8", false},
		{"0", "8", true},
		{"-64", "8", true},
		{"-65", "8", false},
		{"64", "-8", true},
		{"64", "0", false},
		{"0", "0", false},
		{"18446744073709551615", "5", true},
		{"18446744073709551615", "2", false},
		{"-9223372036854775808", "2", true},
	};
	static const struct {
		const char *value;
		bool want;
	} beyond[] = {
		{"9007199254740991", false},
		{"9007199254740992", true},
		{"-9007199254740991", false},
		{"-9007199254740992", true},
		{"0", false},
	};

	for (size_t i = 0; i < COUNT(multiples); i++)
		ok(num_multiple(integer_of(multiples[i].value),
				integer_of(multiples[i].of)) ==
			   multiples[i].want,
		   "%s multiple of %s", multiples[i].value, multiples[i].of);
	for (size_t i = 0; i < COUNT(beyond); i++)
		ok(num_beyond_double(integer_of(beyond[i].value)) ==
			   beyond[i].want,
		   "%s beyond a double", beyond[i].value);
}

static const struct {
	const char *text;
	bool good;
} decimals[] = {
	{"0", true},
	{"-0", true},
	{"0.1", true},
	{"1.7000000000000002", true},
	{"1e400", false},
	{"1e399", true},
	{"1e-400", true},
	{"1e-402", false},
	{"0e99999", true},
	{"1.5E+3", true},
	{"", false},
	{"-", false},
	{"1.", false},
	{".1", false},
	{"1e", false},
	{"01", false},
	{"00", false},
	{"inf", false},
	{"nan", false},
	{"0x1p3", false},
	{"1 ", false},
	{"1234567890123456789012345678901234567890123456789012345678901234",
	 true},
	{"12345678901234567890123456789012345678901234567890123456789012345",
	 false},
	{"12345678901234567890123456789012345678901234567890123456789012340",
	 true},
	{"0.0000000000000000000000000000000000000000000000000000000000000000"
	 "000000000000000000000000000000000000000000000000000000000000001",
	 true},
};

static void test_decimals(void)
{
	struct decimal a, b;

	for (size_t i = 0; i < COUNT(decimals); i++)
		ok(num_decimal(decimals[i].text, &a) == decimals[i].good,
		   "decimal '%s'", decimals[i].text);
	ok(num_decimal("-12.50e1", &a) && a.negative && a.exponent == 3 &&
		   a.count == 3 && a.digits[0] == 1 && a.digits[1] == 2 &&
		   a.digits[2] == 5,
	   "-12.50e1 is -0.125 * 10^3");
	ok(num_decimal("-0.00", &a) && a.count == 0 && !a.negative,
	   "-0.00 is zero");
	ok(num_decimal("1.0", &a) && num_decimal("100e-2", &b) &&
		   num_decimal_compare(&a, &b) == 0,
	   "1.0 is 100e-2");
}

static void test_decimal_order(void)
{
	static const char *const rising[] = {
		"-1e399",
		"-10",
		"-1.01",
		"-1",
		"-0.1",
		"-1e-300",
		"0",
		"1e-300",
		"0.01",
		"0.1",
		"0.10000000000000000001",
		"0.11",
		"1",
		"1.7000000000000001",
		"1.7000000000000002",
		"9",
		"10",
		"9007199254740993",
		"9007199254740993.5",
		"1e399",
	};
	struct decimal a, b;
	int good = 0;

	for (size_t i = 0; i < COUNT(rising); i++)
		for (size_t j = 0; j < COUNT(rising); j++)
			good += num_decimal(rising[i], &a) &&
				num_decimal(rising[j], &b) &&
				num_decimal_compare(&a, &b) ==
					(i > j) - (i < j);
	ok(good == COUNT(rising) * COUNT(rising), "all pairs in order");
}

static void test_decimal_multiple(void)
{
	static const struct {
		const char *value, *of;
		bool want;
	} cases[] = {
		{"0.3", "0.1", true},
		{"0.35", "0.1", false},
		{"0.35", "0.05", true},
		{"1", "0.1", true},
		{"0", "0.1", true},
		{"-0.3", "0.1", true},
		{"1.1", "1", false},
		{"7", "2", false},
		{"8", "2", true},
		{"100", "8", false},
		{"1000", "8", true},
		{"1e300", "1e-300", true},
		{"1e399", "7", false},
		{"0.1", "0.3", false},
		{"0.1", "1e-399", true},
		{"1e-399", "0.1", false},
		{"19.99", "0.01", true},
		{"19.999", "0.01", false},
		{"5", "0", false},
		{"5", "-1", false},
		{"0.5", "0.25", true},
		{"0.75", "0.5", false},
		{"121932631112635269", "123456789", true},
		{"121932631112635268", "123456789", false},
		{"9007199254740993", "3", true},
		{"9007199254740992", "3", false},
		{"10", "0.3", false},
		{"30", "0.3", true},
		{"1e2", "1e3", false},
		{"1e3", "1e2", true},
		{"1", "999999999999999999999999999999", false},
	};
	struct decimal a, b;

	for (size_t i = 0; i < COUNT(cases); i++)
		ok(num_decimal(cases[i].value, &a) &&
			   num_decimal(cases[i].of, &b) &&
			   num_decimal_multiple(&a, &b) == cases[i].want,
		   "%s multiple of %s: %d", cases[i].value, cases[i].of,
		   cases[i].want);
	/* Against plain integer arithmetic. */
	for (unsigned v = 0, good = 0; v < 300; v++) {
		for (unsigned w = 1; w < 100; w++) {
			char text[2][16];

			snprintf(text[0], 16, "%u.%02u", v / 100, v % 100);
			snprintf(text[1], 16, "0.%02u", w);
			good += num_decimal(text[0], &a) &&
				num_decimal(text[1], &b) &&
				num_decimal_multiple(&a, &b) == (v % w == 0);
		}
		if (v == 299)
			ok(good == 300 * 99, "hundredths by hundredths");
	}
}

static void test_u64(void)
{
	static const struct {
		const char *text;
		uint64_t max, want;
		bool good;
	} cases[] = {
		{"0", 10, 0, true},
		{"10", 10, 10, true},
		{"11", 10, 0, false},
		{"007", 10, 7, true},
		{"", 10, 0, false},
		{"-1", 10, 0, false},
		{"+1", 10, 0, false},
		{" 1", 10, 0, false},
		{"1 ", 10, 0, false},
		{"1a", 10, 0, false},
		{"18446744073709551615", UINT64_MAX, UINT64_MAX, true},
		{"18446744073709551616", UINT64_MAX, 0, false},
		{"99999999999999999999999", UINT64_MAX, 0, false},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		uint64_t n = 12345;
		bool good = num_u64(cases[i].text, cases[i].max, &n);

		ok(good == cases[i].good && (!good || n == cases[i].want),
		   "u64 '%s'", cases[i].text);
	}
}

int main(void)
{
	test_integers();
	test_order();
	test_integer_rest();
	test_decimals();
	test_decimal_order();
	test_decimal_multiple();
	test_u64();
	return tap_done();
}
