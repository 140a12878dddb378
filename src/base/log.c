#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

#define VALUE_MOST 1024 /* bytes of one value that are shown */
#define LINE_MOST  16384

static _Atomic int least_level = LOG_INFO;

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_set_level(enum log_level least)
{
	atomic_store(&least_level, (int)least);
}

/* The length of the whole UTF-8 character at s, or 0 where there is none that
 * may be shown (a control character, a broken sequence). */
static size_t shown(const unsigned char *s, size_t n)
{
	size_t len = s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;

	if (s[0] < 0x80)
		return s[0] >= 0x20 && s[0] != 0x7F;
	if (len > n || !text_utf8((const char *)s, len))
		return 0;
	if (s[0] == 0xC2 && s[1] < 0xA0)
		return 0; /* C1 controls, which terminals obey */
	if (s[0] == 0xE2 && s[1] == 0x80 && (s[2] == 0xA8 || s[2] == 0xA9))
		return 0; /* line and paragraph separator */
	return len;
}

static void add_value(struct buf *line, const char *value)
{
	const unsigned char *s = (const unsigned char *)value;
	size_t n = strlen(value), len;
	bool cut = n > VALUE_MOST;

	if (n > 0 && !cut && value[strcspn(value, " \"=\\")] == '\0') {
		size_t i = 0;

		while (i < n && (len = shown(s + i, n - i)) > 0)
			i += len;
		if (i == n) {
			buf_adds(line, value);
			return;
		}
	}
	n = cut ? VALUE_MOST : n;
	buf_addc(line, '"');
	for (size_t i = 0; i < n; i += len ? len : 1) {
		len = shown(s + i, n - i);
		if (s[i] == '"' || s[i] == '\\')
			buf_addf(line, "\\%c", s[i]);
		else if (s[i] == '\n')
			buf_adds(line, "\\n");
		else if (len == 0)
			buf_addf(line, "\\x%02x", s[i]);
		else
			buf_add(line, s + i, len);
	}
	buf_adds(line, cut ? "...\"" : "\"");
}

static void add_word(struct buf *line, const char *word)
{
	buf_addc(line, ' ');
	buf_adds(line, word);
}

static void write_line(const struct buf *line)
{
	ssize_t n;

	do {
		n = write(STDERR_FILENO, line->at, line->len);
	} while (n < 0 && errno == EINTR);
}

bool log_wants(enum log_level level)
{
	return level < LOG_NONE && (int)level >= atomic_load(&least_level);
}

void log_line(enum log_level level, const char *event, ...)
{
	char when[CLOCK_TEXT];
	const char *key, *value;
	struct buf line;
	va_list ap;

	clock_rfc3339(clock_wall_ms(), when);
	buf_init(&line, LINE_MOST);
	buf_adds(&line, when);
	add_word(&line, level_names[level]);
	add_word(&line, event);
	va_start(ap, event);
	while ((key = va_arg(ap, const char *)) != NULL) {
		value = va_arg(ap, const char *);
		/* A byte takes four at most, so this value and the newline
		 * always fit. */
		if (value == NULL ||
		    line.len + strlen(key) + 4 * VALUE_MOST + 16 > LINE_MOST)
			continue;
		add_word(&line, key);
		buf_addc(&line, '=');
		add_value(&line, value);
	}
	va_end(ap);
	buf_addc(&line, '\n');
	write_line(&line);
	buf_finish(&line);
}

const char *log_num(long long n)
{
	static _Thread_local char ring[8][24];
	static _Thread_local unsigned next;
	char *s = ring[next++ % COUNT(ring)];

	snprintf(s, sizeof(ring[0]), "%lld", n);
	return s;
}
