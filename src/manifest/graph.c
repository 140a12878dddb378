#include "manifest/graph.h"

void graph_render(const struct graph *g, const struct filling *fillings,
		  size_t *at, struct buf *to)
{
	size_t from = 0, begin = to->len;

	for (size_t i = 0; i < g->hole_count; i++) {
		const struct hole *h = &g->holes[i];

		if (fillings[i].at == NULL)
			continue;
		buf_add(to, g->text + from, h->at - from);
		if (at != NULL)
			at[i] = to->len - begin;
		buf_add(to, fillings[i].at, fillings[i].len);
		from = h->at + h->len;
	}
	buf_add(to, g->text + from, g->len - from);
}
