#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/digest.h"
#include "jobs/tally.h"

#define FIRST_BUCKETS 64

struct tally_entry {
	struct tally_entry *next;
	uint32_t count;
	char name[];
};

/* SHA-256, as names hold what callers chose: nobody can aim at a bucket. */
static size_t bucket_of(const struct tally *t, const char *name)
{
	unsigned char hash[DIGEST_SIZE];
	size_t h;

	digest_sha256(name, strlen(name), hash);
	memcpy(&h, hash, sizeof(h));
	return h & (t->bucket_count - 1);
}

void tally_init(struct tally *t)
{
	*t = (struct tally){.bucket_count = FIRST_BUCKETS};
	t->buckets = mem_array(FIRST_BUCKETS, sizeof(*t->buckets));
}

void tally_clear(struct tally *t)
{
	for (size_t i = 0; i < t->bucket_count; i++) {
		while (t->buckets[i] != NULL) {
			struct tally_entry *next = t->buckets[i]->next;

			free(t->buckets[i]);
			t->buckets[i] = next;
		}
	}
	t->names = 0;
}

void tally_finish(struct tally *t)
{
	if (t->buckets == NULL)
		return;
	tally_clear(t);
	free(t->buckets);
	*t = (struct tally){0};
}

static void grow(struct tally *t)
{
	struct tally_entry **old = t->buckets;
	size_t count = t->bucket_count;

	t->bucket_count *= 4;
	t->buckets = mem_array(t->bucket_count, sizeof(*t->buckets));
	for (size_t i = 0; i < count; i++) {
		while (old[i] != NULL) {
			struct tally_entry *e = old[i];
			size_t to = bucket_of(t, e->name);

			old[i] = e->next;
			e->next = t->buckets[to];
			t->buckets[to] = e;
		}
	}
	free(old);
}

static struct tally_entry **find(const struct tally *t, const char *name)
{
	struct tally_entry **at = &t->buckets[bucket_of(t, name)];

	while (*at != NULL && strcmp((*at)->name, name) != 0)
		at = &(*at)->next;
	return at;
}

void tally_add(struct tally *t, const char *name, int change)
{
	struct tally_entry **at = find(t, name), *e = *at;
	size_t n = strlen(name) + 1;

	if (e == NULL && change > 0) {
		if (t->names >= t->bucket_count * 2) {
			grow(t);
			at = find(t, name);
		}
		e = mem_alloc(sizeof(*e) + n);
		memcpy(e->name, name, n);
		*at = e;
		t->names++;
	}
	if (e == NULL)
		return;
	e->count = (uint32_t)((int64_t)e->count + change);
	if (e->count == 0) {
		*at = e->next;
		free(e);
		t->names--;
	}
}

uint32_t tally_get(const struct tally *t, const char *name)
{
	const struct tally_entry *e = *find(t, name);

	return e != NULL ? e->count : 0;
}
