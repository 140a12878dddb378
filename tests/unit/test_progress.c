#include <math.h>
#include <stdlib.h>

#include "base/attr.h"
#include "run/inbox.h"
#include "run/progress.h"
#include "run/prompt.h"
#include "tap.h"

/* Five nodes in a line, and one that leads nowhere. */
static const char graph[] =
	"{\"4\":{\"class_type\":\"Loader\",\"inputs\":{\"name\":\"x\"}},"
	"\"6\":{\"class_type\":\"Encode\",\"inputs\":{\"clip\":[\"4\",1],"
	"\"text\":\"a\"}},"
	"\"3\":{\"class_type\":\"KSampler\",\"inputs\":{\"model\":[\"4\",0],"
	"\"positive\":[\"6\",0],\"seed\":18446744073709551615}},"
	"\"8\":{\"class_type\":\"Decode\",\"inputs\":{\"samples\":[\"3\",0]}},"
	"\"9\":{\"class_type\":\"SaveImage\",\"inputs\":{\"images\":[\"8\",0],"
	"\"self\":[\"9\",0]}}}";

struct shown {
	int64_t at;
	struct note note;
	double fraction;
	const char *node;
	int64_t step, steps, eta;
};

#define N(kind, node, value, max, count, done)                                 \
	{                                                                      \
		EVENT_##kind, node, value, max, count, done                    \
	}

/* One run, event by event; after each, what a caller would see. */
static const struct shown run[] = {
	{0, N(START, "", 0, 0, 0, 0), 0, "", 0, 0, -1},
	{1, N(CACHED, "", 0, 0, 1, 0), .2, "", 0, 0, -1},
	{2, N(EXECUTING, "6", 0, 0, 0, 0), .2, "Encode", 0, 0, -1},
	{3, N(PROGRESS, "", 0, 0, 2, 2), .4, "Encode", 0, 0, -1},
	{10, N(EXECUTING, "3", 0, 0, 0, 0), .4, "KSampler", 0, 0, -1},
	{1000, N(PROGRESS, "3", 10, 20, 0, 0), .5, "KSampler", 10, 20, 990},
	/* An older message that comes late takes nothing back. */
	{1001, N(PROGRESS, "3", 5, 20, 0, 0), .5, "KSampler", 5, 20, 2973},
	{1500, N(PROGRESS, "3", 1e300, 20, 0, 0), .6, "KSampler", 20, 20, -1},
	{1600, N(PROGRESS, "3", NAN, INFINITY, 0, 0), .6, "KSampler", 20, 20,
	 -1},
	{2000, N(EXECUTING, "8", 0, 0, 0, 0), .6, "Decode", 0, 0, -1},
	{2000, N(EXECUTING, "expanded.1", 0, 0, 0, 0), .8, "", 0, 0, -1},
	{2000, N(EXECUTING, "9", 0, 0, 0, 0), .99, "SaveImage", 0, 0, -1},
	{2000, N(SUCCESS, "", 0, 0, 0, 0), .99, "SaveImage", 0, 0, -1},
};

static void test_run(void)
{
	struct prompt *p = prompt_create(graph);
	struct progress_track t;

	progress_begin(&t, 0);
	for (size_t i = 0; i < COUNT(run); i++) {
		const struct shown *s = &run[i];
		struct progress out;

		(void)progress_note(&t, &s->note, s->at);
		progress_show(&t, p, s->at, &out);
		ok(fabs(out.fraction - s->fraction) < 1e-9,
		   "event %zu: fraction %g", i, out.fraction);
		is_str(out.node, s->node, "class of the node at work");
		ok(out.step == s->step && out.steps == s->steps,
		   "event %zu: step %lld of %lld", i, (long long)out.step,
		   (long long)out.steps);
		ok(llabs(out.eta_ms - s->eta) <= 1, "event %zu: %lld ms left",
		   i, (long long)out.eta_ms);
	}
	prompt_destroy(p);
}

static void test_unknown(void)
{
	struct note n = N(EXECUTING, "3", 0, 0, 0, 0);
	struct progress_track t;
	struct progress out;

	progress_begin(&t, 0);
	ok(progress_note(&t, &n, 1), "a node that begins is news");
	progress_show(&t, NULL, 1, &out);
	ok(out.fraction < 0 && out.eta_ms < 0 && out.node[0] == '\0',
	   "without the graph nothing is claimed to be known");
}

static void test_prompt(void)
{
	static const struct {
		const char *from, *node;
		bool needs;
	} rows[] = {
		{"9", "9", true},   {"9", "4", true},  {"3", "6", true},
		{"3", "8", false},  {"6", "3", false}, {"9", "77", false},
		{"77", "4", false},
	};
	struct prompt *p = prompt_create(graph);

	for (size_t i = 0; i < COUNT(rows); i++)
		ok(prompt_needs(p, rows[i].from, rows[i].node) == rows[i].needs,
		   "%s needs %s", rows[i].from, rows[i].node);
	ok(prompt_nodes(p) == 5, "five nodes");
	is_str(prompt_class(p, "77"), "", "a node that is not there");
	prompt_destroy(p);
	ok(prompt_create("[1]") == NULL && prompt_create("{") == NULL,
	   "what is no graph");
	prompt_destroy(NULL);
}

#define OURS  "0c0ffee0-0000-4000-8000-000000000001"
#define OTHER "0c0ffee0-0000-4000-8000-000000000002"

static struct event event(enum event_kind kind, const char *prompt,
			  const char *node, double value)
{
	return (struct event){.kind = kind,
			      .prompt_id = prompt,
			      .node = node,
			      .value = value,
			      .max = 100};
}

static void test_inbox(void)
{
	struct event e = event(EVENT_PROGRESS, OURS, "3", 1);
	struct inbox in;
	struct mail m;

	inbox_init(&in);
	ok(!inbox_event(&in, &e), "no job, no mail");
	inbox_open(&in, "job", OURS);
	e.prompt_id = OTHER;
	ok(!inbox_event(&in, &e), "others' events are not ours");
	for (int i = 1; i <= 50; i++) {
		e = event(EVENT_PROGRESS, OURS, "3", i);
		e.nodes_done = i == 7 ? 3 : 0;
		ok(inbox_event(&in, &e), "progress %d", i);
	}
	inbox_wait(&in, 0, false, &m);
	ok(m.count == 1 && m.notes[0].value == 50 && m.notes[0].nodes_done == 3,
	   "progress of one node is kept as its last");
	for (int i = 0; i < 2 * INBOX_NOTES; i++) {
		e = event(EVENT_EXECUTING, OURS, "3", 0);
		ok(inbox_event(&in, &e), "begin %d", i);
	}
	e = event(EVENT_END, OURS, "", 0);
	ok(inbox_event(&in, &e), "the end");
	inbox_wait(&in, INT64_MAX, true, &m);
	ok(m.ended && m.count == INBOX_NOTES, "a full box keeps the end");
	inbox_cancel(&in, "another");
	ok(!inbox_is_canceled(&in), "another job's cancel");
	inbox_cancel(&in, "job");
	inbox_deaf(&in);
	inbox_wait(&in, INT64_MAX, true, &m);
	ok(inbox_is_canceled(&in) && inbox_is_deaf(&in) && !m.ended,
	   "cancel and a lost socket wake and stay");
	inbox_open(&in, "next", OTHER);
	ok(!inbox_is_canceled(&in) && !inbox_is_deaf(&in), "a fresh start");
	inbox_close(&in);
	inbox_finish(&in);
}

int main(void)
{
	test_run();
	test_unknown();
	test_prompt();
	test_inbox();
	return tap_done();
}
