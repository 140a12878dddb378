#ifndef RESOLVE_RIG_H
#define RESOLVE_RIG_H

/* An endpoint with an input of every kind, and a request against it. */
#include <stdint.h>

#include "base/num.h"
#include "base/text.h"
#include "input/resolve.h"
#include "input_rig.h"
#include "manifest/pattern.h"
#include "tap.h"

static const char graph_text[] =
	"{\"3\": {\"inputs\": {\"seed\": 5, \"steps\": 20, \"cfg\": 5.50,\n"
	" \"flag\": false, \"model\": [\"4\", 0]}, \"class_type\": \"K\"},\n"
	" \"57:8\": {\"inputs\": {\"text\": \"a cat\", \"neg\": \"bad\",\n"
	" \"w\": 512, \"w2\": 512.0, \"ckpt\": \"x.ckpt\", \"big\": 1,\n"
	" \"a\": \"i0\", \"b\": \"i1\", \"c\": \"i2\", \"d\": 1, \"e\": 2,\n"
	" \"f\": \"p\", \"g\": \"q\", \"note\": \"old\", \"word\": \"w\","
	" \"rate\": 1}}}";

static struct arena keep;
static struct endpoint endpoint;
static struct plan plans[2];

static inline const struct integer *integer(const char *text)
{
	struct integer *n = arena_alloc(&keep, sizeof(*n));

	if (!num_integer(text, n))
		abort();
	return n;
}

static inline const struct decimal *decimal(const char *text)
{
	struct decimal *n = arena_alloc(&keep, sizeof(*n));

	if (!num_decimal(text, n))
		abort();
	return n;
}

/* Targets by "NODE.INPUT", separated by blanks. */
static inline void bind(struct input *in, const char *names)
{
	struct target *targets = arena_array(&keep, 8, sizeof(*targets));

	while (*names != '\0') {
		size_t n = strcspn(names, " ");
		const char *dot = strchr(names, '.');
		char *node = arena_strndup(&keep, names, (size_t)(dot - names));
		char *input =
			arena_strndup(&keep, dot + 1, n - strlen(node) - 1);

		targets[in->target_count++].hole =
			rig_hole(&endpoint.graph, node, input);
		names += n + (names[n] == ' ');
	}
	in->targets = targets;
}

static const char *const pieces[] = {"photo of \"", "\", {b} ", ", 85mm"};

static const char *const words[] = {"red", "green", "blue"};
static const char *const word_texts[] = {"\"red\"", "\"green\"", "\"blue\""};
static const char *const sizes[] = {"1", "2.0", "4e0"};

enum {
	PROMPT,
	STEPS,
	WIDTH,
	CFG,
	FLAG,
	SEED,
	STYLE,
	NAMES,
	PARTS,
	LEVELS,
	NOTE,
	WORD,
	RATE,
	BIG,
	INPUTS
};

static inline void make_style(struct input *in)
{
	static struct assignment photo[1], anime[3];
	static const struct choice choices[] = {
		{"photo", photo, 1},
		{"anime", anime, 3},
	};

	photo[0] = (struct assignment){
		rig_hole(&endpoint.graph, "57:8", "ckpt"), "\"p.ckpt\"", 8};
	anime[0] = (struct assignment){
		rig_hole(&endpoint.graph, "57:8", "ckpt"), "\"a.ckpt\"", 8};
	anime[1] = (struct assignment){rig_hole(&endpoint.graph, "3", "cfg"),
				       "7.10", 4};
	anime[2] = (struct assignment){rig_hole(&endpoint.graph, "57:8", "neg"),
				       "{\"k\":[1]}", 9};
	in->choices = choices;
	in->choice_count = 2;
}

static inline void make_arrays(struct input *all)
{
	static const struct assignment sets[] = {{0, "\"L.pt\"", 6},
						 {0, "\"S.pt\"", 6}};
	static const struct choice choices[] = {{"large", &sets[0], 1},
						{"small", &sets[1], 1}};
	static struct input name, part, level;
	static struct target targets[3];

	name = (struct input){
		.name = "names", .type = INPUT_STRING, .max_length = 5};
	bind(&all[NAMES], "57:8.a 57:8.b 57:8.c");
	memcpy(targets, all[NAMES].targets, sizeof(targets));
	targets[2].parts = pieces;
	targets[2].part_count = 3;
	all[NAMES].targets = targets;
	all[NAMES].items = &name;
	all[NAMES].min_items = 1;
	all[NAMES].max_items = 3;
	part = (struct input){.name = "parts",
			      .type = INPUT_CHOICE,
			      .choices = choices,
			      .choice_count = 2};
	bind(&all[PARTS], "57:8.f 57:8.g");
	all[PARTS].items = &part;
	all[PARTS].max_items = 2;
	level = (struct input){.name = "levels",
			       .type = INPUT_INTEGER,
			       .maximum = integer("9"),
			       .maximum_text = "9"};
	bind(&all[LEVELS], "57:8.d 57:8.e");
	all[LEVELS].items = &level;
	all[LEVELS].max_items = 2;
}

static inline void make_numbers(struct input *all)
{
	all[STEPS].minimum = integer("1");
	all[STEPS].minimum_text = "1";
	all[STEPS].maximum = integer("60");
	all[STEPS].maximum_text = "60";
	all[STEPS].default_text = "25";
	bind(&all[STEPS], "3.steps");
	all[WIDTH].multiple_of = integer("8");
	all[WIDTH].multiple_of_text = "8";
	bind(&all[WIDTH], "57:8.w 57:8.w2");
	all[CFG].dec_minimum = decimal("0.1");
	all[CFG].minimum_text = "0.1";
	all[CFG].dec_maximum = decimal("30");
	all[CFG].maximum_text = "30";
	all[CFG].exclusive_maximum = true;
	all[CFG].dec_multiple_of = decimal("0.1");
	all[CFG].multiple_of_text = "0.1";
	bind(&all[CFG], "3.cfg");
	all[RATE].enum_texts = sizes;
	all[RATE].enum_values = sizes;
	all[RATE].enum_count = 3;
	bind(&all[RATE], "57:8.rate");
	bind(&all[BIG], "57:8.big");
	bind(&all[SEED], "3.seed");
	bind(&all[FLAG], "3.flag");
}

static inline void make_strings(struct input *all)
{
	static struct target text[1];

	bind(&all[PROMPT], "57:8.text");
	text[0] = all[PROMPT].targets[0];
	text[0].parts = pieces;
	text[0].part_count = 3;
	all[PROMPT].targets = text;
	all[PROMPT].required = true;
	all[PROMPT].max_length = 20;
	all[PROMPT].min_length = 2;
	all[NOTE].max_length = 1000;
	all[NOTE].pattern = "^[a-z]+$";
	all[NOTE].match = pattern_compile(&keep, all[NOTE].pattern, NULL);
	bind(&all[NOTE], "57:8.note");
	all[WORD].max_length = 1000;
	all[WORD].enum_texts = word_texts;
	all[WORD].enum_values = words;
	all[WORD].enum_count = 3;
	bind(&all[WORD], "57:8.word");
}

static inline void make_endpoint(void)
{
	static struct input all[INPUTS] = {
		[PROMPT] = {.name = "prompt", .type = INPUT_STRING},
		[STEPS] = {.name = "steps", .type = INPUT_INTEGER},
		[WIDTH] = {.name = "width", .type = INPUT_INTEGER},
		[CFG] = {.name = "cfg", .type = INPUT_NUMBER},
		[FLAG] = {.name = "flag", .type = INPUT_BOOLEAN},
		[SEED] = {.name = "seed", .type = INPUT_SEED},
		[STYLE] = {.name = "style", .type = INPUT_CHOICE},
		[NAMES] = {.name = "names", .type = INPUT_ARRAY},
		[PARTS] = {.name = "parts", .type = INPUT_ARRAY},
		[LEVELS] = {.name = "levels", .type = INPUT_ARRAY},
		[NOTE] = {.name = "note", .type = INPUT_STRING},
		[WORD] = {.name = "word", .type = INPUT_STRING},
		[RATE] = {.name = "rate", .type = INPUT_NUMBER},
		[BIG] = {.name = "big", .type = INPUT_INTEGER},
	};
	static struct input less[INPUTS];

	if (!rig_graph(&endpoint.graph, graph_text, strlen(graph_text), &keep))
		abort();
	make_strings(all);
	make_numbers(all);
	make_style(&all[STYLE]);
	make_arrays(all);
	memcpy(less, all, sizeof(all));
	less[STEPS].maximum = integer("10");
	less[STEPS].maximum_text = "10";
	less[STEPS].default_text = "5";
	plans[0].inputs = all;
	plans[1] =
		(struct plan){.claim = "plan", .value = "free", .inputs = less};
	endpoint.inputs = all;
	endpoint.input_count = INPUTS;
	endpoint.plans = plans;
	endpoint.plan_count = 2;
}

static inline uint64_t fixed_random(void *ctx)
{
	return *(uint64_t *)ctx;
}

struct run {
	struct arena arena;
	struct problem_list errors;
	struct buf prompt;
	struct resolved out;
	bool good;
};

/* Texts of JSON with ' for ". */
static inline void resolve(struct run *r, const char *body, uint64_t random,
			   size_t room)
{
	struct json_doc *doc;
	char *text;

	*r = (struct run){.good = false};
	text = arena_strdup(&r->arena, body);
	for (char *s = text; (s = strchr(s, '\'')) != NULL;)
		*s = '"';
	doc = json_parse(text, strlen(text), 64, NULL);
	if (doc == NULL)
		abort();
	problem_list_init(&r->errors, &r->arena);
	buf_init(&r->prompt, room);
	r->good = input_resolve(&endpoint, &plans[0], json_root(doc), NULL,
				fixed_random, &random, &r->arena, &r->prompt,
				&r->out, &r->errors);
	json_free(doc);
}

static inline void finish(struct run *r)
{
	buf_finish(&r->prompt);
	arena_finish(&r->arena);
}

#endif
