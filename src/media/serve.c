#include "media/serve.h"

#include <string.h>

static bool moves(enum media_kind kind)
{
	return kind == MEDIA_GIF || kind == MEDIA_WEBP || kind == MEDIA_PNG ||
	       kind == MEDIA_AVIF;
}

bool media_may_serve(enum media_kind kind, enum media_class promised)
{
	enum media_class is = media_type(kind)->class;

	switch (promised) {
	case MEDIA_IMAGE:
		return is == MEDIA_IMAGE;
	case MEDIA_VIDEO:
		return is == MEDIA_VIDEO || moves(kind);
	case MEDIA_AUDIO:
		return is == MEDIA_AUDIO || is == MEDIA_VIDEO;
	case MEDIA_MODEL:
		return is == MEDIA_MODEL || is == MEDIA_OTHER ||
		       kind == MEDIA_PLAIN;
	case MEDIA_OTHER:
	case MEDIA_TEXT:
		return true;
	}
	return false;
}

bool media_serves(const struct media_facts *facts, enum media_class promised)
{
	enum media_class is = media_type(facts->kind)->class;

	if (!media_may_serve(facts->kind, promised))
		return false;
	if (promised == MEDIA_VIDEO && is == MEDIA_IMAGE)
		return facts->frames != 1;
	if (promised == MEDIA_AUDIO && is == MEDIA_VIDEO)
		return facts->width == 0;
	return true;
}

bool media_name_objects(const char *filename, enum media_class promised)
{
	const char *dot = filename != NULL ? strrchr(filename, '.') : NULL;
	const struct media_type *t;

	if (dot == NULL)
		return false;
	t = media_type_of_extension(dot + 1);
	return promised != MEDIA_OTHER && t != media_type(MEDIA_UNKNOWN) &&
	       t->class != promised;
}
