#include "manifest/graph.h"

/* The text up to an edit, and what stands in its place. */
static size_t put_edit(const struct graph *g, const struct graph_edit *e,
		       size_t at, struct buf *to)
{
	buf_add(to, g->text + at, e->at - at);
	buf_add(to, e->text, e->text_len);
	return e->at + e->len;
}

void graph_render(const struct graph *g, const struct graph_variant *variant,
		  const struct filling *fillings, struct buf *to)
{
	const struct graph_edit *edit = variant != NULL ? variant->edits : NULL;
	size_t edits = variant != NULL ? variant->count : 0;
	size_t at = 0;

	for (size_t i = 0; i < g->hole_count; i++) {
		const struct hole *h = &g->holes[i];

		for (; edits > 0 && edit->at <= h->at; edits--)
			at = put_edit(g, edit++, at, to);
		if (fillings[i].at == NULL || h->at < at)
			continue;
		buf_add(to, g->text + at, h->at - at);
		buf_add(to, fillings[i].at, fillings[i].len);
		at = h->at + h->len;
	}
	for (; edits > 0; edits--)
		at = put_edit(g, edit++, at, to);
	buf_add(to, g->text + at, g->len - at);
}
