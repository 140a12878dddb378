#include "heap.h"

#include <stdlib.h>
#include <string.h>

/* a < b of Python tuples: 1, 0, or -1 when it would raise */
static int less(const struct job *a, const struct job *b)
{
	int c;

	if (a->order != b->order)
		return a->order < b->order;
	c = strcmp(a->id, b->id);
	return c ? c < 0 : -1;
}

static void swap(struct job **v, size_t a, size_t b)
{
	struct job *t = v[a];

	v[a] = v[b];
	v[b] = t;
}

static bool sift_down(struct heap *h, size_t start, size_t pos)
{
	while (pos > start) {
		const size_t parent = (pos - 1) / 2;
		const int c = less(h->v[pos], h->v[parent]);

		if (c < 0)
			return false;
		if (!c)
			break;
		swap(h->v, pos, parent);
		pos = parent;
	}
	return true;
}

static bool sift_up(struct heap *h, size_t pos)
{
	const size_t start = pos;

	while (pos < h->n / 2) {
		size_t child = 2 * pos + 1;

		if (child + 1 < h->n) {
			const int c = less(h->v[child], h->v[child + 1]);

			if (c < 0)
				return false;
			if (!c)
				child++;
		}
		swap(h->v, child, pos);
		pos = child;
	}
	return sift_down(h, start, pos);
}

bool heap_push(struct heap *h, struct job *j)
{
	if (h->n == h->cap) {
		h->cap = h->cap ? h->cap * 2 : 64;
		h->v = mem_grow(h->v, h->cap * sizeof(struct job *));
	}
	h->v[h->n++] = j;
	return sift_down(h, 0, h->n - 1);
}

bool heap_pop(struct heap *h, struct job **out)
{
	struct job *last = h->v[--h->n];

	*out = last;
	if (!h->n)
		return true;
	*out = h->v[0];
	h->v[0] = last;
	if (sift_up(h, 0))
		return true;
	job_free(*out);
	*out = NULL;
	return false;
}

struct job *heap_remove(struct heap *h, size_t i)
{
	struct job *j = h->v[i];
	size_t k;

	h->n--;
	memmove(h->v + i, h->v + i + 1, (h->n - i) * sizeof(struct job *));
	for (k = h->n / 2; k > 0; k--)
		if (!sift_up(h, k - 1))
			break;
	return j;
}
