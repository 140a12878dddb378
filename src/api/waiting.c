#include <stdlib.h>
#include <string.h>

#include "api/waiting.h"
#include "base/arena.h"

#define FIRST_BUCKETS 256

/* FNV-1a; job ids are ours, so nobody can aim at a bucket. */
static size_t bucket_of(const struct waiting *w, const char *job)
{
	uint64_t h = 14695981039346656037u;

	for (; *job != '\0'; job++)
		h = (h ^ (unsigned char)*job) * 1099511628211u;
	return (size_t)(h ^ (h >> 32)) & (w->bucket_count - 1);
}

void waiting_init(struct waiting *w)
{
	*w = (struct waiting){.bucket_count = FIRST_BUCKETS};
	w->buckets = mem_array(FIRST_BUCKETS, sizeof(*w->buckets));
	tally_init(&w->owners);
}

void waiter_free(struct waiter *one)
{
	if (one == NULL)
		return;
	free(one->origin);
	free(one->owner);
	free(one->accept);
	free(one->redirect);
	free(one);
}

void waiting_finish(struct waiting *w)
{
	struct waiter *one;

	for (size_t i = 0; i < w->bucket_count; i++) {
		while ((one = w->buckets[i]) != NULL) {
			w->buckets[i] = one->next;
			waiter_free(one);
		}
	}
	free(w->buckets);
	tally_finish(&w->owners);
	*w = (struct waiting){0};
}

static void grow(struct waiting *w)
{
	struct waiter **old = w->buckets;
	size_t count = w->bucket_count;

	w->bucket_count = count * 4;
	w->buckets = mem_array(w->bucket_count, sizeof(*w->buckets));
	for (size_t i = 0; i < count; i++) {
		while (old[i] != NULL) {
			struct waiter *one = old[i];
			struct waiter **to =
				&w->buckets[bucket_of(w, one->job)];

			old[i] = one->next;
			one->next = *to;
			*to = one;
		}
	}
	free(old);
}

void waiting_add(struct waiting *w, struct waiter *one)
{
	struct waiter **to;

	if (w->count >= w->bucket_count * 2)
		grow(w);
	to = &w->buckets[bucket_of(w, one->job)];
	one->next = *to;
	*to = one;
	w->count++;
	tally_add(&w->owners, one->owner, 1);
}

void waiting_remove(struct waiting *w, struct waiter *one)
{
	struct waiter **at = &w->buckets[bucket_of(w, one->job)];

	while (*at != one)
		at = &(*at)->next;
	*at = one->next;
	one->next = NULL;
	w->count--;
	tally_add(&w->owners, one->owner, -1);
}

static struct waiter *from(struct waiter *one, const char *job)
{
	while (one != NULL && strcmp(one->job, job) != 0)
		one = one->next;
	return one;
}

struct waiter *waiting_first(const struct waiting *w, const char *job)
{
	return from(w->buckets[bucket_of(w, job)], job);
}

struct waiter *waiting_after(const struct waiter *one)
{
	return from(one->next, one->job);
}

struct waiter *waiting_any(const struct waiting *w)
{
	for (size_t i = 0; w->count > 0 && i < w->bucket_count; i++)
		if (w->buckets[i] != NULL)
			return w->buckets[i];
	return NULL;
}

void waiting_each(const struct waiting *w,
		  void (*fn)(void *ctx, struct waiter *one), void *ctx)
{
	for (size_t i = 0; i < w->bucket_count; i++) {
		for (struct waiter *one = w->buckets[i], *next; one != NULL;
		     one = next) {
			next = one->next;
			fn(ctx, one);
		}
	}
}
