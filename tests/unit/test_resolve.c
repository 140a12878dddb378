/* What is taken, and the prompt that comes of it. */
#include "resolve_rig.h"

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
	test_random();
	test_examples();
	arena_finish(&keep);
	return tap_done();
}
