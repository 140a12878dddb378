#include <string.h>

#include "base/num.h"

#define EXPONENT_MOST 400
/* Where counting an exponent stops: beyond any text's own length. */
#define EXPONENT_ENOUGH INT64_C(1000000000000)

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The exponent after 'e', saturated; NULL when it has no digits. */
static const char *read_exponent(const char *s, int64_t *exponent)
{
	bool negative = *s == '-';
	int64_t n = 0;

	if (*s == '-' || *s == '+')
		s++;
	if (!digit(*s))
		return NULL;
	for (; digit(*s); s++)
		if (n < EXPONENT_ENOUGH)
			n = n * 10 + (*s - '0');
	*exponent = negative ? -n : n;
	return s;
}

/* Takes the next digit of the mantissa. Zeros wait until another digit shows
 * that they count; `places` are the digits before the decimal point, less the
 * zeros after it. False past NUM_DIGITS_MAX. */
static bool add_digit(struct decimal *d, size_t *zeros, char c)
{
	if (c == '0') {
		*zeros += d->count > 0;
		return true;
	}
	if (*zeros >= NUM_DIGITS_MAX - d->count)
		return false;
	memset(d->digits + d->count, 0, *zeros);
	d->count += (unsigned)*zeros;
	d->digits[d->count++] = (unsigned char)(c - '0');
	*zeros = 0;
	return true;
}

bool num_decimal(const char *text, struct decimal *out)
{
	struct decimal d = {0};
	int64_t places = 0, exponent = 0;
	const char *s = text;
	size_t zeros = 0;
	bool fits = true;

	d.negative = *s == '-';
	s += d.negative;
	if (!digit(*s) || (*s == '0' && digit(s[1])))
		return false;
	for (; digit(*s); s++) {
		fits = fits && add_digit(&d, &zeros, *s);
		places += d.count > 0;
	}
	if (*s == '.') {
		if (!digit(*++s))
			return false;
		for (; digit(*s); s++) {
			fits = fits && add_digit(&d, &zeros, *s);
			places -= d.count == 0;
		}
	}
	if (*s == 'e' || *s == 'E') {
		s = read_exponent(s + 1, &exponent);
		if (s == NULL)
			return false;
	}
	if (*s != '\0' || !fits)
		return false;
	if (d.count == 0) {
		*out = (struct decimal){0};
		return true;
	}
	exponent += places;
	if (exponent > EXPONENT_MOST || exponent < -EXPONENT_MOST)
		return false;
	d.exponent = (int)exponent;
	*out = d;
	return true;
}

bool num_integer(const char *text, struct integer *out)
{
	const uint64_t least = UINT64_C(1) << 63;
	struct decimal d;
	uint64_t n = 0;

	if (!num_decimal(text, &d))
		return false;
	if (d.count > 0 && (d.exponent < (int)d.count || d.exponent > 20))
		return false;
	for (unsigned i = 0; d.count > 0 && i < (unsigned)d.exponent; i++) {
		unsigned next = i < d.count ? d.digits[i] : 0;

		if (n > (UINT64_MAX - next) / 10)
			return false;
		n = n * 10 + next;
	}
	if (d.negative && n > least)
		return false;
	*out = (struct integer){.negative = d.negative, .magnitude = n};
	return true;
}

int num_compare(struct integer a, struct integer b)
{
	int larger = a.negative ? -1 : 1;

	if (a.negative != b.negative)
		return larger;
	if (a.magnitude == b.magnitude)
		return 0;
	return a.magnitude > b.magnitude ? larger : -larger;
}

bool num_multiple(struct integer value, struct integer of)
{
	return of.magnitude != 0 && value.magnitude % of.magnitude == 0;
}

void num_integer_print(struct integer n, char text[NUM_INTEGER_TEXT])
{
	char digits[NUM_INTEGER_TEXT];
	size_t at = sizeof(digits);

	digits[--at] = '\0';
	do {
		digits[--at] = (char)('0' + n.magnitude % 10);
		n.magnitude /= 10;
	} while (n.magnitude > 0);
	if (n.negative)
		digits[--at] = '-';
	memcpy(text, digits + at, sizeof(digits) - at);
}

bool num_beyond_double(struct integer n)
{
	return n.magnitude > (UINT64_C(1) << 53) - 1;
}

static int compare_magnitude(const struct decimal *a, const struct decimal *b)
{
	if (a->count == 0 || b->count == 0)
		return (a->count > 0) - (b->count > 0);
	if (a->exponent != b->exponent)
		return a->exponent > b->exponent ? 1 : -1;
	for (unsigned i = 0; i < a->count && i < b->count; i++)
		if (a->digits[i] != b->digits[i])
			return a->digits[i] > b->digits[i] ? 1 : -1;
	return (a->count > b->count) - (a->count < b->count);
}

int num_decimal_compare(const struct decimal *a, const struct decimal *b)
{
	if (a->negative != b->negative)
		return a->negative ? -1 : 1;
	return a->negative ? compare_magnitude(b, a) : compare_magnitude(a, b);
}

/* A rest in a division on paper: digits, most significant first, right
 * aligned; one place more than the divisor has. */
struct rest {
	unsigned char digits[NUM_DIGITS_MAX + 1];
	unsigned count;
};

static bool rest_holds(const struct rest *r, const struct decimal *of)
{
	if (r->digits[0] != 0)
		return true;
	return memcmp(r->digits + 1, of->digits, of->count) >= 0;
}

static void rest_subtract(struct rest *r, const struct decimal *of)
{
	int borrow = 0;

	for (unsigned i = of->count; i-- > 0;) {
		int n = r->digits[i + 1] - of->digits[i] - borrow;

		borrow = n < 0;
		r->digits[i + 1] = (unsigned char)(n + 10 * borrow);
	}
	r->digits[0] = (unsigned char)(r->digits[0] - borrow);
}

bool num_decimal_multiple(const struct decimal *value, const struct decimal *of)
{
	struct rest r = {.count = of->count + 1};
	int shift, steps;

	if (of->count == 0 || of->negative)
		return false;
	if (value->count == 0)
		return true;
	/* value = V * 10^a and of = W * 10^b with whole V and W that do not
	 * end in 0: a < b leaves a digit behind the point. */
	shift = (value->exponent - (int)value->count) -
		(of->exponent - (int)of->count);
	if (shift < 0)
		return false;
	steps = (int)value->count + shift;
	for (int i = 0; i < steps; i++) {
		memmove(r.digits, r.digits + 1, r.count - 1);
		r.digits[r.count - 1] =
			i < (int)value->count ? value->digits[i] : 0;
		while (rest_holds(&r, of))
			rest_subtract(&r, of);
	}
	for (unsigned i = 0; i < r.count; i++)
		if (r.digits[i] != 0)
			return false;
	return true;
}

bool num_u64(const char *text, uint64_t max, uint64_t *out)
{
	uint64_t n = 0;

	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		unsigned next;

		if (!digit(*text))
			return false;
		next = (unsigned)(*text - '0');
		if (n > (UINT64_MAX - next) / 10)
			return false;
		n = n * 10 + next;
	}
	if (n > max)
		return false;
	*out = n;
	return true;
}
