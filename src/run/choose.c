#include "run/choose.h"

#include <string.h>

#include "media/serve.h"

bool choose_list(const struct want *w, const struct history_list *l)
{
	return l->node != NULL && strcmp(l->node, w->node) == 0 &&
	       (w->key == NULL ||
		(l->key != NULL && strcmp(l->key, w->key) == 0));
}

enum media_class choose_class(const struct want *w)
{
	static const enum media_class classes[] = {
		[WANT_IMAGE] = MEDIA_IMAGE, [WANT_VIDEO] = MEDIA_VIDEO,
		[WANT_AUDIO] = MEDIA_AUDIO, [WANT_MODEL] = MEDIA_MODEL,
		[WANT_FILE] = MEDIA_OTHER,  [WANT_TEXT] = MEDIA_OTHER,
		[WANT_JSON] = MEDIA_OTHER,
	};
	_Static_assert(COUNT(classes) == WANT__COUNT, "a type lacks its class");

	return classes[w->type];
}

static bool counts(const struct want *w, const struct history_file *f)
{
	if (f->filename == NULL || f->filename[0] == '\0')
		return false;
	if (f->type != NULL && strcmp(f->type, "temp") == 0)
		return w->temp;
	return f->type == NULL || strcmp(f->type, "output") == 0;
}

static size_t all_of(const struct want *w, const struct history *h,
		     struct arena *a, const struct history_file ***out)
{
	size_t most = 0, n = 0;

	for (size_t l = 0; l < h->list_count; l++)
		most += h->lists[l].file_count;
	*out = arena_array(a, most, sizeof(**out));
	for (size_t l = 0; l < h->list_count; l++) {
		const struct history_list *list = &h->lists[l];

		for (size_t i = 0; choose_list(w, list) && i < list->file_count;
		     i++)
			if (counts(w, &list->files[i]))
				(*out)[n++] = &list->files[i];
	}
	return n;
}

size_t choose_files(const struct want *w, const struct history *h,
		    struct arena *a, const struct history_file ***out)
{
	enum media_class class = choose_class(w);
	const struct history_file **all;
	size_t n = all_of(w, h, a, &all), good = 0;

	*out = all;
	for (size_t i = 0; i < n; i++)
		good += !media_name_objects(all[i]->filename, class);
	if (good == 0 || good == n)
		return n;
	good = 0;
	for (size_t i = 0; i < n; i++)
		if (!media_name_objects(all[i]->filename, class))
			all[good++] = all[i];
	return good;
}
