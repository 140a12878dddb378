#include "manifest/graph.h"

/* The text up to an edit, and what stands in its place. */
static size_t put_edit(const struct graph *g, const struct graph_edit *e,
		       size_t from, struct buf *to)
{
	buf_add(to, g->text + from, e->at - from);
	buf_add(to, e->text, e->text_len);
	return e->at + e->len;
}

void graph_render(const struct graph *g, const struct graph_variant *variant,
		  const struct filling *fillings, size_t *at, struct buf *to)
{
	const struct graph_edit *edit = variant != NULL ? variant->edits : NULL;
	size_t edits = variant != NULL ? variant->count : 0;
	size_t from = 0, begin = to->len;

	for (size_t i = 0; i < g->hole_count; i++) {
		const struct hole *h = &g->holes[i];

		for (; edits > 0 && edit->at <= h->at; edits--)
			from = put_edit(g, edit++, from, to);
		if (at != NULL)
			at[i] = GRAPH_NOWHERE;
		if (fillings[i].at == NULL || h->at < from)
			continue;
		buf_add(to, g->text + from, h->at - from);
		if (at != NULL)
			at[i] = to->len - begin;
		buf_add(to, fillings[i].at, fillings[i].len);
		from = h->at + h->len;
	}
	for (; edits > 0; edits--)
		from = put_edit(g, edit++, from, to);
	buf_add(to, g->text + from, g->len - from);
}
