#include "jobs/board.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/box.h"

/* A job in work has one entry, so there are never more than slots. */
#define BUCKETS 256

struct entry {
	struct entry *next;
	char id[ID_SIZE];
	struct progress progress;
	bool told; /* `changed` was called and nobody has read it since */
};

struct board {
	struct box box;
	struct entry *buckets[BUCKETS]; /* under the lock */
	void (*changed)(void *ctx, const char *id);
	void *ctx;
};

struct board *board_create(void (*changed)(void *ctx, const char *id),
			   void *ctx)
{
	struct board *b = mem_alloc(sizeof(*b));

	box_init(&b->box);
	b->changed = changed;
	b->ctx = ctx;
	return b;
}

void board_destroy(struct board *b)
{
	if (b == NULL)
		return;
	for (size_t i = 0; i < BUCKETS; i++) {
		struct entry *e = b->buckets[i];

		while (e != NULL) {
			struct entry *next = e->next;

			free(e);
			e = next;
		}
	}
	box_finish(&b->box);
	free(b);
}

/* Where the entry hangs, or would hang. Lock held. */
static struct entry **find(struct board *b, const char *id)
{
	unsigned h = 2166136261u;
	struct entry **at;

	for (const char *c = id; *c != '\0'; c++)
		h = (h ^ (unsigned char)*c) * 16777619u;
	at = &b->buckets[h % BUCKETS];
	while (*at != NULL && strcmp((*at)->id, id) != 0)
		at = &(*at)->next;
	return at;
}

static struct entry *entry_create(const char *id)
{
	struct entry *e = mem_alloc(sizeof(*e));

	memcpy(e->id, id, strnlen(id, sizeof(e->id) - 1));
	return e;
}

/* Neither is below the other. */
static bool same_fraction(double a, double b)
{
	return !(a < b) && !(a > b);
}

static bool same(const struct progress *a, const struct progress *b)
{
	return same_fraction(a->fraction, b->fraction) && a->step == b->step &&
	       a->steps == b->steps && a->eta_ms == b->eta_ms &&
	       strncmp(a->node, b->node, sizeof(a->node)) == 0;
}

void board_set(struct board *b, const char *id, const struct progress *p)
{
	struct entry **at, *e;
	bool tell = false;

	box_lock(&b->box);
	at = find(b, id);
	e = *at;
	if (e == NULL)
		e = *at = entry_create(id);
	else if (same(&e->progress, p))
		goto out;
	e->progress = *p;
	e->progress.node[sizeof(p->node) - 1] = '\0';
	tell = !e->told;
	e->told = true;
out:
	box_unlock(&b->box);
	if (tell && b->changed != NULL)
		b->changed(b->ctx, id);
}

bool board_get(struct board *b, const char *id, struct progress *out)
{
	struct entry *e;

	box_lock(&b->box);
	e = *find(b, id);
	if (e != NULL) {
		*out = e->progress;
		e->told = false;
	}
	box_unlock(&b->box);
	return e != NULL;
}

void board_clear(struct board *b, const char *id)
{
	struct entry **at, *e;

	box_lock(&b->box);
	at = find(b, id);
	e = *at;
	if (e != NULL)
		*at = e->next;
	box_unlock(&b->box);
	free(e);
}
