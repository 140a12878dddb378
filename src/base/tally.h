#ifndef BASE_TALLY_H
#define BASE_TALLY_H

#include <stddef.h>
#include <stdint.h>

/*
 * How many of each: counts by name, for limits that are looked at all the time
 * (a COUNT in SQL would cost as much as a queue is long). A name whose count
 * falls to 0 is forgotten. One thread.
 */
struct tally {
	struct tally_entry **buckets;
	size_t bucket_count;
	size_t names;
	uint64_t key[2];
};

void tally_init(struct tally *t);
void tally_finish(struct tally *t);
void tally_clear(struct tally *t);
void tally_add(struct tally *t, const char *name, int change);
uint32_t tally_get(const struct tally *t, const char *name);

#endif
