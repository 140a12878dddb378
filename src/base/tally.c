#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/digest.h"
#include "base/tally.h"

#define FIRST_BUCKETS 64

struct tally_entry {
	struct tally_entry *next;
	uint32_t count;
	char name[];
};

static uint64_t turn(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = turn(v[1], 13) ^ v[0];
	v[0] = turn(v[0], 32);
	v[2] += v[3];
	v[3] = turn(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = turn(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = turn(v[1], 17) ^ v[2];
	v[2] = turn(v[2], 32);
}

/* SipHash-1-3 with a key of this process: names hold what callers chose, and
 * nobody shall aim at a bucket. */
static size_t bucket_of(const struct tally *t, const char *name)
{
	uint64_t v[4] = {
		t->key[0] ^ 0x736f6d6570736575, t->key[1] ^ 0x646f72616e646f6d,
		t->key[0] ^ 0x6c7967656e657261, t->key[1] ^ 0x7465646279746573};
	size_t left = strlen(name);
	uint64_t word = (uint64_t)left << 56;

	for (; left >= 8; left -= 8, name += 8) {
		uint64_t part;

		memcpy(&part, name, 8);
		v[3] ^= part;
		sip_round(v);
		v[0] ^= part;
	}
	for (size_t i = 0; i < left; i++)
		word |= (uint64_t)(unsigned char)name[i] << (8 * i);
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return (size_t)(v[0] ^ v[1] ^ v[2] ^ v[3]) & (t->bucket_count - 1);
}

void tally_init(struct tally *t)
{
	*t = (struct tally){.bucket_count = FIRST_BUCKETS};
	t->buckets = mem_array(FIRST_BUCKETS, sizeof(*t->buckets));
	digest_random(t->key, sizeof(t->key));
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
