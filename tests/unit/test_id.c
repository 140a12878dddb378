#include <pthread.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/id.h"
#include "tap.h"

static const struct {
	const char *text;
	bool valid;
} cases[] = {
	{"0193a1f2-0000-7000-8000-0123456789ab", true},
	{"ffffffff-ffff-ffff-ffff-ffffffffffff", true},
	{"0193A1F2-0000-7000-8000-0123456789ab", false},
	{"0193a1f2-0000-7000-8000-0123456789a", false},
	{"0193a1f2-0000-7000-8000-0123456789abc", false},
	{"0193a1f200000-7000-8000-0123456789ab", false},
	{"0193a1f2-0000-7000-8000-0123456789ag", false},
	{"0193a1f2/0000-7000-8000-0123456789ab", false},
	{" 193a1f2-0000-7000-8000-0123456789ab", false},
	{"../../../../../../../../../../../../", false},
	{"", false},
	{NULL, false},
};

#define EACH	20000
#define THREADS 4

static void *make_many(void *arg)
{
	char(*ids)[ID_SIZE] = arg;

	for (size_t i = 0; i < EACH; i++)
		id_v7(ids[i]);
	return NULL;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void test_order(void)
{
	char(*ids)[ID_SIZE] = mem_array(EACH * THREADS, ID_SIZE);
	pthread_t threads[THREADS];
	int good = 0, valid = 0, twice = 0;

	for (size_t t = 0; t < THREADS; t++)
		pthread_create(&threads[t], NULL, make_many, ids + t * EACH);
	for (size_t t = 0; t < THREADS; t++)
		pthread_join(threads[t], NULL);
	for (size_t i = 0; i < EACH * THREADS; i++) {
		valid += id_valid(ids[i]) && ids[i][14] == '7' &&
			 strchr("89ab", ids[i][19]) != NULL;
		if (i % EACH > 0)
			good += strcmp(ids[i - 1], ids[i]) < 0;
	}
	ok(valid == EACH * THREADS, "all are version 7, variant 10");
	ok(good == (EACH - 1) * THREADS, "each thread saw them grow strictly");
	qsort(ids, EACH * THREADS, ID_SIZE, by_text);
	for (size_t i = 1; i < EACH * THREADS; i++)
		twice += memcmp(ids[i - 1], ids[i], 18) == 0;
	ok(twice == 0, "no two share time and counter");
	free(ids);
}

int main(void)
{
	char id[ID_SIZE], other[ID_SIZE], time_part[14];
	uint64_t ms;

	for (size_t i = 0; i < COUNT(cases); i++)
		ok(id_valid(cases[i].text) == cases[i].valid, "%s: %s",
		   cases[i].text ? cases[i].text : "NULL",
		   cases[i].valid ? "valid" : "refused");
	id_v4(id);
	id_v4(other);
	ok(id_valid(id) && id[14] == '4' && strchr("89ab", id[19]) != NULL,
	   "version 4, variant 10");
	ok(strcmp(id, other) != 0, "two differ");
	id_v7(id);
	snprintf(time_part, sizeof(time_part), "%.8s%.4s", id, id + 9);
	ms = strtoull(time_part, NULL, 16);
	ok(ms >= (uint64_t)clock_wall_ms() - 60000 &&
		   ms <= (uint64_t)clock_wall_ms() + 60000,
	   "carries the time of its birth");
	test_order();
	return tap_done();
}
