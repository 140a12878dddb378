#include <string.h>

#include "base/num.h"
#include "base/text.h"

/* Length of the well-formed sequence at s (Unicode, table 3-7), 0 if none. */
static size_t sequence(const unsigned char *s, size_t n)
{
	unsigned char low = 0x80, high = 0xBF;
	size_t len;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xC2 || s[0] > 0xF4)
		return 0;
	len = s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
	if (len > n)
		return 0;
	if (s[0] == 0xE0)
		low = 0xA0; /* overlong */
	else if (s[0] == 0xED)
		high = 0x9F; /* surrogates */
	else if (s[0] == 0xF0)
		low = 0x90; /* overlong */
	else if (s[0] == 0xF4)
		high = 0x8F; /* past U+10FFFF */
	if (s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((s[i] & 0xC0) != 0x80)
			return 0;
	return len;
}

bool text_utf8(const char *s, size_t n)
{
	const unsigned char *at = (const unsigned char *)s;

	while (n > 0) {
		size_t len = sequence(at, n);

		if (len == 0)
			return false;
		at += len;
		n -= len;
	}
	return true;
}

size_t text_code_points(const char *s, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += ((unsigned char)s[i] & 0xC0) != 0x80;
	return count;
}

bool text_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool text_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool text_same_nocase(const char *a, const char *b)
{
	while (*a != '\0' && lower(*a) == lower(*b)) {
		a++;
		b++;
	}
	return lower(*a) == lower(*b);
}

void text_copy(char *to, size_t size, const char *from)
{
	size_t n = strnlen(from, size - 1);

	memcpy(to, from, n);
	to[n] = '\0';
}

#define WORD_MOST 64

/* Letters added, left out, changed or swapped with their neighbour. */
static size_t distance(const char *a, size_t n, const char *b, size_t m)
{
	size_t rows[3][WORD_MOST + 1];
	size_t *before = rows[0], *last = rows[1], *row = rows[2], *spare;

	for (size_t j = 0; j <= m; j++)
		last[j] = j;
	memcpy(before, last, sizeof(rows[0][0]) * (m + 1));
	for (size_t i = 1; i <= n; i++) {
		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t d = last[j - 1] +
				   (lower(a[i - 1]) != lower(b[j - 1]));

			if (last[j] + 1 < d)
				d = last[j] + 1;
			if (row[j - 1] + 1 < d)
				d = row[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] && before[j - 2] + 1 < d)
				d = before[j - 2] + 1;
			row[j] = d;
		}
		spare = before;
		before = last;
		last = row;
		row = spare;
	}
	return last[m];
}

const char *text_nearest(const char *word, const char *const *names,
			 size_t count)
{
	size_t n = strlen(word), best = WORD_MOST + 1;
	const char *nearest = NULL;

	if (n > WORD_MOST)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		size_t m = strlen(names[i]), d;

		if (m > WORD_MOST)
			continue;
		d = distance(word, n, names[i], m);
		if (d * 3 <= (n > m ? n : m) && d < best) {
			best = d;
			nearest = names[i];
		}
	}
	return nearest;
}

void text_percent_encode(struct buf *to, const char *s)
{
	static const char hex[] = "0123456789ABCDEF";

	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9') || strchr("-._~", c) != NULL) {
			buf_addc(to, *s);
		} else {
			char escape[3] = {'%', hex[c >> 4], hex[c & 15]};

			buf_add(to, escape, sizeof(escape));
		}
	}
}

int text_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool text_percent_decode(struct arena *a, const char *s, size_t n, bool plus,
			 char **out)
{
	char *to = arena_alloc(a, n + 1);
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		char c = s[i];

		if (c == '%') {
			int high = n - i > 2 ? text_hex_digit(s[i + 1]) : -1;
			int low = n - i > 2 ? text_hex_digit(s[i + 2]) : -1;

			if (high < 0 || low < 0)
				return false;
			c = (char)(high << 4 | low);
			i += 2;
		} else if (c == '+' && plus) {
			c = ' ';
		}
		if (c == '\0')
			return false;
		to[len++] = c;
	}
	to[len] = '\0';
	*out = to;
	return true;
}

bool text_duration(const char *s, int64_t *ms)
{
	static const struct {
		const char *unit;
		int64_t ms;
	} units[] = {{"ms", 1},
		     {"s", 1000},
		     {"m", 60000},
		     {"h", 3600000},
		     {"d", 86400000}};
	const int64_t most = INT64_C(366) * 86400000;
	size_t digits = strspn(s, "0123456789");
	char number[20];
	uint64_t n;

	if (digits == 0 || digits >= sizeof(number))
		return false;
	memcpy(number, s, digits);
	number[digits] = '\0';
	if (!num_u64(number, (uint64_t)most, &n))
		return false;
	for (size_t i = 0; i < COUNT(units); i++) {
		if (strcmp(s + digits, units[i].unit) != 0)
			continue;
		if ((int64_t)n > most / units[i].ms)
			return false;
		*ms = (int64_t)n * units[i].ms;
		return true;
	}
	return false;
}

char *text_query(struct arena *a, const char *query, const char *name)
{
	while (query != NULL && *query != '\0') {
		size_t n = strcspn(query, "&");
		const char *equals = memchr(query, '=', n);
		size_t key_len = equals ? (size_t)(equals - query) : n;
		char *key, *value;

		if (text_percent_decode(a, query, key_len, true, &key) &&
		    strcmp(key, name) == 0) {
			size_t skip = equals ? key_len + 1 : n;

			return text_percent_decode(a, query + skip, n - skip,
						   true, &value)
				       ? value
				       : NULL;
		}
		query += n;
		if (*query == '&')
			query++;
	}
	return NULL;
}
