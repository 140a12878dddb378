#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "manifest/parts.h"

#define SLOT "{value}"

/*
 *	studio portrait of {value}, {{soft}} light
 *	\________________/       \_______________/
 *	     piece 0                  piece 1       with {soft} in single braces
 */
static bool read_pieces(struct reader *r, const struct place *p,
			const char *text, const char **parts, size_t *count)
{
	const char *s = text;
	struct buf piece;
	bool good = true;

	buf_init(&piece, MANIFEST_BYTES_MAX);
	while (*s != '\0' && good) {
		size_t plain = strcspn(s, "{}");

		buf_add(&piece, s, plain);
		s += plain;
		if (*s == '\0')
			break;
		if (s[1] == s[0]) {
			buf_addc(&piece, *s);
			s += 2;
		} else if (strncmp(s, SLOT, strlen(SLOT)) == 0) {
			parts[(*count)++] = arena_strndup(
				r->keep, buf_str(&piece), piece.len);
			buf_clear(&piece);
			s += strlen(SLOT);
		} else {
			reader_error(
				r, p, "template",
				"a single \"%c\" stands at character "
				"%zu; write {value} for the caller's text "
				"and %c%c for a brace",
				*s,
				text_code_points(text, (size_t)(s - text)) + 1,
				*s, *s);
			good = false;
		}
	}
	parts[(*count)++] = arena_strndup(r->keep, buf_str(&piece), piece.len);
	buf_finish(&piece);
	return good;
}

void read_template(struct reader *r, const struct place *p,
		   const struct json *v, struct target *t)
{
	const char *s = json_string(v), **parts;
	size_t most = 1, count = 0;

	if (!reader_wants(r, p, v, JSON_STRING))
		return;
	for (const char *at = s; (at = strstr(at, SLOT)) != NULL; at++)
		most++;
	parts = arena_array(r->keep, most, sizeof(*parts));
	if (!read_pieces(r, p, s, parts, &count))
		return;
	if (count == 1) {
		reader_error(r, p, "template",
			     "does not hold {value}, so the caller's text "
			     "would go nowhere");
		return;
	}
	t->parts = parts;
	t->part_count = count;
}
