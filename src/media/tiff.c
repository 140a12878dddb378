#include <string.h>

#include "media/parts.h"

/*
 *	"II" 2A 00 <offset of the first page, 4>
 *	<entries, 2>, each <tag, 2> <type, 2> <count, 4> <value, 4>
 *	<offset of the next page, 4>, 0 behind the last
 * "MM" has the numbers turned. Values of type 3 have two bytes, of type 4 four.
 */
#define WIDTH	      0x100
#define HEIGHT	      0x101
#define EXTRA_SAMPLES 0x152 /* 1 and 2: an alpha channel */
#define ENTRIES_MAX   512
#define PAGES_MAX     1000

struct page {
	int64_t width, height;
	bool alpha;
	int64_t next;
};

typedef int64_t number_fn(const unsigned char *p, size_t n);

/* One number of an entry; 0 where it is of another form, which readers may
 * read otherwise. */
static int64_t entry_value(const unsigned char p[12], number_fn *number)
{
	int64_t type = number(p + 2, 2);

	if (number(p + 4, 4) != 1 || (type != 3 && type != 4))
		return 0;
	return number(p + 8, type == 4 ? 4 : 2);
}

static bool page_read(struct source *s, int64_t at, number_fn *number,
		      struct page *page)
{
	unsigned char p[12];
	int64_t count;

	*page = (struct page){0};
	if (at == 0 || !source_read(s, at, p, 2))
		return false;
	count = number(p, 2);
	if (count > ENTRIES_MAX)
		return false;
	at += 2;
	for (int64_t i = 0; i < count; i++, at += 12) {
		int64_t value;

		if (!source_read(s, at, p, 12))
			return false;
		value = entry_value(p, number);
		if (number(p, 2) == WIDTH)
			page->width = value;
		else if (number(p, 2) == HEIGHT)
			page->height = value;
		else if (number(p, 2) == EXTRA_SAMPLES)
			page->alpha = value == 1 || value == 2;
	}
	if (!source_read(s, at, p, 4))
		return false;
	page->next = number(p, 4);
	return true;
}

/* Pages are frames where all are of one size; else how many there are is left
 * untold, as for a file that is broken. */
void tiff_facts(struct source *s, struct media_facts *out)
{
	unsigned char p[8];
	number_fn *number;
	struct page page;
	int64_t frames = 1;

	if (!source_read(s, 0, p, 8))
		return;
	number = p[0] == 'I' ? number_le : number_be;
	if (!page_read(s, number(p + 4, 4), number, &page))
		return;
	out->width = page.width;
	out->height = page.height;
	out->alpha = page.alpha;
	while (page.next != 0) {
		if (frames == PAGES_MAX ||
		    !page_read(s, page.next, number, &page) ||
		    page.width != out->width || page.height != out->height)
			return;
		frames++;
	}
	out->frames = frames;
}
