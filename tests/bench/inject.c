#include <cJSON.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "input/resolve.h"
#include "unit/input_rig.h"

/*
 * What it costs to make a prompt from a caller's inputs, beside the plain way
 * (parse the workflow, set the values, print it, by cJSON). Thread CPU time,
 * median of 7; look at the ratios, they are of one run on one machine.
 */
#define REPEATS 7

static const char body_text[] =
	"{\"prompt\":\"an old sea captain, \\\"storm\\\" behind him\","
	"\"steps\":30,\"width\":768,\"height\":1024,\"cfg\":6.5,\"seed\":7}";

static const struct {
	const char *name, *input;
	enum input_type type;
} bound[] = {
	{"prompt", "text", INPUT_STRING},  {"steps", "steps", INPUT_INTEGER},
	{"width", "width", INPUT_INTEGER}, {"height", "height", INPUT_INTEGER},
	{"cfg", "cfg", INPUT_NUMBER},	   {"seed", "seed", INPUT_SEED},
};

/* Nodes of about 800 bytes, as long prompts and many settings make them. */
static void make_graph(struct buf *b, unsigned nodes)
{
	buf_addc(b, '{');
	for (unsigned i = 0; i < nodes; i++) {
		buf_addf(b,
			 "%s\"%u\":{\"inputs\":{\"seed\":%u,\"steps\":20,"
			 "\"cfg\":1.7000000000000002,\"sampler_name\":"
			 "\"euler\",\"denoise\":1.0,\"width\":512,"
			 "\"height\":512,\"model\":[\"%u\",0],\"text\":\"",
			 i ? "," : "", i + 1, i * 7919, i);
		for (int k = 0; k < 20; k++)
			buf_adds(b, "a photograph of a harbour, ");
		buf_adds(b, "\"},\"class_type\":\"KSampler\",\"_meta\":{"
			    "\"title\":\"Sampler\"}}");
	}
	buf_addc(b, '}');
}

struct bench {
	struct arena arena;
	struct endpoint e;
	struct plan plan;
	struct json_doc *body;
	struct filling *fillings;
	struct buf prompt;
	size_t bytes; /* so that nothing is optimised away */
};

static void make_bench(struct bench *t, const struct buf *graph)
{
	struct input *inputs;

	*t = (struct bench){.bytes = 0};
	if (!rig_graph(&t->e.graph, graph->at, graph->len, &t->arena))
		abort();
	inputs = arena_array(&t->arena, COUNT(bound), sizeof(*inputs));
	t->fillings = arena_array(&t->arena, t->e.graph.hole_count,
				  sizeof(*t->fillings));
	for (size_t i = 0; i < COUNT(bound); i++) {
		struct target *target = arena_alloc(&t->arena, sizeof(*target));

		target->hole = rig_hole(&t->e.graph, "3", bound[i].input);
		t->fillings[target->hole] = (struct filling){"12345", 5};
		inputs[i] = (struct input){.name = bound[i].name,
					   .type = bound[i].type,
					   .max_length = 2000,
					   .targets = target,
					   .target_count = 1};
	}
	t->plan.inputs = inputs;
	t->e.inputs = inputs;
	t->e.input_count = COUNT(bound);
	t->e.plans = &t->plan;
	t->e.plan_count = 1;
	t->body = json_parse(body_text, strlen(body_text), 64, NULL);
	buf_init(&t->prompt, (size_t)64 << 20);
}

static void finish_bench(struct bench *t)
{
	json_free(t->body);
	buf_finish(&t->prompt);
	arena_finish(&t->arena);
}

static uint64_t no_random(void *ctx)
{
	(void)ctx;
	return 0;
}

static void do_render(struct bench *t)
{
	buf_clear(&t->prompt);
	graph_render(&t->e.graph, NULL, t->fillings, NULL, &t->prompt);
	t->bytes += t->prompt.len;
}

static void do_resolve(struct bench *t)
{
	struct arena a = {0};
	struct problem_list errors;
	struct resolved out;

	problem_list_init(&errors, &a);
	buf_clear(&t->prompt);
	if (!input_resolve(&t->e, &t->plan, json_root(t->body), NULL, no_random,
			   NULL, &a, &t->prompt, &out, &errors))
		abort();
	t->bytes += t->prompt.len;
	arena_finish(&a);
}

static void do_plain(struct bench *t)
{
	cJSON *graph = cJSON_Parse(t->e.graph.text);
	cJSON *node = cJSON_GetObjectItemCaseSensitive(graph, "3");
	cJSON *in = cJSON_GetObjectItemCaseSensitive(node, "inputs");
	char *text;

	cJSON_ReplaceItemInObjectCaseSensitive(
		in, "text",
		cJSON_CreateString("an old sea captain, \"storm\" behind him"));
	cJSON_ReplaceItemInObjectCaseSensitive(in, "steps",
					       cJSON_CreateNumber(30));
	cJSON_ReplaceItemInObjectCaseSensitive(in, "width",
					       cJSON_CreateNumber(768));
	cJSON_ReplaceItemInObjectCaseSensitive(in, "height",
					       cJSON_CreateNumber(1024));
	cJSON_ReplaceItemInObjectCaseSensitive(in, "cfg",
					       cJSON_CreateNumber(6.5));
	cJSON_ReplaceItemInObjectCaseSensitive(in, "seed",
					       cJSON_CreateNumber(7));
	text = cJSON_PrintUnformatted(graph);
	t->bytes += strlen(text);
	cJSON_free(text);
	cJSON_Delete(graph);
}

static int by_size(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Microseconds of one call. */
static double measure(void (*what)(struct bench *), struct bench *t,
		      unsigned rounds)
{
	struct timespec from, to;
	double took[REPEATS];

	for (int i = 0; i < REPEATS; i++) {
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
		for (unsigned k = 0; k < rounds; k++)
			what(t);
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
		took[i] = ((double)(to.tv_sec - from.tv_sec) * 1e9 +
			   (double)(to.tv_nsec - from.tv_nsec)) /
			  1e3 / rounds;
	}
	qsort(took, REPEATS, sizeof(took[0]), by_size);
	return took[REPEATS / 2];
}

int main(void)
{
	static const unsigned sizes[] = {25, 250};

	printf("%-6s %9s %12s %12s %12s %9s %9s\n", "nodes", "bytes",
	       "splice us", "resolve us", "plain us", "plain/sp.", "plain/re.");
	for (size_t i = 0; i < COUNT(sizes); i++) {
		unsigned rounds = 100000 / sizes[i];
		double splice, resolve, plain;
		struct bench t;
		struct buf b;

		buf_init(&b, 1 << 24);
		make_graph(&b, sizes[i]);
		make_bench(&t, &b);
		splice = measure(do_render, &t, rounds * 10);
		resolve = measure(do_resolve, &t, rounds * 10);
		plain = measure(do_plain, &t, rounds / 4);
		printf("%-6u %9zu %12.2f %12.2f %12.2f %9.0f %9.0f\n", sizes[i],
		       b.len, splice, resolve, plain, plain / splice,
		       plain / resolve);
		finish_bench(&t);
		buf_finish(&b);
	}
	return 0;
}
