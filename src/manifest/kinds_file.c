#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "manifest/parts.h"

/*
 * Inputs that are files: what the table of kinds.c has of them. Their bounds
 * are those of media/rule.h.
 */
static_assert(INPUT_MASK - INPUT_IMAGE == MEDIA_WANT_MASK &&
		      INPUT_AUDIO - INPUT_IMAGE == MEDIA_WANT_AUDIO &&
		      INPUT_VIDEO - INPUT_IMAGE == MEDIA_WANT_VIDEO &&
		      INPUT_FILE - INPUT_IMAGE == MEDIA_WANT_FILE,
	      "types of files are in the order of what is wanted");

bool input_is_file(enum input_type t)
{
	return t >= INPUT_IMAGE && t <= INPUT_FILE;
}

const struct input *input_element(const struct input *in)
{
	return in->items != NULL ? in->items : in;
}

void file_defaults(struct input *in)
{
	if (input_is_file(in->type))
		media_rule_init(&in->rule,
				(enum media_want)(in->type - INPUT_IMAGE));
}

/* "image/png", or "image/" and a star */
static bool mime_known(const struct media_rule *rule, const char *mime)
{
	const char *all[MEDIA_MIMES_MAX];
	size_t n = media_want_mimes(rule->want, all);

	for (size_t i = 0; i < n; i++)
		if (media_mime_fits(mime, all[i]))
			return true;
	return false;
}

/* "; nearest: …", or all that there are. */
static const char *mimes_hint(struct reader *r, const char *mime,
			      const struct media_rule *rule)
{
	const char *all[MEDIA_MIMES_MAX], *hint;
	size_t n = media_want_mimes(rule->want, all);

	hint = reader_nearest(r, mime, all, n);
	if (*hint != '\0')
		return hint;
	hint = "; it takes: ";
	for (size_t i = 0; i < n; i++)
		hint = arena_printf(&r->scratch, "%s%s%s", hint, i ? ", " : "",
				    all[i]);
	return hint;
}

static const char *read_mime(struct reader *r, const struct place *p,
			     const struct json *v,
			     const struct media_rule *rule)
{
	const char *mime = reader_text(r, p, v, 100);

	if (mime == NULL || mime_known(rule, mime))
		return mime;
	reader_error(r, p, "mime",
		     "\"%s\" is no media type that an input of type \"%s\" "
		     "takes%s",
		     mime, media_want_name(rule->want),
		     mimes_hint(r, mime, rule));
	return NULL;
}

void file_mime(struct reader *r, const struct place *p, const struct json *v,
	       void *into)
{
	struct input *in = into;
	const char **mimes;
	size_t n = 0;

	if (!reader_wants(r, p, v, JSON_ARRAY))
		return;
	if (json_count(v) == 0 || json_count(v) > MEDIA_MIMES_MAX) {
		reader_error(r, p, "size", "must hold 1 to %d media types",
			     MEDIA_MIMES_MAX);
		return;
	}
	mimes = arena_array(r->keep, json_count(v), sizeof(*mimes));
	json_each (item, v) {
		const struct place *at = PLACE_INDEX(p, n);

		mimes[n] = read_mime(r, at, item, &in->rule);
		if (mimes[n] == NULL)
			return;
		for (size_t i = 0; i < n; i++)
			if (strcmp(mimes[i], mimes[n]) == 0)
				reader_error(r, at, "mime",
					     "\"%s\" is there twice", mimes[n]);
		n++;
	}
	in->rule.mimes = mimes;
	in->rule.mime_count = n;
}

static void check_order(struct reader *r, const struct place *p, int64_t least,
			int64_t most, const char *what)
{
	if (most > 0 && least > most)
		reader_error(r, p, "bounds",
			     "min%s %" PRId64 " is above max%s %" PRId64, what,
			     least, what, most);
}

void file_check(struct reader *r, const struct place *p, const struct json *v,
		const struct input *in)
{
	const struct media_rule *rule = &in->rule;
	int64_t width = rule->min_width > 0 ? rule->min_width : 1;
	int64_t height = rule->min_height > 0 ? rule->min_height : 1;

	(void)v;
	check_order(r, p, rule->min_width, rule->max_width, "Width");
	check_order(r, p, rule->min_height, rule->max_height, "Height");
	if (rule->max_pixels > 0 && width * height > rule->max_pixels)
		reader_error(r, p, "bounds",
			     "minWidth %" PRId64 " and minHeight %" PRId64
			     " are more than maxPixels %" PRId64,
			     width, height, rule->max_pixels);
}
