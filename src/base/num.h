#ifndef BASE_NUM_H
#define BASE_NUM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

/*
 * Numbers without rounding: integers from -2^63 to 2^64-1 (what ComfyUI takes,
 * recording s32) and decimals with their own digits. Pure functions.
 */
struct integer {
	bool negative; /* never with magnitude 0 */
	uint64_t magnitude;
};

/*
 * The integer that a JSON number's text stands for: "25", "-3", also "1e3" and
 * "25.0", which are integers to JSON Schema. False when it is no integer or
 * out of range. A plain string of digits with an optional '-' is read alike.
 */
MUST_USE bool num_integer(const char *text, struct integer *out);
int num_compare(struct integer a, struct integer b); /* -1, 0, 1 */
MUST_USE bool num_multiple(struct integer value, struct integer of);
#define NUM_INTEGER_TEXT 24
void num_integer_print(struct integer n, char text[NUM_INTEGER_TEXT]);
/* Beyond +-(2^53-1), where JSON libraries begin to round (RFC 8259, 6). */
bool num_beyond_double(struct integer n);

/* A decimal by its digits: 0.d1d2d3… × 10^exponent. */
#define NUM_DIGITS_MAX 64
struct decimal {
	bool negative;
	int exponent;
	unsigned count; /* significant digits; 0 means the number zero */
	unsigned char digits[NUM_DIGITS_MAX];
};

/* False for more than 64 significant digits, an exponent beyond +-400, or a
 * text that is no JSON number. */
MUST_USE bool num_decimal(const char *text, struct decimal *out);
int num_decimal_compare(const struct decimal *a, const struct decimal *b);
/* Exact: 0.3 is a multiple of 0.1. `of` must be above zero. */
MUST_USE bool num_decimal_multiple(const struct decimal *value,
				   const struct decimal *of);

/* Decimal digits only, no sign, no space; for settings and query values. */
MUST_USE bool num_u64(const char *text, uint64_t max, uint64_t *out);

#endif
