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

static const struct integer *integer(const char *text)
{
	struct integer *n = arena_alloc(&keep, sizeof(*n));

	if (!num_integer(text, n))
		abort();
	return n;
}

static const struct decimal *decimal(const char *text)
{
	struct decimal *n = arena_alloc(&keep, sizeof(*n));

	if (!num_decimal(text, n))
		abort();
	return n;
}

/* Targets by "NODE.INPUT", separated by blanks. */
static void bind(struct input *in, const char *names)
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

static void make_style(struct input *in)
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

static void make_arrays(struct input *all)
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

static void make_numbers(struct input *all)
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

static void make_strings(struct input *all)
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

static void make_endpoint(void)
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

static uint64_t fixed_random(void *ctx)
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
static void resolve(struct run *r, const char *body, uint64_t random,
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
	r->good = input_resolve(&endpoint, &plans[0], json_root(doc),
				fixed_random, &random, &r->arena, &r->prompt,
				&r->out, &r->errors);
	json_free(doc);
}

static void finish(struct run *r)
{
	buf_finish(&r->prompt);
	arena_finish(&r->arena);
}

static const struct {
	const char *what, *body;
	const char *told;	  /* inputs that the job tells */
	const char *node, *input; /* one place to look at */
	const char *want;	  /* what stands there */
} good[] = {
	{"the least", "{'prompt':'ab'}", "{'prompt':'ab','steps':25,'seed':77}",
	 "3", "seed", "77"},
	{"a default", "{'prompt':'ab'}", "{'prompt':'ab','steps':25,'seed':77}",
	 "3", "steps", "25"},
	{"untouched keeps the author's text", "{'prompt':'ab','seed':1}",
	 "{'prompt':'ab','steps':25,'seed':1}", "3", "cfg", "5.50"},
	{"a template", "{'prompt':'x\\ny\\\\','seed':1}",
	 "{'prompt':'x\\ny\\\\','steps':25,'seed':1}", "57:8", "text",
	 "'photo of \\'x\\ny\\\\\\', {b} x\\ny\\\\, 85mm'"},
	{"braces in a value are no template", "{'prompt':'{value}','seed':1}",
	 "{'prompt':'{value}','steps':25,'seed':1}", "57:8", "text",
	 "'photo of \\'{value}\\', {b} {value}, 85mm'"},
	{"characters are counted, not bytes",
	 "{'prompt':'\xF0\x9F\x98\x80\\ud83d\\ude00','seed':1}",
	 "{'prompt':'\xF0\x9F\x98\x80\xF0\x9F\x98\x80','steps':25,'seed':1}",
	 "57:8", "text",
	 "'photo of \\'\xF0\x9F\x98\x80\xF0\x9F\x98\x80\\', {b} "
	 "\xF0\x9F\x98\x80\xF0\x9F\x98\x80, 85mm'"},
	{"an integer in another form", "{'prompt':'ab','seed':1,'steps':6e1}",
	 "{'prompt':'ab','steps':6e1,'seed':1}", "3", "steps", "60"},
	{"two targets", "{'prompt':'ab','seed':1,'width':64}",
	 "{'prompt':'ab','steps':25,'width':64,'seed':1}", "57:8", "w2", "64"},
	{"zero is a multiple", "{'prompt':'ab','seed':1,'width':-0}",
	 "{'prompt':'ab','steps':25,'width':-0,'seed':1}", "57:8", "w", "0"},
	{"the largest integer",
	 "{'prompt':'ab','seed':1,'big':18446744073709551615}",
	 "{'prompt':'ab','steps':25,'seed':1,'big':18446744073709551615}",
	 "57:8", "big", "18446744073709551615"},
	{"and as a string",
	 "{'prompt':'ab','seed':1,'big':'18446744073709551615'}",
	 "{'prompt':'ab','steps':25,'seed':1,'big':'18446744073709551615'}",
	 "57:8", "big", "18446744073709551615"},
	{"the least integer",
	 "{'prompt':'ab','seed':1,'big':'-9223372036854775808'}",
	 "{'prompt':'ab','steps':25,'seed':1,'big':'-9223372036854775808'}",
	 "57:8", "big", "-9223372036854775808"},
	{"where strings are taken, small ones, too",
	 "{'prompt':'ab','seed':'7','big':'-25'}",
	 "{'prompt':'ab','steps':25,'seed':'7','big':'-25'}", "57:8", "big",
	 "-25"},
	{"seed -1 as a string", "{'prompt':'ab','seed':'-1'}",
	 "{'prompt':'ab','steps':25,'seed':77}", "3", "seed", "77"},
	{"a double would round it",
	 "{'prompt':'ab','seed':1,'big':9007199254740993}",
	 "{'prompt':'ab','steps':25,'seed':1,'big':9007199254740993}", "57:8",
	 "big", "9007199254740993"},
	{"a number keeps its digits", "{'prompt':'ab','seed':1,'cfg':7.50}",
	 "{'prompt':'ab','steps':25,'cfg':7.50,'seed':1}", "3", "cfg", "7.50"},
	{"a number at its bound", "{'prompt':'ab','seed':1,'cfg':1e-1}",
	 "{'prompt':'ab','steps':25,'cfg':1e-1,'seed':1}", "3", "cfg", "1e-1"},
	{"a whole number for a number", "{'prompt':'ab','seed':1,'cfg':7}",
	 "{'prompt':'ab','steps':25,'cfg':7,'seed':1}", "3", "cfg", "7"},
	{"a boolean", "{'prompt':'ab','seed':1,'flag':true}",
	 "{'prompt':'ab','steps':25,'flag':true,'seed':1}", "3", "flag",
	 "true"},
	{"a seed", "{'prompt':'ab','seed':18446744073709551615}",
	 "{'prompt':'ab','steps':25,'seed':18446744073709551615}", "3", "seed",
	 "18446744073709551615"},
	{"a seed as a string", "{'prompt':'ab','seed':'9007199254740992'}",
	 "{'prompt':'ab','steps':25,'seed':'9007199254740992'}", "3", "seed",
	 "9007199254740992"},
	{"seed null", "{'prompt':'ab','seed':null}",
	 "{'prompt':'ab','steps':25,'seed':77}", "3", "seed", "77"},
	{"seed -1", "{'prompt':'ab','seed':-1}",
	 "{'prompt':'ab','steps':25,'seed':77}", "3", "seed", "77"},
	{"seed 0", "{'prompt':'ab','seed':0}",
	 "{'prompt':'ab','steps':25,'seed':0}", "3", "seed", "0"},
	{"a choice", "{'prompt':'ab','seed':1,'style':'anime'}",
	 "{'prompt':'ab','steps':25,'seed':1,'style':'anime'}", "57:8", "ckpt",
	 "'a.ckpt'"},
	{"its other values", "{'prompt':'ab','seed':1,'style':'anime'}",
	 "{'prompt':'ab','steps':25,'seed':1,'style':'anime'}", "57:8", "neg",
	 "{'k':[1]}"},
	{"a choice leaves alone what it does not name",
	 "{'prompt':'ab','seed':1,'style':'photo'}",
	 "{'prompt':'ab','steps':25,'seed':1,'style':'photo'}", "3", "cfg",
	 "5.50"},
	{"an array", "{'prompt':'ab','seed':1,'names':['x','y']}",
	 "{'prompt':'ab','steps':25,'seed':1,'names':['x','y']}", "57:8", "b",
	 "'y'"},
	{"beyond its end the author's value stays",
	 "{'prompt':'ab','seed':1,'names':['x','y']}",
	 "{'prompt':'ab','steps':25,'seed':1,'names':['x','y']}", "57:8", "c",
	 "'i2'"},
	{"an element with a template",
	 "{'prompt':'ab','seed':1,'names':['x','y','z']}",
	 "{'prompt':'ab','steps':25,'seed':1,'names':['x','y','z']}", "57:8",
	 "c", "'photo of \\'z\\', {b} z, 85mm'"},
	{"an empty array", "{'prompt':'ab','seed':1,'parts':[]}",
	 "{'prompt':'ab','steps':25,'seed':1,'parts':[]}", "57:8", "f", "'p'"},
	{"choices in an array",
	 "{'prompt':'ab','seed':1,'parts':['small','large']}",
	 "{'prompt':'ab','steps':25,'seed':1,'parts':['small','large']}",
	 "57:8", "g", "'L.pt'"},
	{"integers in an array", "{'prompt':'ab','seed':1,'levels':[1,9.0]}",
	 "{'prompt':'ab','steps':25,'seed':1,'levels':[1,9.0]}", "57:8", "e",
	 "9"},
	{"a pattern", "{'prompt':'ab','seed':1,'note':'abc'}",
	 "{'prompt':'ab','steps':25,'seed':1,'note':'abc'}", "57:8", "note",
	 "'abc'"},
	{"a word of an enum", "{'prompt':'ab','seed':1,'word':'blue'}",
	 "{'prompt':'ab','steps':25,'seed':1,'word':'blue'}", "57:8", "word",
	 "'blue'"},
	{"a number of an enum", "{'prompt':'ab','seed':1,'rate':4.00}",
	 "{'prompt':'ab','steps':25,'seed':1,'rate':4.00}", "57:8", "rate",
	 "4.00"},
	{"the order is the manifest's", "{'seed':1,'steps':3,'prompt':'ab'}",
	 "{'prompt':'ab','steps':3,'seed':1}", "3", "steps", "3"},
};

static const char *with_quotes(struct arena *a, const char *s)
{
	char *text = arena_strdup(a, s);

	for (char *at = text; (at = strchr(at, '\'')) != NULL;)
		*at = '"';
	return text;
}

static void test_good(void)
{
	for (size_t i = 0; i < COUNT(good); i++) {
		struct json_doc *doc;
		const struct json *v;
		struct json_span span;
		struct run r;

		resolve(&r, good[i].body, 77, 100000);
		ok(r.good && r.errors.count == 0, "%s: %s", good[i].what,
		   r.errors.count ? r.errors.items[0].detail : "taken");
		if (!r.good) {
			finish(&r);
			continue;
		}
		is_str(r.out.inputs, with_quotes(&r.arena, good[i].told),
		       good[i].what);
		doc = json_parse(r.prompt.at, r.prompt.len, 64, NULL);
		ok(doc != NULL, "%s: the prompt is JSON", good[i].what);
		v = json_get(json_get(json_get(json_root(doc), good[i].node),
				      "inputs"),
			     good[i].input);
		span = json_span(doc, v);
		is_str(arena_strndup(&r.arena, r.prompt.at + span.at, span.len),
		       with_quotes(&r.arena, good[i].want), good[i].what);
		json_free(doc);
		finish(&r);
	}
}

#define ZEROS_50 "00000000000000000000000000000000000000000000000000"
#define ZEROS	 ZEROS_50 ZEROS_50 ZEROS_50

static const struct {
	const char *what, *body, *where, *rule, *detail;
} bad[] = {
	{"an integer with zeros without end",
	 "{'prompt':'ab','steps':25." ZEROS "}", "/steps", "type",
	 "must be written in at most 128 characters"},
	{"a number likewise", "{'prompt':'ab','rate':0.5" ZEROS "}", "/rate",
	 "type", "must be written in at most 128 characters"},
	{"required", "{'seed':1}", "/prompt", "required", "is required"},
	{"null is no string", "{'prompt':null}", "/prompt", "type",
	 "must be a string, is null"},
	{"no string", "{'prompt':7}", "/prompt", "type",
	 "must be a string, is a number"},
	{"too short", "{'prompt':'\xC3\xA9'}", "/prompt", "minLength",
	 "must have at least 2 characters, has 1"},
	{"too long", "{'prompt':'123456789012345678901'}", "/prompt",
	 "maxLength", "must have at most 20 characters, has 21"},
	{"maximum", "{'prompt':'ab','steps':100}", "/steps", "maximum",
	 "must be at most 60, is 100"},
	{"minimum", "{'prompt':'ab','steps':0}", "/steps", "minimum",
	 "must be at least 1, is 0"},
	{"far below", "{'prompt':'ab','steps':-9223372036854775808}", "/steps",
	 "minimum", "must be at least 1, is -9223372036854775808"},
	{"no integer", "{'prompt':'ab','steps':2.5}", "/steps", "type",
	 "must be an integer from -2^63 to 2^64-1, is 2.5"},
	{"an integer too large", "{'prompt':'ab','big':18446744073709551616}",
	 "/big", "type",
	 "must be an integer from -2^63 to 2^64-1, is 18446744073709551616"},
	{"a small integer as a string", "{'prompt':'ab','steps':'25'}",
	 "/steps", "type",
	 "must be a number: only integers beyond 9007199254740991 may be "
	 "strings, is \"25\""},
	{"a string that is no integer", "{'prompt':'ab','big':'1e30'}", "/big",
	 "type",
	 "must be an integer from -2^63 to 2^64-1, or a string of its "
	 "digits, is \"1e30\""},
	{"nor one that is far too large",
	 "{'prompt':'ab','steps':'9007199254740993'}", "/steps", "maximum",
	 "must be at most 60, is \"9007199254740993\""},
	{"leading zeros", "{'prompt':'ab','big':'09007199254740993'}", "/big",
	 "type",
	 "must be an integer from -2^63 to 2^64-1, or a string of its "
	 "digits, is \"09007199254740993\""},
	{"a boolean for an integer", "{'prompt':'ab','steps':true}", "/steps",
	 "type", "must be an integer, is a boolean"},
	{"no multiple", "{'prompt':'ab','width':100}", "/width", "multipleOf",
	 "must be a multiple of 8, is 100"},
	{"exclusive maximum", "{'prompt':'ab','cfg':30.0}", "/cfg",
	 "exclusiveMaximum", "must be below 30, is 30.0"},
	{"above it", "{'prompt':'ab','cfg':31}", "/cfg", "exclusiveMaximum",
	 "must be below 30, is 31"},
	{"a step between", "{'prompt':'ab','cfg':0.15}", "/cfg", "multipleOf",
	 "must be a multiple of 0.1, is 0.15"},
	{"a number as a string", "{'prompt':'ab','cfg':'1.5'}", "/cfg", "type",
	 "must be a number, is a string"},
	{"infinite", "{'prompt':'ab','cfg':1e309}", "/cfg", "type",
	 "must be a number of at most 64 digits, below 1e308, is 1e309"},
	{"not true or false", "{'prompt':'ab','flag':1}", "/flag", "type",
	 "must be true or false, is a number"},
	{"a word for a boolean", "{'prompt':'ab','flag':'true'}", "/flag",
	 "type", "must be true or false, is a string"},
	{"a seed below 0", "{'prompt':'ab','seed':-2}", "/seed", "minimum",
	 "must be at least 0, or -1 for any, is -2"},
	{"a seed too large", "{'prompt':'ab','seed':18446744073709551616}",
	 "/seed", "type",
	 "must be an integer from -2^63 to 2^64-1, is "
	 "18446744073709551616"},
	{"no such choice", "{'prompt':'ab','style':'anme'}", "/style", "enum",
	 "must be one of the values allowed, is \"anme\"; did you mean "
	 "\"anime\"?"},
	{"nothing near", "{'prompt':'ab','style':'oil'}", "/style", "enum",
	 "must be one of the values allowed, is \"oil\""},
	{"no such word", "{'prompt':'ab','word':'bleu'}", "/word", "enum",
	 "must be one of the values allowed, is \"bleu\"; did you mean "
	 "\"blue\"?"},
	{"no such number", "{'prompt':'ab','rate':3}", "/rate", "enum",
	 "must be one of the values allowed, is 3"},
	{"a pattern", "{'prompt':'ab','note':'A1'}", "/note", "pattern",
	 "must match ^[a-z]+$, is \"A1\""},
	{"not repeated: control characters", "{'prompt':'ab','note':'a\\n'}",
	 "/note", "pattern", "must match ^[a-z]+$"},
	{"not repeated: too long",
	 "{'prompt':'ab','note':'A23456789012345678901234567890123456789012'"
	 "}",
	 "/note", "pattern", "must match ^[a-z]+$"},
	{"no array", "{'prompt':'ab','names':'x'}", "/names", "type",
	 "must be an array, is a string"},
	{"too few", "{'prompt':'ab','names':[]}", "/names", "minItems",
	 "must have at least 1 items, has 0"},
	{"too many", "{'prompt':'ab','names':['a','b','c','d']}", "/names",
	 "maxItems", "must have at most 3 items, has 4"},
	{"one element", "{'prompt':'ab','names':['a','toolong']}", "/names/1",
	 "maxLength", "must have at most 5 characters, has 7"},
	{"an element of another type", "{'prompt':'ab','levels':[1,'x']}",
	 "/levels/1", "type",
	 "must be an integer from -2^63 to 2^64-1, or a string of its "
	 "digits, is \"x\""},
	{"unknown, with a hint", "{'prompt':'ab','stpes':3}", "/stpes",
	 "unknown", "is no input of this endpoint; did you mean \"steps\"?"},
	{"unknown", "{'prompt':'ab','banana':3}", "/banana", "unknown",
	 "is no input of this endpoint"},
	{"unknown, escaped", "{'prompt':'ab','a/b~c':3}", "/a~1b~0c", "unknown",
	 "is no input of this endpoint"},
	{"case counts", "{'prompt':'ab','Steps':3}", "/Steps", "unknown",
	 "is no input of this endpoint; did you mean \"steps\"?"},
	{"no object", "[1]", "", "type", "must be an object, is an array"},
	{"null", "null", "", "type", "must be an object, is null"},
};

static void test_bad(void)
{
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct run r;

		resolve(&r, bad[i].body, 77, 100000);
		ok(!r.good && r.errors.count == 1 && r.prompt.len == 0,
		   "%s: one problem", bad[i].what);
		if (r.errors.count > 0) {
			is_str(r.errors.items[0].where, bad[i].where,
			       bad[i].what);
			is_str(r.errors.items[0].rule, bad[i].rule,
			       bad[i].what);
			is_str(r.errors.items[0].detail, bad[i].detail,
			       bad[i].what);
		}
		finish(&r);
	}
}

static void test_all_at_once(void)
{
	static const char *const want[] = {
		"/prompt required", "/steps maximum",  "/width multipleOf",
		"/cfg minimum",	    "/cfg multipleOf", "/flag type",
		"/style enum",	    "/names/0 type",   "/names/2 maxLength",
		"/levels maxItems", "/x unknown",      "/stepz unknown",
	};
	struct run r;

	resolve(&r,
		"{'x':1,'steps':61,'width':9,'cfg':0.05,'flag':'no',"
		"'style':'none','names':[1,'b','cccccc'],'levels':[1,2,3],"
		"'stepz':1}",
		77, 100000);
	ok(!r.good && r.errors.count == COUNT(want), "%zu problems at once",
	   r.errors.count);
	for (size_t i = 0; i < COUNT(want) && i < r.errors.count; i++)
		is_str(arena_printf(&r.arena, "%s %s", r.errors.items[i].where,
				    r.errors.items[i].rule),
		       want[i], want[i]);
	finish(&r);
}

static void test_random(void)
{
	static const uint64_t draws[] = {0, 1, UINT64_C(1) << 53, UINT64_MAX,
					 UINT64_MAX - 1};
	struct input *seed = (struct input *)(uintptr_t)&plans[0].inputs[SEED];
	struct run r;

	for (size_t i = 0; i < COUNT(draws); i++) {
		struct integer n = {0};

		resolve(&r, "{'prompt':'ab'}", draws[i], 100000);
		ok(r.good && r.out.random &&
			   num_integer(strstr(r.out.inputs, "\"seed\":") + 7,
				       &n) == false,
		   "drawn");
		n.magnitude = strtoull(strstr(r.out.inputs, "\"seed\":") + 7,
				       NULL, 10);
		ok(!num_beyond_double(n), "below 2^53");
		finish(&r);
		seed->maximum = integer("9");
		seed->maximum_text = "9";
		resolve(&r, "{'prompt':'ab','seed':-1}", draws[i], 100000);
		n.magnitude = strtoull(strstr(r.out.inputs, "\"seed\":") + 7,
				       NULL, 10);
		ok(r.good && n.magnitude <= 9, "within its maximum");
		finish(&r);
		resolve(&r, "{'prompt':'ab','seed':10}", draws[i], 100000);
		ok(!r.good && strcmp(r.errors.items[0].rule, "maximum") == 0,
		   "a given one, too");
		finish(&r);
		seed->maximum = NULL;
	}
	resolve(&r, "{'prompt':'ab','seed':3}", 0, 100000);
	ok(r.good && !r.out.random, "given: nothing was drawn");
	finish(&r);
}

static void test_hostile(void)
{
	struct buf b;
	struct run r;
	size_t need;

	resolve(&r, "{'prompt':'ab','seed':1}", 77, 100000);
	need = r.prompt.len;
	finish(&r);
	resolve(&r, "{'prompt':'ab','seed':1}", 77, need);
	ok(r.good && r.prompt.len == need, "the room is just enough");
	finish(&r);
	resolve(&r, "{'prompt':'ab','seed':1}", 77, need - 1);
	ok(!r.good && r.errors.count == 1, "one byte too few");
	is_str(r.errors.items[0].rule, "maxLength", "says so");
	finish(&r);
	resolve(&r, "{'prompt':'ab','seed':1}", 77, 30);
	ok(!r.good && r.errors.count == 1, "no room for the template");
	is_str(r.errors.items[0].where, "/prompt", "says which");
	finish(&r);

	buf_init(&b, 16 << 20);
	buf_adds(&b, "{'prompt':'ab'");
	for (int i = 0; i < 100000; i++)
		buf_addf(&b, ",'step%d':1", i);
	buf_addc(&b, '}');
	resolve(&r, buf_str(&b), 77, 100000);
	ok(!r.good && r.errors.count == PROBLEM_LIST_MAX && r.errors.more,
	   "100000 unknown names: the first hundred are told");
	finish(&r);
	buf_clear(&b);
	buf_adds(&b, "{'prompt':'ab','");
	for (int i = 0; i < 1000; i++)
		buf_adds(&b, "/~");
	buf_adds(&b, "':1}");
	resolve(&r, buf_str(&b), 77, 100000);
	ok(!r.good && r.errors.count == 1, "a very long name");
	is_str(r.errors.items[0].where, "", "is not repeated");
	finish(&r);
	buf_finish(&b);
}

static void test_examples(void)
{
	struct arena a = {0};
	struct problem_list errors;

	problem_list_init(&errors, &a);
	input_check_example(&endpoint, "{\"prompt\":\"ab\",\"steps\":10}", &a,
			    &errors);
	ok(errors.count == 0, "right for every plan");
	input_check_example(&endpoint, "{\"prompt\":\"ab\",\"steps\":11}", &a,
			    &errors);
	ok(errors.count == 1, "wrong for one plan");
	is_str(errors.count ? errors.items[0].detail : "",
	       "must be at most 10, is 11 (where plan is \"free\")",
	       "says for which");
	problem_list_init(&errors, &a);
	input_check_example(&endpoint, "{\"prompt\":\"ab\",\"steps\":61}", &a,
			    &errors);
	ok(errors.count == 1, "wrong for all plans: told once");
	is_str(errors.count ? errors.items[0].detail : "",
	       "must be at most 60, is 61", "without a plan");
	problem_list_init(&errors, &a);
	input_check_example(&endpoint, "{\"prompt\":", &a, &errors);
	ok(errors.count == 1, "no JSON");
	arena_finish(&a);
}

int main(void)
{
	make_endpoint();
	test_good();
	test_bad();
	test_all_at_once();
	test_random();
	test_hostile();
	test_examples();
	arena_finish(&keep);
	return tap_done();
}
