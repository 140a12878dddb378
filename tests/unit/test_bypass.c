/* Inputs that are left out and take nodes along: the graph that is run then. */
#include "base/arena.h"
#include "base/buf.h"
#include "input/resolve.h"
#include "manifest/load.h"
#include "tap.h"
#include "unit/manifest_rig.h"

/* Two LoRAs in a row, a mask that is optional, a blend of two pictures. */
static const char workflow[] =
	"{\"l1\": {\"class_type\": \"LoraLoader\", \"inputs\": {\n"
	"   \"lora_name\": \"a\", \"strength_model\": 1.0, \"model\": [\"4\", "
	"0],"
	" \"clip\": [\"4\", 1]}},\n"
	" \"l2\": {\"class_type\": \"LoraLoader\", \"inputs\": {\n"
	"   \"lora_name\": \"b\", \"strength_model\": 0.50, \"model\": "
	"[\"l1\", "
	"0], \"clip\": [\"l1\",1]}},\n"
	" \"4\": {\"class_type\": \"CheckpointLoaderSimple\", \"inputs\": "
	"{\"ckpt_name\": \"m\"}},\n"
	" \"6\": {\"class_type\": \"CLIPTextEncode\", \"inputs\": {\"text\": "
	"\"\\\"cat\", \"clip\": [\"l2\", 1]}},\n"
	" \"m\": {\"class_type\": \"LoadImageMask\", \"inputs\": {\"image\": "
	"\"m.png\", \"channel\": \"alpha\"}},\n"
	" \"3\": {\"class_type\": \"Sampler\", \"inputs\": {\"mask\": [\"m\", "
	"0], \"seed\": 18446744073709551615, \"model\": [ \"l2\", 0 ],\n"
	"   \"positive\": [\"6\", 0]}}}";

static const char classes[] =
	"{\"LoraLoader\": {\"input\": {\"required\": {\"model\": [\"MODEL\", "
	"{}], \"clip\": [\"CLIP\"], \"lora_name\": [[]], \"strength_model\": "
	"[\"FLOAT\", {\"default\": NaN}]}}, \"output\": [\"MODEL\", "
	"\"CLIP\"]},\n"
	" \"LoadImageMask\": {\"input\": {\"required\": {\"image\": [[]], "
	"\"channel\": [\"COMBO\", {}]}}, \"output\": [\"MASK\"]},\n"
	" \"Sampler\": {\"input\": {\"required\": {\"model\": [\"MODEL\"], "
	"\"seed\": [\"INT\"], \"positive\": [\"CONDITIONING\"]}, "
	"\"optional\": {\"mask\": [\"MASK\"]}}, \"output\": [\"LATENT\"]}}";

static const char manifest[] =
	"{\"name\": \"x\", \"version\": 1, \"inputs\": {\n"
	" \"style\": {\"type\": \"string\", \"required\": false, \"to\": "
	"\"l1.lora_name\", \"absent\": {\"bypass\": [\"l1\"]}},\n"
	" \"strength\": {\"type\": \"number\", \"default\": 0.5, \"to\": "
	"[\"l1.strength_model\", \"l2.strength_model\"]},\n"
	" \"detail\": {\"type\": \"string\", \"required\": false, \"to\": "
	"\"l2.lora_name\", \"absent\": {\"bypass\": [\"l2\"]}},\n"
	" \"mask\": {\"type\": \"string\", \"required\": false, \"to\": "
	"\"m.image\", \"absent\": {\"bypass\": [\"m\"]}}},\n"
	" \"outputs\": {\"image\": {\"type\": \"image\", \"from\": \"3\"}}}";

static const struct {
	const char *name, *inputs;
	const char *has[6]; /* pieces of the prompt */
	const char * not [6];
} cases[] = {
	{"all given",
	 "{\"style\": \"s\", \"detail\": \"d\", \"mask\": \"k\"}",
	 {"{\"l1\": {", "\"lora_name\": \"s\"", "\"lora_name\": \"d\"",
	  "\"model\": [ \"l2\", 0 ]", "\"image\": \"k\"",
	  "\"seed\": 18446744073709551615"},
	 {NULL}},
	{"the first of two in a row",
	 "{\"detail\": \"d\", \"mask\": \"k\"}",
	 {"{\"l2\": {\"class_type\"",
	  "\"model\": [\"4\", 0], \"clip\": "
	  "[\"4\", 1]",
	  "[ \"l2\", 0 ]", "\"clip\": [\"l2\", 1]"},
	 {"\"l1\""}},
	{"the second",
	 "{\"style\": \"s\", \"mask\": \"k\"}",
	 {"\"clip\": [\"l1\",1]}},\n", "\"model\": [\"l1\", 0],\n",
	  "{\"l1\": {"},
	 {"\"l2\""}},
	{"both",
	 "{\"mask\": \"k\"}",
	 {"{\"4\": {", "\"clip\": [\"4\", 1]", "\"model\": [\"4\", 0],\n"},
	 {"\"l1\"", "\"l2\"", "Lora"}},
	{"an input that may be empty, the first of its object",
	 "{\"style\": \"s\", \"detail\": \"d\"}",
	 {"\"inputs\": {\"seed\": 18446744073709551615", "[\"l2\", 1]}},\n "
							 "\"3\": {"},
	 {"mask", "LoadImageMask", "\"m\": {"}},
	{"nothing given",
	 "{}",
	 {"{\"4\": {", "\"clip\": [\"4\", 1]}},\n \"3\": {",
	  "{\"seed\": 18446744073709551615, \"model\": [\"4\", 0],\n"},
	 {"Lora", "mask", "Mask"}},
	{"a value for a node that is gone",
	 "{\"strength\": 0.75, \"style\": \"s\"}",
	 {"\"strength_model\": 0.75"},
	 {"0.50", "l2"}},
};

static uint64_t no_random(void *ctx)
{
	(void)ctx;
	return 0;
}

static bool resolve(const struct endpoint *e, const char *inputs,
		    struct buf *prompt)
{
	struct arena arena = {0};
	struct problem_list errors;
	struct resolved resolved;
	struct json_doc *doc = json_parse(inputs, strlen(inputs), 16, NULL);
	bool good;

	problem_list_init(&errors, &arena);
	good = input_resolve(e, &e->plans[0], json_root(doc), NULL, no_random,
			     NULL, &arena, prompt, &resolved, &errors);
	json_free(doc);
	arena_finish(&arena);
	return good;
}

/* Every link leads to a node that is there. */
static bool links_lead(const char *prompt)
{
	struct json_doc *doc =
		json_parse(prompt, strlen(prompt), JSON_DEPTH_DEFAULT, NULL);
	bool good = doc != NULL;

	json_each (node, doc != NULL ? json_root(doc) : NULL) {
		json_each (input, json_get(node, "inputs")) {
			const char *to = json_string(json_at(input, 0));

			if (json_is(input, JSON_ARRAY))
				good = good && to != NULL &&
				       json_get(json_root(doc), to) != NULL;
		}
	}
	json_free(doc);
	return good;
}

static void test_graphs(const struct endpoint *e)
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buf prompt;
		bool right;

		buf_init(&prompt, 1 << 20);
		right = resolve(e, cases[i].inputs, &prompt) &&
			links_lead(buf_str(&prompt));
		for (size_t j = 0; j < 6 && cases[i].has[j] != NULL; j++)
			right &= strstr(buf_str(&prompt), cases[i].has[j]) !=
				 NULL;
		for (size_t j = 0; j < 6 && cases[i].not [j] != NULL; j++)
			right &= strstr(buf_str(&prompt), cases[i].not [j]) ==
				 NULL;
		ok(right, "%s", cases[i].name);
		if (!right)
			fprintf(stderr, "# %s\n", buf_str(&prompt));
		buf_finish(&prompt);
	}
}

int main(void)
{
	struct place_of_test p;
	struct arena arena = {0};
	struct problem_list errors, notices;
	struct endpoint *e;

	rig_open(&p);
	rig_file(&p, "workflow.json", workflow);
	rig_file(&p, "object_info.json", classes);
	rig_file(&p, "manifest.json", manifest);
	problem_list_init(&errors, &arena);
	problem_list_init(&notices, &arena);
	e = manifest_load(p.dir, &errors, &notices);
	for (size_t i = 0; i < errors.count; i++)
		fprintf(stderr, "# %s: %s\n", errors.items[i].where,
			errors.items[i].detail);
	ok(e != NULL, "it loads");
	if (e != NULL)
		test_graphs(e);
	endpoint_drop(e);
	arena_finish(&arena);
	rig_close(&p);
	return tap_done();
}
