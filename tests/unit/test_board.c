#include "jobs/board.h"

#include <pthread.h>

#include "base/box.h"
#include "tap.h"

static unsigned told;
static char last[ID_SIZE];

static void changed(void *ctx, const char *id)
{
	(void)ctx;
	told++;
	memcpy(last, id, sizeof(last));
}

static void one_job(void)
{
	struct board *b = board_create(changed, NULL);
	struct progress p = {
		.fraction = 0.25, .node = "KSampler", .eta_ms = -1};
	struct progress got = {0};
	char id[ID_SIZE], other[ID_SIZE];

	id_v7(id);
	id_v7(other);
	ok(!board_get(b, id, &got), "nothing before the first progress");
	board_set(b, id, &p);
	ok(told == 1 && strcmp(last, id) == 0, "the first progress is told");
	p.fraction = 0.5;
	board_set(b, id, &p);
	ok(told == 1, "not told again before it was read");
	ok(board_get(b, id, &got) && got.fraction > 0.49 && got.eta_ms == -1,
	   "the latest is read");
	is_str(got.node, "KSampler", "with its node");
	board_set(b, id, &p);
	ok(told == 1, "the same progress is no news");
	p.step = 3;
	board_set(b, id, &p);
	ok(told == 2, "a step is");
	ok(!board_get(b, other, &got), "another job has none");
	board_set(b, other, &p);
	ok(told == 3 && strcmp(last, other) == 0, "jobs are told apart");
	board_clear(b, id);
	ok(!board_get(b, id, &got), "cleared");
	ok(board_get(b, other, &got), "the other one stays");
	board_clear(b, id);
	memset(p.node, 'x', sizeof(p.node));
	board_set(b, id, &p);
	ok(board_get(b, id, &got) && strlen(got.node) == sizeof(got.node) - 1,
	   "a node name without an end gets one");
	board_destroy(b);
	board_destroy(NULL);
	b = board_create(NULL, NULL);
	board_set(b, id, &p);
	ok(board_get(b, id, &got), "nobody needs to listen");
	board_destroy(b);
}

static void many_jobs(void)
{
	enum { MANY = 2000 };
	static char ids[MANY][ID_SIZE];
	struct board *b = board_create(NULL, NULL);
	struct progress p = {0};
	int right = 0;

	for (int i = 0; i < MANY; i++) {
		id_v7(ids[i]);
		p.step = i;
		board_set(b, ids[i], &p);
	}
	for (int i = 0; i < MANY; i += 2)
		board_clear(b, ids[i]);
	for (int i = 0; i < MANY; i++)
		right += board_get(b, ids[i], &p) == (i % 2 == 1) &&
			 (i % 2 == 0 || p.step == i);
	ok(right == MANY, "%d jobs, half of them cleared", MANY);
	board_destroy(b);
}

struct writer {
	struct board *board;
	char id[ID_SIZE];
};

static void *write_steps(void *arg)
{
	struct writer *w = arg;
	struct progress p = {.eta_ms = -1};

	for (p.step = 1; p.step <= 5000; p.step++) {
		p.steps = p.step;
		board_set(w->board, w->id, &p);
	}
	return NULL;
}

static void threads(void)
{
	struct board *b = board_create(NULL, NULL);
	struct writer w[4];
	pthread_t t[4];
	struct progress p = {0};
	bool whole = true;

	for (int i = 0; i < 4; i++) {
		w[i].board = b;
		id_v7(w[i].id);
		t[i] = box_thread("writer", write_steps, &w[i]);
	}
	for (int n = 0; n < 20000; n++)
		if (board_get(b, w[n % 4].id, &p) && p.step != p.steps)
			whole = false;
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	ok(whole, "a reader sees each progress whole");
	ok(board_get(b, w[0].id, &p) && p.step == 5000, "and the last of it");
	board_destroy(b);
}

int main(void)
{
	one_job();
	many_jobs();
	threads();
	return tap_done();
}
