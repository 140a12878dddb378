#include "manifest/graph.h"

void graph_render(const struct graph *g, const struct filling *fillings,
		  struct buf *to)
{
	size_t at = 0;

	for (size_t i = 0; i < g->hole_count; i++) {
		const struct hole *h = &g->holes[i];

		if (fillings[i].at == NULL)
			continue;
		buf_add(to, g->text + at, h->at - at);
		buf_add(to, fillings[i].at, fillings[i].len);
		at = h->at + h->len;
	}
	buf_add(to, g->text + at, g->len - at);
}
